"""What may be committed is the acked prefix, without holes, of the present assignment."""

from __future__ import annotations

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transport.ledger import AckLedger

P0, P1 = TP("visits", 0), TP("visits", 1)


def test_nothing_is_committable_before_the_first_ack() -> None:
    ledger = AckLedger()
    assert ledger.committable(P0) is None
    ledger.start(P0, 10)
    ledger.hand_out(P0, 10, 20)
    assert ledger.committable(P0) is None
    assert ledger.acked_to(P0) == 10
    assert ledger.expected(P0) == 20


def test_a_batch_acked_before_an_earlier_one_is_not_committable() -> None:
    ledger = AckLedger()
    early, late = ledger.hand_out(P0, 0, 5), ledger.hand_out(P0, 5, 9)
    assert ledger.ack(late)
    assert ledger.committable(P0) is None
    assert ledger.ack(early)
    assert ledger.committable(P0) == 9


def test_gaps_in_the_log_are_committed_over() -> None:
    ledger = AckLedger()
    ledger.start(P0, 3)
    claim = ledger.hand_out(P0, 7, 12)
    ledger.ack(claim)
    assert ledger.committable(P0) == 12


def test_an_ack_after_the_partition_was_given_up_is_refused() -> None:
    ledger = AckLedger()
    stale = ledger.hand_out(P0, 0, 5)
    ledger.forget([P0])
    fresh = ledger.hand_out(P0, 0, 5)
    assert not ledger.ack(stale)
    assert ledger.committable(P0) is None
    assert ledger.ack(fresh)
    assert ledger.committable(P0) == 5


def test_an_ack_of_the_old_topic_does_not_stand_for_the_new_one_with_the_same_offsets() -> None:
    ledger = AckLedger()
    ledger.start(P0, 100)
    old = ledger.hand_out(P0, 100, 110)
    ledger.start(P0, 0)
    ledger.hand_out(P0, 0, 110)
    assert not ledger.ack(old)
    assert ledger.committable(P0) is None


def test_the_second_ack_of_a_batch_changes_nothing() -> None:
    ledger = AckLedger()
    claim = ledger.hand_out(P0, 0, 5)
    assert ledger.ack(claim)
    assert not ledger.ack(claim)
    assert ledger.committable(P0) == 5


def test_partitions_do_not_touch_each_other() -> None:
    ledger = AckLedger()
    ledger.ack(ledger.hand_out(P0, 0, 5))
    ledger.hand_out(P1, 0, 7)
    assert ledger.committable(P0) == 5
    assert ledger.committable(P1) is None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.randoms())
def test_in_any_order_of_acks_the_commit_is_the_end_of_the_longest_acked_prefix(
    sizes: list[int], order: object
) -> None:
    ledger = AckLedger()
    position, claims = 0, []
    for size in sizes:
        claims.append(ledger.hand_out(P0, position, position + size))
        position += size
    shuffled = list(range(len(sizes)))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    acked: set[int] = set()
    for index in shuffled:
        assert ledger.ack(claims[index])
        acked.add(index)
        prefix = next((i for i in range(len(sizes)) if i not in acked), len(sizes))
        assert ledger.committable(P0) == (sum(sizes[:prefix]) or None)
