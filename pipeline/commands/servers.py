"""A connection to ClickHouse for one command, whose failures are sentences for whoever typed it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import StoreRefused, StoreUnavailable, UserError
from pipeline.servers import Role, store_url
from pipeline.settings import Settings
from pipeline.store.client import Store

# Without a handler of its own, the driver's tracebacks would stand on stderr beside the one sentence.
logging.getLogger("clickhouse_driver").addHandler(logging.NullHandler())

QUERY_SECONDS = 30.0
_NOT_MIGRATED = (46, 60, 81)
"""ClickHouse's codes for an unknown (parametrised) view, table and database."""
_NO_ANSWER = (None, 209, 210)
"""No code at all, a time-out, a network error."""


@contextmanager
def open_store(settings: Settings, role: Role, timeout: float = QUERY_SECONDS) -> Iterator[Store]:
    """Connect as `role` (see `store_url`); nothing is kept open afterwards.

    Args:
        settings: which store.
        role: with which login.
        timeout: seconds of silence after which the store counts as absent.

    Raises:
        UserError: ClickHouse does not answer, has no schema yet, or refuses.
    """
    store = Store(store_url(settings, role), timeout=timeout)
    try:
        yield store
    except StoreUnavailable as error:
        if _code(error) not in _NO_ANSWER:
            raise UserError(str(error)) from error
        raise UserError(
            f"ClickHouse at {store.address} does not answer: start it with `instant-t up`, "
            "or set INSTANT_T_CLICKHOUSE to clickhouse://user:password@host:port/ent."
        ) from error
    except StoreRefused as error:
        if _code(error) in _NOT_MIGRATED:
            raise UserError(f"ClickHouse at {store.address} is not migrated: run `instant-t migrate`.") from error
        raise UserError(str(error)) from error
    finally:
        store.close()


def _code(error: Exception) -> int | None:
    """The code of ClickHouse or of its driver; None when the socket failed."""
    code = getattr(error.__cause__, "code", None)
    return code if isinstance(code, int) else None
