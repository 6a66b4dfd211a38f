"""One load at a time: a live one is waited for, a dead one is taken over."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.store import table_lock
from pipeline.store.client import Store
from pipeline.store.table_lock import TableLock, is_gone, this_process
from tests.history.traffic import day_of_events, write_lines

LOCKS = "SELECT name, comment FROM system.tables WHERE database = 'ent_staging' AND name LIKE 'load_lock_%%'"
ELSEWHERE = json.dumps({"host": "elsewhere", "space": "", "pid": 7, "start": "1"})


@pytest.fixture
def short_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_lock, "BEAT_SECONDS", 0.5)
    monkeypatch.setattr(table_lock, "DEAD_SECONDS", 3)


def test_a_second_load_is_told_of_the_first_and_changes_nothing(
    admin: Store, connect: Callable[[], Store], load: Callable[..., str], tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "a.ndjson", day_of_events(date(2019, 9, 2), 5))
    with TableLock(connect, "load", ELSEWHERE) as first:
        with pytest.raises(UserError) as caught:
            load(file)
        assert str(caught.value) == (
            "Another load of history is under way (process 7 on elsewhere): wait until it ends (if it died elsewhere, "
            "it is given up after 3 minutes)."
        )
        first.check()
        assert admin.execute(LOCKS) == [("load_lock_1", ELSEWHERE)]
    assert admin.execute(LOCKS) == []
    load(file)


def test_a_lock_whose_holder_is_silent_is_taken_over_and_the_old_holder_hears_of_it(
    admin: Store, connect: Callable[[], Store], short_beats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableLock, "_beat", lambda self: None)
    with TableLock(connect, "load", ELSEWHERE) as silent:
        time.sleep(4.1)
        with TableLock(connect, "load") as second:
            assert admin.execute(LOCKS) == [("load_lock_2", this_process())]
            second.check()
            with pytest.raises(UserError, match="Another load of history took over"):
                silent.check()


def test_a_holder_that_gives_signs_of_life_keeps_its_lock(
    admin: Store, connect: Callable[[], Store], short_beats: None
) -> None:
    with TableLock(connect, "load", ELSEWHERE):
        time.sleep(4.5)
        with pytest.raises(UserError, match="Another load of history is under way"):
            TableLock(connect, "load", "somebody").__enter__()


def test_the_lock_of_a_process_that_is_no_more_is_taken_over_at_once(
    admin: Store, connect: Callable[[], Store]
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder = json.dumps(json.loads(this_process()) | {"pid": gone.pid})
    assert is_gone(holder)
    dead = TableLock(connect, "load", holder)
    dead.__enter__()
    with TableLock(connect, "load"):
        assert admin.execute(LOCKS) == [("load_lock_2", this_process())]
    dead.__exit__(None, None, None)


def test_a_process_is_known_by_its_machine_its_number_and_its_beginning() -> None:
    mine = json.loads(this_process())
    assert mine["host"] == socket.gethostname()
    assert not is_gone(json.dumps(mine))
    assert not is_gone(ELSEWHERE)
    assert not is_gone("no holder of ours")
    if mine["start"]:  # the number was given to another process since
        assert is_gone(json.dumps(mine | {"start": "1"}))
