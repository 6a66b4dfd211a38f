"""A thread for one connection: questions one after another, and no waiting for the last of them at the end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class OneThread:
    """Runs what it is given, in order, in a daemon thread.

    Python waits for the threads of its own executors when a process ends; a slow question to ClickHouse would hold the
    wall up for as long as its time limit.

    Args:
        name: of the thread.
        at_end: called in the thread after the last question: it closes what only this thread may touch.
    """

    def __init__(self, name: str, at_end: Callable[[], None]) -> None:
        self._at_end = at_end
        self._closing = threading.Event()
        self._questions: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, question: Callable[[], T]) -> Future[T]:
        """Ask; the future holds the answer, or what the question raised."""
        future: Future[T] = Future()
        self._questions.put(lambda: _answer(future, question))
        return future

    def close(self, patience: float) -> None:
        """Drop the questions that wait, and wait at most `patience` seconds for the one that is on its way."""
        self._closing.set()
        self._questions.put(None)
        self._thread.join(patience)

    def _run(self) -> None:
        while (question := self._questions.get()) is not None and not self._closing.is_set():
            question()
        self._at_end()


def _answer(future: Future[Any], question: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = question()
    except BaseException as error:  # whoever waits for the answer gets it
        future.set_exception(error)
    else:
        future.set_result(result)
