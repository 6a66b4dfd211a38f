"""An embedded broker for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.brokers import Broker, embedded_broker


@pytest.fixture
def broker() -> Iterator[Broker]:
    with embedded_broker() as running:
        yield running
