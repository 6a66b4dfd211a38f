"""The worker with nothing behind it: its own transport, agent and core, wired as in the map, into a null sink.

    BENCH_SINK=cells|rows [BENCH_EVENTS=N] [BENCH_PROVE=1] python -m tests.bench.null_worker

Rejected records go to the dead-letter topic as ever, offsets are committed; there is no sealing. Where the number of
events is known, the last ones are not left to wait for more; with BENCH_PROVE, what was counted is kept and summed up.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import faust

from agents import count_visits, report_progress
from agents.ports import BatchEvent
from pipeline import settings as settings_module
from pipeline import topics, transport
from pipeline.health import Pulse
from pipeline.metrics import Metrics
from pipeline.settings import Settings
from pipeline.transport.dead_letters import DeadLetterTopic
from tests.bench.null_sink import Announcer, NullSink
from tests.bench.telling import Kept, say


class Counter(count_visits.VisitCounter):
    """Flushes at once when nothing more will come."""

    taken = 0

    async def take(self, event: BatchEvent) -> None:
        """Judge and collect one record batch."""
        if not self.taken:
            say(events=0)
        self.taken += len(event.value)
        await super().take(event)
        if self.taken == Announcer.wanted:
            await self.flush()


async def _fail(error: BaseException) -> None:
    raise SystemExit(f"the worker failed: {error}")


def create_app(settings: Settings) -> faust.App:
    """As `pipeline.app.create_app`, without a store, a metrics server or a watchdog."""
    app = faust.App(settings.group, **transport.app_settings(settings.kafka, settings.session_timeout))
    visits = app.topic(topics.VISITS, schema=transport.BatchSchema())
    board = Announcer(Metrics(), Pulse())
    board.kept = Kept() if "BENCH_PROVE" in os.environ else None
    sink = NullSink(rows=os.environ["BENCH_SINK"] == "rows", kept=board.kept)
    insert_thread = ThreadPoolExecutor(1, "insert")
    counter = Counter(
        sink=sink,
        dead_letters=DeadLetterTopic(app, topics.REJECTS),
        meter=board,
        thread=insert_thread,
        clock_ms=lambda: time.time_ns() // 1_000_000,
        max_age=settings.max_event_age,
        flush_events=settings.flush_events,
    )
    app.agent(visits, name="count_visits")(count_visits.make(counter, _fail))
    app.task(count_visits.make_flush_aged(counter, settings.flush_seconds, _fail))
    app.timer(interval=report_progress.BEAT_SECONDS, name="report_progress")(
        report_progress.make(
            latest=counter.latest,
            lags=lambda: transport.lags(app),
            heard=lambda: transport.heard(app),
            joined=lambda: transport.joined(app),
            teller=sink,
            thread=insert_thread,
            board=board,
            stop=_fail,
        )
    )
    transport.install(app, flush=counter.flush)
    return app


if __name__ == "__main__":
    faust.Worker(create_app(settings_module.load()), loglevel="warning").execute_from_commandline()
