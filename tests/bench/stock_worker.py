"""The same work by stock Faust: its own Kafka transport, one event per record, `take()`; our core, our sink.

    python -m tests.bench.stock_worker

It differs from the real worker in the transport only, and shows on /metrics what it has made durable. With BENCH_SINK
(cells or rows), BENCH_EVENTS and BENCH_PROVE it works into a null sink, as `null_worker` does; BENCH_TOPIC is another
topic than ent.visits.v1.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import faust

from agents.count_visits import CHUNK
from agents.ports import Sink
from pipeline import settings as settings_module
from pipeline import topics
from pipeline.core.columns import Columns, Words
from pipeline.health import HealthServer, Pulse
from pipeline.metrics import Metrics
from pipeline.servers import store_url
from pipeline.store.client import Store
from pipeline.store.sink import ClickHouseSink
from pipeline.transport.tables import QuickTableManager
from tests.bench.null_sink import Announcer, NullSink
from tests.bench.telling import Kept, say

TAKE = 5000

settings = settings_module.load()
board = Announcer(Metrics(), Pulse())
sink: Sink
if "BENCH_SINK" in os.environ:
    board.kept = Kept() if "BENCH_PROVE" in os.environ else None
    sink = NullSink(rows=os.environ["BENCH_SINK"] == "rows", kept=board.kept)
else:
    sink = ClickHouseSink(Store(store_url(settings, "writer")), board)
words = Words()
app = faust.App(
    settings.group,
    broker=[f"kafka://{address}" for address in settings.kafka],
    broker_session_timeout=settings.session_timeout,
    broker_heartbeat_interval=min(3.0, settings.session_timeout / 4),
    consumer_auto_offset_reset="earliest",
    stream_buffer_maxsize=16384,
    topic_disable_leader=True,
    worker_redirect_stdouts=False,
    datadir=Path(tempfile.gettempdir()) / "faust-bench",  # not in the current folder
    TableManager=QuickTableManager,  # the same quick start as ours
)
visits = app.topic(os.environ.get("BENCH_TOPIC", topics.VISITS), value_type=bytes, value_serializer="raw")


@app.agent(visits)  # type: ignore[untyped-decorator]
async def count_visits(stream: Any) -> None:
    """Count 5,000 records at a time."""
    async for events in stream.take_events(TAKE, within=0.5):
        if not board.events:
            say(events=0)
        start = asyncio.get_running_loop().time()
        columns = Columns(words, settings.max_event_age * 1_000_000)
        now_ms = time.time_ns() // 1_000_000
        rejected = 0
        for at in range(0, len(events), CHUNK):
            part = events[at : at + CHUNK]
            stamps = [int(event.message.timestamp * 1000) for event in part]
            rejected += len(columns.add([event.value for event in part], stamps, now_ms))
        await asyncio.get_running_loop().run_in_executor(None, sink.write, columns, ())
        board.flushed(columns, [], asyncio.get_running_loop().time() - start, now_ms)
        board.metrics.events.labels("rejected").inc(rejected)


@app.timer(interval=1.0)  # type: ignore[untyped-decorator]
async def beat() -> None:
    """Show that it lives."""
    board.beat({}, True)


@app.task  # type: ignore[untyped-decorator]
async def serve_health() -> None:
    """The same /metrics as the real worker."""
    HealthServer(settings.metrics_host, settings.metrics_port, board.metrics.registry, board.pulse)


if __name__ == "__main__":
    faust.Worker(app, loglevel="warning").execute_from_commandline()
