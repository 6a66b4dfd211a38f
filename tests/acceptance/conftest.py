"""The stack, over both brokers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import Stack, running_stack
from tests.support.brokers import apache_kafka, embedded_broker


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A fresh pipeline without workers, on each broker."""
    if request.param == "embedded":
        with embedded_broker() as broker, running_stack(broker, tmp_path) as running:
            yield running
    else:
        folder = tmp_path / "kafka"
        folder.mkdir()
        with apache_kafka(folder) as broker, running_stack(broker, tmp_path) as running:
            yield running
