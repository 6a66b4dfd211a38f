"""`instant-t at` against a real store with hand-written cells."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.commands.at import KEYS, floored
from pipeline.commands.moments import parse_moment
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched
from tests.commands.conftest import Run
from tests.support.gateway import GatewayHandle

# An hour ago, on a whole minute: hot whenever the tests run.
T = (datetime.now(UTC) - timedelta(hours=1)).replace(second=0, microsecond=0)
T_TEXT = T.strftime("%Y-%m-%dT%H:%M:%SZ")

# seconds before T, département, service, profil, projet, hits, visits, visitors
CELLS = [
    (10, "75", "COURRIER_ELECTRONIQUE", "ELEVE", "MonLycée", [1, 2, 3], [11, 12], [21, 22]),
    (20, "75", "SERVICES_VIE_SCOLAIRE", "PARENT", "MonLycée", [4, 5], [11], [21]),
    (900, "2A", "COURRIER_ELECTRONIQUE", "ELEVE", "", [6], [13], [23]),  # first cell of the 15 minutes
    (910, "2A", "COURRIER_ELECTRONIQUE", "ELEVE", "", [7], [14], [24]),  # last cell before them
    (0, "2A", "COURRIER_ELECTRONIQUE", "ELEVE", "", [8], [15], [25]),  # first cell after them
]


@pytest.fixture(scope="module", autouse=True)
def cells(gateway: GatewayHandle) -> None:
    store = Store(gateway.url("writer"))
    rows: list[tuple[Any, ...]] = [
        (T - timedelta(seconds=before), departement, service, profil, projet, "Kosmos", "Skolengo", *sets)
        for before, departement, service, profil, projet, *sets in CELLS
    ]
    names = "bucket, departement, service, profil, projet, exploitant, plateforme, hits, visits, visitors"
    store.execute(f"INSERT INTO ent.cells ({names}) VALUES", rows)
    mark_touched(store, {int(row[0].timestamp()) for row in rows})
    store.close()


@pytest.mark.usefixtures("use_gateway")
class TestFormats:
    def test_json_is_one_object_with_rows_by_hits_and_the_total_apart(self, instant_t: Run) -> None:
        status, out, err = instant_t("at", T_TEXT, "--by", "service", "--format", "json")
        assert (status, err) == (0, "")
        assert json.loads(out) == {
            "at": T_TEXT,
            "minutes": 15,
            "by": "service",
            "rows": [
                {
                    "service": "COURRIER_ELECTRONIQUE",
                    "famille": "communication",
                    "domaine": "communication",
                    "hits": 4,
                    "visits": 3,
                    "visitors": 3,
                },
                {
                    "service": "SERVICES_VIE_SCOLAIRE",
                    "famille": "vie_scolaire",
                    "domaine": "vie_scolaire",
                    "hits": 2,
                    "visits": 1,
                    "visitors": 1,
                },
            ],
            "total": {"hits": 6, "visits": 3, "visitors": 3},
        }

    def test_csv_is_a_head_line_and_the_rows(self, instant_t: Run) -> None:
        _, out, _ = instant_t("at", T_TEXT, "--by", "departement", "--format", "csv")
        assert out == (
            "departement,departement_name,academie,hits,visits,visitors\n"
            "75,Paris,Paris,5,2,2\n"
            "2A,Corse-du-Sud,Corse,1,1,1\n"
        )

    def test_a_table_that_is_piped_is_plain_and_says_that_visits_do_not_add_up(self, instant_t: Run) -> None:
        _, out, err = instant_t("at", T_TEXT, "--by", "profil")
        head, blank, columns, *rows = out.splitlines()
        assert head.startswith("15 min before ")
        assert f"({T_TEXT}), by profil" in head
        assert (blank, err) == ("", "")
        assert columns.split() == ["profil", "hits", "visits", "visitors"]
        assert [row.split() for row in rows[:4]] == [
            ["ELEVE", "4", "3", "3"],
            ["PARENT", "2", "1", "1"],
            [],
            ["total", "6", "3", "3"],
        ]
        assert "do not add up" in rows[-1]
        assert out.isascii()

    def test_an_empty_key_is_shown_as_a_dash_in_the_table_and_kept_as_it_is_for_programs(self, instant_t: Run) -> None:
        _, table, _ = instant_t("at", T_TEXT, "--by", "projet")
        _, text, _ = instant_t("at", T_TEXT, "--by", "projet", "--format", "csv")
        assert [line.split()[0] for line in table.splitlines()[3:5]] == ["MonLycée", "-"]
        assert [row["projet"] for row in csv.DictReader(io.StringIO(text))] == ["MonLycée", ""]

    def test_by_total_gives_the_one_row_of_the_total(self, instant_t: Run) -> None:
        _, text, _ = instant_t("at", T_TEXT, "--by", "total", "--format", "json")
        _, table, _ = instant_t("at", T_TEXT, "--by", "total")
        total = {"hits": 6, "visits": 3, "visitors": 3}
        assert json.loads(text) == {"at": T_TEXT, "minutes": 15, "by": "total", "rows": [total], "total": total}
        assert [line.split() for line in table.splitlines()[2:]] == [["hits", "visits", "visitors"], ["6", "3", "3"]]

    @pytest.mark.parametrize("by", list(KEYS))
    def test_every_way_in_answers_with_its_own_key_columns_and_all_the_hits(self, instant_t: Run, by: str) -> None:
        status, out, _ = instant_t("at", T_TEXT, "--by", by, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert status == 0
        assert tuple(rows[0]) == (*KEYS[by], "hits", "visits", "visitors")
        assert sum(int(row["hits"]) for row in rows) == 6


@pytest.mark.usefixtures("use_gateway")
class TestWindow:
    @pytest.mark.parametrize(
        ("seconds", "hits"),
        [(0, 6), (10, 6), (-10, 4), (20, 6), (9, 6)],
        ids=["at T", "10 s later", "10 s earlier", "20 s later", "9 s later is floored to T"],
    )
    def test_the_window_begins_with_its_first_second_and_ends_before_t(
        self, instant_t: Run, seconds: int, hits: int
    ) -> None:
        # T+10: loses [6] at T-900, gains [8] at T. T-10: loses [1, 2, 3], gains [7].
        moment = (T + timedelta(seconds=seconds)).isoformat()
        _, out, _ = instant_t("at", moment, "--by", "total", "--format", "json")
        assert json.loads(out)["total"]["hits"] == hits

    def test_minutes_lengthen_the_window_backwards(self, instant_t: Run) -> None:
        _, out, _ = instant_t("at", T_TEXT, "--minutes", "16", "--by", "total", "--format", "json")
        assert json.loads(out)["total"] == {"hits": 7, "visits": 4, "visitors": 4}

    def test_the_passing_moment_is_the_default_and_an_empty_window_is_zeros(self, instant_t: Run) -> None:
        status, out, _ = instant_t("at", "--minutes", "1", "--format", "json")
        answer = json.loads(out)
        assert (status, answer["rows"]) == (0, [])
        assert answer["total"] == {"hits": 0, "visits": 0, "visitors": 0}
        # It ends with the ten seconds that were passing: what had just happened is in it.
        ahead = datetime.fromisoformat(answer["at"]) - datetime.now(UTC)
        assert timedelta(seconds=-20) < ahead <= timedelta(seconds=10)

    def test_a_window_older_than_what_is_kept_says_so_on_stderr(self, instant_t: Run) -> None:
        old = (T - timedelta(days=36)).isoformat()
        status, out, err = instant_t("at", old, "--by", "total", "--format", "csv")
        assert (status, out) == (0, "hits,visits,visitors\n0,0,0\n")
        assert err == "The window begins over 35 days ago: minutes that old are gone.\n"

    def test_a_t_to_come_says_so_on_stderr(self, instant_t: Run) -> None:
        _, _, err = instant_t("at", (T + timedelta(days=1)).isoformat(), "--by", "total")
        assert err == "T is still to come: the window is not over.\n"


class TestErrors:
    def test_a_store_that_does_not_answer_is_one_sentence(
        self, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INSTANT_T_CLICKHOUSE", "clickhouse://bi:secret@127.0.0.1:9/ent")
        status, out, err = instant_t("at")
        assert (status, out) == (1, "")
        assert err == (
            "instant-t: ClickHouse at 127.0.0.1:9 does not answer: start it with `instant-t up`, "
            "or set INSTANT_T_CLICKHOUSE to clickhouse://user:password@host:port/ent.\n"
        )

    @pytest.mark.usefixtures("use_empty_gateway")
    def test_a_store_without_a_schema_names_migrate(self, instant_t: Run) -> None:
        status, _, err = instant_t("at")
        assert status == 1
        assert err.endswith(" is not migrated: run `instant-t migrate`.\n")
        assert err.count("\n") == 1

    @pytest.mark.parametrize("text", ["2026-09-01", "2026-09-01T08:30:00", "25:00", "8h30", "", "yesterday"])
    def test_what_is_no_instant_is_refused_with_the_forms_that_are(self, instant_t: Run, text: str) -> None:
        status, _, err = instant_t("at", text)
        assert status == 2
        assert "write 2026-09-01T08:30:00+02:00" in err

    @pytest.mark.parametrize("minutes", ["0", "-5", "50401", "x"])
    def test_minutes_have_bounds(self, instant_t: Run, minutes: str) -> None:
        assert instant_t("at", "--minutes", minutes).status == 2


class TestMoments:
    NOW = datetime(2026, 9, 1, 22, 30, 5, tzinfo=UTC)  # 00:30:05 on 2 September in Paris

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("now", "2026-09-01T22:30:05+00:00"),
            ("2026-09-01T08:30:00+02:00", "2026-09-01T06:30:00+00:00"),
            ("2026-09-01 06:30:00Z", "2026-09-01T06:30:00+00:00"),
            ("2026-09-01T00:00:00-09:30", "2026-09-01T09:30:00+00:00"),
            ("08:30", "2026-09-02T06:30:00+00:00"),
            ("8:30:10", "2026-09-02T06:30:10+00:00"),
            ("00:00", "2026-09-01T22:00:00+00:00"),
        ],
    )
    def test_a_time_of_day_is_that_of_today_in_paris(self, text: str, moment: str) -> None:
        assert parse_moment(text, self.NOW) == datetime.fromisoformat(moment)

    def test_a_time_of_day_in_winter_is_one_hour_ahead_of_utc(self) -> None:
        winter = datetime(2026, 1, 12, 12, 0, tzinfo=UTC)
        assert parse_moment("08:30", winter) == datetime(2026, 1, 12, 7, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("begins", "ends_at"),
        [(timedelta(hours=45, minutes=59), "06:30:10"), (timedelta(hours=46, seconds=11), "06:30:00")],
    )
    def test_t_is_floored_to_ten_seconds_while_the_window_is_hot_and_to_the_minute_after(
        self, begins: timedelta, ends_at: str
    ) -> None:
        moment = datetime(2026, 9, 1, 6, 30, 19, 500_000, tzinfo=UTC)
        now = moment - timedelta(minutes=15) + begins
        assert floored(moment, 15, now).strftime("%H:%M:%S") == ends_at
