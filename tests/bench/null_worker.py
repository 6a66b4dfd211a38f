"""The worker with nothing behind it: its own transport, agent and core, wired as in the map, into a null sink.

    BENCH_SINK=cells python -m tests.bench.null_worker

Rejected records go to the dead-letter topic as ever, offsets are committed; there is no sealing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import faust

from agents import count_visits, report_progress
from pipeline import settings as settings_module
from pipeline import topics, transport
from pipeline.health import Pulse
from pipeline.metrics import Metrics
from pipeline.settings import Settings
from pipeline.transport.dead_letters import DeadLetterTopic
from tests.bench.null_sink import Announcer, NullSink


async def _fail(error: BaseException) -> None:
    raise SystemExit(f"the worker failed: {error}")


def create_app(settings: Settings) -> faust.App:
    """As `pipeline.app.create_app`, without a store, a metrics server or a watchdog."""
    app = faust.App(settings.group, **transport.app_settings(settings.kafka, settings.session_timeout))
    visits = app.topic(topics.VISITS, schema=transport.BatchSchema())
    board = Announcer(Metrics(), Pulse())
    sink = board.sink = NullSink.from_environment()
    insert_thread = ThreadPoolExecutor(1, "insert")
    counter = count_visits.VisitCounter(
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
