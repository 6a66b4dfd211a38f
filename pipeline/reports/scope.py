"""What a growth report looks at: two periods, cut so that what is not over is never held against what is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from pipeline import french
from pipeline.errors import UserError
from pipeline.reports.periods import PARIS, WHOLE_DAY, Hours, Period


@dataclass(frozen=True)
class Scope:
    """The two periods as they are compared."""

    period: Period
    reference: Period
    hours: Hours
    """The same part of the day for both."""
    by_hour: bool
    """Figures are sums of hours of Paris days; else they are those of UTC days."""
    notes: tuple[str, ...]
    """What was cut or does not fit, in French."""


def settle(period: Period, reference: Period, hours: Hours | None, now: datetime) -> Scope:
    """Decide between days and hours, and leave out what is not over.

    A period that is one day, and that day is passing, is compared up to the last whole hour with the same part of the
    reference's days. In a longer one the days that are not over are left out.

    Args:
        period: as asked.
        reference: as asked.
        hours: part of the day, or None for all of it.
        now: aware.

    Raises:
        UserError: nothing of a period is over yet.
    """
    notes: list[str] = []
    paris = now.astimezone(PARIS)
    part = hours or WHOLE_DAY
    by_hour = hours is not None or period.is_instants or reference.is_instants
    single = not period.is_instants and period.first == period.last
    if single and period.first in (paris.date(), _utc_day(now)):
        by_hour = True
        elapsed = paris.hour if period.first == paris.date() else 24
        part = replace(part, end=min(part.end, elapsed))
        if part.start >= part.end:
            raise UserError(f"No whole hour of {period.last} is over in Paris yet: ask again within the hour.")
        notes.append(f"Jour en cours : comparé de {part.start} h à {part.end} h (heure de Paris), des deux côtés.")
    whole_period = _over(period, part, by_hour, now, "--period", notes)
    whole_reference = _over(reference, part, by_hour, now, "--reference", notes)
    if by_hour and whole_period.parts(part) != whole_reference.parts(part):
        notes.append("Les deux périodes ne couvrent pas les mêmes heures du jour : l'évolution n'est qu'indicative.")
    if whole_period.first <= whole_reference.last and whole_reference.first <= whole_period.last:
        notes.append("Les deux périodes se recouvrent : des jours comptent des deux côtés.")
    return Scope(whole_period, whole_reference, part, by_hour, tuple(notes))


def _over(period: Period, part: Hours, by_hour: bool, now: datetime, option: str, notes: list[str]) -> Period:
    """What is over of a period; says what is not."""
    if period.start is not None and period.end is not None:
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if period.end <= hour:
            return period
        if hour <= period.start:
            raise UserError(f"{option} is still to come: nothing of it is over.")
        notes.append("Les heures qui ne sont pas achevées sont laissées de côté.")
        last = (hour - timedelta(hours=1)).astimezone(PARIS).date()
        return replace(period, end=hour, last=last)
    paris = now.astimezone(PARIS)
    if by_hour:
        newest = paris.date() if part.end <= paris.hour else paris.date() - timedelta(days=1)
    else:
        newest = _utc_day(now) - timedelta(days=1)
    if newest < period.first:
        raise UserError(f"{option} is not over: its first day, {period.first}, has not ended.")
    if newest < period.last:
        notes.append(
            f"Jours qui ne sont pas achevés, laissés de côté : à partir du {french.day(_next(newest), weekday=False)}."
        )
    return period.until(newest)


def _utc_day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _next(day: date) -> date:
    return day + timedelta(days=1)
