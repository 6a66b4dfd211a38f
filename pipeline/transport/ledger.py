"""Which batches were handed out, which are acked, and hence what may be committed: the acked prefix, without holes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from faust.types import TP

from pipeline.transport.batch import Claim


class _Partition:
    """One partition's batches in the order they were handed out."""

    __slots__ = ("acked_to", "base", "expected", "pending")

    def __init__(self, base: int) -> None:
        self.base = base
        self.acked_to = base
        self.expected = base
        self.pending: deque[Claim] = deque()


class AckLedger:
    """The positions of the assigned partitions: `base <= acked_to <= expected`.

        base          acked_to            expected
        | acked batches | pending batches |  next batch

    Positions are offsets of the next record, as Kafka commits them.
    """

    def __init__(self) -> None:
        self._partitions: dict[TP, _Partition] = {}

    def partitions(self) -> list[TP]:
        """The partitions that the ledger has a position for."""
        return list(self._partitions)

    def start(self, tp: TP, position: int) -> None:
        """Read `tp` from `position` on; what was handed out before is void."""
        self.forget([tp])
        self._partitions[tp] = _Partition(position)

    def forget(self, tps: Iterable[TP]) -> None:
        """The partitions are given up: acks of their batches mean nothing any more."""
        for tp in tps:
            partition = self._partitions.pop(tp, None)
            for claim in partition.pending if partition else ():
                claim.alive = False

    def expected(self, tp: TP) -> int | None:
        """Where the next batch has to begin; None when any will do."""
        partition = self._partitions.get(tp)
        return partition.expected if partition else None

    def hand_out(self, tp: TP, first: int, end: int) -> Claim:
        """A batch from `first` to before `end` goes to the application."""
        partition = self._partitions.get(tp)
        if partition is None:
            partition = self._partitions[tp] = _Partition(first)
        claim = Claim(tp, end)
        partition.pending.append(claim)
        partition.expected = end
        return claim

    def ack(self, claim: Claim) -> bool:
        """The batch is durable. False when it belongs to a past assignment (its records come again)."""
        if not claim.alive:
            return False
        claim.acked = True
        partition = self._partitions[claim.tp]
        pending = partition.pending
        while pending and pending[0].acked:
            done = pending.popleft()
            done.alive = False
            partition.acked_to = done.end
        return True

    def acked_to(self, tp: TP) -> int | None:
        """Position up to which everything is acked; None when the partition has no position yet."""
        partition = self._partitions.get(tp)
        return partition.acked_to if partition else None

    def committable(self, tp: TP) -> int | None:
        """The position to commit, or None while nothing was acked since the start."""
        partition = self._partitions.get(tp)
        return partition.acked_to if partition and partition.acked_to > partition.base else None
