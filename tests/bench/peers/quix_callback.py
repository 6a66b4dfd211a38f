"""quixstreams: one callback for each record, with the bytes as they came; it has none for several of them.

(Its `BatchingSink` collects records one by one as well, in objects of its own, and writes at a checkpoint.)
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application

from tests.bench.peers.counting import GROUP, KAFKA, TOPIC, Counter

if __name__ == "__main__":
    counter = Counter()
    app = Application(KAFKA, consumer_group=GROUP, auto_offset_reset="earliest", loglevel="WARNING")

    def take(value: bytes, key: Any, timestamp: int, headers: Any) -> None:
        """Count one record."""
        counter.one(value, timestamp)

    visits = app.dataframe(app.topic(TOPIC, key_deserializer="bytes", value_deserializer="bytes"))
    visits.update(take, metadata=True)
    app.run()
