"""ClickHouse's native TCP protocol, revision 54453, one thread for each connection.

Revision 54453 is the last one in which a column on the wire is what chDB's FORMAT Native writes (the next one puts a
byte about custom serialization before each column's data).
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Hashable

from deploy.embedded import rules
from deploy.embedded.access import Access
from deploy.embedded.engine import Engine, Session
from deploy.embedded.failures import (
    AUTHENTICATION_FAILED,
    LIMIT_EXCEEDED,
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
from deploy.embedded.native_block import Block
from deploy.embedded.native_channel import Channel
from deploy.embedded.native_query import answer_insert, answer_statement
from deploy.embedded.protocol import (
    CANCEL,
    DATA,
    HELLO,
    PING,
    QUERY,
    REVISION,
    S_PONG,
    S_TABLES_STATUS,
    TABLES_STATUS,
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
)
from deploy.embedded.spool import Spool
from deploy.embedded.statements import first_word, identifier, parse_insert
from deploy.embedded.wire import HungUp, string, varint

HELLO_SECONDS = 10
IDLE_SECONDS = 3600.0
"""How long a client may say nothing between two requests, as on a server."""
STALLED_SECONDS = 300.0
"""How long a client may take to send or to read the next bytes of a request."""
_MAX_SETTINGS = 1000
_MAX_TABLES = 100

_log = logging.getLogger(__name__)


class Client:
    """One client: its login, its session on the engine, and the queries it asks one after another."""

    def __init__(
        self, connection: socket.socket, engine: Engine, access: Access, logins: Logins, spool: Callable[[], Spool]
    ) -> None:
        self.channel = Channel(connection)
        self.engine = engine
        self.spool = spool
        self._access = access
        self._logins = logins
        self._login = ""
        self._wanted_database = ""
        self._session: Session | None = None
        self._side: Session | None = None
        self._settings: dict[str, str] = {}
        self._before: dict[str, str] = {}
        """What settings of `_settings` were before a query first brought them."""
        self._external: list[str] = []
        self._external_size = 0
        self._is_plain = True

    @property
    def session(self) -> Session:
        """The client's session; there is one once it is logged in."""
        assert self._session is not None
        return self._session

    @property
    def side(self) -> Session:
        """A second session in the same database: a session that streams a result can answer nothing else."""
        if self._side is None:
            self._side = self.engine.session(read_only=self._login == "default")
        self._side.use(self.session.database)
        return self._side

    def serve(self) -> None:
        """Answer until the client leaves, or until its bytes make no sense."""
        connection, source = self.channel.socket, self.channel.source
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(HELLO_SECONDS)
            if self._hello():
                while True:
                    connection.settimeout(IDLE_SECONDS)
                    source.compact()
                    source.want(1)
                    connection.settimeout(STALLED_SECONDS)
                    self._packet()
        except BrokenStream as error:
            self._say_last(error)
        except (HungUp, OSError):
            pass  # the client is gone; nothing of an unfinished insert was given to the engine
        except Exception as error:
            _log.exception("A connection of %s failed for a reason of ours.", self._login or "nobody")
            self._say_last(as_failure(error))
        finally:
            for session in (self._session, self._side):
                if session is not None:
                    session.close()

    def _say_last(self, error: Failure) -> None:
        try:
            self.channel.exception(error)
            # Unread bytes would turn this close into a reset, which can overtake the error on its way.
            connection = self.channel.socket
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(0.5)
            for _ in range(64):
                if not connection.recv(1 << 20):
                    break
        except OSError:
            pass

    def _hello(self) -> bool:
        source = self.channel.source
        if (packet := source.varint()) != HELLO:
            if packet in b"GPHODC":  # the first letter of an HTTP method
                text = b"This is ClickHouse's native port; HTTP is on another one.\n"
                self.channel.socket.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" + text)
                return False
            raise BrokenStream(UNEXPECTED_PACKET_FROM_CLIENT, "DB::NetException: Unexpected packet: Hello is first.")
        source.string()  # the client's name
        source.varint(), source.varint()  # and version
        self.channel.revision = revision = min(source.varint(), REVISION)
        self._wanted_database, login, password = source.string(), source.string(), source.string()
        if not self._logins.accepts(login, password, self.channel.socket.getpeername()[0]):
            raise BrokenStream(
                AUTHENTICATION_FAILED,
                f"DB::Exception: {login}: Authentication failed: password is incorrect, or there is no user with such"
                " name. (AUTHENTICATION_FAILED)",
            )
        self._login = login
        if login == "default":
            source.most = rules.MOST_SENT
        self._session = self.engine.session(read_only=login == "default")
        major, minor, patch = self.engine.version_numbers[:3]
        reply = varint(HELLO) + string("ClickHouse") + varint(major) + varint(minor) + varint(REVISION)
        if revision >= WITH_TIMEZONE:
            reply += string(self.engine.timezone)
        if revision >= WITH_DISPLAY_NAME:
            reply += string(self.engine.host_name)
        if revision >= WITH_PATCH:
            reply += varint(patch)
        self.channel.socket.sendall(reply)
        return True

    def _packet(self) -> None:
        packet = self.channel.source.varint()
        if packet == PING:
            self.channel.socket.sendall(varint(S_PONG))
        elif packet == QUERY:
            self._query()
        elif packet == DATA:
            self.channel.read_data()  # left over from an insert that was refused
        elif packet == TABLES_STATUS:
            for _ in range(min(self.channel.source.varint(), 10_000)):
                self.channel.source.string(), self.channel.source.string()
            self.channel.socket.sendall(varint(S_TABLES_STATUS) + varint(0))
        elif packet != CANCEL:  # a Cancel that comes after the end is late, not wrong
            raise BrokenStream(
                UNKNOWN_PACKET_FROM_CLIENT, f"DB::NetException: Unknown packet {packet} from client. (UNKNOWN_PACKET)"
            )

    def _query(self) -> None:
        source = self.channel.source
        source.string()  # the query's id: chDB gives its own
        if self.channel.revision >= WITH_CLIENT_INFO:
            self._client_info()
        settings = self._sent_settings()
        if self.channel.revision >= WITH_SECRET:
            source.string()
        source.varint()  # stage
        compressed = bool(source.varint())
        sql = source.string()
        self.channel.begin_query(compressed=compressed)
        self._external, self._external_size = [], 0
        refused: Failure | None = None
        try:
            while True:
                if (packet := self.channel.next_packet()) != DATA:
                    text = f"DB::NetException: Unexpected packet {packet} where the query's tables are expected."
                    raise BrokenStream(UNEXPECTED_PACKET_FROM_CLIENT, text)
                name, block, content = self.channel.read_data()
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
            self.channel.exception(error)
        finally:
            for name in self._external:
                self.session.run(f"DROP TEMPORARY TABLE IF EXISTS {identifier(name)}")

    def _client_info(self) -> None:
        source = self.channel.source
        if source.byte() == 0:
            return
        source.string(), source.string(), source.string()
        if self.channel.revision >= WITH_START_TIME:
            source.take(8)
        if source.byte() != 1:
            raise BrokenStream(NOT_IMPLEMENTED, "DB::Exception: only queries over TCP are taken here.")
        source.string(), source.string(), source.string()
        source.varint(), source.varint(), source.varint()
        if self.channel.revision >= WITH_QUOTA_KEY:
            source.string()
        if self.channel.revision >= WITH_DEPTH:
            source.varint()
        if self.channel.revision >= WITH_PATCH:
            source.varint()
        if self.channel.revision >= WITH_TRACE and source.byte():
            source.take(24)
            source.string()
            source.byte()
        if self.channel.revision >= WITH_REPLICAS:
            source.varint(), source.varint(), source.varint()

    def _sent_settings(self) -> dict[str, tuple[str, bool]]:
        """Name -> (value, whether the query cannot do without it)."""
        found: dict[str, tuple[str, bool]] = {}
        while name := self.channel.source.string():
            if self.channel.revision < WITH_NAMED_SETTINGS:
                text = f"DB::Exception: the client is too old to send settings ({name}): use 20.1 or later."
                raise BrokenStream(NOT_IMPLEMENTED, text)
            if len(found) == _MAX_SETTINGS:
                raise BrokenStream(NOT_IMPLEMENTED, f"DB::Exception: a query may bring {_MAX_SETTINGS} settings.")
            important = bool(self.channel.source.byte() & 1)
            found[name] = (self.channel.source.string(), important)
        return found

    def _external_table(self, name: str, block: Block, content: memoryview) -> None:
        self._external_size += len(content)
        if self._external_size > self.channel.source.most:
            text = f"DB::Exception: the tables of a query may have {self.channel.source.most} bytes together."
            raise Failure(LIMIT_EXCEEDED, text)
        if name not in self._external:
            if len(self._external) == _MAX_TABLES:
                raise Failure(LIMIT_EXCEEDED, f"DB::Exception: a query may bring {_MAX_TABLES} tables.")
            columns = ", ".join(f"{identifier(column.name)} {column.type}" for column in block.columns)
            statement = f"CREATE TEMPORARY TABLE {identifier(name)} ({columns})"
            self._access.check_external(self._login, statement)
            self.session.run(statement)
            self._external.append(name)
        if block.rows:
            with self.spool() as spool:
                spool.write(content)
                self.session.insert(f"INSERT INTO {identifier(name)} FROM INFILE '{spool.path}' FORMAT Native")

    def _execute(self, sql: str, settings: dict[str, tuple[str, bool]]) -> None:
        self._enter_database(sql)
        self._apply(settings)
        insert = parse_insert(sql) if first_word(sql) == "INSERT" else None
        statement = insert.statement if insert else sql
        self._access.check(self._login, self.session.database, statement, external=self._external)
        if insert is None:
            answer_statement(self, sql, self._question(sql))
        else:
            answer_insert(self, insert, sql[insert.data_start :])

    def _question(self, sql: str) -> Hashable:
        """What the answer depends on, where others may be given it too; else None."""
        if first_word(sql) == "SET":
            self._is_plain = False  # from here on the session has settings that are not in sight
        if (
            not self._is_plain
            or self._external
            or not self._access.is_shareable(self._login, self.session.database, sql)
        ):
            return None
        return ("native", self.session.database, sql, tuple(sorted(self._settings.items())))

    def _enter_database(self, sql: str) -> None:
        """The database named at the connection: as on a server, the first query says that it does not exist.

        The admin may still make it, which is what the first migration does.
        """
        if not self._wanted_database:
            return
        self._access.check_database(self._login, self._wanted_database)
        try:
            self.session.use(self._wanted_database)
        except Failure as error:
            if error.code == UNKNOWN_DATABASE and self._login == "admin" and first_word(sql) == "CREATE":
                return
            raise
        self._wanted_database = ""

    def _apply(self, settings: dict[str, tuple[str, bool]]) -> None:
        """Make the session's settings those of this query, which replace the ones of the query before."""
        for name in [name for name in self._settings if name not in settings]:
            self.session.set(name, self._before[name])  # not DEFAULT, which may be what its login may not set
            del self._settings[name]
        for name, (value, important) in settings.items():
            if self._settings.get(name) == value:
                continue
            if not re.fullmatch(r"\w+", name):
                raise Failure(UNKNOWN_SETTING, f"DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
            self._access.check_setting(self._login, name)
            if name not in self._before:
                asked = "SELECT value FROM system.settings WHERE name = {name:String}"
                self._before[name] = self.session.text(asked, {"name": name}).removesuffix("\n")
            try:
                self.session.set(name, value)
            except Failure as error:
                if error.code == UNKNOWN_SETTING and not important:
                    continue
                raise
            self._settings[name] = value
