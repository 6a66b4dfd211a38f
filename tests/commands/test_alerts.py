"""`instant-t alerts` against a real store with hand-written alerts."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue

import pytest

from pipeline.commands.moments import PARIS
from pipeline.store.client import Store
from tests.commands.conftest import Run, point_at
from tests.notify.changes import change, put, story
from tests.support.gateway import GatewayHandle, start_gateway, stop, wait_until_ready
from tests.support.stores import migrated_gateway

NOW = int(time.time())
A, B, C = "00000000000000aa", "00000000000000bb", "00000000000000cc"
OPEN_AT, CLOSED_AT, OLD_AT = NOW - 900, NOW - 1800, NOW - 30 * 3600
SENTENCE = "Plateforme NEO : 12 pages/min au lieu de 1 050."


def clock(at: int) -> str:
    """As the command prints it today, or on another day."""
    local = datetime.fromtimestamp(at, PARIS)
    today = local.date() == datetime.now(PARIS).date()
    return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    """A: open. B: closed lately. C: closed yesterday."""
    with migrated_gateway(tmp_path_factory.mktemp("store")) as handle:
        with closing(Store(handle.url("admin"))) as admin:
            put(admin, *story(A, OPEN_AT)[:2], *story(B, CLOSED_AT), *story(C, OLD_AT))
        yield handle


@pytest.fixture
def use_store(store: GatewayHandle, monkeypatch: pytest.MonkeyPatch) -> GatewayHandle:
    point_at(store, monkeypatch)
    return store


@pytest.mark.usefixtures("use_store")
class TestListing:
    def test_it_says_what_is_open_with_what_to_look_at_and_what_closed_within_a_day(self, instant_t: Run) -> None:
        status, out, err = instant_t("alerts")
        assert (status, err) == (0, "")
        when = clock(OPEN_AT + 300)
        assert out.splitlines() == [
            f"{clock(CLOSED_AT + 600)}  close    {SENTENCE}",
            f"{when}  ouverte  {SENTENCE}",
            " " * len(when) + "           Appeler l'exploitant.",
        ]

    def test_active_ones_alone(self, instant_t: Run) -> None:
        status, out, _ = instant_t("alerts", "--active", "--format", "json")
        assert status == 0
        (alert,) = json.loads(out)["alerts"]
        assert alert["alert_id"] == A
        assert (alert["revision"], alert["state"], alert["direction"], alert["kind"], alert["key"]) == (
            2, "open", "drop", "plateforme", "NEO",
        )  # fmt: skip
        assert alert["opened_at"] == f"{datetime.fromtimestamp(OPEN_AT, UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert (alert["closed_at"], alert["observed"], alert["expected"]) == (None, 12.0, 1050.0)

    def test_since_reaches_further_back(self, instant_t: Run) -> None:
        since = f"{datetime.fromtimestamp(OLD_AT, UTC):%Y-%m-%dT%H:%M:%SZ}"
        status, out, _ = instant_t("alerts", "--since", since, "--format", "csv")
        assert status == 0
        rows = list(csv.DictReader(io.StringIO(out)))
        assert [(row["alert_id"], row["state"], row["revision"]) for row in rows] == [
            (C, "closed", "3"), (B, "closed", "3"), (A, "open", "2"),
        ]  # fmt: skip

    def test_a_wrong_instant_is_one_sentence(self, instant_t: Run) -> None:
        status, out, err = instant_t("alerts", "--since", "hier")
        assert (status, out) == (2, "")
        assert err.startswith("instant-t: Invalid value for '--since'")


def test_no_alert_is_said(instant_t: Run, use_gateway: GatewayHandle) -> None:
    assert instant_t("alerts", "--active") == (0, "No alert is open.\n", "")


def test_a_store_that_is_away_is_one_sentence(instant_t: Run) -> None:
    for more in ((), ("--follow",)):
        status, out, err = instant_t("alerts", *more)
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1


def test_a_name_that_would_command_the_terminal_is_escaped(
    instant_t: Run, use_gateway: GatewayHandle, gateway: GatewayHandle
) -> None:
    with closing(Store(gateway.url("admin"))) as admin:
        put(admin, change(opened_at=NOW, changed_at=NOW, sentence="NEO\x1b[2J : 1\u202f050", look_at="\u202e"))
        status, out, _ = instant_t("alerts")
        admin.execute("TRUNCATE TABLE ent.alerts")
    assert status == 0
    assert "NEO\\x1b[2J : 1\u202f050" in out
    assert "\\u202e" in out


class Following:
    """`instant-t alerts --follow` as a process, line by line."""

    def __init__(self, handle: GatewayHandle, *arguments: str) -> None:
        environment = os.environ | {
            "INSTANT_T_STATE": str(handle.state), "INSTANT_T_CLICKHOUSE_PORT": str(handle.native_port),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "alerts", "--follow", *arguments], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def next(self) -> str:
        return self.lines.get(timeout=30)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def test_follow_prints_each_change_once_survives_the_store_and_ends_well(tmp_path: Path) -> None:
    now = int(time.time())
    opened, updated, closed = story(A, now)
    with migrated_gateway(tmp_path / "state") as handle:
        admin = Store(handle.url("admin"))
        put(admin, opened)
        following = Following(handle, "--format", "json")
        try:
            assert json.loads(following.next())["revision"] == 1
            put(admin, updated, *story(B, now)[:1])
            pair = [json.loads(following.next()) for _ in range(2)]
            assert sorted((each["alert_id"], each["revision"]) for each in pair) == [(A, 2), (B, 1)]
            admin.close()
            stop(handle.process)
            assert following.next().endswith("Waiting for it.")
            again = start_gateway(tmp_path / "state", handle.native_port, handle.http_port)
            try:
                wait_until_ready(again)
                assert following.next() == "ClickHouse answers again."
                put(admin, closed)
                last = json.loads(following.next())
                assert (last["alert_id"], last["revision"], last["state"]) == (A, 3, "closed")
                admin.close()
                with pytest.raises(Empty):
                    following.lines.get(timeout=2.5)
                assert following.end() == 0
                assert following.lines.empty()
            finally:
                stop(again)
        finally:
            if following.process.poll() is None:
                following.process.kill()
                following.end()
