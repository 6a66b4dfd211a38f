"""bytewax: `flat_map_batch`, which is called with all the records of one poll."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from tests.bench.peers.counting import KAFKA, TOPIC, Counter

POLL = 5000


class Nowhere(DynamicSink[Any]):  # type: ignore[misc]
    """A dataflow must end in an output."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSinkPartition[Any]:
        """See bytewax."""
        return NowherePart()


class NowherePart(StatelessSinkPartition[Any]):  # type: ignore[misc]
    """Nothing comes out."""

    def write_batch(self, items: list[Any]) -> None:
        """See bytewax."""


if __name__ == "__main__":
    counter = Counter()

    def count(messages: list[Any]) -> list[Any]:
        """Count the records of one poll."""
        counter.many([message.value for message in messages], [message.timestamp[1] for message in messages])
        return []

    flow = Dataflow("peers")
    visits = op.input("visits", flow, KafkaSource([KAFKA], [TOPIC], batch_size=POLL))
    op.output("nowhere", op.flat_map_batch("count", visits, count), Nowhere())
    cli_main(flow)
