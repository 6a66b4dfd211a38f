"""The worker of the conformance tests: a Faust app that writes down what it acked.

    python -m tests.transport.worker_app ADDRESS GROUP TOPIC OUT [--session S] [--hold S] [--flush MODE] …

Every batch it makes durable is one line of JSON in OUT, with whether its ack was accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

import faust

from pipeline.transport import BatchSchema, app_settings, install, lags
from tests.transport.workers import encoded


class Sink:
    """Makes batches "durable" (a line in a file) and acks them, in order; breaks where it is told to."""

    def __init__(self, out: TextIO, options: argparse.Namespace) -> None:
        self.out = out
        self.pending: list[Any] = []
        self.written = 0
        self.fail_after: int = options.fail_after
        self.hang_after: int = options.hang_after
        self.hang: float = options.hang
        self.hangs_until = 0.0

    async def flush(self) -> None:
        """Write and ack what is pending."""
        if self.pending and 0 <= self.hang_after <= self.written:
            self.hang_after = -1
            self.hangs_until = time.monotonic() + self.hang
            self.note({"hangs": True})
        while time.monotonic() < self.hangs_until:
            await asyncio.sleep(0.05)
        if self.pending and 0 <= self.fail_after <= self.written:
            self.note({"fails": True})
            raise RuntimeError("the sink is broken")
        while self.pending:
            event = self.pending.pop(0)
            batch = event.value
            offsets = [batch.offset(index) for index in range(len(batch.values))]
            line = {
                "tp": [batch.tp.topic, batch.tp.partition], "first": batch.first, "next": batch.next,
                "offsets": offsets, "values": [encoded(value) for value in batch.values],
                "timestamps": batch.timestamps.tolist(), "highwater": batch.highwater,
            }  # fmt: skip
            # Nothing is awaited between the ack and the line, so no commit can come between them.
            self.note(line | {"acked": event.ack()})
            self.written += len(offsets)

    def note(self, line: dict[str, Any]) -> None:
        """One line, in the file at once."""
        self.out.write(json.dumps(line | {"pid": os.getpid(), "at": time.time()}) + "\n")
        self.out.flush()


def create(options: argparse.Namespace) -> faust.App:
    """The app under test."""
    app = faust.App(options.group, **app_settings(options.address.split(","), options.session))
    out = Path(options.out).open("a")  # noqa: SIM115 - as long as the process lives
    sink = Sink(out, options)
    sink.note({"started": True})
    install(app, flush=sink.flush, flush_timeout=options.flush_timeout)
    topic = app.topic(options.topic, schema=BatchSchema())

    @app.agent(topic, name="write")  # type: ignore[untyped-decorator]
    async def write(stream: Any) -> None:
        async for event in stream.noack().events():
            sink.pending.append(event)
            if options.hold:
                await asyncio.sleep(options.hold)

    @app.timer(options.every, name="flush")  # type: ignore[untyped-decorator]
    async def flush() -> None:
        if options.every < 1000:
            await sink.flush()

    @app.timer(0.3, name="report")  # type: ignore[untyped-decorator]
    async def report() -> None:
        sink.note({"lags": {f"{tp.topic}/{tp.partition}": lag for tp, lag in lags(app).items()}})

    @app.on_rebalance_complete.connect  # type: ignore[untyped-decorator]
    async def ready(*_args: Any, **_kwargs: Any) -> None:
        sink.note({"ready": sorted([tp.topic, tp.partition] for tp in app.consumer.assignment())})

    return app


def main() -> None:
    """Run the worker until it is told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("group")
    parser.add_argument("topic")
    parser.add_argument("out")
    parser.add_argument("--session", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=0.1, help="seconds between flushes")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds spent on each batch")
    parser.add_argument("--fail-after", type=int, default=-1, help="the sink fails once it wrote this many records")
    parser.add_argument("--hang-after", type=int, default=-1, help="the sink hangs once it wrote this many records")
    parser.add_argument("--hang", type=float, default=3600.0, help="seconds it hangs, once")
    parser.add_argument("--flush-timeout", type=float, default=2.0)
    options = parser.parse_args()
    faust.Worker(create(options), loglevel="INFO", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
