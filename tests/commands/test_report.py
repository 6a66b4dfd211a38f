"""`instant-t report growth` and `ranking` against a real store with hand-written days and hours."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.client import Store
from pipeline.store.writing import mark_touched
from tests.commands.conftest import Run
from tests.support.gateway import GatewayHandle

HOSTILE = "<script>alert(1)</script>"

# day, kind, key, visits; five pages a visit, as many visitors. 1 September 2020 against 2 September 2019, and the days
# after: Wednesday and Thursday against Tuesday and Wednesday.
DAYS = [
    ("2020-09-01", "total", "", 2020), ("2020-09-02", "total", "", 600), ("2020-09-03", "total", "", 2000),
    ("2019-09-02", "total", "", 1000), ("2019-09-03", "total", "", 1000), ("2019-09-04", "total", "", 300),
    ("2020-09-01", "academie", "Toulouse", 1170), ("2019-09-02", "academie", "Toulouse", 500),
    ("2020-09-01", "academie", "Paris", 850), ("2019-09-02", "academie", "Paris", 500),
    ("2020-09-01", "service", "VISIOCONFERENCE", 340), ("2019-09-02", "service", "NOTES", 198),
    ("2020-09-01", "projet", HOSTILE, 2020), ("2019-09-02", "projet", HOSTILE, 1000),
]  # fmt: skip
# hour (UTC), kind, key, visits: 6:00 UTC is 8 o'clock in Paris.
HOURS = [
    ("2020-09-01 05:00", "total", "", 100), ("2019-09-02 05:00", "total", "", 100),
    ("2020-09-01 06:00", "total", "", 400), ("2019-09-02 06:00", "total", "", 100),
    ("2020-09-01 10:00", "total", "", 50), ("2019-09-02 10:00", "total", "", 90),
    ("2020-09-01 06:00", "academie", "Paris", 400), ("2019-09-02 05:00", "academie", "Paris", 100),
]  # fmt: skip
RENTREE = ("--period", "2020-09-01", "--reference", "2019-09-02")


@pytest.fixture(scope="module", autouse=True)
def history(gateway: GatewayHandle) -> None:
    days = [(kind, date.fromisoformat(day), key, 5 * n, n, n) for day, kind, key, n in DAYS]
    days += [("total", date(2020, 5, 1) + timedelta(days=at), "", 30, 6, 3) for at in range(30)]  # the 31st is missing
    hours = [(kind, datetime.fromisoformat(hour).replace(tzinfo=UTC), key, 5 * n, n, n) for hour, kind, key, n in HOURS]
    with closing(Store(gateway.url("admin"))) as store:
        store.execute("INSERT INTO ent.counts_day (kind, day, key, hits, visits, visitors) VALUES", days)
        store.execute("INSERT INTO ent.counts_hour (kind, start, key, hits, visits, visitors) VALUES", hours)
        store.execute("INSERT INTO ent.closed (day) VALUES", sorted({(row[1],) for row in days}))


@pytest.mark.usefixtures("use_gateway")
class TestGrowth:
    def asked(self, instant_t: Run, *arguments: str) -> Any:
        status, out, err = instant_t("report", "growth", *arguments, "--format", "json")
        assert (status, err) == (0, "")
        return json.loads(out)

    def test_a_rentree_against_the_one_before(self, instant_t: Run) -> None:
        answer = self.asked(instant_t, *RENTREE)
        assert (answer["total"]["period"], answer["total"]["reference"]) == (2020, 1000)
        assert (answer["total"]["difference"], answer["total"]["growth_percent"]) == (1020, 102)
        assert answer["total"]["error_points"] == 15.62  # 2 x 2.02 x sqrt(1/2020 + 1/1000) points
        assert answer["rows"] == []

    def test_territories_have_their_own_growth_and_the_silent_ones_are_named(self, instant_t: Run) -> None:
        answer = self.asked(instant_t, *RENTREE, "--by", "academie")
        assert [(row["key"], row["growth_percent"]) for row in answer["rows"]] == [("Toulouse", 134), ("Paris", 70)]
        assert "Mayotte" in answer["not_measured_on_either_side"]

    def test_zero_new_and_lost_services(self, instant_t: Run) -> None:
        answer = self.asked(instant_t, *RENTREE, "--by", "service")
        visio, marks = answer["rows"]
        assert (visio["reference_state"], visio["growth_percent"], visio["is_new"]) == ("zero", None, True)
        assert (marks["period_state"], marks["growth_percent"]) == ("zero", -100)

    def test_several_days_are_compared_kind_by_kind(self, instant_t: Run) -> None:
        # Two school days and a Wednesday on both sides, whatever their order.
        answer = self.asked(
            instant_t, "--period", "2020-09-01/2020-09-04", "--reference", "2019-09-02/2019-09-05"
        )  # fmt: skip
        assert answer["period"]["day_classes"] == {"ecole": 2, "mercredi": 1}
        assert answer["total"]["comparable"]["growth_percent"] == 100.87  # 4620 against 2300
        # Without the Wednesday of the reference, the one of the period has nothing to be held against.
        answer = self.asked(
            instant_t, "--period", "2020-09-01/2020-09-04", "--reference", "2019-09-02/2019-09-04"
        )  # fmt: skip
        assert answer["values"] == "mean_per_day"
        assert answer["total"]["growth_percent"] == 54  # 1540 a day against 1000
        assert answer["total"]["comparable"]["growth_percent"] == 101  # 4020 against 2000

    def test_hours_are_those_of_paris(self, instant_t: Run) -> None:
        answer = self.asked(instant_t, *RENTREE, "--hours", "07:00-12:00", "--by", "academie")
        assert (answer["total"]["period"], answer["total"]["reference"]) == (500, 200)
        answer = self.asked(instant_t, *RENTREE, "--hours", "8h-9h", "--by", "academie")
        assert (answer["total"]["growth_percent"], answer["hours"], answer["days"]) == (300, [8, 9], "paris")
        (paris,) = answer["rows"]
        assert (paris["reference_state"], paris["is_new"]) == ("zero", True)  # it was seen that day, at 7 o'clock

    def test_instants_are_the_same_stretch_of_time(self, instant_t: Run) -> None:
        answer = self.asked(
            instant_t,
            "--period", "2020-09-01T08:00+02:00/2020-09-01T13:00+02:00",
            "--reference", "2019-09-02T06:00Z/2019-09-02T11:00Z",
        )  # fmt: skip
        assert (answer["total"]["period"], answer["total"]["reference"]) == (450, 190)
        assert answer["period"]["start"] == "2020-09-01T06:00:00Z"

    def test_pages_visitors_and_a_scale(self, instant_t: Run) -> None:
        assert self.asked(instant_t, *RENTREE, "--measure", "hits")["total"]["period"] == 10_100
        answer = self.asked(instant_t, *RENTREE, "--measure", "visitors-per-day")
        assert (answer["values"], answer["total"]["period"]) == ("mean_per_day", 2020)
        assert self.asked(instant_t, *RENTREE, "--scale", "1000")["total"]["difference"] == 1_020_000

    def test_a_day_without_any_measure_is_told_from_a_zero(self, instant_t: Run) -> None:
        answer = self.asked(instant_t, "--period", "2020-09-01", "--reference", "2019-08-30/2019-09-03")
        assert answer["reference"]["days_not_measured"] == ["2019-08-30", "2019-08-31", "2019-09-01"]
        assert answer["total"]["growth_percent"] == 102
        answer = self.asked(instant_t, "--period", "2020-09-01", "--reference", "2019-08-30")
        assert (answer["total"]["reference_state"], answer["total"]["growth_percent"]) == ("not_measured", None)

    def test_table_csv_and_page(self, instant_t: Run, tmp_path: Path) -> None:
        _, table, _ = instant_t("report", "growth", *RENTREE)
        assert table.splitlines()[0] == "Évolution des visites"
        assert "+102,0\u202f%" in table
        _, text, _ = instant_t("report", "growth", *RENTREE, "--by", "projet", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["kind"], row["key"], row["growth_percent"]) for row in rows] == [
            ("projet", HOSTILE, "102"),
            ("total", "", "102"),
        ]
        page = tmp_path / "page.html"
        status, out, err = instant_t(
            "report", "growth", *RENTREE, "--by", "projet", "--format", "html", "--out", str(page)
        )
        assert (status, out, err) == (0, "", "")
        html = page.read_text(encoding="utf-8")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script" not in html
        assert "Visites heure par heure" in html


@pytest.mark.usefixtures("use_gateway")
class TestRanking:
    @pytest.fixture
    def sites(self, tmp_path: Path) -> str:
        path = tmp_path / "sites.csv"
        path.write_text("site,visits\nlefigaro.fr,171\nleboncoin.fr,450\n", encoding="utf-8")
        return str(path)

    def test_the_month_stands_among_the_sites(self, instant_t: Run, sites: str) -> None:
        status, out, err = instant_t("report", "ranking", "--month", "2020-05", "--sites", sites, "--format", "json")
        answer = json.loads(out)
        assert (status, err) == (0, "")
        assert (answer["visits"], answer["rank"], answer["days_not_measured"]) == (180, 2, ["2020-05-31"])
        _, text, _ = instant_t("report", "ranking", "--month", "2020-05", "--sites", sites, "--format", "csv")
        assert text == (
            "rank,site,visits,is_ent,ent_against_site_percent\n"
            "1,leboncoin.fr,450,False,-60.0\n"
            "2,ENT (instant-t),180,True,\n"
            "3,lefigaro.fr,171,False,5.26\n"
        )

    def test_a_month_holds_what_came_a_moment_ago(self, instant_t: Run, sites: str, writer: Store) -> None:
        moment = (datetime.now(UTC) - timedelta(hours=3)).replace(second=0, microsecond=0)
        asked = ("report", "ranking", "--month", f"{moment:%Y-%m}", "--sites", sites, "--format", "json")

        def insert(*ids: int) -> int:
            row = (moment, "75", "NOTES", "ELEVE", "", "", "", list(ids), list(ids), list(ids))
            writer.execute("INSERT INTO ent.cells VALUES", [row])
            mark_touched(writer, {int(moment.timestamp())})
            visits: int = json.loads(instant_t(*asked).out)["visits"]
            return visits

        before = insert(2**60)
        assert insert(2**60, 2**60 + 1, 2**60 + 2) - before == 2  # the first is counted already

    def test_table_and_page(self, instant_t: Run, sites: str) -> None:
        _, table, _ = instant_t("report", "ranking", "--month", "2020-05", "--sites", sites)
        assert table.splitlines()[1].startswith("Rang 2 sur 3 : 180 visites d'ENT, derrière leboncoin.fr (450)")
        _, page, _ = instant_t("report", "ranking", "--month", "2020-05", "--sites", sites, "--format", "html")
        assert page.startswith("<!doctype html>")

    @pytest.mark.parametrize(
        ("month", "content", "sentence"),
        [
            ("2019-05", b"site,visits\na,1\n", "No day of 2019-05 is measured: load them with"),
            ("2020-05", b"site,visits\na,many\n", "sites.csv, line 2: 'many' is no number of visits"),
            ("2020-05", b"site,visits\n\xe9t\xe9,1\n", "sites.csv is not UTF-8: save it as UTF-8."),
            ("2020-05", None, "sites.csv cannot be read: No such file or directory."),
        ],
    )
    def test_mistakes_are_one_sentence(
        self, instant_t: Run, tmp_path: Path, month: str, content: bytes | None, sentence: str
    ) -> None:
        path = tmp_path / "sites.csv"
        if content is not None:
            path.write_bytes(content)
        status, out, err = instant_t("report", "ranking", "--month", month, "--sites", str(path))
        assert (status, out) == (1, "")
        assert sentence in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["growth", "ranking", "dnma"])
def test_each_report_shows_its_examples(instant_t: Run, name: str) -> None:
    status, out, err = instant_t("report", name, "--help")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith(f"  instant-t report {name}")]


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--period", "2020-09-31", "--reference", "2019-09-02"), "'2020-09-31' is no period: write a day"),
            (("--period", "2020-09-02/2020-09-01", "--reference", "2019"), "ends before it begins, or is empty"),
            (("--period", "2020-09-01"), "Missing option '--reference'"),
            ((*RENTREE, "--hours", "07:30-12:00"), "'07:30-12:00' cuts an hour"),
            ((*RENTREE, "--hours", "7-12", "--measure", "visitors-per-day"), "visitors-per-day needs whole days"),
            ((*RENTREE, "--by", "commune"), "'commune' is not one of"),
            ((*RENTREE, "--scale", "0"), "0 is not in the range"),
        ],
    )
    def test_wrong_words_are_one_sentence(self, instant_t: Run, arguments: tuple[str, ...], sentence: str) -> None:
        status, out, err = instant_t("report", "growth", *arguments)
        assert (status, out) == (2, "")
        assert sentence in err
        assert err.count("\n") == 1

    @pytest.mark.usefixtures("use_gateway")
    def test_periods_that_were_never_measured_name_the_way_to_load_them(self, instant_t: Run) -> None:
        status, _, err = instant_t("report", "growth", "--period", "2018-09-03", "--reference", "2017-09-04")
        assert status == 1
        assert err == (
            "instant-t: Nothing is measured from 2018-09-03 to 2018-09-03, nor from 2017-09-04 to 2017-09-04: "
            "load these days with `instant-t replay --history`.\n"
        )

    @pytest.mark.usefixtures("use_gateway")
    def test_a_file_that_cannot_be_written_is_named(self, instant_t: Run, tmp_path: Path) -> None:
        target = str(tmp_path / "no" / "such" / "folder.html")
        status, _, err = instant_t("report", "growth", *RENTREE, "--out", target)
        assert (status, err) == (1, f"instant-t: {target} cannot be written: No such file or directory.\n")

    def test_a_store_that_does_not_answer_is_one_sentence(
        self, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INSTANT_T_CLICKHOUSE", "clickhouse://bi:secret@127.0.0.1:9/ent")
        status, out, err = instant_t("report", "growth", *RENTREE)
        assert (status, out) == (1, "")
        assert err.startswith("instant-t: ClickHouse at 127.0.0.1:9 does not answer")
        assert "secret" not in err
