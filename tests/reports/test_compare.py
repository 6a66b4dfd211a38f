"""Growth: comparable days, states, sampling error, perimeter."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reports.compare import Counts, Perimeter, Schools, State
from pipeline.reports.day_classes import class_text
from tests.reports.growths import CLASSES, growth, scope, visits

RENTREE = ("2020-09-01", "2019-09-02")


class TestDays:
    @pytest.mark.parametrize(
        ("day", "zone", "kind"),
        [
            ("2020-09-01", None, "ecole"),
            ("2020-09-02", None, "mercredi"),
            ("2020-09-05", None, "samedi"),
            ("2020-09-06", None, "dimanche"),
            ("2020-07-14", None, "ferie"),
            ("2020-08-04", None, "vacances"),
            # Winter 2020: zone C from 8 February, B from 15, A from 22.
            ("2020-02-11", None, "ecole-1"),
            ("2020-02-12", None, "mercredi-1"),
            ("2020-02-18", None, "ecole-2"),
            ("2020-02-11", "C", "vacances"),
            ("2020-02-11", "A", "ecole"),
            # No calendar of Corse or overseas: weekdays, and public holidays.
            ("2020-02-11", "Corse", "ecole"),
            ("2020-02-12", "La Réunion", "mercredi"),
            ("2020-07-14", "La Réunion", "ferie"),
            ("1999-09-05", None, "dimanche"),
        ],
    )
    def test_a_day_has_a_class_in_its_zone_and_one_in_the_country(self, day: str, zone: str | None, kind: str) -> None:
        assert CLASSES.of(date.fromisoformat(day), zone) == kind

    def test_only_known_holidays_are_closed(self) -> None:
        assert CLASSES.is_closed([date(2020, 2, 11)], "C")
        assert not CLASSES.is_closed([date(2020, 2, 11)], "A")
        assert not CLASSES.is_closed([date(2020, 2, 11)], None)
        assert not CLASSES.is_closed([date(2020, 7, 14)], "La Réunion")

    def test_classes_are_said_in_french(self) -> None:
        assert class_text("ecole", 20) == "20 jours d'école"
        assert class_text("mercredi-1", 1) == "1 mercredi (1 zone en vacances)"
        assert class_text("ecole-2", 2) == "2 jours d'école (2 zones en vacances)"


class TestGrowth:
    def test_one_school_day_against_another(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        row = growth(scope(*RENTREE), total).total
        assert row.raw is not None
        assert (row.period, row.reference, row.raw.difference) == (202, 100, 102)
        assert row.raw.percent == pytest.approx(102.0)
        assert row.comparable == row.raw

    def test_days_of_one_kind_are_held_against_each_other_at_the_mix_of_the_period(self) -> None:
        # Monday and Sunday against Monday, Tuesday and Sunday: school 300 against a mean of 100, Sunday 20 against 10.
        total = visits("2020-09-20", 20, 300) | visits("2019-09-08", 10, 80, 120)
        report = growth(scope("2020-09-20/2020-09-22", "2019-09-08/2019-09-11"), total)
        row = report.total
        assert report.per_day
        assert row.raw is not None
        assert (row.raw.period, row.raw.reference) == (160, 70)
        assert row.raw.percent == pytest.approx(128.57, abs=0.01)
        assert row.comparable is not None
        assert (row.comparable.period, row.comparable.reference) == (160, 55)  # (300 + 20) / 2, (100 + 10) / 2
        assert row.comparable.percent == pytest.approx(190.91, abs=0.01)

    def test_a_school_week_against_one_with_holidays_compares_the_kinds_both_have(self) -> None:
        # Toussaint 2020 began on Saturday 17 October; the Friday before is the one school day of the reference.
        total = visits("2020-10-05", 100, 100) | visits("2020-10-16", 50, 5, 5)
        report = growth(scope("2020-10-05/2020-10-07", "2020-10-16/2020-10-19"), total)
        assert report.reference_mix == {"ecole": 1, "vacances": 2}
        assert report.left_out == {"vacances": 2}
        assert report.total.raw is not None
        assert report.total.raw.percent == pytest.approx(400.0)
        assert report.total.comparable is not None
        assert report.total.comparable.percent == pytest.approx(100.0)

    def test_without_a_kind_that_both_have_there_is_no_comparable_growth(self) -> None:
        total = visits("2020-09-01", 100) | visits("2020-09-06", 10)
        row = growth(scope("2020-09-01", "2020-09-06"), total).total
        assert row.comparable is None
        assert row.raw is not None
        assert row.raw.percent == pytest.approx(900.0)

    def test_a_territory_is_compared_by_the_calendar_of_its_own_zone(self) -> None:
        # 10 and 11 February 2020: zone C (Paris) on holiday, zone A (Lyon) at school; the week before all at school.
        days = visits("2020-02-10", 10, 10) | visits("2020-02-03", 100, 100)
        report = growth(
            scope("2020-02-10/2020-02-12", "2020-02-03/2020-02-05"), days, "academie", {"Paris": days, "Lyon": days}
        )
        by_key = {row.key: row for row in report.rows}
        assert by_key["Paris"].comparable is None
        assert by_key["Lyon"].comparable is not None
        assert by_key["Lyon"].comparable.percent == pytest.approx(-90.0)
        assert report.total.comparable is None  # one zone on holiday is no ordinary school day of the country

    def test_all_days_alone_give_no_comparable_growth(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        assert growth(scope(*RENTREE), total, comparable=False).total.comparable is None

    def test_a_missing_day_is_not_a_zero(self) -> None:
        total = visits("2020-09-07", 150, None) | visits("2019-09-09", 100, 100)
        report = growth(scope("2020-09-07/2020-09-09", "2019-09-09/2019-09-11"), total)
        assert report.missing("period") == (date(2020, 9, 8),)
        assert report.per_day
        assert report.total.raw is not None
        assert report.total.raw.percent == pytest.approx(50.0)

    def test_pages_and_visitors_are_measures_too(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        assert growth(scope(*RENTREE), total, measure="hits").total.period == 1010
        report = growth(scope(*RENTREE), total, measure="visitors-per-day")
        assert report.per_day
        assert report.total.period == 202

    def test_a_scale_lifts_the_figures_and_leaves_growth_and_error(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        plain, scaled = (growth(scope(*RENTREE), total, scale=scale).total for scale in (1, 1000))
        assert (scaled.period, scaled.reference) == (202_000, 100_000)
        assert plain.raw is not None
        assert scaled.raw is not None
        assert scaled.raw.difference == 102_000
        assert (scaled.raw.percent, scaled.raw.error) == (plain.raw.percent, plain.raw.error)

    def test_the_sampling_error_is_two_standard_deviations_of_poisson_counts(self) -> None:
        # 400 against 100: ratio 4, 2 x 4 x sqrt(1/400 + 1/100) = 0.894 = 89.4 points.
        total = visits("2020-09-01", 400) | visits("2019-09-02", 100)
        for measure in ("visits", "hits"):  # pages come with their visits
            raw = growth(scope(*RENTREE), total, measure=measure).total.raw
            assert raw is not None
            assert raw.error == pytest.approx(89.44, abs=0.01)


def test_a_planted_growth_comes_back_whatever_days_either_side_has() -> None:
    levels = {"ecole": 90, "mercredi": 50, "samedi": 20, "dimanche": 30, "vacances": 10, "ferie": 5}

    @given(
        st.dates(date(2019, 1, 1), date(2019, 11, 1)),  # so that the sides never share a day
        st.integers(5, 60),
        st.dates(date(2020, 1, 1), date(2020, 12, 1)),
        st.integers(5, 60),
        st.sets(st.integers(0, 700)),
        st.integers(1, 9),
    )
    @settings(max_examples=60, deadline=None)
    def check(first: date, length: int, later: date, more: int, missing: set[int], factor: int) -> None:
        sides = [[start + timedelta(days=at) for at in range(n)] for start, n in ((later, more), (first, length))]
        series = {}
        for days, times in zip(sides, (factor, 1), strict=True):
            for day in days:
                if day.toordinal() % 701 not in missing:
                    count = 100 * levels[CLASSES.of(day, "B")] * times
                    series[day] = Counts(count, count, count)
        spans = [f"{days[0]}/{days[-1] + timedelta(days=1)}" for days in sides]
        report = growth(scope(spans[0], spans[1]), series, "academie", {"Lille": series})
        for row in report.rows:
            measured = [{CLASSES.of(day, "B") for day in days if day in series} for days in sides]
            assert (row.comparable is None) == (not measured[0] & measured[1])
            if row.comparable is not None:
                assert row.comparable.percent == pytest.approx(100 * (factor - 1))

    check()


class TestStates:
    def test_a_service_without_events_among_measured_schools_is_zero_and_then_new(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(scope(*RENTREE), total, "service", {"VISIOCONFERENCE": visits("2020-09-01", 34)})
        (row,) = report.rows
        assert (row.period_state, row.reference_state) == (State.MEASURED, State.ZERO)
        assert row.reference == 0
        assert row.raw is not None
        assert (row.raw.percent, row.raw.error, row.raw.is_new, row.raw.difference) == (None, None, True, 34)

    def test_one_that_sends_and_was_never_seen_is_not_measured(self) -> None:
        for by, key in (("academie", "Lyon"), ("projet", "MonLycée"), ("exploitant", "Kosmos")):
            total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
            report = growth(scope(*RENTREE), total, by, {key: visits("2020-09-01", 34)})
            (row,) = report.rows
            assert (row.period_state, row.reference_state) == (State.MEASURED, State.NOT_MEASURED)
            assert (row.reference, row.raw, row.comparable) == (None, None, None)

    def test_one_that_was_seen_on_the_day_but_not_in_the_hours_is_zero(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        lyon = visits("2020-09-01", 34) | visits("2019-09-02", 0)
        (row,) = growth(scope(*RENTREE), total, "academie", {"Lyon": lyon}).rows
        assert (row.period_state, row.reference_state) == (State.MEASURED, State.ZERO)

    def test_nothing_in_the_holidays_of_the_zone_is_not_open(self) -> None:
        total = visits("2020-02-11", 100) | visits("2020-02-04", 100)
        rows = {"Paris": visits("2020-02-04", 50), "Lyon": visits("2020-02-04", 50), "Corse": visits("2020-02-04", 50)}
        report = growth(scope("2020-02-11", "2020-02-04"), total, "academie", rows)
        assert {row.key: row.period_state for row in report.rows} == {
            "Paris": State.NOT_OPEN,  # zone C, on holiday
            "Lyon": State.NOT_MEASURED,  # zone A, at school: nobody sent
            "Corse": State.NOT_MEASURED,  # its calendar is not known
        }

    def test_a_side_without_any_day_is_not_measured(self) -> None:
        row = growth(scope(*RENTREE), visits("2020-09-01", 202)).total
        assert (row.period_state, row.reference_state) == (State.MEASURED, State.NOT_MEASURED)
        assert (row.period, row.reference, row.raw) == (202, None, None)

    def test_a_service_that_fell_to_nothing_has_lost_all(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        (row,) = growth(scope(*RENTREE), total, "service", {"NOTES": visits("2019-09-02", 50)}).rows
        assert row.period_state is State.ZERO
        assert row.raw is not None
        assert (row.raw.percent, row.raw.error) == (-100.0, None)

    def test_school_days_on_which_a_territory_sent_nothing_are_named(self) -> None:
        total = visits("2020-09-07", 9, 9, 9, 9, 9, 9, 9) | visits("2019-09-09", 9, 9, 9, 9, 9, 9, 9)
        rows = {"Rennes": visits("2020-09-07", 5, None, None, 5, 5, None, None) | visits("2019-09-09", 5)}
        report = growth(scope("2020-09-07/2020-09-14", "2019-09-09/2019-09-16"), total, "academie", rows)
        assert report.rows[0].silent_days == (date(2020, 9, 8),)  # the 9th is a Wednesday, 12 and 13 a weekend

    def test_a_day_on_which_nearly_nobody_sent_is_named(self) -> None:
        total = visits("2020-09-07", 100, 4, 100, 100, 100, 5, 5) | visits("2019-09-09", 100)
        report = growth(scope("2020-09-07/2020-09-14", "2019-09-09"), total)
        assert report.faint("period") == (date(2020, 9, 8),)  # a school day; the weekend is compared with itself
        assert report.faint("reference") == ()

    def test_territories_that_never_sent_are_listed_apart(self) -> None:
        total = visits("2020-09-01", 202) | visits("2019-09-02", 100)
        report = growth(scope(*RENTREE), total, "region", {"Occitanie": total})
        assert "Bretagne" in report.unmeasured
        assert "Occitanie" not in report.unmeasured
        assert growth(scope(*RENTREE), total, "projet", {"MonLycée": total}).unmeasured == ()


class TestPerimeter:
    TOTAL = visits("2020-09-01", 300) | visits("2019-09-02", 100)
    SAME = visits("2020-09-01", 150) | visits("2019-09-02", 100)

    def test_growth_of_the_schools_measured_in_both_periods_stands_beside(self) -> None:
        perimeter = {
            "total": Perimeter({"": Schools(10, 10, 0, False)}, {"": self.SAME}, frozenset(self.SAME), national=True)
        }
        row = growth(scope(*RENTREE), self.TOTAL, perimeter=perimeter).total
        assert row.raw is not None
        assert row.like_for_like is not None
        assert (row.raw.percent, row.like_for_like.percent) == (200.0, 50.0)
        assert row.schools == (10, 10, 0, False)

    def test_the_schools_of_a_service_are_those_of_the_country(self) -> None:
        perimeter = {
            "service": Perimeter(
                {"": Schools(10, 2, 1, False)}, {"NOTES": self.SAME}, frozenset(self.SAME), national=True
            )
        }
        (row,) = growth(scope(*RENTREE), self.TOTAL, "service", {"NOTES": self.TOTAL}, perimeter=perimeter).rows
        assert row.schools == (10, 2, 1, False)
        assert row.like_for_like is not None
        assert row.like_for_like.percent == 50.0

    def test_what_is_hidden_has_no_like_for_like_growth(self) -> None:
        perimeter = {"academie": Perimeter({"Lyon": Schools(3, 1, 0, True)}, {}, frozenset(self.SAME), national=False)}
        (row,) = growth(scope(*RENTREE), self.TOTAL, "academie", {"Lyon": self.TOTAL}, perimeter=perimeter).rows
        assert row.like_for_like is None
        assert row.schools is not None
        assert row.schools.is_hidden

    def test_a_day_whose_schools_are_not_known_yet_is_no_zero(self) -> None:
        # Two days against two; the schools of the second of each period's days are known for the reference alone.
        total = visits("2020-09-07", 300, 300) | visits("2019-09-09", 100, 100)
        same = visits("2020-09-07", 150) | visits("2019-09-09", 100, 100)
        perimeter = {"total": Perimeter({"": Schools(10, 10, 0, False)}, {"": same}, frozenset(same), national=True)}
        asked = scope("2020-09-07/2020-09-09", "2019-09-09/2019-09-11")
        for comparable in (True, False):
            like = growth(asked, total, comparable=comparable, perimeter=perimeter).total.like_for_like
            assert like is not None
            assert like.percent == pytest.approx(50.0)

    def test_visitors_of_schools_do_not_add_up_and_have_none_either(self) -> None:
        perimeter = {
            "total": Perimeter({"": Schools(10, 10, 0, False)}, {"": self.SAME}, frozenset(self.SAME), national=True)
        }
        report = growth(scope(*RENTREE), self.TOTAL, measure="visitors-per-day", perimeter=perimeter)
        assert report.total.like_for_like is None
