"""Where Faust meets the transport: the `batch://` scheme, the settings it needs, and the application's hooks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import faust
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from pipeline.transport.consumer import BatchConsumer, TransportHooks
from pipeline.transport.expanding import bound_expansion
from pipeline.transport.logs import quieten_aiokafka
from pipeline.transport.memory import keep_freed_memory
from pipeline.transport.tables import QuickTableManager
from pipeline.transport.unpacking import keep_fetched_bytes

drivers.TRANSPORTS.aliases["batch"] = f"{__name__}:Transport"

MIB = 1 << 20
_hooks: WeakKeyDictionary[faust.App, TransportHooks] = WeakKeyDictionary()


class Transport(driver.Transport):  # type: ignore[misc]
    """Kafka by aiokafka, delivering record batches for topics with a `BatchSchema`."""

    Consumer = BatchConsumer

    def create_consumer(self, callback: Any, **kwargs: Any) -> BatchConsumer:
        """Faust's consumer for this app, with the hooks given to `install`."""
        consumer: BatchConsumer = super().create_consumer(callback, **kwargs)
        consumer.hooks = _hooks.get(self.app, consumer.hooks)
        return consumer


def install(app: faust.App, *, flush: Callable[[], Awaitable[None]] | None = None, flush_timeout: float = 10.0) -> None:
    """Give the application's hooks to the transport, before the app starts.

    Args:
        app: an app made with `app_settings`.
        flush: awaited before partitions are given up in a rebalance, and when the worker stops. It makes durable, and
            acks, what the agents have received; acks after it returned may be refused. It may be called twice in a
            row, and is cancelled when it takes too long.
        flush_timeout: seconds to wait for `flush`; at most a third of the rebalance timeout is sensible.
    """
    _hooks[app] = TransportHooks(flush, flush_timeout)
    quieten_aiokafka()
    keep_freed_memory()
    bound_expansion()
    keep_fetched_bytes()

    # `faust worker` switches its web server on unless its own command line says otherwise, whatever the settings say.
    app.boot_strategy.enable_web = False


def lags(app: faust.App, topic: str | None = None) -> dict[TP, int]:
    """Records behind, for each assigned partition of the batched topics, or of one of them.

    Empty before the consumer has started.
    """
    consumer = app._consumer
    known = consumer.lags() if isinstance(consumer, BatchConsumer) else {}
    return {tp: lag for tp, lag in known.items() if topic is None or tp.topic == topic}


def heard(app: faust.App) -> bool:
    """Whether a fetch was answered since the last call; True while no partition is assigned, for none is asked then."""
    consumer = app._consumer
    return consumer.heard() if isinstance(consumer, BatchConsumer) else True


def joined(app: faust.App) -> bool:
    """Whether the consumer group has given this worker its partitions, or none, and takes none back now."""
    consumer = app._consumer
    return consumer.joined() if isinstance(consumer, BatchConsumer) else True


def rebalance_seconds(session_timeout: float) -> float:
    """How long the group waits for a member that is still flushing (`install`: flush_timeout, twice)."""
    return max(30.0, 3 * session_timeout)


def app_settings(kafka: Sequence[str], session_timeout: float) -> dict[str, Any]:
    """Keyword arguments for `faust.App(id, **app_settings(…))`.

    Args:
        kafka: bootstrap addresses, `host:port`.
        session_timeout: consumer session in seconds. Apache Kafka refuses less than 6; Tansu makes every join wait for
            half of it (at least 1 s), so 2 there.
    """
    rebalance_timeout = rebalance_seconds(session_timeout)
    return {
        "broker": [f"batch://{address}" for address in kafka],
        "broker_consumer": [f"batch://{address}" for address in kafka],
        "broker_producer": [f"kafka://{address}" for address in kafka],
        "broker_session_timeout": session_timeout,
        "broker_heartbeat_interval": min(3.0, session_timeout / 4),
        "broker_rebalance_timeout": rebalance_timeout,
        "broker_request_timeout": rebalance_timeout + 10.0,
        "broker_max_poll_records": None,
        "broker_commit_interval": 1.0,
        "consumer_auto_offset_reset": "earliest",
        # The response of one partition, compressed; the broker sends a larger record batch alone.
        "consumer_max_fetch_size": MIB,
        # New topics and partitions are noticed within this time; aiokafka's default is five minutes.
        "consumer_metadata_max_age_ms": 30_000,
        # Batches, not records: a queue of 8 holds at most 8 × 16 MiB of values, usually 8 × 5.
        "stream_buffer_maxsize": 8,
        "stream_wait_empty": True,
        # A dead letter carries the original bytes and headers besides: larger than the default of 1 MB.
        "producer_max_request_size": 2 * MIB,
        "producer_max_batch_size": MIB // 4,
        "producer_request_timeout": 120.0,
        "producer_linger": 0.02,
        "topic_disable_leader": True,
        # Without tables, this makes Faust use aiokafka's round robin: its own assignor gives three workers of four
        # partitions 2, 2 and none. (It also means that no worker is the leader: `on_leader` timers never run.)
        "table_standby_replicas": 0,
        "TableManager": QuickTableManager,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        # Faust makes this folder at every start, for tables we have none of: not in the current folder.
        "datadir": Path(tempfile.gettempdir()) / f"faust-batch-{os.getuid()}",
    }
