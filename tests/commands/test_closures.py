"""`instant-t closures` against a real store: what is added, listed and removed, and what is refused in one sentence."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.store.client import Store
from pipeline.store.closures import InForce, covering
from pipeline.store.sql import query
from pipeline.store.writing import mark_touched
from tests.commands.conftest import Run
from tests.support.gateway import GatewayHandle

NOW = datetime.now(UTC).replace(microsecond=0)
BEGUN, ENDS = NOW - timedelta(hours=1), NOW + timedelta(hours=2)
FROM_TO = ("--from", BEGUN.isoformat(), "--to", ENDS.isoformat())


@pytest.fixture(autouse=True)
def store(gateway: GatewayHandle, use_gateway: None) -> Iterator[Store]:
    """The admin's connection; no closure yet, and one page was counted on NEO of Edifice."""
    with closing(Store(gateway.url("admin"))) as admin:
        admin.execute("TRUNCATE TABLE ent.closures")
        admin.execute(
            "INSERT INTO ent.cells (bucket, departement, service, exploitant, plateforme, hits) VALUES",
            [(BEGUN, "69", "PAGE_ENT", "Edifice", "NEO", [1])],
        )
        mark_touched(admin, [int(BEGUN.timestamp())])
        yield admin


def listed(instant_t: Run, *more: str) -> list[dict[str, Any]]:
    status, out, err = instant_t("closures", "list", "--format", "json", *more)
    assert (status, err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(out)["closures"]
    return rows


def test_a_closure_is_added_in_any_case_of_its_names_listed_and_removed_with_a_trace(instant_t: Run) -> None:
    status, out, err = instant_t(
        "closures", "add", "--academie", "lyon", "--plateforme", "neo", *FROM_TO, "--why", "  maintenance \n annoncée "
    )
    assert (status, err) == (0, "")
    name, _, words = out.partition(": ")
    assert words == (
        f"academie Lyon, plateforme NEO from {BEGUN:%Y-%m-%dT%H:%M:%SZ} to {ENDS:%Y-%m-%dT%H:%M:%SZ},"
        " maintenance annoncée\n"
    )
    (row,) = listed(instant_t)
    assert (row["id"], row["state"], row["who"]) == (name, "in force", "academie Lyon, plateforme NEO")
    assert row["removed_by"] is None
    assert instant_t("closures", "remove", name)[0] == 0
    assert listed(instant_t) == []
    (row,) = listed(instant_t, "--all")
    assert (row["state"], row["removed_by"]) == ("removed", row["added_by"])
    status, _, err = instant_t("closures", "remove", name)
    assert status == 1
    assert err.startswith(f"instant-t: Closure {name} was removed on ")


def test_the_same_closure_added_twice_is_one_and_added_again_after_its_removal_it_is_in_force(
    instant_t: Run,
) -> None:
    add = ("closures", "add", "--profil", "PARENT", *FROM_TO, "--why", "rentrée")
    first = instant_t(*add).out.partition(":")[0]
    assert instant_t(*add).out.partition(":")[0] == first
    assert len(listed(instant_t, "--all")) == 1
    instant_t("closures", "remove", first)
    instant_t(*add)
    assert [row["state"] for row in listed(instant_t)] == ["in force"]


def test_what_is_over_is_listed_on_request_and_the_other_formats_say_the_same(instant_t: Run) -> None:
    late = instant_t("closures", "add", "--famille", "communication", "--from", "2026-01-05T08:00:00Z", "--to",
                     "2026-01-05T09:00:00Z", "--why", "passé")  # fmt: skip
    assert late.err == "It is over already: alerts that were told stay; `list --all` shows it.\n"
    instant_t("closures", "add", "--exploitant", "edifice", "--from", ENDS.isoformat(), "--to",
              (ENDS + timedelta(hours=1)).isoformat(), "--why", "à venir")  # fmt: skip
    assert [row["who"] for row in listed(instant_t)] == ["exploitant Edifice"]
    out = instant_t("closures", "list", "--all", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["state"], row["who"], row["why"]) for row in rows] == [
        ("to come", "exploitant Edifice", "à venir"),
        ("over", "famille communication", "passé"),
    ]
    table = instant_t("closures", "list").out.splitlines()
    assert table[0].split() == ["id", "state", "who", "from", "to", "why", "added_by"]
    assert "à venir" in table[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--academie", "Lyonn", *FROM_TO), "No academie is called 'Lyonn'; there are Aix-Marseille, Amiens, "),
        (("--plateforme", "N\x1b[31m", *FROM_TO), "No plateforme is called 'N\\\\x1b[31m'; there are "),
        ((*FROM_TO,), "Say who is closed: give one of --academie, --plateforme, "),
        (("--profil", "PARENT", "--plateforme", "NEO", *FROM_TO), "A profil is watched by académie only: "),
        (("--academie", "Lyon", "--from", "09:00", "--to", "08:00"), "The closure would end ("),
    ],
)
def test_what_cannot_be_a_closure_is_one_sentence(instant_t: Run, arguments: tuple[str, ...], sentence: str) -> None:
    status, out, err = instant_t("closures", "add", *arguments, "--why", "essai")
    assert (status, out) == (1, "")
    assert err.startswith(f"instant-t: {sentence}")
    assert err.count("\n") == 1
    assert listed(instant_t, "--all") == []


@pytest.mark.parametrize("why", ["", "   ", "x" * 201])
def test_a_reason_is_given_and_short(instant_t: Run, why: str) -> None:
    status, _, err = instant_t("closures", "add", "--academie", "Lyon", *FROM_TO, "--why", why)
    assert status == 1
    assert "say in 1 to 200 why it is quiet" in err


def test_a_closure_that_is_not_known_cannot_be_removed(instant_t: Run) -> None:
    assert instant_t("closures", "remove", "3f9a61c2").err == (
        "instant-t: No closure is called 3f9a61c2: see `instant-t closures list`.\n"
    )


def test_the_detector_sees_it_while_it_lasts_and_seventy_minutes_more(instant_t: Run, store: Store) -> None:
    instant_t("closures", "add", "--academie", "Lyon", *FROM_TO, "--why", "maintenance")

    def seen(at: datetime) -> list[str]:
        return [row[5] for row in store.execute(query("list_closures"), {"t": int(at.timestamp())})]

    second = timedelta(seconds=1)
    assert seen(BEGUN - second) == []
    assert seen(BEGUN) == ["maintenance"]
    assert seen(ENDS + timedelta(minutes=70) - second) == ["maintenance"]
    assert seen(ENDS + timedelta(minutes=70)) == []


def test_a_closure_covers_the_leaves_that_tell_apart_what_it_names() -> None:
    leaves = [
        ("Lyon", "NEO", "Edifice", "communication", ""),
        ("Lyon", "", "", "", "PARENT"),
        ("Lille", "NEO", "Edifice", "communication", ""),
    ]
    everything = [
        InForce("", "NEO", "", "", "", "a", "1"),
        InForce("", "", "", "", "PARENT", "b", "2"),
        InForce("Lyon", "", "", "", "", "c", "3"),
    ]
    assert covering(everything, leaves).tolist() == [0, 1, 0]
    assert covering(everything[2:], leaves).tolist() == [0, 0, -1]
    assert covering([], leaves).tolist() == [-1, -1, -1]
