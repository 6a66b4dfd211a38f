"""What a growth report prints: a table, values for programs, one page."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from pipeline.reports import growth_page, growth_table
from pipeline.reports.compare import Perimeter, Report, Schools
from pipeline.reports.plots import Bar, curves, growth_bars, nice_steps
from tests.reports.growths import growth, scope, visits

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HOSTILE = "<script>alert('é')</script>\x1b[31m"


@pytest.fixture
def report() -> Report:
    """A week with a day missing, against a whole one; one projet of each state; a perimeter that changed."""
    total = visits("2020-09-07", 1500, None, 700, 1500, 1500, 200, 250) | visits(
        "2019-09-09", 1000, 1000, 500, 1000, 1000, 100, 120
    )
    rows = {
        "PCN": visits("2020-09-07", 1000, None, 500, 1000, 1000, 150, 200) | visits("2019-09-09", 800, 800),
        HOSTILE: visits("2020-09-07", 500, None, 200, 500, 500, 50, 50),
        "": visits("2019-09-09", 200, 200),
    }
    like = visits("2020-09-07", 1100, None, 600, 1100, 1100, 150, 200) | visits(
        "2019-09-09", 1000, 1000, 500, 1000, 1000, 100, 120
    )
    perimeter = {"total": Perimeter({"": Schools(1200, 31, 1, False)}, {"": like}, frozenset(like), national=True)}
    asked = scope("2020-09-07/2020-09-14", "2019-09-09/2019-09-16")
    return growth(asked, total, "projet", rows, perimeter=perimeter)


class TestTable:
    def test_the_whole_table(self, report: Report) -> None:
        text = growth_table.as_text(report, NOW).replace("\u202f", " ").replace("\u2212", "-")
        assert text == (
            "Évolution des visites par projet ENT\n"
            "Période    du 7 au 13 septembre 2020 : 6 jours mesurés "
            "(3 jours d'école, 1 mercredi, 1 samedi, 1 dimanche) ; 5 650 visites en tout\n"
            "Référence  du 9 au 15 septembre 2019 : 7 jours mesurés "
            "(4 jours d'école, 1 mercredi, 1 samedi, 1 dimanche) ; 4 720 visites en tout\n"
            "\n"
            "projet ENT                              période   référence  écart   évolution  jours comparables"
            "    ± 2σ  périmètre constant\n"
            "PCN                                         642         229   +413    +180,7 %           +220,8 %"
            "  ± 19,1                   –\n"
            "<script>alert('é')</script>\\x1b[31m         300  non mesuré      –  non mesuré         non mesuré"
            "       –                   –\n"
            "(non renseigné)                      non mesuré        57,1      –  non mesuré         non mesuré"
            "       –                   –\n"
            "\n"
            "Ensemble                                    942         674   +267     +39,7 %            +51,9 %"
            "   ± 6,0             +14,2 %\n"
            "\n"
            "! Attention, le périmètre a changé : 1 200 établissements aux deux périodes, 31 entrés, 1 sorti ; "
            "à périmètre constant : +14,2 %.\n"
            "· Peu de visites par établissement : il en entre et il en sort par le seul hasard, "
            "et l'évolution à périmètre constant n'est qu'indicative.\n"
            "! Non mesuré (période, 1 jour sans aucune mesure) : 8 septembre 2020.\n"
            "· Valeurs : moyennes par jour mesuré.\n"
            "· Une visite compte dans chaque service qu'elle touche : les lignes ne s'additionnent pas.\n"
            "· ± : deux écarts-types du hasard d'échantillonnage (loi de Poisson, sur les visites réellement "
            "comptées), en points.\n"
            "· Source : instant-t, jours UTC de bi.traffic_day ; lu le 2026-11-23 à 09:30:00 UTC.\n"
        )

    def test_growth_from_zero_is_new_and_a_fall_to_nothing_asks_for_a_look(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        rows = {"VISIOCONFERENCE": visits("2020-09-01", 34), "NOTES": visits("2019-09-02", 50)}
        text = growth_table.as_text(growth(scope("2020-09-01", "2019-09-02"), total, "service", rows), NOW)
        lines = [re.split(r"  +", line) for line in text.splitlines()]
        assert ["Visioconférence", "34", "0", "+34", "nouveau", "–"] in lines
        assert ["Notes", "0", "50", "\u221250", "\u2212100,0\u202f%", "–"] in lines
        assert "Notes : plus rien dans la période ; vérifier que la mesure fonctionne encore." in text

    def test_comparable_days_that_change_nothing_are_no_column(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(scope("2020-09-01", "2019-09-02"), total)
        assert "jours comparables" not in growth_table.as_text(report, NOW)
        assert "Jours comparables" not in growth_page.as_page(report, NOW)

    def test_kinds_of_days_that_one_side_lacks_are_said(self) -> None:
        total = visits("2020-10-05", 100, 100) | visits("2020-10-16", 50, 5, 5)
        notes = growth_table.notes(growth(scope("2020-10-05/2020-10-07", "2020-10-16/2020-10-19"), total))
        assert "Sans équivalent en face, hors de la comparaison à jours comparables : 2 jours de vacances." in notes

    def test_a_territory_whose_calendar_is_not_known_is_not_called_unmeasured_without_a_word(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        rows = {"Mayotte": visits("2020-09-01", 34), "Lyon": visits("2020-09-01", 34)}
        notes = growth_table.notes(growth(scope("2020-09-01", "2019-09-02"), total, "academie", rows))
        assert "Calendrier scolaire inconnu ici, donc pas mesuré ou pas ouvert : Mayotte." in notes

    def test_with_many_visits_a_school_nothing_is_put_down_to_chance(self) -> None:
        total = visits("2020-09-01", 20_000) | visits("2019-09-02", 20_000)
        for schools, few in ((Schools(900, 100, 0, False), False), (Schools(900, 101, 0, False), True)):
            perimeter = {"total": Perimeter({"": schools}, {"": total}, frozenset(total), national=True)}
            report = growth(scope("2020-09-01", "2019-09-02"), total, perimeter=perimeter)
            assert any(note.startswith("Peu de visites") for note in growth_table.notes(report)) is few

    def test_summed_hours_are_labelled(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(scope("2020-09-01", "2019-09-02", "07:00-12:00"), total)
        assert "mardi 1er septembre 2020, de 7 h à 12 h (heure de Paris)" in growth_table.side_text(report, "period")
        assert (
            "Visites additionnées heure par heure : une visite à cheval sur deux heures y compte deux fois."
            in growth_table.notes(report)
        )

    def test_a_scale_is_said(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(scope("2020-09-01", "2019-09-02"), total, scale=1000)
        assert "Trafic mesuré à l'échelle 1:1\u202f000, valeurs ramenées à l'échelle 1." in growth_table.notes(report)
        assert "202\u202f000 visites en tout" in growth_table.side_text(report, "period")


class TestValues:
    def test_json_has_plain_numbers_states_and_nulls(self, report: Report) -> None:
        values = growth_table.as_values(report, NOW)
        assert values["values"] == "mean_per_day"
        assert values["period"] == {
            "first_day": "2020-09-07",
            "last_day": "2020-09-13",
            "start": None,
            "end": None,
            "measured_days": 6,
            "sum": 5650,
            "days_not_measured": ["2020-09-08"],
            "day_classes": {"dimanche": 1, "ecole": 3, "mercredi": 1, "samedi": 1},
        }
        assert values["rows"][2] == {
            "key": "",
            "label": "(non renseigné)",
            "period_state": "not_measured",
            "reference_state": "measured",
            "period": None,
            "reference": 57.14,
            "difference": None,
            "growth_percent": None,
            "error_points": None,
            "is_new": False,
            "comparable": None,
            "schools": None,
            "like_for_like_growth_percent": None,
            "silent_days": [],
        }
        assert values["total"]["growth_percent"] == 39.65
        assert values["total"]["comparable"] == {
            "period": 941.67,
            "reference": 620,
            "growth_percent": 51.88,
            "error_points": 6.01,
        }
        assert values["total"]["schools"] == {"both": 1200, "entered": 31, "left": 1, "hidden": False}
        assert values["total"]["like_for_like_growth_percent"] == 14.25

    def test_csv_has_one_line_a_key_and_the_total_last(self, report: Report) -> None:
        rows = [dict(zip(growth_table.CSV_COLUMNS, row, strict=True)) for row in growth_table.as_csv_rows(report)]
        assert [(row["kind"], row["key"]) for row in rows] == [
            ("projet", "PCN"),
            ("projet", HOSTILE),
            ("projet", ""),
            ("total", ""),
        ]
        assert rows[1]["growth_percent"] == ""
        assert (rows[3]["comparable_growth_percent"], rows[3]["schools_entered"]) == (51.88, 31)
        text = io.StringIO()
        csv.writer(text).writerows(growth_table.as_csv_rows(report))
        assert "nan" not in text.getvalue()
        assert "inf" not in text.getvalue()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


class TestPage:
    def test_a_projet_that_is_called_like_a_tag_stays_text(self, report: Report) -> None:
        html = growth_page.as_page(report, NOW)
        page = _Page()
        page.feed(html)
        assert not [tag for tag, _ in page.tags if tag == "script"]
        assert "<script" not in html
        assert [text for text in page.texts if text.startswith("<script>alert('é')</script>")]

    def test_the_page_needs_nothing_from_elsewhere(self, report: Report) -> None:
        html = growth_page.as_page(report, NOW)
        page = _Page()
        page.feed(html)
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "link", "img", "iframe", "object", "embed", "video", "base", "form", "a"}
        assert not {name for _, attributes in page.tags for name in attributes} & {"src", "href", "srcset", "action"}
        assert not re.search(r"url\(|@import|https?:|//", html.replace("</", ""))
        policy = next(attrs for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
        assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"

    def test_the_page_says_figures_states_perimeter_source_and_moment(self, report: Report) -> None:
        page = _Page()
        page.feed(growth_page.as_page(report, NOW))
        texts = [text.replace("\u202f", " ").replace("\u2212", "-") for text in page.texts]
        assert "+51,9 %" in texts
        assert texts.count("non mesuré") == 7  # six cells, and the legend
        assert "1 200 (+31 -1)" in texts
        assert "+14,2 %" in texts
        assert "Source : instant-t, jours UTC de bi.traffic_day ; lu le 2026-11-23 à 09:30:00 UTC." in texts

    def test_a_missing_day_cuts_the_curve(self, report: Report) -> None:
        page = _Page()
        page.feed(growth_page.as_page(report, NOW))
        curves = [attributes["class"] for tag, attributes in page.tags if tag == "polyline"]
        dots = [attributes["class"] for tag, attributes in page.tags if tag == "circle"]
        assert (curves, dots) == (["curve reference", "curve period"], ["dot period"])

    def test_single_days_are_drawn_by_the_hour(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(
            scope("2020-09-01", "2019-09-02"),
            total,
            clock={
                "period": {8: visits("2020-09-01", 150)[NOW.date().replace(2020, 9, 1)]},
                "reference": {10: visits("2019-09-02", 80)[NOW.date().replace(2019, 9, 2)]},
            },
        )
        page = _Page()
        page.feed(growth_page.as_page(report, NOW))
        assert [text for text in page.texts if text in ("8 h", "9 h", "10 h")] == ["8 h", "9 h", "10 h"]
        assert "Visites heure par heure" in page.texts
        assert "ensemble · × 2,02 · ± 49,4 pt" in " ".join(page.texts)


class TestPlots:
    def test_bars_grow_to_both_sides_of_a_common_zero(self) -> None:
        bars = growth_bars([("a", "+150 %", 150.0, None), ("b", "0 %", 0.0, None), ("c", "-50 %", -50.0, None)])
        assert bars.zero == 25.0
        assert bars.bars == (
            Bar("a", "+150 %", 25.0, 75.0, True, None),
            Bar("b", "0 %", 25.0, 0.0, True, None),
            Bar("c", "-50 %", 0.0, 25.0, False, None),
        )

    def test_whiskers_stay_on_the_track(self) -> None:
        bars = growth_bars([("a", "+60 %", 60.0, 20.0), ("b", "-10 %", -10.0, 10.0)])
        assert bars.zero == 20.0
        assert [bar.error for bar in bars.bars] == [(60.0, 40.0), (0.0, 20.0)]

    @pytest.mark.parametrize(
        ("most", "steps"),
        [(0, (0, 1)), (1, (0, 1)), (7, (0, 2, 4, 6, 8)), (90, (0, 25, 50, 75, 100)), (1010, (0, 500, 1000, 1500))],
    )
    def test_axes_have_round_steps(self, most: float, steps: tuple[float, ...]) -> None:
        assert nice_steps(most) == steps

    def test_one_point_or_nothing_is_no_curve(self) -> None:
        assert curves([5.0], [3.0], ["1/9"]) is None
        assert curves([None, None], [None], ["1/9", "2/9"]) is None
