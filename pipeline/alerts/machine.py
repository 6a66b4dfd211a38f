"""The decisions: a state machine over all series, stepped once a tick.

quiet ──breach, N ticks in a row──► open ──calm for 9 ticks──► closed (recovered)
             │                       │ ├──its rest is calm beside a wider alert──► closed (merged)
             │                       │ └──too long──► closed (capped): the new ordinary
             └── one opens a tick: the one that explains most; what it holds is left out of the others, and
                 whoever still breaches without it opens next
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from pipeline.alerts import days, rules, telling
from pipeline.alerts.catalogue import KIND_CODES, Catalogue
from pipeline.alerts.chance import deviance
from pipeline.alerts.change import Change, Direction, Kind, WhyClosed, alert_id
from pipeline.alerts.expectation import OPENING, WINDOWS, Bools, Expected, Muted, expect
from pipeline.alerts.open_alert import OpenAlert, muted
from pipeline.alerts.sample import SPAN_EDGES, TICK_SECONDS, Ints, Leaves, Sample

_COUNTERS = ("drop", "spike", "leak", "silence")
_WAIT_TICKS = 3


class Machine:
    """Opens, updates and closes alerts. The same samples from the same state give the same changes, on any worker."""

    def __init__(self) -> None:
        self.t = 0
        """Last tick judged."""
        self._alerts: list[OpenAlert] = []
        """Open ones and those that closed within `BENDS_SECONDS`, in order of opening."""
        self._late_ticks = 0
        self._opened: dict[str, int] = {}
        """Territory without a known calendar → last local day (since 1970) on which it was seen open."""
        self._waiting: dict[str, dict[tuple[Kind, str], int]] = {name: {} for name in _COUNTERS}
        """Counters of a snapshot, until there is a catalogue."""
        self._catalogue: Catalogue | None = None
        self._ticks: dict[str, Ints] = {}

    # -- one tick

    def step(self, sample: Sample) -> list[Change]:
        """Judge one tick.

        Args:
            sample: The next tick; ticks may be skipped, never repeated or taken backwards.

        Returns:
            The changes of this tick, in the order in which they are to be published, sentences filled in.

        Raises:
            ValueError: The tick is not after the last one.
        """
        if sample.t <= self.t:
            raise ValueError(f"tick {sample.t} is not after {self.t}")
        catalogue = self._know(sample.main.leaves, sample.profils.leaves)
        self.t = sample.t
        self._alerts = [each for each in self._alerts if each.is_remembered(self.t)]
        changes = self._gate(sample.t, sample.data_age_seconds, sample.watermark_lag_seconds)
        if max(sample.data_age_seconds, sample.watermark_lag_seconds) > rules.LATE_SECONDS:
            for ticks in self._ticks.values():
                ticks[:] = 0
            return changes
        if not catalogue.main:
            return changes
        hidden = muted(self._alerts, catalogue, self.t)
        unopened = self._unopened(sample, catalogue)
        found = expect(sample, catalogue, hidden, [catalogue.members[at] for at in unopened])
        local = np.mod(self.t + catalogue.offset, 86_400.0)
        verdict = rules.Verdict(found, catalogue, local)
        self._void_national_windows(verdict, found)
        inside = np.isin(catalogue.academie_of, catalogue.academie_of[unopened])
        verdict.drop[inside] = verdict.leak[inside] = verdict.spike[inside] = False
        self._count(verdict, sample, catalogue, hidden, found, inside)
        teller = telling.Teller(sample, catalogue, found, self._alerts)
        for alert in [each for each in self._alerts if each.closed_at is None and each.direction != "late"]:
            changes += self._follow(alert, teller)
        opened = self._choose(verdict, found, catalogue)
        if opened is not None:
            changes += self._open(*opened, teller)
        return changes

    def stalled(self, data_age_seconds: float, watermark_lag_seconds: float) -> list[Change]:
        """Say that data are late when no tick comes at all; at the last tick's t. Call it once in a while, not always.

        Returns:
            The change that opens the alert `late`, unless it is open or nothing was judged yet.
        """
        if not self.t:
            return []
        self._late_ticks = max(self._late_ticks, rules.LATE_TICKS - 1)
        return self._gate(self.t, data_age_seconds, watermark_lag_seconds)

    # -- what it goes on from

    def snapshot(self) -> bytes:
        """The whole state as JSON (a few KB). `restore` of it goes on exactly as this machine would."""
        counters: dict[str, list[tuple[Kind, str, int]]] = {}
        for name in _COUNTERS:
            if self._catalogue is None:
                counters[name] = [(*key, ticks) for key, ticks in self._waiting[name].items()]
            else:
                ticks = self._ticks[name]
                counters[name] = [
                    (self._catalogue.kinds[at], self._catalogue.keys[at], int(ticks[at]))
                    for at in np.flatnonzero(ticks)
                ]
        state = {
            "t": self.t,
            "late_ticks": self._late_ticks,
            "opened": self._opened,
            "alerts": [each.to_dict() for each in self._alerts],
            "counters": counters,
        }
        return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def restore(cls, snapshot: bytes) -> Machine:
        """The machine that `snapshot` was taken of.

        Raises:
            ValueError: The bytes are no snapshot.
        """
        try:
            state = json.loads(snapshot)
            machine = cls()
            machine.t, machine._late_ticks = int(state["t"]), int(state["late_ticks"])
            machine._opened = {name: int(day) for name, day in state["opened"].items()}
            machine._alerts = [OpenAlert.from_dict(each) for each in state["alerts"]]
            for name in _COUNTERS:
                machine._waiting[name] = {(kind, key): int(ticks) for kind, key, ticks in state["counters"][name]}
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError("these bytes are no snapshot of the detector") from error
        return machine

    @classmethod
    def rebuild(cls, changes: Iterable[Change]) -> Machine:
        """Where no snapshot is left: a machine that goes on with the alerts that are open by what was said of them.

        Args:
            changes: In any order, the changes of the last 12 hours, at least the last one of each open alert.
        """
        last: dict[str, Change] = {}
        for change in sorted(changes, key=lambda each: each.revision):
            last[change.alert_id] = change
        machine = cls()
        machine.t = max((each.changed_at for each in last.values()), default=0)
        machine._alerts = sorted(map(OpenAlert.from_change, last.values()), key=lambda each: each.opened_at)
        machine._alerts = [each for each in machine._alerts if each.is_remembered(machine.t)]
        return machine

    @property
    def open_alerts(self) -> list[tuple[Direction, Kind, str]]:
        """(direction, kind, key) of what is open."""
        return [(each.direction, *each.name) for each in self._alerts if each.closed_at is None]

    # -- inside

    def _know(self, leaves: Leaves, profils: Leaves) -> Catalogue:
        """The catalogue of these leaves; counters move over by name when leaves or the day change."""
        known = self._catalogue
        if known is not None and known.leaves is leaves and known.profils is profils:
            return known
        if known is not None:
            for name in _COUNTERS:
                ticks = self._ticks[name]
                self._waiting[name] = {
                    (known.kinds[at], known.keys[at]): int(ticks[at]) for at in np.flatnonzero(ticks)
                }
        self._catalogue = fresh = Catalogue(leaves, profils)
        for name in _COUNTERS:
            self._ticks[name] = np.zeros(len(fresh), dtype=np.int64)
            for key, ticks_then in self._waiting[name].items():
                if key in fresh.number:
                    self._ticks[name][fresh.number[key]] = ticks_then
        return fresh

    def _gate(self, t: int, data_age: float, lag: float) -> list[Change]:
        late = next((each for each in self._alerts if each.direction == "late" and each.closed_at is None), None)
        worst = max(data_age, lag)
        if worst > rules.LATE_SECONDS:
            self._late_ticks = max(self._late_ticks, 0) + 1
            if late is None and self._late_ticks >= rules.LATE_TICKS:
                late = OpenAlert(
                    alert_id("national", "", "late", t), "late", "national", "", t, t - int(worst) // 10 * 10,
                    revision=1, updated_at=t,
                )  # fmt: skip
                self._alerts.append(late)
                return [telling.late(late, "opened", t, worst)]
            return []
        self._late_ticks = min(self._late_ticks, 0) - 1
        if late is not None and self._late_ticks <= -rules.IN_TIME_TICKS:
            late.closed_at, late.revision = t, late.revision + 1
            return [telling.late(late, "closed", t, worst)]
        return []

    def _void_national_windows(self, verdict: rules.Verdict, found: Expected) -> None:
        """The country has no leaves to leave out: while its alert is in a window, that window says nothing of it."""
        for each in self._alerts:
            if each.kind == "national" and each.direction != "late" and not each.forgotten:
                ended = self.t if each.closed_at is None else each.closed_at
                if ended > self.t - WINDOWS[2]:
                    verdict.drop[0] = verdict.spike[0] = False

    def _unopened(self, sample: Sample, catalogue: Catalogue) -> Ints:
        """Those of `Catalogue.territories` that have not been open today, as series; dead ones are not among them.

        Schools of a territory without a known calendar may be on holiday: then it is low from the morning on, evenly,
        and stays so. Nothing in it is judged, and nothing that holds it beside others misses it.
        """
        if sample.learning:
            return np.zeros(0, dtype=np.int64)
        counts, found = sample.main, []
        for at in catalogue.territories:
            name, offset = catalogue.keys[at], catalogue.offset[at]
            day, local = divmod(self.t + offset, 86_400.0)
            if self._opened.get(name) == day:
                continue
            rows = catalogue.members[at] & (counts.closure < 0)
            if (counts.days[rows] < days.ENOUGH).any():
                continue
            due = float(counts.reference[rows, :OPENING].sum())
            share = float(counts.hits[rows, :OPENING].sum()) / due if due >= rules.LEAST_PAST else rules.SHUT_SHARE
            if rules.OPEN_FROM <= local <= rules.OPEN_TO and share >= rules.OPEN_SHARE:
                self._opened[name] = int(day)
            elif share >= rules.SHUT_SHARE or due < rules.SHUT_DUE:
                found.append(int(at))
        return np.array(found, dtype=np.int64)

    def _count(
        self,
        verdict: rules.Verdict,
        sample: Sample,
        catalogue: Catalogue,
        hidden: Muted | None,
        found: Expected,
        unopened: Bools,
    ) -> None:
        breaches = {"drop": verdict.drop, "spike": verdict.spike, "leak": verdict.leak}
        if self.t // rules.SILENCE_EVERY != (self.t - TICK_SECONDS) // rules.SILENCE_EVERY:
            silent = telling.silence(sample, catalogue, hidden, found)
            silent &= ~unopened
            breaches["silence"] = silent
        taken = [catalogue.number[each.name] for each in self._alerts
                 if each.closed_at is None and each.direction != "late" and each.name in catalogue.number]  # fmt: skip
        for name, breach in breaches.items():
            breach[taken] = False
            ticks = self._ticks[name]
            weight = verdict.weight if name in ("drop", "spike") else 1
            self._ticks[name] = np.where(breach, ticks + weight, 0)

    def _choose(
        self, verdict: rules.Verdict, found: Expected, catalogue: Catalogue
    ) -> tuple[int, Direction, int, int] | None:
        """The series to open at this tick: (series, direction, window, memory), or None.

        Of all that have breached for long enough, the one whose deviance is largest. It waits a little for a series
        that shares leaves, breaches already, and explains more: a platform is seldom seen first as the platform.
        """
        small = rules.SMALL_TICKS * (found.base[:, 0] < rules.SMALL_HITS)
        need_drop, need_spike = (
            rules.STRONG * (ticks[catalogue.levels] + small) for ticks in (rules.TICKS_DROP, rules.TICKS_SPIKE)
        )
        drops, spikes = self._ticks["drop"] >= need_drop, self._ticks["spike"] >= need_spike
        ready = drops | spikes | (self._ticks["leak"] >= rules.LEAK_TICKS)
        if ready.any():
            candidates = np.flatnonzero(ready)
            window = int(min(verdict.window[candidates].min(), 2)) if (verdict.window[candidates] < 3).any() else 3
            starting = np.flatnonzero(verdict.drop | verdict.spike | ready)
            mu = found.base[starting, window] * found.q[starting, verdict.memory[starting]]
            weight = deviance(found.x[starting, window], mu)
            best = starting[weight.argmax()]
            if not ready[best]:
                waited = max(self._ticks["drop"][candidates].max(), self._ticks["spike"][candidates].max())
                shares = self._share_leaves(int(best), candidates, catalogue)
                mine = np.isin(starting, candidates)
                best = starting[mine][weight[mine].argmax()]
                longest = max(need_drop[best], need_spike[best])
                if shares and waited < longest + rules.STRONG * _WAIT_TICKS:
                    return None
            at = int(best)
            direction: Direction = "drop"
            if spikes[at]:
                direction = "retries" if found.pages[at] >= rules.RETRIES * found.expected_pages[at] else "spike"
            return at, direction, int(verdict.window[at]), int(verdict.memory[at])
        silent = np.flatnonzero(self._ticks["silence"] >= rules.SILENCE_TICKS)
        if len(silent):
            wide = silent[found.base[silent, 3].argmax()]
            return int(wide), "silence", 3, 1
        return None

    def _share_leaves(self, at: int, others: Ints, catalogue: Catalogue) -> bool:
        """Whether a series and one of the others have a leaf in common; profils share with everyone."""
        others = others[others < catalogue.main]
        if at >= catalogue.main or not len(others):
            return True
        return bool((catalogue.members[others] & catalogue.members[at]).any())

    def _open(self, at: int, direction: Direction, window: int, memory: int, teller: telling.Teller) -> list[Change]:
        catalogue, found = teller.catalogue, teller.found
        kind, key = catalogue.kinds[at], catalogue.keys[at]
        counter = {"drop": "drop", "silence": "silence"}.get(direction, "spike")
        ticks = max(int(self._ticks[counter][at]) // rules.STRONG, 1)
        since = self.t - (ticks - 1) * TICK_SECONDS - WINDOWS[window]
        if window == 3:
            since = self.t - SPAN_EDGES[-1]  # a leak has bent all of the past that is looked at
        if direction == "silence":
            since = self.t - int(teller.silent_seconds(at)) // 10 * 10
        drift = 1.0 if window == 3 else float(found.q[at, memory])
        alert = OpenAlert(
            alert_id(kind, key, direction, self.t), direction, kind, key, self.t, since,
            drift=drift, national=float(found.q[0, 0]), learning=bool(found.learning[at]), window=min(window, 2),
        )  # fmt: skip
        alert.rate, alert.rest = teller.level(alert)
        self._alerts.append(alert)
        for name in _COUNTERS:
            self._ticks[name][at] = 0
        return [*self._merge(alert, teller), teller.say(alert, "opened")]

    def _merge(self, wide: OpenAlert, teller: telling.Teller) -> list[Change]:
        """Close the open alerts that lie wholly inside the one that opens now."""
        catalogue = teller.catalogue
        if wide.kind in ("national", "profil"):
            return []
        inside = catalogue.members[catalogue.number[wide.name]]
        changes = []
        for each in self._alerts:
            at = catalogue.number.get(each.name, catalogue.main)
            if each is wide or each.closed_at is not None or at >= catalogue.main or each.kind == "national":
                continue
            if not (catalogue.members[at] & ~inside).any():
                changes.append(self._close(each, "merged", teller))
        return changes

    def _follow(self, alert: OpenAlert, teller: telling.Teller) -> list[Change]:
        """Close an open alert or tell what has changed of it."""
        if alert.name not in teller.catalogue.number:
            alert.closed_at = self.t
            return [telling.gone(alert, self.t)]
        at = teller.catalogue.number[alert.name]
        standing = teller.standing(alert)
        code = KIND_CODES[alert.kind]
        if alert.direction == "silence":
            calm = teller.silent_seconds(at) < 300 and standing.observed > 0
        elif alert.direction == "drop":
            calm = standing.ratio > 1 - 0.5 * rules.DROP[1, code]
        else:
            calm = standing.ratio < 1 + 0.5 * (rules.SPIKE[1, code] - 1)
        alert.calm = alert.calm + 1 if calm else 0
        if alert.calm >= rules.CALM_TICKS:
            why: WhyClosed = "closure" if standing.closed else "merged" if standing.merged else "recovered"
            return [self._close(alert, why, teller)]
        cap = rules.CAP_LEARNING if alert.learning else rules.CAP
        cap = rules.CAP_NATIONAL if alert.kind == "national" else cap
        if self.t - alert.opened_at > cap and alert.direction != "silence":
            alert.forgotten = True
            return [self._close(alert, "capped", teller)]
        quiet = self.t - alert.updated_at
        if quiet >= rules.UPDATE_SECONDS and quiet % 60 == 0 and teller.differs(alert, standing):
            return [teller.say(alert, "updated")]
        return []

    def _close(self, alert: OpenAlert, why: WhyClosed, teller: telling.Teller) -> Change:
        alert.closed_at = self.t
        return teller.say(alert, "closed", why)
