"""The connection to ClickHouse: the only file of the project that imports the driver.

Every failure leaves as one of two exceptions, each an action: `StoreUnavailable` (wait, send the same again) or
`StoreRefused` (stop: it will never be accepted).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from clickhouse_driver import Client
from clickhouse_driver import errors as driver
from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str

from pipeline.errors import StoreRefused, StoreUnavailable

CONNECT_SECONDS = 5.0
DEFAULT_PORT = 9000

PASSING_TROUBLE = {
    # the network and the machine
    24: "CANNOT_WRITE_TO_OSTREAM", 32: "ATTEMPT_TO_READ_AFTER_EOF", 74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR", 95: "CANNOT_READ_FROM_SOCKET", 96: "CANNOT_WRITE_TO_SOCKET",
    198: "DNS_ERROR", 204: "CANNOT_FSYNC", 209: "SOCKET_TIMEOUT", 210: "NETWORK_ERROR",
    279: "ALL_CONNECTION_TRIES_FAILED", 425: "SYSTEM_ERROR", 1000: "POCO_EXCEPTION", 1001: "STD_EXCEPTION",
    # too busy, too slow, or going down
    159: "TIMEOUT_EXCEEDED", 160: "TOO_SLOW", 201: "QUOTA_EXPIRED", 202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION", 236: "ABORTED", 252: "TOO_MANY_PARTS", 335: "BARRIER_TIMEOUT",
    364: "RECEIVED_ERROR_TOO_MANY_REQUESTS", 394: "QUERY_WAS_CANCELLED", 473: "DEADLOCK_AVOIDED",
    745: "SERVER_OVERLOADED",
    # memory and disk
    173: "CANNOT_ALLOCATE_MEMORY", 241: "MEMORY_LIMIT_EXCEEDED", 243: "NOT_ENOUGH_SPACE",
    # replicas and their keeper; a table that is read-only has lost its keeper
    225: "NO_ZOOKEEPER", 242: "TABLE_IS_READ_ONLY", 244: "UNEXPECTED_ZOOKEEPER_ERROR", 254: "NO_ACTIVE_REPLICAS",
    285: "TOO_LESS_LIVE_REPLICAS", 286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", 319: "UNKNOWN_STATUS_OF_INSERT",
    999: "KEEPER_EXCEPTION",
    # a table is being replaced at this moment
    218: "TABLE_IS_DROPPED",
}  # fmt: skip
"""ClickHouse error codes after which the same rows are sent again. Unions make that harmless, whatever had been
written. Every other code (unknown table 60, type mismatch 53, authentication 516, access denied 497…) is refused."""

_BROKEN_CONNECTION = (
    OSError, EOFError, driver.NetworkError, driver.SocketTimeoutError, driver.ChecksumDoesntMatchError,
    driver.UnexpectedPacketFromServerError, driver.UnknownPacketFromServerError,
)  # fmt: skip
"""Network, time-outs, a reply that makes no sense: the connection is of no more use, the rows still are."""

# It logs a traceback for every connection refused; our exceptions say it in a sentence.
logging.getLogger("clickhouse_driver.connection").setLevel(logging.ERROR)

_BLOCK_INFO_REVISION = 51_903
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # is_overflows = 0, bucket_num = -1, end

_INSERT_SETTINGS = {"async_insert": 0}
"""A server's profile may collect inserts in memory; what we acknowledge to Kafka has to be in the table."""


class Store:
    """One connection to ClickHouse, for one thread at a time. It connects when first used, and again after an error.

    Args:
        url: `clickhouse://user:password@host:port/ent`; `clickhouses://` for TLS. The path is not used: every
            query of the project names its database, and `migrate` has to connect before `ent` exists.
        timeout: longest silence of the server, in seconds, before a call fails as StoreUnavailable.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._url, self._timeout = url, timeout
        self._client = Client(
            parts.hostname,
            port=parts.port or DEFAULT_PORT,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=parts.scheme == "clickhouses",
            client_name="instant-t",
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=timeout,
            sync_request_timeout=CONNECT_SECONDS,
        )
        self.address = f"{parts.hostname}:{parts.port or DEFAULT_PORT}"
        """host:port, for messages; never the login."""

    def another(self) -> Store:
        """A new connection to the same server, with the same login."""
        return Store(self._url, self._timeout)

    def execute(
        self,
        sql: str,
        params: Mapping[str, Any] | Sequence[Sequence[Any]] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Args:
            sql: one statement; `%(name)s` stands for a parameter.
            params: values of the parameters, or the rows of an `INSERT … VALUES`.
            settings: ClickHouse settings of this statement.

        Raises:
            StoreUnavailable: try again later.
            StoreRefused: will not succeed as it is.
        """
        with self._errors():
            inserting = params is not None and not isinstance(params, Mapping)
            all_settings = (_INSERT_SETTINGS if inserting else {}) | dict(settings or {})
            rows = self._client.execute(sql, params, settings=all_settings)
            return rows if isinstance(rows, list) else []

    def insert_block(self, table: str, columns: Sequence[str], body: Callable[[int], bytes]) -> None:
        """Insert one ready-made Native block; when this returns, the rows are in the table.

        The driver would encode value by value, in Python; a block made of columns goes out as it is.

        Args:
            table: with its database.
            columns: names, in the block's order; the server fills the others with their defaults.
            body: given the revision agreed on with the server, returns the block as `core.native.encode_block` does.

        Raises:
            StoreUnavailable: nothing, a part or all of the block is stored; send the same again.
            StoreRefused: will not succeed as it is.
        """
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
        with self._errors(), self._client.disconnect_on_error(sql, _INSERT_SETTINGS):
            connection = self._client.connection
            connection.send_query(sql)
            connection.send_external_tables(None)
            self._client.receive_sample_block()
            revision = connection.server_info.used_revision
            out = connection.fout
            write_varint(ClientPacketTypes.DATA, out)
            write_binary_str("", out)
            if revision >= _BLOCK_INFO_REVISION:
                out.write(_BLOCK_INFO)
            out.write(body(revision))
            connection.send_data(ColumnOrientedBlock())
            out.flush()
            self._client.receive_end_of_insert_query()

    def close(self) -> None:
        """Close the connection; the next call would open it again."""
        self._client.disconnect()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the driver and the socket raise into the two exceptions of the project."""
        try:
            yield
        except driver.ServerException as error:
            # The driver leaves the connection in the middle of a reply after some errors: start afresh.
            self.close()
            name = PASSING_TROUBLE.get(error.code)
            first_line = str(error.message).split("Stack trace")[0].strip()
            if name:
                raise StoreUnavailable(f"ClickHouse at {self.address}: {name}: {first_line}") from error
            raise StoreRefused(f"ClickHouse at {self.address}, code {error.code}: {first_line}") from error
        except _BROKEN_CONNECTION as error:
            self.close()
            raise StoreUnavailable(f"ClickHouse at {self.address} does not answer: {error!r}") from error
        except driver.Error as error:
            # What the driver itself cannot write or read: a value of another type than the column's, most of all.
            self.close()
            raise StoreRefused(f"ClickHouse at {self.address}: {error}") from error
