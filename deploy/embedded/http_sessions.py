"""Sessions that outlive an HTTP request: temporary tables, settings and the current database under a name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from deploy.embedded.engine import Session
from deploy.embedded.failures import SESSION_IS_LOCKED, SESSION_NOT_FOUND, TOO_MANY_SIMULTANEOUS_QUERIES, Failure

MAX_SESSIONS = 64
SESSION_SECONDS = 60.0
"""How long an unused session is kept unless the client says otherwise, as on a server."""
MAX_SESSION_SECONDS = 3600.0


class Lease:
    """A session for the time of a request: closed after it, or unlocked when it is a named one."""

    def __init__(self, session: Session, lock: threading.Lock | None) -> None:
        self._session = session
        self._lock = lock

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            self._session.close()
        else:
            self._lock.release()


class Sessions:
    """The open sessions, by login and name."""

    def __init__(self, open_session: Callable[[str], Session]) -> None:
        self._open = open_session
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[Session, threading.Lock, float]] = {}

    def take(self, login: str, name: str, *, seconds: float, must_exist: bool) -> Lease:
        """The session, for this request alone.

        Raises:
            Failure: it is in use, does not exist though it must, or there are too many.
        """
        now = time.monotonic()
        with self._lock:
            for key in [key for key, (_, lock, until) in self._kept.items() if until < now and not lock.locked()]:
                self._kept.pop(key)[0].close()
            if (login, name) not in self._kept:
                if must_exist:
                    raise Failure(SESSION_NOT_FOUND, f"DB::Exception: Session {name} not found. (SESSION_NOT_FOUND)")
                if len(self._kept) >= MAX_SESSIONS:
                    raise Failure(TOO_MANY_SIMULTANEOUS_QUERIES, "DB::Exception: too many sessions are open.")
                self._kept[login, name] = (self._open(login), threading.Lock(), 0)
            session, lock, _ = self._kept[login, name]
            if not lock.acquire(blocking=False):
                raise Failure(SESSION_IS_LOCKED, f"DB::Exception: Session {name} is in use. (SESSION_IS_LOCKED)")
            self._kept[login, name] = (session, lock, now + min(seconds, MAX_SESSION_SECONDS))
            return Lease(session, lock)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for session, _, _ in self._kept.values():
                session.close()
            self._kept.clear()
