"""ClickHouse away while events go on: the short form of `make outage`."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.stack import running_stack
from tests.bench.bench_outage import play
from tests.support.brokers import embedded_broker

RATE = 5_000


def test_while_clickhouse_is_away_memory_is_bounded_lag_and_age_are_right_and_then_every_event_is_there(
    tmp_path: Path,
) -> None:
    with embedded_broker() as broker, running_stack(broker, tmp_path) as stack:
        # A worker that is full after a second of this flow, so that most of the outage is spent holding back.
        outcome = play(
            stack, RATE, 20.0, print, steady_seconds=4.0, INSTANT_T_FLUSH_EVENTS="5000", INSTANT_T_STUCK_SECONDS="5"
        )
    assert (outcome.lost, outcome.doubled) == (0, 0)
    assert outcome.rejected == outcome.rejected_expected
    assert outcome.backlog > 15 * RATE
    assert outcome.outage_mib - outcome.steady_mib < 48
    assert outcome.lag_error < 4 * RATE
    assert outcome.age_error < 4
    assert outcome.age_at_end > 15
    assert outcome.unhealthy_said
    assert outcome.is_same_process
