"""`instant-t report dnma`: the week of each school, in the columns of the ministry's open data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from pipeline.reports.dnma import HEADER, lines, notes, parse_week
from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched
from tests.commands.conftest import Run
from tests.support.gateway import GatewayHandle

MONDAY = date(2026, 8, 31)


@pytest.mark.parametrize(
    ("text", "monday"),
    [
        ("2026-W36", date(2026, 8, 31)),
        ("2026w36", date(2026, 8, 31)),
        ("2026-08-31", date(2026, 8, 31)),
        ("2026-09-06", date(2026, 8, 31)),
        ("2026-W01", date(2025, 12, 29)),
        ("2020-W53", date(2020, 12, 28)),
        (" 2026-W36 ", date(2026, 8, 31)),
    ],
)
def test_a_week_is_an_iso_week_or_a_date_in_it(text: str, monday: date) -> None:
    assert parse_week(text) == monday


@pytest.mark.parametrize(
    "text", ["", "36", "2026-W54", "2026-W00", "2021-W53", "2026-02-30", "01/09/2026", "2026-W٣٦", "W36", "2026-W36-9"]
)
def test_what_is_no_week_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no week: write an ISO week such as 2026-W36, or a date in it"):
        parse_week(text)


@pytest.mark.parametrize("text", ["1969-W10", "9999-12-31"])
def test_a_week_out_of_reach_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="out of reach"):
        parse_week(text)


def test_columns_are_named_as_the_ministry_names_them() -> None:
    assert HEADER[:7] == (
        "debutsemaine", "uai", "academie", "departement", "region", "visites_globales", "utilisateurs_globales",
    )  # fmt: skip
    assert set(HEADER) >= {
        "visites_eleve", "utilisateurs_enseignant", "visites_parent", "utilisateurs_admin_vie_scol_tech",
        "visites_accueil", "visites_services_vie_scolaire", "visites_courrier_electronique", "visites_cahier_textes",
        "visites_notes", "visites_production_collaborative", "visites_actualites", "utilisateurs_absences",
    }  # fmt: skip
    assert len(HEADER) == len(set(HEADER)) == 5 + 2 * (1 + 4 + 25)
    assert not [name for name in HEADER if name.endswith("_")]


def test_a_school_is_one_line_and_what_is_not_shown_is_blank() -> None:
    rows = [
        ("0750001U", "profil", "ELEVE", 8, 6),
        ("0750001U", "service", "NON_CLASSE", 7, 7),
        ("0750001U", "total", "", 12, 9),
        ("6200001G", "service", "NOTES", 20, None),
    ]
    paris, corse = (dict(zip(HEADER, line, strict=True)) for line in lines(MONDAY, rows))
    assert {name: value for name, value in paris.items() if value is not None} == {
        "debutsemaine": "2026-08-31", "uai": "0750001U", "academie": "Paris", "departement": "Paris",
        "region": "Île-de-France", "visites_globales": 12, "utilisateurs_globales": 9, "visites_eleve": 8,
        "utilisateurs_eleve": 6,
    }  # fmt: skip
    assert {name: value for name, value in corse.items() if value is not None} == {
        "debutsemaine": "2026-08-31", "uai": "6200001G", "academie": "Corse", "departement": "Corse-du-Sud",
        "region": "Corse", "visites_notes": 20,
    }  # fmt: skip


WHOLE = [MONDAY + timedelta(days=number) for number in range(7)]


@pytest.mark.parametrize(
    ("now", "measured", "said"),
    [
        ("2026-09-06T23:59:59", WHOLE, ["La semaine 2026-W36 n'est pas terminée : les chiffres sont partiels."]),
        (
            "2026-09-02T12:00:00",
            WHOLE[1:3],
            [
                "La semaine 2026-W36 n'est pas terminée : les chiffres sont partiels.",
                "Rien n'a été mesuré ces jours-là (UTC) : 31/08/2026.",
            ],
        ),
        (
            "2026-09-07T00:00:00",
            WHOLE,
            ["Chiffres provisoires : des événements en retard sont encore comptés jusqu'au 08/09/2026 à 23 h 00 UTC."],
        ),
        ("2026-09-08T23:00:00", WHOLE, []),
        ("2026-10-01T00:00:00", WHOLE[:5], ["Rien n'a été mesuré ces jours-là (UTC) : 05/09/2026, 06/09/2026."]),
    ],
)
def test_a_week_that_is_not_fully_measured_is_said_to_be_so(now: str, measured: list[date], said: list[str]) -> None:
    assert notes(MONDAY, datetime.fromisoformat(now).replace(tzinfo=UTC), measured, False) == said


# -- the command, against a store

LAST_WEEK = (datetime.now(UTC) - timedelta(days=7)).date()
SINCE = LAST_WEEK - timedelta(days=LAST_WEEK.weekday())
WEEK = f"{SINCE.isocalendar().year}-W{SINCE.isocalendar().week:02d}"
EVENTS = "hour, uai, service, profil, step, event, visit, visitor"


def write(store: Store, day: date, uai: str, service: str, profil: str, visitors: range) -> None:
    """A page of each visitor, at ten in the morning; a visit each day."""
    hour = datetime.combine(day, time(10), UTC)
    ids = [day.day * 1000 + n for n in visitors]
    rows = [(hour, uai, service, profil, 0, id_, id_, n) for id_, n in zip(ids, visitors, strict=True)]
    store.execute(f"INSERT INTO ent.school_events ({EVENTS}) VALUES", rows)
    columns = "bucket, departement, service, profil, hits, visits, visitors"
    cell = (hour, "75", service, profil, ids, ids, list(visitors))
    store.execute(f"INSERT INTO ent.cells ({columns}) VALUES", [cell])
    mark_touched(store, [int(hour.timestamp())])


@pytest.fixture(scope="module")
def measured(gateway: GatewayHandle) -> Iterator[None]:
    """Monday closed, Tuesday still open; a school that five people used, and one that four did."""
    with closing(Store(gateway.url("writer"))) as store:
        write(store, SINCE, "0750001U", "NOTES", "ELEVE", range(6))
        write(store, SINCE, "0750001U", "NOTES", "PARENT", range(10, 14))
        write(store, SINCE, "0590123N", "NOTES", "ELEVE", range(5))
        write(store, SINCE, "0010001W", "NOTES", "ELEVE", range(4))
        sealing.seal_day(store, SINCE)
        store.execute("INSERT INTO ent.closed (day) VALUES", [(SINCE,)])
        write(store, SINCE + timedelta(days=1), "0750001U", "ABSENCES", "ELEVE", range(2, 8))
        yield


@pytest.mark.usefixtures("use_gateway", "measured")
def test_a_week_is_written_school_by_school_with_blanks_under_5_visitors(instant_t: Run) -> None:
    status, out, err = instant_t("report", "dnma", "--week", WEEK)
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert tuple(rows[0]) == HEADER
    shown = [{name: value for name, value in row.items() if value} for row in rows]
    assert shown == [
        {
            "debutsemaine": SINCE.isoformat(), "uai": "0590123N", "academie": "Lille", "departement": "Nord",
            "region": "Hauts-de-France", "visites_globales": "5", "utilisateurs_globales": "5",
            "visites_eleve": "5", "utilisateurs_eleve": "5", "visites_notes": "5", "utilisateurs_notes": "5",
        },
        {
            "debutsemaine": SINCE.isoformat(), "uai": "0750001U", "academie": "Paris", "departement": "Paris",
            "region": "Île-de-France", "visites_globales": "16", "utilisateurs_globales": "12",
            "visites_eleve": "12", "utilisateurs_eleve": "8", "visites_notes": "10", "utilisateurs_notes": "10",
            "visites_absences": "6", "utilisateurs_absences": "6",
        },
    ]  # fmt: skip
    missing = ", ".join(f"{SINCE + timedelta(days=number):%d/%m/%Y}" for number in range(2, 7))
    assert f"Rien n'a été mesuré ces jours-là (UTC) : {missing}.\n" in err


@pytest.mark.usefixtures("use_gateway", "measured")
def test_a_week_is_written_into_a_file_with_the_separator_one_wants(instant_t: Run, tmp_path: Path) -> None:
    file = tmp_path / "dnma.csv"
    status, out, _ = instant_t("report", "dnma", "--week", str(SINCE), "--separator", ";", "--out", str(file))
    assert (status, out) == (0, "")
    first, *schools_of = file.read_text(encoding="utf-8").splitlines()
    assert first == ";".join(HEADER)
    assert [line.split(";")[1] for line in schools_of] == ["0590123N", "0750001U"]


@pytest.mark.usefixtures("use_gateway", "measured")
def test_a_week_without_a_school_is_an_error_and_writes_no_file(instant_t: Run, tmp_path: Path) -> None:
    file = tmp_path / "dnma.csv"
    outcome = instant_t("report", "dnma", "--week", "2019-W36", "--out", str(file))
    said = "instant-t: No school of five visitors or more was measured in the week 2019-W36: nothing is written.\n"
    assert outcome == (1, "", said)
    assert not file.exists()


def test_what_is_no_week_is_a_sentence(instant_t: Run) -> None:
    status, out, err = instant_t("report", "dnma", "--week", "next")
    assert (status, out) == (2, "")
    assert "'next' is no week: write an ISO week such as 2026-W36, or a date in it such as 2026-09-01" in err
    assert err.count("\n") == 1


def test_the_help_says_what_a_blank_means(instant_t: Run) -> None:
    status, out, _ = instant_t("report", "dnma", "--help")
    assert status == 0
    assert "blank, not zero, where fewer than 5" in " ".join(out.split())
