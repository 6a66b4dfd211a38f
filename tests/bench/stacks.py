"""The pipeline that a bench measures, on either broker."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.acceptance.stack import Stack, running_stack
from tests.support.brokers import apache_kafka, embedded_broker


def add_broker_option(parser: argparse.ArgumentParser) -> None:
    """`--broker embedded|apache`, for `bench_stack`."""
    parser.add_argument("--broker", choices=("embedded", "apache"), default="embedded")


@contextmanager
def bench_stack(broker: str, **server_props: str) -> Iterator[Stack]:
    """Broker (Apache Kafka: with these properties), gateway, schema and topics in a temporary folder; no worker yet."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as contexts:
        folder = Path(name)
        (folder / "kafka").mkdir()
        context = embedded_broker() if broker == "embedded" else apache_kafka(folder / "kafka", **server_props)
        yield contexts.enter_context(running_stack(contexts.enter_context(context), folder))
