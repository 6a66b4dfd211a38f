"""ClickHouse's HTTP interface: curl, clickhouse-connect, BI tools. One request after another on a connection."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import uuid
from collections.abc import Callable, Hashable, Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from deploy.embedded import rules
from deploy.embedded.access import Access
from deploy.embedded.compression import frames, gzip
from deploy.embedded.engine import Engine, Session
from deploy.embedded.failures import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    LIMIT_EXCEEDED,
    NOT_IMPLEMENTED,
    SYNTAX_ERROR,
    UNKNOWN_SETTING,
    BrokenStream,
    Failure,
    as_failure,
)
from deploy.embedded.http_body import Body, statement_and_rows
from deploy.embedded.http_guard import GuardedHandler
from deploy.embedded.http_sessions import SESSION_SECONDS, Lease, Sessions
from deploy.embedded.logins import Logins
from deploy.embedded.native_block import split
from deploy.embedded.native_query import describe, header_block, put_zones_back
from deploy.embedded.shared_answers import Keeper, Kept
from deploy.embedded.spool import Spool
from deploy.embedded.statements import UNCHANGING, Insert, first_word, format_of, parse_insert, without_format
from deploy.embedded.wire import MAX_STRING

MAX_ANSWER = 256 << 20
"""Bytes of an answer whose format must be made whole, such as JSON."""
_HEAD = 1 << 18
"""Bytes of a body that are read before the statement in it is looked for."""

# What an HTTP client may say besides settings (docs: interfaces/http).
_OWN_PARAMETERS = frozenset({
    "add_http_cors_header", "buffer_size", "client_protocol_version", "close_session", "compress", "database",
    "decompress", "default_format", "default_output_format", "enable_http_compression",
    "http_headers_progress_interval_ms", "http_response_buffer_size", "http_wait_end_of_query",
    "http_zlib_compression_level", "password", "query", "query_id", "quota_key", "role",
    "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "stacktrace", "user",
    "wait_end_of_query",
})  # fmt: skip
# Formats whose pieces can be sent as they are made: nothing stands before the first row or after the last.
_STREAMED = frozenset({
    "Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "RowBinary", "JSONEachRow", "NDJSON",
    "JSONLines", "JSONCompactEachRow", "JSONStringsEachRow", "LineAsString",
})  # fmt: skip
_STATUS = {
    **dict.fromkeys((60, 81, 47, 46, 372), 404),
    **dict.fromkeys((62, 27, 53, 41, 38, 36, 6, 456, 457), 400),
    **dict.fromkeys((497, 164, 516), 403),
    48: 501,
    202: 503,
}
_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}

_log = logging.getLogger(__name__)


class HttpHandler(GuardedHandler, BaseHTTPRequestHandler):
    """One connection. The four attributes below are set on a subclass by the gateway."""

    engine: Engine
    access: Access
    logins: Logins
    spool: Callable[[], Spool]
    sessions: Sessions

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def do_OPTIONS(self) -> None:
        """Browsers ask before they post."""
        self._begin()
        self._send(204, b"")

    def do_HEAD(self) -> None:
        """As GET; the body is left out."""
        self._answer()

    def do_GET(self) -> None:
        """A query that changes nothing."""
        self._answer()

    def do_POST(self) -> None:
        """Any query."""
        self._answer()

    def _begin(self) -> str:
        """Forget the request before; the path of this one."""
        self._login = ""
        self._started = False
        self._gzip = False
        address = urlsplit(self.path)
        self._parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        self._body = Body(self.rfile, self.headers, present=self.command == "POST", framed=self._flag("decompress"))
        return address.path

    def _answer(self) -> None:
        path = self._begin()
        try:
            if path in ("/ping", "/replicas_status") or (path == "/" and self._body.finished and not self._parameters):
                self._send(200, b"Ok.\n")
            elif path not in ("/", "/query"):
                self._send(404, b"There is no such handle: queries go to /, and /ping answers Ok.\n")
            else:
                self._login = self._authenticate()
                if self._login == "default":
                    self._body.most = rules.MOST_SENT
                self._gzip = self._flag("enable_http_compression") and "gzip" in self.headers.get("Accept-Encoding", "")
                self._query()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Failure as error:
            self._fail(error)
        except Exception as error:
            _log.exception("A request of %s failed for a reason of ours.", self._login or "nobody")
            self._fail(as_failure(error))

    def _flag(self, name: str) -> bool:
        return self._parameters.get(name) in ("1", "true")

    def _authenticate(self) -> str:
        login = self.headers.get("X-ClickHouse-User") or self._parameters.get("user") or "default"
        password = self.headers.get("X-ClickHouse-Key") or self._parameters.get("password") or ""
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                login, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise Failure(AUTHENTICATION_FAILED, "DB::Exception: the Authorization header is not Basic.") from None
        if not self.logins.accepts(login, password, str(self.client_address[0])):
            raise Failure(
                AUTHENTICATION_FAILED,
                f"DB::Exception: {login}: Authentication failed: password is incorrect, or there is no user with such"
                " name. (AUTHENTICATION_FAILED)",
            )
        return login

    # The query.

    def _query(self) -> None:
        if "multipart/form-data" in self.headers.get("Content-Type", ""):
            raise Failure(NOT_IMPLEMENTED, "DB::Exception: external tables over HTTP are not taken. (NOT_IMPLEMENTED)")
        body = iter(self._body)
        sql, rows = self._parameters.get("query", ""), b""
        head = bytearray()
        for piece in body:
            head += piece
            if len(head) >= _HEAD:
                break
        if not sql:
            sql, rows = statement_and_rows(bytes(head))
        elif first_word(sql) == "INSERT":
            rows = bytes(head)
        else:
            sql, rows = f"{sql}\n{head.decode('utf-8', 'surrogateescape')}" if head else sql, b""
        if first_word(sql) == "INSERT":
            insert = parse_insert(sql, self._parameters.get("default_format", "TabSeparated"))
        else:
            insert = None
            sql += self._rest_of_text(body)
        if not sql.strip():
            raise Failure(SYNTAX_ERROR, "DB::Exception: Empty query. (SYNTAX_ERROR)")
        with self._session() as session:
            self._prepare(session)
            if insert is None:
                if rows:  # INSERT … SELECT cannot have any
                    sql += rows.decode("utf-8", "surrogateescape") + self._rest_of_text(body)
                self._check(session, sql)
                self._select(session, sql.rstrip(" \t\r\n;"))
            else:
                self._check(session, insert.statement)
                inline = sql[insert.data_start :].encode("utf-8", "surrogateescape").rstrip(b"; \n")
                self._insert(session, insert, [inline, rows], body)

    def _rest_of_text(self, body: Iterator[bytes]) -> str:
        rest = bytearray()
        for piece in body:
            rest += piece
            if len(rest) > MAX_STRING:
                raise Failure(SYNTAX_ERROR, f"DB::Exception: Max query size exceeded ({MAX_STRING}). (SYNTAX_ERROR)")
        return rest.decode("utf-8", "surrogateescape")

    def _session(self) -> Lease:
        name = self._parameters.get("session_id")
        if not name:
            return Lease(self.engine.session(read_only=self._login == "default"), None)
        try:
            seconds = float(self._parameters.get("session_timeout", SESSION_SECONDS))
        except ValueError:
            raise Failure(BAD_ARGUMENTS, "DB::Exception: session_timeout is not a number.") from None
        return self.sessions.take(self._login, name, seconds=seconds, must_exist=self._flag("session_check"))

    def _prepare(self, session: Session) -> None:
        database = self._parameters.get("database") or self.headers.get("X-ClickHouse-Database")
        if database:
            self.access.check_database(self._login, database)
            session.use(database)
        for name, value in self._parameters.items():
            if name in _OWN_PARAMETERS or name.startswith("param_"):
                continue
            if not re.fullmatch(r"\w+", name):
                raise Failure(UNKNOWN_SETTING, f"DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
            self.access.check_setting(self._login, name)
            session.set(name, value)

    @property
    def _params(self) -> dict[str, str]:
        return {name[6:]: value for name, value in self._parameters.items() if name.startswith("param_")}

    def _check(self, session: Session, sql: str) -> None:
        self.access.check(self._login, session.database, sql, self._params)

    def _insert(self, session: Session, insert: Insert, held: list[bytes], body: Iterator[bytes]) -> None:
        with self.spool() as spool:
            for piece in held:
                spool.write(piece)
            for piece in body:
                spool.write(piece)
            rows = session.insert(insert.from_file(spool.path, insert.data_format)) if spool.size else 0
            summary = {"written_rows": str(rows), "written_bytes": str(spool.size), "result_rows": str(rows)}
        self._send(200, b"", summary=summary)

    def _select(self, session: Session, sql: str) -> None:
        asked = self._parameters.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        question = self._question(session, sql, asked)
        if question is None:
            self._run(session, sql, asked)
        elif kept := self.engine.shared.join(question, lambda: self._run(session, sql, asked)):
            self._replay(kept, format_of(sql) or asked)

    def _question(self, session: Session, sql: str, asked: str) -> Hashable:
        """What the answer depends on, where others may be given it too; else None."""
        if self._parameters.get("session_id") or self._params:
            return None
        if not self.access.is_shareable(self._login, session.database, sql):
            return None
        settings = {name: value for name, value in self._parameters.items() if name not in _OWN_PARAMETERS}
        return ("http", session.database, sql, asked, tuple(sorted(settings.items())))

    def _replay(self, kept: Kept, data_format: str) -> None:
        """Send the answer that somebody else's query was given."""
        if data_format in _STREAMED:
            self._start(data_format)
            for piece in kept.pieces:
                self._chunk(self._packed(piece))
            self._chunk(b"")
        else:
            (content,) = kept.pieces
            self._send_whole(content, data_format, kept.read_rows)

    def _send_whole(self, content: bytes, data_format: str, read_rows: int) -> None:
        summary = {"read_rows": str(read_rows), "result_bytes": str(len(content))}
        self._send(200, self._packed(content), data_format=data_format, summary=summary)

    def _run(self, session: Session, sql: str, asked: str) -> Kept | None:
        """Execute a statement and send what it answers; what was sent, where it is whole."""
        data_format = format_of(sql) or asked
        word = first_word(sql)
        with self.engine.watched(self.connection) as watched:
            if word in ("SELECT", "WITH") and data_format in _STREAMED:
                kept = self._stream(session, without_format(sql), data_format, watched.mark)
                return None if watched.cancelled else kept
            marked = sql if word in ("USE", "SET", "CREATE", "ALTER", "DROP", "INSERT") else watched.mark(sql)
            result = (session.run if word in UNCHANGING else session.change)(marked, asked, self._params)
        content: bytes = result.bytes()
        if word == "USE":
            session.database = session.text("SELECT currentDatabase()").rstrip("\n")
        if len(content) > MAX_ANSWER:
            text = f"DB::Exception: the answer has over {MAX_ANSWER} bytes: ask for less, or for FORMAT JSONEachRow."
            raise Failure(LIMIT_EXCEEDED, text)
        self._send_whole(content, data_format, result.rows_read())
        keeper = Keeper()
        keeper.add(content)
        return None if watched.cancelled else keeper.kept(result.rows_read(), len(content))

    def _stream(self, session: Session, sql: str, data_format: str, mark: Callable[[str], str]) -> Kept | None:
        """Send the answer as it is made. The first piece decides between an answer and an error."""
        zones: list[str | None] = []
        header: list[tuple[str, str]] = []
        keeper = Keeper()
        if data_format == "Native":
            header = describe(session, sql, self._params)
            zones = [kind if kind.startswith("DateTime('") else None for _, kind in header]
        for piece in session.stream(mark(sql), data_format, self._params):
            content = piece.bytes()
            if any(zones):
                content = b"".join(put_zones_back(block, zones) for block in split(content))
            if not self._started:
                self._start(data_format)
            keeper.add(content)
            self._chunk(self._packed(content))
        if not self._started:
            self._start(data_format)
            if header:
                keeper.add(header_block(header))
                self._chunk(self._packed(header_block(header)))
        self._chunk(b"")
        return keeper.kept(0, 0)

    # The answer.

    def _packed(self, content: bytes) -> bytes:
        return frames(content) if content and self._flag("compress") else content

    def _common_headers(self, data_format: str) -> None:
        other = "text/tab-separated-values; charset=UTF-8" if data_format else "text/plain; charset=UTF-8"
        self.send_header("Content-Type", _CONTENT_TYPES.get(data_format, other))
        self.send_header("X-ClickHouse-Server-Display-Name", self.engine.host_name)
        self.send_header("X-ClickHouse-Timezone", self.engine.timezone)
        self.send_header("X-ClickHouse-Query-Id", self._parameters.get("query_id") or str(uuid.uuid4()))
        if data_format:
            self.send_header("X-ClickHouse-Format", data_format)
        if not self._body.finished:
            self.send_header("Connection", "close")  # the rest of the body would be taken for the next request
            self.close_connection = True

    def _start(self, data_format: str) -> None:
        self._started = True
        self.send_response(200)
        self._common_headers(data_format)
        self.send_header("Transfer-Encoding", "chunked")
        if self._gzip:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()

    def _chunk(self, content: bytes) -> None:
        """One chunk, as a gzip member of its own where asked; an empty one ends the answer."""
        if self.command == "HEAD":
            return
        if content and self._gzip:
            content = gzip(content)
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def _send(
        self,
        status: int,
        content: bytes,
        *,
        data_format: str = "",
        summary: dict[str, str] | None = None,
    ) -> None:
        packed = gzip(content) if self._gzip and content and status == 200 else content
        self.send_response(status)
        self._common_headers(data_format)
        if packed is not content:
            self.send_header("Content-Encoding", "gzip")
        if summary is not None:
            self.send_header("X-ClickHouse-Summary", json.dumps(summary))
        if status != 204:
            self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(packed)

    def _fail(self, error: Failure) -> None:
        text = f"Code: {error.code}. {error.message} (version {self.engine.version})\n"
        content = text.encode("utf-8", "surrogateescape")
        self.close_connection = self.close_connection or isinstance(error, BrokenStream)
        try:
            if self._started:  # the status is gone: as a server, break off so that nobody takes this for the end
                self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
                self.close_connection = True
                return
            self._gzip = False
            self.send_response(_STATUS.get(error.code, 500))
            self.send_header("X-ClickHouse-Exception-Code", str(error.code))
            self._common_headers("")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except OSError:
            self.close_connection = True
