"""Which dead letters are sent again, once each, and how Kafka itself remembers what was sent.

A run of `rejects redrive` is a selection (reason, since, until) over the letters that were there at its start. That is
all that has to be remembered: a letter was sent if a past run covers it. Each run is kept as a consumer group that
nobody joins: its **name** is the selection, its **committed offsets** on ent.rejects.v1 are where each partition ended.
No topic, file or table is added; `kafka-consumer-groups.sh --list` shows the runs; Kafka forgets a group seven days
after its last commit (offsets.retention.minutes), when the letters that it spoke of have left as well.

A run is recorded after its last event was acknowledged: a crash before that repeats it, which counts nothing twice,
since the store counts by event id. A letter of the same bytes as one that was sent before is an **echo**: the event
came back because it is still bad. Echoes are left out unless asked for, so that no event goes round for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kafka.structs import OffsetAndMetadata

from pipeline.broker.dead_letters import DeadLetter
from pipeline.broker.reading import open_reader, partitions_of
from pipeline.broker.topics_admin import open_admin
from pipeline.settings import Settings
from pipeline.topics import REJECTS

HOPELESS = frozenset({"too_old", "too_large"})
"""Reasons that no fix of ours mends: such events are rejected again, whenever they are sent."""
MEMORY = timedelta(days=7)
"""How long a run is remembered, and a letter kept; one that is still there later is left alone."""
_PREFIX = "instant-t.redrive"
# Dots separate: the embedded broker cuts names at slashes. Times are epoch milliseconds, 0 for none.
_NAME = re.compile(rf"{re.escape(_PREFIX)}\.(\d+)\.(\w+)\.(\d+)\.(\d+)\.([a-z-]+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Selection:
    """What the operator asked for. Times are aware; letters with since <= rejected_at < until are meant."""

    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    force: bool = False
    """Hopeless ones too."""
    again: bool = False
    """Echoes too."""

    def matches(self, letter: DeadLetter) -> bool:
        """Whether reason and time are those asked for."""
        return (
            (self.reason is None or letter.reason == self.reason)
            and (self.since is None or letter.rejected_at >= self.since)
            and (self.until is None or letter.rejected_at < self.until)
        )

    def wants(self, letter: DeadLetter) -> bool:
        """Whether it matches and may be sent."""
        return self.matches(letter) and (self.force or letter.reason not in HOPELESS)


@dataclass(frozen=True)
class Run:
    """One run: a selection over what was in the topic at its start."""

    at: datetime
    """Aware, whole milliseconds."""
    selection: Selection
    ends: Mapping[int, int]
    """Partition of ent.rejects.v1 → first offset that the run did not see."""

    def covers(self, letter: DeadLetter) -> bool:
        """Whether the run saw the letter and wanted it."""
        return letter.letter_offset < self.ends.get(letter.letter_partition, 0) and self.selection.wants(letter)

    @property
    def group(self) -> str:
        """The name of the consumer group that stands for this run."""
        asked = self.selection
        flags = "-".join(word for word, on in (("force", asked.force), ("again", asked.again)) if on) or "plain"
        times = ".".join("0" if t is None else str(_millis(t)) for t in (asked.since, asked.until))
        return f"{_PREFIX}.{_millis(self.at)}.{asked.reason or 'all'}.{times}.{flags}"


@dataclass
class Plan:
    """What a run does with each letter that matches its reason and time."""

    send: list[DeadLetter] = field(default_factory=list)
    """To be sent: oldest first, one for each event."""
    sent_before: int = 0
    """Sent by an earlier run."""
    echoes: int = 0
    """The same bytes were sent by an earlier run, and were rejected again."""
    hopeless: int = 0
    """Left out because sending cannot help."""
    expired: int = 0
    """Older than what is remembered of earlier runs."""
    same: int = 0
    """The same bytes as another letter of this run: sent once."""


def make_plan(letters: Iterable[DeadLetter], past: Sequence[Run], run: Run) -> Plan:
    """Decide for every letter, by going through the earlier runs in their order; pure.

    Args:
        letters: those of a survey, oldest first.
        past: earlier runs.
        run: the one to be made.
    """
    plan = Plan()
    same_bytes: dict[bytes, list[DeadLetter]] = {}
    for letter in letters:
        same_bytes.setdefault(letter.digest, []).append(letter)
    runs = sorted(past, key=lambda r: r.at)
    for group in same_bytes.values():
        done: set[str] = set()
        for earlier in runs:
            covered = {letter.origin for letter in group if earlier.covers(letter)} - done
            if not done or earlier.selection.again:
                done |= covered
        chosen = False
        for letter in group:
            if not run.selection.matches(letter):
                continue
            if letter.origin in done:
                plan.sent_before += 1
            elif letter.rejected_at < run.at - MEMORY:
                plan.expired += 1
            elif not run.selection.wants(letter):
                plan.hopeless += 1
            elif done and not run.selection.again:
                plan.echoes += 1
            elif chosen:
                plan.same += 1
            else:
                plan.send.append(letter)
                chosen = True
    plan.send.sort(key=lambda letter: (letter.rejected_at, letter.letter_partition, letter.letter_offset))
    return plan


def past_runs(settings: Settings) -> list[Run]:
    """The runs that Kafka remembers, oldest first.

    Raises:
        UserError: no broker answers.
    """
    with open_admin(settings) as admin:
        names = sorted(group["group_id"] for group in admin.list_groups())
    runs = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        at, reason, since, until, flags = match.groups()
        with open_reader(settings.kafka, group=name) as consumer:
            committed = {p.partition: consumer.committed(p) or 0 for p in partitions_of(consumer, REJECTS)}
        selection = Selection(
            reason=None if reason == "all" else reason,
            since=_instant(since),
            until=_instant(until),
            force="force" in flags,
            again="again" in flags,
        )
        runs.append(Run(_EPOCH + timedelta(milliseconds=int(at)), selection, committed))
    return sorted(runs, key=lambda run: run.at)


def remember(settings: Settings, run: Run) -> None:
    """Record a run whose events have all been acknowledged.

    Raises:
        UserError: no broker answers.
    """
    with open_reader(settings.kafka, group=run.group) as consumer:
        partitions = [p for p in partitions_of(consumer, REJECTS) if p.partition in run.ends]
        consumer.assign(partitions)
        consumer.commit({p: OffsetAndMetadata(run.ends[p.partition], "", -1) for p in partitions})


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _instant(millis: str) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=int(millis)) if int(millis) else None
