"""Record batches through Faust: one Faust event is what one fetch holds of one partition.

    app = faust.App("my-group", **app_settings(["127.0.0.1:9092"], session_timeout=6.0))
    install(app, flush=make_durable_and_ack)
    visits = app.topic("visits", schema=BatchSchema())

    @app.agent(visits)
    async def count(stream):
        async for event in stream.noack().events():
            ...                 # event.value is a RecordBatch
            event.ack()         # once it is durable; refused when the partition has moved on meanwhile

A real Faust app otherwise: agents, consumer group, rebalances. Offsets are committed behind the acks, in order, without
holes, every second. `0001-record-batches.md` says why this exists and what was measured.
"""

from pipeline.transport.batch import BatchSchema, RecordBatch
from pipeline.transport.consumer import TransportHooks
from pipeline.transport.driver import app_settings, heard, install, joined, lags, rebalance_seconds

__all__ = [
    "BatchSchema", "RecordBatch", "TransportHooks", "app_settings", "heard", "install", "joined", "lags",
    "rebalance_seconds",
]  # fmt: skip
