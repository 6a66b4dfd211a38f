"""Commands run as a person runs them: through `main()`, against the real embedded broker and store."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.commands.main import main
from pipeline.store.client import Store
from tests.support.brokers import Broker, apache_kafka, embedded_broker, free_port
from tests.support.gateway import GatewayHandle, running_gateway
from tests.support.stores import migrated_gateway


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with embedded_broker() as running:
        yield running


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One Apache Kafka for all tests here: it takes seconds to start."""
    with apache_kafka(tmp_path_factory.mktemp("apache")) as running:
        yield running


BOTH_BROKERS = pytest.mark.parametrize("kind", ["broker", pytest.param("apache", marks=pytest.mark.kafka)])
"""For tests that run against each kind of broker there is: `request.getfixturevalue(kind)`."""


@pytest.fixture(scope="session")
def empty_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    """A store that was never migrated."""
    with running_gateway(tmp_path_factory.mktemp("empty-store")) as handle:
        yield handle


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    """A migrated store."""
    with migrated_gateway(tmp_path_factory.mktemp("store")) as handle:
        yield handle


@pytest.fixture
def writer(gateway: GatewayHandle) -> Iterator[Store]:
    with closing(Store(gateway.url("writer"))) as store:
        yield store


@pytest.fixture(autouse=True)
def nothing_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Servers that a test does not name are at ports where nothing listens, never those of this machine's user."""
    for variable in [name for name in os.environ if name.startswith("INSTANT_T_")]:
        monkeypatch.delenv(variable)
    for variable in ("INSTANT_T_KAFKA_PORT", "INSTANT_T_CLICKHOUSE_PORT", "INSTANT_T_METRICS_PORT"):
        monkeypatch.setenv(variable, str(free_port()))
    monkeypatch.setenv("INSTANT_T_STATE", str(tmp_path / "state"))


@pytest.fixture
def instant_t(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `instant-t ARGUMENTS` in this process."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["instant-t", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        status = stop.value.code
        assert isinstance(status, int)
        return Outcome(status, out, err)

    return run


@pytest.fixture
def use_broker(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Commands of this test use the module's broker."""
    monkeypatch.setenv("INSTANT_T_KAFKA_PORT", broker.address.rpartition(":")[2])
    return broker


def point_at(gateway: GatewayHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands use a gateway as the embedded store of its state folder."""
    monkeypatch.setenv("INSTANT_T_CLICKHOUSE_PORT", str(gateway.native_port))
    monkeypatch.setenv("INSTANT_T_STATE", str(gateway.state))


@pytest.fixture
def use_gateway(gateway: GatewayHandle, monkeypatch: pytest.MonkeyPatch) -> GatewayHandle:
    """Commands of this test use the migrated store."""
    point_at(gateway, monkeypatch)
    return gateway


@pytest.fixture
def use_empty_gateway(empty_gateway: GatewayHandle, monkeypatch: pytest.MonkeyPatch) -> GatewayHandle:
    """Commands of this test use the store without a schema."""
    point_at(empty_gateway, monkeypatch)
    return empty_gateway
