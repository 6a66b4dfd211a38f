"""Visits of a month beside public sites."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.errors import UserError
from pipeline.reports import ranking, ranking_page
from pipeline.reports.periods import parse_month
from pipeline.reports.ranking import Place, rank, read_sites

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MAY = {date(2020, 5, 1) + timedelta(days=at): 6_000_000 for at in range(31)}  # 186 M visits
SITES = [("leboncoin.fr", 450_000_000), ("lefigaro.fr", 171_000_000), ("exemple.fr", 0)]


class TestSites:
    @pytest.mark.parametrize(
        "text",
        [
            "site,visits\nlefigaro.fr,171000000\n\nexemple.fr,0\n",
            "\ufeffSite;Visits\nlefigaro.fr;171 000 000\nexemple.fr;0",
            "rank,visits,site\n2,171\u202f000\u202f000,lefigaro.fr\n,0,exemple.fr\n",
        ],
    )
    def test_commas_semicolons_spaces_and_other_columns_are_understood(self, text: str) -> None:
        assert read_sites(text, "sites.csv") == [("lefigaro.fr", 171_000_000), ("exemple.fr", 0)]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "sites.csv, line 1: 'nothing' are not the columns: write site,visits."),
            ("a,b\nx,1\n", "sites.csv, line 1: 'a,b' are not the columns: write site,visits."),
            ("site,visits\n", "sites.csv holds no site: write one on each line, such as lefigaro.fr,171000000."),
            ("site,visits\na,1\nb,-5\n", "sites.csv, line 3: '-5' is no number of visits: write a whole number."),
            ("site,visits\na,1.5\n", "sites.csv, line 2: '1.5' is no number of visits: write a whole number."),
            ("site,visits\na,\n", "sites.csv, line 2: '' is no number of visits: write a whole number."),
            ("site,visits\na\n", "sites.csv, line 2: 'a' has no visits: write site,visits."),
            ("site,visits\n ,5\n", "sites.csv, line 2: the site has no name."),
            ("site,visits\na,1\na,2\n", "sites.csv, line 3: 'a' stands in the file twice: keep one of them."),
        ],
    )
    def test_what_cannot_be_read_is_named_with_its_line_and_value(self, text: str, sentence: str) -> None:
        with pytest.raises(UserError) as error:
            read_sites(text, "sites.csv")
        assert str(error.value) == sentence


class TestRank:
    def test_the_portals_stand_among_the_sites_by_their_visits(self) -> None:
        answer = rank(parse_month("2020-05"), MAY, SITES, NOW)
        assert [(p.rank, p.site, p.visits) for p in answer.places] == [
            (1, "leboncoin.fr", 450_000_000),
            (2, "ENT (instant-t)", 186_000_000),
            (3, "lefigaro.fr", 171_000_000),
            (4, "exemple.fr", 0),
        ]
        assert answer.places[2].against == pytest.approx(8.77, abs=0.01)
        assert (answer.places[1].against, answer.places[3].against) == (None, None)
        assert (answer.missing, answer.to_come) == ((), ())
        assert ranking.title(answer) == "Visites de mai 2020"
        assert ranking.sentence(answer).replace("\u202f", " ") == (
            "Rang 2 sur 4 : 186 000 000 visites d'ENT, derrière leboncoin.fr (450 000 000) "
            "et devant lefigaro.fr (171 000 000)."
        )

    def test_equal_visits_share_a_rank(self) -> None:
        answer = rank(parse_month("2020-05"), MAY, [("a", 186_000_000), ("b", 1)], NOW)
        assert [(p.rank, p.site) for p in answer.places] == [(1, "ENT (instant-t)"), (1, "a"), (3, "b")]

    def test_days_without_a_measure_and_days_to_come_are_told_apart(self) -> None:
        visits = {date(2026, 11, day): 10 for day in range(1, 24) if day != 11}
        answer = rank(parse_month("2026-11"), visits, SITES, NOW)
        assert answer.ours.visits == 220
        assert answer.missing == (date(2026, 11, 11),)
        assert (answer.to_come[0], answer.to_come[-1]) == (date(2026, 11, 23), date(2026, 11, 30))
        text = ranking.as_text(answer, NOW)
        assert "! Non mesuré (1 jour sans aucune mesure) : 11 novembre 2026.\n" in text
        assert "! Mois inachevé : 8 jours ne sont pas terminés.\n" in text

    def test_a_scale_lifts_the_portals_alone(self) -> None:
        sampled = {day: visits // 1000 for day, visits in MAY.items()}
        answer = rank(parse_month("2020-05"), sampled, SITES, NOW, 1000)
        assert (answer.ours.visits, answer.ours.rank) == (186_000_000, 2)

    def test_a_site_cannot_bear_the_portals_name(self) -> None:
        with pytest.raises(UserError, match="rename it"):
            rank(parse_month("2020-05"), MAY, [("ENT (instant-t)", 5)], NOW)

    def test_months_that_begin_with_a_vowel_are_elided(self) -> None:
        for month, title in (("2020-04", "Visites d’avril 2020"), ("2020-10", "Visites d’octobre 2020")):
            assert ranking.title(rank(parse_month(month), {}, SITES, NOW)) == title


class TestTexts:
    def test_the_whole_table(self) -> None:
        text = ranking.as_text(rank(parse_month("2020-05"), MAY, SITES, NOW), NOW).replace("\u202f", " ")
        assert text == (
            "Visites de mai 2020\n"
            "Rang 2 sur 4 : 186 000 000 visites d'ENT, derrière leboncoin.fr (450 000 000) "
            "et devant lefigaro.fr (171 000 000).\n"
            "\n"
            "   site                 visites  ENT / site\n"
            "1  leboncoin.fr     450 000 000     \u221258,7 %\n"
            "2→ ENT (instant-t)  186 000 000           –\n"
            "3  lefigaro.fr      171 000 000      +8,8 %\n"
            "4  exemple.fr                 0           –\n"
            "\n"
            "· Les chiffres des autres sites sont ceux du fichier fourni ; leur définition d'une visite varie.\n"
            "· Source : instant-t, jours UTC de bi.traffic_day ; lu le 2026-11-23 à 09:30:00 UTC.\n"
        )

    def test_values_for_programs(self) -> None:
        values = ranking.as_values(rank(parse_month("2020-05"), MAY, SITES, NOW), NOW)
        assert (values["month"], values["rank"], values["visits"]) == ("2020-05", 2, 186_000_000)
        assert values["rows"][2] == {
            "rank": 3,
            "site": "lefigaro.fr",
            "visits": 171_000_000,
            "is_ent": False,
            "ent_against_site_percent": 8.77,
        }

    def test_a_site_that_is_called_like_a_tag_stays_text_on_the_page(self) -> None:
        page = ranking_page.as_page(rank(parse_month("2020-05"), MAY, [("<img src=x>", 5)], NOW), NOW)
        assert "<img" not in page
        assert "&lt;img src=x&gt;" in page

    def test_ties_are_named_with_both_neighbours(self) -> None:
        answer = rank(parse_month("2020-05"), MAY, [("a", 186_000_000)], NOW)
        assert answer.places[1] == Place(1, "a", 186_000_000, False, 0.0)
