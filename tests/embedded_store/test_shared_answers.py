"""One answer for all who ask the same at once, and never one from before a write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import date

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from deploy.embedded.shared_answers import MAX_KEPT_BYTES, Keeper, Kept, SharedAnswers
from tests.embedded_store.conftest import connect
from tests.embedded_store.test_http import ask
from tests.support.gateway import GatewayHandle

ANSWER = Kept((b"rows",), 3, 24)
READERS = 8


class Clock:
    """Seconds, as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Counts how often the query is run."""

    def __init__(self, answer: Kept | None = ANSWER) -> None:
        self.times = 0
        self._answer = answer

    def __call__(self) -> Kept | None:
        self.times += 1
        return self._answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(clock: Clock) -> SharedAnswers:
    return SharedAnswers(clock)


def test_the_first_runs_the_query_and_the_second_is_given_its_answer(shared: SharedAnswers) -> None:
    run = Asked()
    assert shared.join("q", run) is None
    assert shared.join("q", run) == ANSWER
    assert run.times == 1


def test_another_question_is_another_query(shared: SharedAnswers) -> None:
    run = Asked()
    assert [shared.join(question, run) for question in ("q", "r")] == [None, None]
    assert run.times == 2


def test_an_answer_serves_for_less_than_a_second(shared: SharedAnswers, clock: Clock) -> None:
    run = Asked()
    shared.join("q", run)
    clock.now += 0.999
    assert shared.join("q", run) == ANSWER
    clock.now += 0.001
    assert shared.join("q", run) is None


def test_after_a_write_the_query_is_run_again(shared: SharedAnswers) -> None:
    run = Asked()
    shared.join("q", run)
    shared.written()
    assert shared.join("q", run) is None
    assert run.times == 2


def test_who_asks_after_a_write_does_not_wait_for_a_query_from_before_it(shared: SharedAnswers) -> None:
    inside = Asked()

    def run() -> Kept:
        shared.written()
        assert shared.join("q", inside) is None  # a join of the flight that this is would never return
        return ANSWER

    shared.join("q", run)
    assert inside.times == 1


def test_an_answer_that_is_not_whole_is_given_to_nobody(shared: SharedAnswers) -> None:
    run = Asked(None)
    assert [shared.join("q", run), shared.join("q", run)] == [None, None]
    assert run.times == 2


def test_who_waits_for_a_query_that_fails_runs_it_for_itself(shared: SharedAnswers) -> None:
    started, go_on = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def fails() -> Kept:
        started.set()
        go_on.wait(10)
        raise ValueError

    def leader() -> None:
        try:
            shared.join("q", fails)
        except ValueError as error:
            failures.append(error)

    run = Asked()
    threads = [threading.Thread(target=leader), threading.Thread(target=lambda: shared.join("q", run))]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(failures) == 1
    assert run.times == 1


def test_only_an_answer_of_a_mebibyte_is_kept() -> None:
    keeper = Keeper()
    keeper.add(b"x" * MAX_KEPT_BYTES)
    assert keeper.kept(0, 0) == Kept((b"x" * MAX_KEPT_BYTES,), 0, 0)
    keeper.add(b"y")
    assert keeper.kept(0, 0) is None


# In the gateway. `sleep` makes a query for which all readers are in time, and the engine counts its calls.
SLOW = "SELECT name, hits + sleep(0.8) AS hits FROM bi.by_name ORDER BY name"
BY_NAME = [("COURRIER", 3), ("VISIO", 1)]


def together(work: Callable[[], None]) -> None:
    """So many threads at once; an error of one is raised."""
    barrier = threading.Barrier(READERS)
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            barrier.wait(30)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def sleeps(admin: Client) -> int:
    """Calls of `sleep` in the engine so far."""
    rows = admin.execute("SELECT value FROM system.events WHERE event = 'SleepFunctionCalls'")
    return int(rows[0][0]) if rows else 0


def sleeps_of(admin: Client, work: Callable[[], object]) -> int:
    before = sleeps(admin)
    work()
    return sleeps(admin) - before


def test_eight_readers_of_the_native_protocol_who_ask_at_once_cost_as_much_as_one(
    gateway: GatewayHandle, admin: Client
) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(closing(connect(gateway, "default", database="bi"))) for _ in range(READERS)]
        for client in clients:
            client.execute("SELECT 1")
        free = iter(clients)

        def one() -> None:
            assert next(free).execute(SLOW) == BY_NAME

        alone = sleeps_of(admin, lambda: clients[0].execute(f"{SLOW} LIMIT 9"))
        assert alone > 0
        assert sleeps_of(admin, lambda: together(one)) == alone


@pytest.mark.parametrize("data_format", ["JSONCompact", "CSV"])
def test_eight_readers_over_http_who_ask_at_once_cost_as_much_as_one(
    gateway: GatewayHandle, admin: Client, data_format: str
) -> None:
    sql = f"{SLOW} FORMAT {data_format}"
    _, _, expected = ask(gateway, f"SELECT * FROM bi.by_name ORDER BY name FORMAT {data_format}")

    def one() -> None:
        status, headers, content = ask(gateway, sql)
        assert (status, headers["X-ClickHouse-Format"]) == (200, data_format)
        assert content == expected if data_format == "CSV" else b'["COURRIER", 3]' in content

    alone = sleeps_of(admin, lambda: ask(gateway, sql.replace("sleep", "0 + sleep")))
    assert alone > 0
    assert sleeps_of(admin, lambda: together(one)) == alone


def test_the_writer_and_the_admin_are_given_answers_of_their_own(gateway: GatewayHandle, admin: Client) -> None:
    alone = sleeps_of(admin, lambda: admin.execute(SLOW))
    assert sleeps_of(admin, lambda: admin.execute(SLOW)) == alone > 0


def test_a_reader_sees_what_was_inserted_just_before_the_question(
    gateway: GatewayHandle, writer: Client, reader: Client
) -> None:
    sql = "SELECT hits FROM bi.by_name WHERE name = 'JUST_NOW'"
    for number in range(1, 6):
        writer.execute("INSERT INTO ent.hits VALUES", [(date(2026, 9, 2), number, "JUST_NOW", [number])])
        assert reader.execute(sql) == [(number,)]
        assert ask(gateway, sql)[2] == b"%d\n" % number
    writer.execute("ALTER TABLE ent.hits DROP PARTITION '2026-09-02'")
    assert reader.execute(sql) == []


def test_who_has_settings_of_a_session_is_given_an_answer_under_them(gateway: GatewayHandle, reader: Client) -> None:
    sql = "SELECT name FROM bi.by_name ORDER BY name"
    assert reader.execute(sql) == [("COURRIER",), ("VISIO",)]
    with closing(connect(gateway, "default", database="bi")) as other:
        other.execute("SET max_result_rows = 1")
        with pytest.raises(ServerException) as raised:
            other.execute(sql)
        assert raised.value.code == 396  # TOO_MANY_ROWS_OR_BYTES
        with pytest.raises(ServerException):
            reader.execute(sql, settings={"max_result_rows": 1})
    assert ask(gateway, sql, database="bi", max_result_rows="1")[0] == 500


def test_lots_are_drawn_for_each_reader(gateway: GatewayHandle, reader: Client) -> None:
    sql = "SELECT generateUUIDv4() FROM bi.by_name"
    assert not set(reader.execute(sql)) & set(reader.execute(sql))
    assert ask(gateway, sql)[2] != ask(gateway, sql)[2]


def test_answers_of_dates_keep_their_zone_when_they_are_shared(gateway: GatewayHandle) -> None:
    sql = "SELECT toDateTime(1767225600 + hits, 'Europe/Paris') AS at FROM bi.by_name ORDER BY at"
    for _ in range(2):
        with closing(connect(gateway, "default", database="bi")) as client:
            rows, types = client.execute(sql, with_column_types=True)
            assert types == [("at", "DateTime('Europe/Paris')")]
            assert [row[0].isoformat() for row in rows] == ["2026-01-01T01:00:01+01:00", "2026-01-01T01:00:03+01:00"]
