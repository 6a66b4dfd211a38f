"""ClickHouse's native TCP protocol, revision 54453, one thread for each connection.

Revision 54453 is the last one in which a column on the wire is what chDB's FORMAT Native writes (the next one puts a
byte about custom serialization before each column's data).
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable

from deploy.embedded.access import Access
from deploy.embedded.compression import FramedSource, frames
from deploy.embedded.engine import Engine, Session
from deploy.embedded.failures import (
    AUTHENTICATION_FAILED,
    NOT_IMPLEMENTED,
    UNEXPECTED_PACKET_FROM_CLIENT,
    UNKNOWN_DATABASE,
    UNKNOWN_PACKET_FROM_CLIENT,
    UNKNOWN_SETTING,
    BrokenStream,
    Failure,
    as_failure,
)
from deploy.embedded.logins import Logins
from deploy.embedded.native_block import BLOCK_INFO, Block, walk
from deploy.embedded.native_query import answer_insert, answer_statement
from deploy.embedded.protocol import (
    CANCEL,
    DATA,
    HELLO,
    PING,
    QUERY,
    REVISION,
    S_DATA,
    S_END,
    S_EXCEPTION,
    S_PONG,
    S_PROFILE,
    S_PROGRESS,
    S_TABLES_STATUS,
    TABLES_STATUS,
    WITH_BLOCK_INFO,
    WITH_CLIENT_INFO,
    WITH_DEPTH,
    WITH_DISPLAY_NAME,
    WITH_NAMED_SETTINGS,
    WITH_PATCH,
    WITH_QUOTA_KEY,
    WITH_REPLICAS,
    WITH_SECRET,
    WITH_START_TIME,
    WITH_TIMEZONE,
    WITH_TRACE,
    WITH_WRITE_PROGRESS,
)
from deploy.embedded.spool import Spool
from deploy.embedded.statements import first_word, identifier, parse_insert
from deploy.embedded.wire import HungUp, Source, SocketSource, int32, string, varint

MAX_CONNECTIONS = 128
HELLO_SECONDS = 10
IDLE_SECONDS = 3600.0
"""How long a client may say nothing between two requests, as on a server."""
STALLED_SECONDS = 300.0
"""How long a client may take to send or to read the next bytes of a request."""

_log = logging.getLogger(__name__)


class Channel:
    """One client: what it announced, its session on the engine, and the packets that go to it."""

    def __init__(self, engine: Engine, access: Access, logins: Logins, spool: Callable[[], Spool]) -> None:
        self.engine = engine
        self.access = access
        self.spool = spool
        self._logins = logins
        self._applied: dict[str, str] = {}
        self._plain: Source = Source()
        self._framed: Source | None = None
        self._out = bytearray()
        self._side: Session | None = None
        self._wanted_database = ""
        self.compressed = False
        self.revision = REVISION
        self.login = ""
        self.external: list[str] = []
        self.session: Session
        self.socket: socket.socket

    # The connection's life.

    def serve(self, connection: socket.socket) -> None:
        """Answer one client until it leaves, or until its bytes make no sense."""
        self.socket = connection
        self._plain = SocketSource(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(HELLO_SECONDS)
            if self._hello():
                while True:
                    connection.settimeout(IDLE_SECONDS)
                    self._plain.compact()
                    self._plain.want(1)
                    connection.settimeout(STALLED_SECONDS)
                    self._packet()
        except BrokenStream as error:
            self._say_last(error)
        except (HungUp, OSError):
            pass  # the client is gone; nothing of an unfinished insert was given to the engine
        except Exception as error:
            _log.exception("A connection of %s failed for a reason of ours.", self.login or "nobody")
            self._say_last(as_failure(error))
        finally:
            for session in (getattr(self, "session", None), self._side):
                if session is not None:
                    session.close()

    def _say_last(self, error: Failure) -> None:
        try:
            self._exception(error)
            # Unread bytes would turn this close into a reset, which can overtake the error on its way.
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(0.5)
            for _ in range(64):
                if not self.socket.recv(1 << 20):
                    break
        except OSError:
            pass

    def _hello(self) -> bool:
        source = self._plain
        if (packet := source.varint()) != HELLO:
            if packet in b"GPHODC":  # the first letter of an HTTP method
                text = b"This is ClickHouse's native port; HTTP is on another one.\n"
                self.socket.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" + text)
                return False
            raise BrokenStream(UNEXPECTED_PACKET_FROM_CLIENT, "DB::NetException: Unexpected packet: Hello is first.")
        source.string()  # the client's name
        source.varint(), source.varint()  # and version
        self.revision = min(source.varint(), REVISION)
        self._wanted_database, login, password = source.string(), source.string(), source.string()
        if not self._logins.accepts(login, password):
            raise BrokenStream(
                AUTHENTICATION_FAILED,
                f"DB::Exception: {login}: Authentication failed: password is incorrect, or there is no user with such"
                " name. (AUTHENTICATION_FAILED)",
            )
        self.login = login
        self.session = self.engine.session(read_only=login == "default")
        major, minor, patch = self.engine.version_numbers[:3]
        reply = varint(HELLO) + string("ClickHouse") + varint(major) + varint(minor) + varint(REVISION)
        if self.revision >= WITH_TIMEZONE:
            reply += string(self.engine.timezone)
        if self.revision >= WITH_DISPLAY_NAME:
            reply += string(self.engine.host_name)
        if self.revision >= WITH_PATCH:
            reply += varint(patch)
        self.socket.sendall(reply)
        return True

    def _packet(self) -> None:
        packet = self._plain.varint()
        if packet == PING:
            self.socket.sendall(varint(S_PONG))
        elif packet == QUERY:
            self._query()
        elif packet == DATA:
            self.read_data()  # left over from an insert that was refused
        elif packet == TABLES_STATUS:
            for _ in range(min(self._plain.varint(), 10_000)):
                self._plain.string(), self._plain.string()
            self.socket.sendall(varint(S_TABLES_STATUS) + varint(0))
        elif packet != CANCEL:  # a Cancel that comes after the end is late, not wrong
            raise BrokenStream(
                UNKNOWN_PACKET_FROM_CLIENT, f"DB::NetException: Unknown packet {packet} from client. (UNKNOWN_PACKET)"
            )

    # What a client sends.

    def next_packet(self) -> int:
        """The kind of the next packet."""
        self._plain.compact()
        return self._plain.varint()

    def read_data(self) -> tuple[str, Block, memoryview]:
        """A Data packet: table name, the walked block, and its bytes. Release the bytes before reading on."""
        name = self._plain.string()
        source = self._plain
        if self.compressed:
            if self._framed is None:
                self._framed = FramedSource(self._plain)
            source = self._framed
        source.compact()
        if self.revision >= WITH_BLOCK_INFO:
            while field := source.varint():
                source.take(1 if field == 1 else 4)
        start = source.position
        block = walk(source, start)
        source.position = block.end
        return name, block, memoryview(source.buffer)[start : block.end]

    def _query(self) -> None:
        source = self._plain
        source.string()  # the query's id: chDB gives its own
        if self.revision >= WITH_CLIENT_INFO:
            self._client_info()
        settings = self._settings()
        if self.revision >= WITH_SECRET:
            source.string()
        source.varint()  # stage
        self.compressed = bool(source.varint())
        sql = source.string()
        self._framed = None
        self.external = []
        refused: Failure | None = None
        try:
            while True:
                if (packet := self.next_packet()) != DATA:
                    text = f"DB::NetException: Unexpected packet {packet} where the query's tables are expected."
                    raise BrokenStream(UNEXPECTED_PACKET_FROM_CLIENT, text)
                name, block, content = self.read_data()
                with content:
                    if not block.columns:
                        break
                    try:
                        if refused is None:
                            self._external_table(name, block, content)
                    except Failure as error:
                        refused = error
            if refused is not None:
                raise refused
            self._execute(sql, settings)
        except BrokenStream:
            raise
        except Failure as error:
            self._exception(error)
        finally:
            for name in self.external:
                self.session.run(f"DROP TEMPORARY TABLE IF EXISTS {identifier(name)}")

    def _client_info(self) -> None:
        source = self._plain
        if source.byte() == 0:
            return
        source.string(), source.string(), source.string()
        if self.revision >= WITH_START_TIME:
            source.take(8)
        if source.byte() != 1:
            raise BrokenStream(NOT_IMPLEMENTED, "DB::Exception: only queries over TCP are taken here.")
        source.string(), source.string(), source.string()
        source.varint(), source.varint(), source.varint()
        if self.revision >= WITH_QUOTA_KEY:
            source.string()
        if self.revision >= WITH_DEPTH:
            source.varint()
        if self.revision >= WITH_PATCH:
            source.varint()
        if self.revision >= WITH_TRACE and source.byte():
            source.take(24)
            source.string()
            source.byte()
        if self.revision >= WITH_REPLICAS:
            source.varint(), source.varint(), source.varint()

    def _settings(self) -> dict[str, tuple[str, bool]]:
        """Name -> (value, whether the query cannot do without it)."""
        found: dict[str, tuple[str, bool]] = {}
        while name := self._plain.string():
            if self.revision < WITH_NAMED_SETTINGS:
                text = f"DB::Exception: the client is too old to send settings ({name}): use 20.1 or later."
                raise BrokenStream(NOT_IMPLEMENTED, text)
            important = bool(self._plain.byte() & 1)
            found[name] = (self._plain.string(), important)
        return found

    def _external_table(self, name: str, block: Block, content: memoryview) -> None:
        if name not in self.external:
            columns = ", ".join(f"{identifier(column.name)} {column.type}" for column in block.columns)
            statement = f"CREATE TEMPORARY TABLE {identifier(name)} ({columns})"
            self.access.check_external(statement)
            self.session.run(statement)
            self.external.append(name)
        if block.rows:
            with self.spool() as spool:
                spool.write(content)
                spool.insert(self.session.insert, f"INSERT INTO {identifier(name)}", "Native")

    # Doing it.

    def _execute(self, sql: str, settings: dict[str, tuple[str, bool]]) -> None:
        self._enter_database(sql)
        self._apply(settings)
        insert = parse_insert(sql) if first_word(sql) == "INSERT" else None
        statement = f"{insert.prefix} FORMAT {insert.data_format}" if insert else sql
        self.access.check(self.login, self.session.database, statement, external=self.external)
        if insert is None:
            answer_statement(self, sql)
        else:
            answer_insert(self, insert, sql[insert.data_start :])

    def _enter_database(self, sql: str) -> None:
        """The database named at the connection: as on a server, the first query says that it does not exist.

        The admin may still make it, which is what the first migration does.
        """
        if not self._wanted_database:
            return
        self.access.check_database(self.login, self._wanted_database)
        try:
            self.session.use(self._wanted_database)
        except Failure as error:
            if error.code == UNKNOWN_DATABASE and self.login == "admin" and first_word(sql) == "CREATE":
                return
            raise
        self._wanted_database = ""

    def _apply(self, settings: dict[str, tuple[str, bool]]) -> None:
        """Make the session's settings those of this query, which replace the ones of the query before."""
        for name in [name for name in self._applied if name not in settings]:
            self.session.run(f"SET {name} = DEFAULT")
            del self._applied[name]
        for name, (value, important) in settings.items():
            if self._applied.get(name) == value:
                continue
            if not re.fullmatch(r"\w+", name):
                raise Failure(UNKNOWN_SETTING, f"DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
            self.access.check_setting(self.login, name)
            try:
                self.session.set(name, value)
            except Failure as error:
                if error.code == UNKNOWN_SETTING and not important:
                    continue
                raise
            self._applied[name] = value

    @property
    def side(self) -> Session:
        """A second session in the same database: a session that streams a result can answer nothing else."""
        if self._side is None:
            self._side = self.engine.session(read_only=self.login == "default")
        self._side.use(self.session.database)
        return self._side

    # What a client gets.

    def flush(self) -> None:
        """Send what has been put together."""
        if self._out:
            self.socket.sendall(self._out)
            self._out = bytearray()

    def data(self, block: bytes) -> None:
        """One Data packet: `block` as FORMAT Native has it."""
        self._out += varint(S_DATA) + string("")
        if self.compressed:
            self._out += frames(BLOCK_INFO + block)
        else:
            self._out += BLOCK_INFO
            if len(block) > 1 << 16:
                self.flush()
                self.socket.sendall(block)
                return
            self._out += block
        if len(self._out) > 1 << 16:
            self.flush()

    def progress(self, rows: int = 0, size: int = 0, written_rows: int = 0, written_size: int = 0) -> None:
        """How much was read or written since the last Progress packet."""
        self._out += varint(S_PROGRESS) + varint(rows) + varint(size) + varint(0)
        if self.revision >= WITH_WRITE_PROGRESS:
            self._out += varint(written_rows) + varint(written_size)

    def profile(self, rows: int, blocks: int, size: int) -> None:
        """Totals of the result; `calculated_rows_before_limit` is 1 because an old client aborts on 0."""
        self._out += varint(S_PROFILE) + varint(rows) + varint(blocks) + varint(size) + b"\0" + varint(rows) + b"\1"

    def end(self) -> None:
        """EndOfStream: the query is done."""
        self._out += varint(S_END)
        self.flush()

    def _exception(self, error: Failure) -> None:
        name = "DB::NetException" if error.message.startswith("DB::NetException") else "DB::Exception"
        self._out += varint(S_EXCEPTION) + int32(error.code) + string(name) + string(error.message) + string("") + b"\0"
        self.flush()
