"""Every metric of the worker, once. Recorded per batch, never per event; all labels are bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from pipeline.alerts.change import DIRECTIONS
from pipeline.core.columns import Tally
from pipeline.core.reasons import Reason
from schemas.reference import services

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series and promtool dislikes them

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The worker's metrics in a registry of their own, so that two apps in one process do not share them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.events = Counter(
            "ent_events_total", "Events judged and made durable, by outcome.", ["outcome"], registry=registry
        )
        self.rejects = Counter(
            "ent_rejects_total", "Events sent to the dead-letter topic, by reason.", ["reason"], registry=registry
        )
        self.unclassified = Counter(
            "ent_unclassified_total",
            "Events counted under a catch-all because their service or profil is not known.",
            ["field"],
            registry=registry,
        )
        self.hits = Counter(
            "ent_hits_total",
            "Events counted, by famille of services (repeats included).",
            ["famille"],
            registry=registry,
        )
        self.late = Counter(
            "ent_late_events_total", "Events that arrived over a minute after they happened.", registry=registry
        )
        self.batch_seconds = Histogram(
            "ent_batch_seconds",
            "From the first event of a flush to its acknowledgement.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.insert_seconds = Histogram(
            "ent_insert_seconds", "One insert into ClickHouse, retries excluded.", buckets=_SECONDS, registry=registry
        )
        self.insert_rows = Counter(
            "ent_insert_rows_total", "Rows (cells, events of schools) inserted.", registry=registry
        )
        self.insert_failures = Counter(
            "ent_insert_failures_total", "Inserts that ClickHouse did not take; they are sent again.", registry=registry
        )
        self.broken_parts = Counter(
            "ent_broken_parts_total",
            "Parts that ClickHouse set aside as broken: their rows are made again (mended), or cannot be (lost).",
            ["outcome"],
            registry=registry,
        )
        self.lag = Gauge(
            "ent_consumer_lag_records",
            "Records of the partition that are not yet durably counted or rejected.",
            ["partition"],
            registry=registry,
        )
        self.data_age = Gauge(
            "ent_data_age_seconds",
            "Since the newest record in the store arrived in Kafka (until the first one: since the worker started).",
            registry=registry,
        )
        self.stall = Gauge(
            "ent_stall_seconds",
            "For how long the worker has lived without moving, where a new start could help; 0 while all is well.",
            registry=registry,
        )
        self.alerts_active = Gauge(
            "ent_alerts_active", "Alerts now open, by direction.", ["direction"], registry=registry
        )
        self.tick_age = Gauge(
            "ent_alerts_tick_age_seconds",
            "Since this worker last judged a tick, where it is the one that watches for alerts; 0 where it is not.",
            registry=registry,
        )
        self.ticks_skipped = Counter(
            "ent_alerts_ticks_skipped_total",
            "Ticks (20 s of event time) that were not judged, to catch up with a newer one.",
            registry=registry,
        )
        self.deliveries = Counter(
            "ent_alert_deliveries_total",
            "Changes of alerts told to a receiver, refused by it, too old to be told, or to be tried again.",
            ["target", "outcome"],
            registry=registry,
        )
        # Series that exist from the start, so that a rate is defined at the first event.
        for outcome in ("counted", "rejected"):
            self.events.labels(outcome)
        for outcome in ("mended", "lost"):
            self.broken_parts.labels(outcome)
        for reason in Reason:
            self.rejects.labels(reason.value)
        for field in ("service", "profil"):
            self.unclassified.labels(field)
        for direction in DIRECTIONS:
            self.alerts_active.labels(direction)
        for target in ("alertmanager", "webhook"):
            for outcome in ("delivered", "refused", "outdated", "retried"):
                self.deliveries.labels(target, outcome)
        for famille in {row.famille for row in services()}:
            self.hits.labels(famille)

    def record(self, tally: Tally, rejected: list[Reason]) -> None:
        """One flush that has become durable."""
        self.events.labels("counted").inc(tally.counted)
        self.events.labels("rejected").inc(len(rejected))
        for reason in set(rejected):
            self.rejects.labels(reason.value).inc(rejected.count(reason))
        self.unclassified.labels("service").inc(tally.unknown_services)
        self.unclassified.labels("profil").inc(tally.unknown_profils)
        self.late.inc(tally.late)
        for famille, events in tally.by_famille().items():
            self.hits.labels(famille).inc(events)
