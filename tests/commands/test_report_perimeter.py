"""Schools that entered or left between two periods: the views, what they hide, and what the report says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from pipeline.store.client import Store
from tests.commands.conftest import Run
from tests.support.gateway import GatewayHandle

BEFORE, AFTER = date(2019, 11, 5), date(2020, 11, 3)  # Tuesdays of school

# prefix of the UAI, how many schools, days, visits a day, visitors a day
SCHOOLS = [
    ("031", 6, (BEFORE, AFTER), 10, 8),  # Toulouse: six at both
    ("0319", 5, (AFTER,), 20, 8),  # and five that entered
    ("067", 4, (BEFORE, AFTER), 10, 8),  # Strasbourg: four at both, none of them small
    ("069", 6, (BEFORE, AFTER), 10, 8),  # Lyon: six at both
    ("0699", 1, (AFTER,), 3, 2),  # and one that entered, with two visitors
]


@pytest.fixture(scope="module", autouse=True)
def schools(gateway: GatewayHandle) -> None:
    rows: list[tuple[Any, ...]] = []
    sums: dict[tuple[str, date, str], int] = {}
    for prefix, count, days, visits, visitors in SCHOOLS:
        academie = {"031": "Toulouse", "067": "Strasbourg", "069": "Lyon"}[prefix[:3]]
        for number in range(count):
            uai = f"{prefix}{number:0{7 - len(prefix)}d}A"
            for day in days:
                # sent twice, the first time from incomplete sets: the row with the most hits is right
                for hits, seen in ((5, visits - 1), (10, visits)):
                    rows.append((day, "total", uai, "", hits, seen, visitors))
                    rows.append((day, "service", uai, "NOTES", hits, seen // 2, visitors))
                    rows.append((day, "projet", uai, f"ENT {academie}", hits, seen, visitors))
                for kind, key in (("total", ""), ("academie", academie), ("projet", f"ENT {academie}")):
                    sums[kind, day, key] = sums.get((kind, day, key), 0) + visits
                sums["service", day, "NOTES"] = sums.get(("service", day, "NOTES"), 0) + visits // 2
    with closing(Store(gateway.url("admin"))) as store:
        store.execute("INSERT INTO ent.school_days (day, kind, uai, key, hits, visits, visitors) VALUES", rows)
        store.execute(
            "INSERT INTO ent.counts_day (kind, day, key, hits, visits, visitors) VALUES",
            [(kind, day, key, 5 * n, n, n) for (kind, day, key), n in sums.items()],
        )
        store.execute("INSERT INTO ent.closed (day) VALUES", [(BEFORE,), (AFTER,)])


@pytest.fixture
def reader(gateway: GatewayHandle) -> Iterator[Store]:
    with closing(Store(gateway.url("default"))) as store:
        yield store


def view(reader: Store, name: str, kind: str) -> list[tuple[Any, ...]]:
    return reader.execute(
        f"SELECT * FROM bi.{name}(kind='{kind}', period_first='2020-11-03', period_last='2020-11-03', "
        "reference_first='2019-11-05', reference_last='2019-11-05') ORDER BY key"
    )


class TestViews:
    def test_a_reader_sees_numbers_of_schools_by_territory(self, reader: Store) -> None:
        assert view(reader, "perimeter", "academie") == [
            ("Lyon", 6, 1, 0, 1),
            ("Strasbourg", 4, 0, 0, 0),
            ("Toulouse", 6, 5, 0, 0),
        ]
        assert [row[0] for row in view(reader, "perimeter", "departement")] == ["31", "67", "69"]
        assert [row[0] for row in view(reader, "perimeter", "region")] == [
            "Auvergne-Rhône-Alpes",
            "Grand Est",
            "Occitanie",
        ]

    def test_those_of_a_projet_sent_its_events_and_those_of_a_service_are_all(self, reader: Store) -> None:
        assert view(reader, "perimeter", "projet")[2] == ("ENT Toulouse", 6, 5, 0, 0)
        assert view(reader, "perimeter", "service") == view(reader, "perimeter", "total") == [("", 16, 6, 0, 0)]

    def test_figures_of_schools_measured_in_both_periods_add_up_and_repeats_change_nothing(self, reader: Store) -> None:
        assert view(reader, "perimeter_day", "total") == [(BEFORE, "", 160, 160), (AFTER, "", 160, 160)]
        assert view(reader, "perimeter_day", "service") == [(BEFORE, "NOTES", 160, 80), (AFTER, "NOTES", 160, 80)]

    def test_a_small_school_that_entered_alone_is_not_shown_by_the_difference(self, reader: Store) -> None:
        assert {row[1] for row in view(reader, "perimeter_day", "academie")} == {"Strasbourg", "Toulouse"}
        assert {row[1] for row in view(reader, "perimeter_day", "projet")} == {"ENT Strasbourg", "ENT Toulouse"}

    def test_no_column_of_the_views_is_a_school(self, reader: Store) -> None:
        columns = reader.execute(
            "SELECT table, name FROM system.columns WHERE database = 'bi' AND table LIKE 'perimeter%'"
        )
        assert {name for _, name in columns} <= {
            "key", "day", "hits", "visits", "schools_both", "schools_entered", "schools_left", "hidden",
        }  # fmt: skip


@pytest.mark.usefixtures("use_gateway")
class TestReport:
    ASKED = ("report", "growth", "--period", "2020-11-03", "--reference", "2019-11-05")

    def test_like_for_like_growth_stands_beside_the_one_of_all(self, instant_t: Run) -> None:
        _, out, _ = instant_t(*self.ASKED, "--by", "academie", "--format", "json")
        answer = json.loads(out)
        rows = {row["key"]: row for row in answer["rows"]}
        assert rows["Toulouse"]["growth_percent"] == 166.67  # 160 against 60
        assert rows["Toulouse"]["like_for_like_growth_percent"] == 0
        assert rows["Toulouse"]["schools"] == {"both": 6, "entered": 5, "left": 0, "hidden": False}
        assert rows["Lyon"]["schools"] == {"both": 6, "entered": 1, "left": 0, "hidden": True}
        assert rows["Lyon"]["like_for_like_growth_percent"] is None
        assert (answer["total"]["growth_percent"], answer["total"]["like_for_like_growth_percent"]) == (64.38, 0)

    def test_the_table_warns_first(self, instant_t: Run) -> None:
        _, out, _ = instant_t(*self.ASKED, "--by", "academie")
        text = out.replace("\u202f", " ")
        assert (
            "! Attention, le périmètre a changé : 16 établissements aux deux périodes, 6 entrés, 0 sorti ; "
            "à périmètre constant : 0,0 %.\n"
        ) in text
        lyon = next(line for line in text.splitlines() if line.startswith("Lyon"))
        assert lyon.endswith("masqué")
