"""Periods and hours as a person types them, and what of them is over."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.errors import UserError
from pipeline.reports.periods import Hours, Period, parse_hours, parse_month, parse_period
from tests.reports.growths import scope


class TestPeriods:
    @pytest.mark.parametrize(
        ("text", "first", "last"),
        [
            ("2020-09-01", "2020-09-01", "2020-09-01"),
            ("2020-09-01/2020-09-02", "2020-09-01", "2020-09-01"),
            ("2020-09-01/2020-09-29", "2020-09-01", "2020-09-28"),
            ("2020-03-17 / 2020-05-12", "2020-03-17", "2020-05-11"),
            ("2020-02", "2020-02-01", "2020-02-29"),
            ("2020-01/2020-04", "2020-01-01", "2020-03-31"),
            ("2019-12/2020-01-02", "2019-12-01", "2020-01-01"),
        ],
    )
    def test_an_interval_holds_its_first_day_and_not_its_last(self, text: str, first: str, last: str) -> None:
        assert parse_period(text) == Period(date.fromisoformat(first), date.fromisoformat(last))

    def test_instants_are_days_of_paris_and_keep_their_hours(self) -> None:
        assert parse_period("2020-08-31T22:00Z/2020-09-01T12:00+02:00") == Period(
            date(2020, 9, 1),
            date(2020, 9, 1),
            datetime(2020, 8, 31, 22, tzinfo=UTC),
            datetime(2020, 9, 1, 10, tzinfo=UTC),
        )

    @pytest.mark.parametrize(
        "text",
        ["", "/", "2020", "2020-9-1", "2020-09-31", "20200901", "2020-W36", "2020-13", "yesterday", "2020-09-01/",
         "2020-09-01/2020-09-01", "2020-09-02/2020-09-01", "1970-01-01", "2020-09-01/9999-12-31", "0000-00",
         "2020-09-01T08:00+02:00/2020-09-01", "2020-09-01T08:00+02:00/2020-09-01T08:00+02:00"],
    )  # fmt: skip
    def test_what_is_no_period_is_refused_with_a_sentence(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"write|excluded"):
            parse_period(text)

    def test_an_instant_needs_an_offset_and_a_whole_hour(self) -> None:
        with pytest.raises(ValueError, match="'2020-09-01T08:00' has no offset"):
            parse_period("2020-09-01T08:00/2020-09-01T09:00")
        with pytest.raises(ValueError, match="cuts an hour"):
            parse_period("2020-09-01T08:30Z/2020-09-01T09:00Z")

    def test_a_month_is_written_with_two_digits(self) -> None:
        assert parse_month("2020-05") == Period(date(2020, 5, 1), date(2020, 5, 31))
        for text in ("2020-5", "2020-00", "2020-13", "mai 2020", "1900-01", ""):
            with pytest.raises(ValueError, match=r"is no month: write 2020-05\."):
                parse_month(text)


class TestHours:
    @pytest.mark.parametrize("text", ["07:00-12:00", "7h-12h", "7-12", "7h00-12h00", "07:00 - 12:00"])
    def test_whole_hours_are_read_in_several_forms(self, text: str) -> None:
        assert parse_hours(text) == Hours(7, 12)

    def test_a_part_that_cuts_an_hour_says_why_not(self) -> None:
        with pytest.raises(ValueError, match="'07:30-12:00' cuts an hour, and figures are kept by whole hours"):
            parse_hours("07:30-12:00")

    @pytest.mark.parametrize("text", ["12-7", "7-7", "0-25", "7", "a-b", ""])
    def test_what_is_no_part_of_a_day_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no part of a day"):
            parse_hours(text)


class TestScope:
    def test_whole_days_that_are_over_are_utc_days(self) -> None:
        asked = scope("2020-09-01/2020-09-08", "2019-09-02/2019-09-09")
        assert (asked.by_hour, asked.hours, asked.notes) == (False, Hours(0, 24), ())

    def test_today_is_compared_up_to_the_last_whole_hour_on_both_sides(self) -> None:
        asked = scope("2026-11-23", "2026-11-16")  # it is 10:30 in Paris
        assert (asked.by_hour, asked.hours) == (True, Hours(0, 10))
        assert asked.notes == ("Jour en cours : comparé de 0 h à 10 h (heure de Paris), des deux côtés.",)

    def test_hours_of_today_are_cut_at_what_has_passed(self) -> None:
        assert scope("2026-11-23", "2026-11-16", "07:00-12:00").hours == Hours(7, 10)

    def test_hours_of_today_that_are_still_to_come_are_refused(self) -> None:
        with pytest.raises(UserError, match="No whole hour of 2026-11-23 is over in Paris yet"):
            scope("2026-11-23", "2026-11-16", "10:00-12:00")

    def test_days_that_are_not_over_are_left_out_of_a_longer_period(self) -> None:
        asked = scope("2026-11-16/2026-11-30", "2025-11-17/2025-12-01")
        assert asked.period.last == date(2026, 11, 22)
        assert asked.reference.last == date(2025, 11, 30)
        assert asked.notes == ("Jours qui ne sont pas achevés, laissés de côté : à partir du 23 novembre 2026.",)

    def test_today_stays_in_a_longer_period_where_the_asked_hours_are_over(self) -> None:
        assert scope("2026-11-16/2026-11-30", "2025-11-17", "07:00-10:00").period.last == date(2026, 11, 23)
        assert scope("2026-11-16/2026-11-30", "2025-11-17", "07:00-11:00").period.last == date(2026, 11, 22)

    def test_just_after_midnight_in_paris_yesterday_is_whole_by_its_hours(self) -> None:
        night = datetime(2026, 9, 1, 22, 30, tzinfo=UTC)  # 00:30 on 2 September in Paris, still 1 September in UTC
        asked = scope("2026-09-01", "2025-09-01", now=night)
        assert (asked.by_hour, asked.hours) == (True, Hours(0, 24))

    def test_what_is_still_to_come_is_refused(self) -> None:
        with pytest.raises(UserError, match="--period is not over: its first day, 2026-11-24, has not ended"):
            scope("2026-11-24", "2025-11-24")
        with pytest.raises(UserError, match="--reference is not over"):
            scope("2020-09-01", "2026-11-23")
        with pytest.raises(UserError, match="--period is still to come"):
            scope("2026-11-23T10:00Z/2026-11-23T12:00Z", "2025-11-24")

    def test_instants_are_cut_at_the_passing_hour(self) -> None:
        asked = scope("2026-11-23T06:00Z/2026-11-23T12:00Z", "2026-11-16T06:00Z/2026-11-16T09:00Z")
        assert asked.period.end == datetime(2026, 11, 23, 9, tzinfo=UTC)
        assert asked.notes == ("Les heures qui ne sont pas achevées sont laissées de côté.",)

    def test_parts_of_the_day_that_differ_are_said_also_over_a_change_of_the_clock(self) -> None:
        said = "Les deux périodes ne couvrent pas les mêmes heures du jour : l'évolution n'est qu'indicative."
        # 8 to 12 o'clock in Paris: UTC+2 in September, UTC+1 in January.
        assert scope("2020-09-01T06:00Z/2020-09-01T10:00Z", "2020-01-07T07:00Z/2020-01-07T11:00Z").notes == ()
        assert scope("2020-09-01T06:00Z/2020-09-01T10:00Z", "2020-01-07T06:00Z/2020-01-07T10:00Z").notes == (said,)

    def test_periods_that_share_days_are_said(self) -> None:
        asked = scope("2020-09-01/2020-10-01", "2020-09-30/2020-10-15")
        assert asked.notes == ("Les deux périodes se recouvrent : des jours comptent des deux côtés.",)
        assert scope("2020-09-01/2020-09-30", "2020-09-30/2020-10-15").notes == ()
