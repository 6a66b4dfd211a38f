"""The map: every topic, agent, sink and timer of the worker, in the order in which data passes them. No logic here.

    ent.visits.v1 ─► count_visits ─┬─► ClickHouseSink ─► ent.cells, ent.marks, ent.progress ─► the views of `bi`
    (record batches)               └─► DeadLetterTopic ─► ent.rejects.v1
                     flush_aged      what has waited for half a second goes out, however little
                     report_progress position and lag, for bi.freshness, /metrics and /health
                     seal_minutes    cells of ended minutes ─► sealed tiers; days past their keeping leave
                     watch_alerts    each 20 s of event time, on one worker ─► ent.alerts, then ent.alerts.v1

    ent.alerts.v1 ─► deliver_alerts ─► Alertmanager, webhook (where one is set); ent.deliveries remembers
                     repeat_alerts   open alerts, for who forgets them

An offset is committed only behind what ClickHouse and the dead-letter topic, or who is told of alerts, acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import faust

from agents import count_visits, deliver_alerts, report_progress, seal_minutes, watch_alerts
from pipeline import notify, topics, transport
from pipeline.servers import store_url
from pipeline.settings import Settings
from pipeline.store.client import Store
from pipeline.store.deliveries import DeliveryMemory
from pipeline.store.detector import AlertDetector
from pipeline.store.sealer import StoreSealer
from pipeline.store.sink import ClickHouseSink
from pipeline.transport.alert_topic import AlertTopic
from pipeline.transport.dead_letters import DeadLetterTopic
from pipeline.worker_board import WorkerBoard

SEAL_EVERY = 5.0
"""Seconds."""


def wire(
    app: faust.App, settings: Settings, board: WorkerBoard, stop: Callable[[BaseException], Awaitable[None]]
) -> None:
    """Lay out the worker on `app`; `stop` ends it when something fails for good."""
    # -- where data comes from
    visits = app.topic(topics.VISITS, schema=transport.BatchSchema())

    # -- where it goes
    store = store_url(settings, "writer")
    sink = ClickHouseSink(Store(store), board)
    dead_letters = DeadLetterTopic(app, topics.REJECTS)
    insert_thread = ThreadPoolExecutor(1, "insert")
    seal_thread = ThreadPoolExecutor(1, "seal")

    # -- who does what
    counter = count_visits.VisitCounter(
        sink=sink,
        dead_letters=dead_letters,
        meter=board,
        thread=insert_thread,
        clock_ms=lambda: time.time_ns() // 1_000_000,
        max_age=settings.max_event_age,
        flush_events=settings.flush_events,
    )
    app.agent(visits, name="count_visits")(count_visits.make(counter, stop))
    app.task(count_visits.make_flush_aged(counter, settings.flush_seconds, stop))
    app.timer(interval=report_progress.BEAT_SECONDS, name="report_progress")(
        report_progress.make(
            latest=counter.latest,
            lags=lambda: transport.lags(app, topics.VISITS),
            heard=lambda: transport.heard(app),
            joined=lambda: transport.joined(app),
            teller=sink,
            thread=insert_thread,
            board=board,
            stop=stop,
        )
    )
    app.timer(interval=SEAL_EVERY, name="seal_minutes")(
        seal_minutes.make(StoreSealer(Store(store), settings.retention_days, settings.history_days, board), seal_thread)
    )

    watch = watch_alerts.Watch(
        leads=lambda: any(partition == 0 for _, partition in transport.lags(app, topics.VISITS)),
        detector=AlertDetector(Store(store), topics.VISITS),
        publish=AlertTopic(app, topics.ALERTS).send,
        thread=ThreadPoolExecutor(1, "alerts"),
        board=board,
    )
    app.timer(interval=watch_alerts.LOOK_SECONDS, name="watch_alerts")(watch_alerts.make(watch))

    # -- who is told of alerts; where nobody is, the topic is not read
    deliverer = deliver_alerts.Deliverer(
        receivers=notify.receivers(settings),
        memory=DeliveryMemory(Store(store)),
        thread=ThreadPoolExecutor(1, "deliver"),
        clock=time.time,
        count=board.delivered,
    )
    if deliverer.has_receivers:
        alerts = app.topic(topics.ALERTS, schema=transport.BatchSchema())
        app.agent(alerts, name="deliver_alerts")(deliver_alerts.make(deliverer))
        app.timer(interval=deliver_alerts.REPEAT_SECONDS, name="repeat_alerts")(
            deliver_alerts.make_repeat(deliverer, lambda: bool(transport.lags(app, topics.ALERTS)))
        )

    # -- how it ends: partitions are given up only behind a last flush, and behind the delivery that is under way
    async def hand_over() -> None:
        await asyncio.gather(counter.flush(), deliverer.hand_over())

    transport.install(app, flush=hand_over)
    app.on_before_shutdown.connect(deliverer.close, weak=False)
    app.on_before_shutdown.connect(lambda *_, **__: sink.stop(), weak=False)
