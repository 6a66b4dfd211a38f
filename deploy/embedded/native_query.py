"""What a query on the native protocol is answered with: blocks of rows, or the end of an insert."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from deploy.embedded.failures import (
    NO_SUCH_COLUMN,
    UNEXPECTED_PACKET_FROM_CLIENT,
    BrokenStream,
    Failure,
)
from deploy.embedded.native_block import split, split_arguments, walk
from deploy.embedded.protocol import CANCEL, DATA, WITH_WRITE_PROGRESS
from deploy.embedded.shared_answers import Keeper, Kept
from deploy.embedded.statements import ANSWERED, UNCHANGING, Insert, first_word, unquoted, without_format
from deploy.embedded.wire import MemorySource, string, varint

if TYPE_CHECKING:
    from deploy.embedded.engine import Session
    from deploy.embedded.native_server import Client

_STREAMED = ("SELECT", "WITH", "FROM")
_UNTAGGED = ("USE", "SET", "CREATE", "ALTER", "INSERT", "DROP")
_ALL_BUT = re.compile(r"\(?\s*\*\s*(?:EXCEPT\s*\(?(.*?)\)?)?\)?", re.IGNORECASE | re.DOTALL)


Header = list[tuple[str, str]]
"""Names and types of a result's columns."""


def header_block(header: Header) -> bytes:
    """A block of no rows: what the columns are."""
    return varint(len(header)) + varint(0) + b"".join(string(name) + string(kind) for name, kind in header)


def describe(session: Session, sql: str, params: Mapping[str, str] | None = None) -> Header:
    """The columns of a SELECT, with the time zones that FORMAT Native drops."""
    answer = session.run(f"DESCRIBE TABLE ({sql}\n)", "JSONCompact", params).bytes()
    return [(row[0], row[1]) for row in json.loads(answer)["data"]]


def put_zones_back(block: bytes, zones: list[str | None]) -> bytes:
    """FORMAT Native writes `DateTime('Europe/Paris')` as `DateTime`: the block with its types as they are.

    `zones` has, for each column, the type to write instead, or None.
    """
    out = bytearray()
    done = 0
    for column, zoned in zip(walk(MemorySource(block), 0).columns, zones, strict=False):
        if zoned:
            out += block[done : column.type_at] + string(zoned)
            done = column.data_at
    return bytes(out) + block[done:]


class _Answer:
    """The blocks of one result on their way to the client, the first of them announced by its header."""

    def __init__(self, client: Client, sql: str, word: str) -> None:
        self._client = client
        self._sql = sql
        self._word = word
        self._zones: list[str | None] | None = None
        self.rows = self.blocks = self.size = 0

    def send(self, block: bytes) -> None:
        source = MemorySource(block)
        _, at = source.varint_at(0)
        rows, _ = source.varint_at(at)
        if self.blocks == 0:
            header = self._header(block)
            self._client.channel.data(header_block(header))
        if self._zones is not None and any(self._zones):
            block = put_zones_back(block, self._zones)
        self._client.channel.data(block)
        self.rows += rows
        self.blocks += 1
        self.size += len(block)

    def close(self, read_rows: int, read_size: int) -> None:
        """Say how much was read and sent, and that this is the end."""
        self._client.channel.progress(read_rows or self.rows, read_size or self.size)
        self._client.channel.profile(self.rows, self.blocks, self.size)
        self._client.channel.end()

    def _header(self, block: bytes) -> Header:
        try:
            header = [(column.name, column.type) for column in walk(MemorySource(block), 0).columns]
        except BrokenStream:  # a type whose layout depends on its data: the engine knows
            return describe(self._client.side, self._sql)
        if self._word not in _STREAMED or not any(kind == "DateTime" for _, kind in header):
            return header
        try:
            described = describe(self._client.side, self._sql)
        except Failure:
            return header  # a table sent along with the query is not there for another session: UTC must do
        kinds = [
            zoned if plain == "DateTime" else plain for (_, plain), (_, zoned) in zip(header, described, strict=True)
        ]
        self._zones = [kind if kind.startswith("DateTime('") else None for kind in kinds]
        return [(name, kind) for (name, _), kind in zip(header, kinds, strict=True)]


def answer_statement(client: Client, sql: str, question: Hashable = None) -> None:
    """Execute a statement that carries no rows, and send what it answers.

    Args:
        client: who asks.
        sql: the statement.
        question: what the answer depends on, where it may be shared with others who ask the same.
    """
    if client.channel.cancel_waits():
        client.channel.end()
    elif question is None:
        _execute(client, without_format(sql))
    elif kept := client.engine.shared.join(question, lambda: _execute(client, without_format(sql))):
        _replay(client, without_format(sql), kept)


def _replay(client: Client, sql: str, kept: Kept) -> None:
    """Send the answer that somebody else's query was given."""
    answer = _Answer(client, sql, first_word(sql))
    for piece in kept.pieces:
        answer.send(piece)
    answer.close(kept.read_rows, kept.read_size)


def _execute(client: Client, sql: str) -> Kept | None:
    """Execute a statement and send what it answers; what was sent, where it is whole."""
    word = first_word(sql)
    answer = _Answer(client, sql, word)
    keeper = Keeper()
    read_rows = read_size = 0
    with client.engine.watched(client.channel.socket) as watched:
        marked = sql if word in _UNTAGGED else watched.mark(sql)
        try:
            if word in _STREAMED:
                for piece in client.session.stream(marked, "Native"):
                    read_rows += piece.storage_rows_read()
                    read_size += piece.storage_bytes_read()
                    block = piece.bytes()
                    keeper.add(block)
                    answer.send(block)
                    if watched.cancelled:
                        break
            else:
                run = client.session.run if word in UNCHANGING else client.session.change
                content = run(marked, "Native").bytes()
                if word == "USE":
                    client.session.database = client.session.text("SELECT currentDatabase()").rstrip("\n")
                for block in split(content) if content else ():
                    answer.send(block)
        except Failure:
            if not watched.cancelled:
                raise
    if word in ANSWERED and not answer.blocks and not watched.cancelled:
        header = describe(client.session, sql) if word in _STREAMED else _header_of(client.session, sql)
        if header:
            client.channel.data(header_block(header))
    if word in ANSWERED:
        answer.close(read_rows, read_size)
    else:
        client.channel.end()
    return keeper.kept(read_rows, read_size) if answer.blocks and not watched.cancelled else None


def _header_of(session: Session, sql: str) -> Header:
    """The columns of a SHOW or DESCRIBE that answered nothing."""
    answer = session.run(sql, "JSONCompact").bytes()
    return [(column["name"], column["type"]) for column in json.loads(answer)["meta"]] if answer else []


def answer_insert(client: Client, insert: Insert, inline: str) -> None:
    """Take the rows of an insert, which stand in the statement or come in Data packets, and write them in one go."""
    with client.spool() as spool:
        if inline.strip().strip(";"):
            spool.write(inline.encode("utf-8", "surrogateescape"))
            rows = client.session.insert(insert.from_file(spool.path, insert.data_format))
        else:
            client.channel.data(header_block(_columns_of(client.session, insert)))
            client.channel.flush()
            refused: Failure | None = None
            while True:
                if (packet := client.channel.next_packet()) == CANCEL:
                    client.channel.end()
                    return
                if packet != DATA:
                    text = f"DB::NetException: Unexpected packet {packet} where rows are expected."
                    raise BrokenStream(UNEXPECTED_PACKET_FROM_CLIENT, text)
                _, block, content = client.channel.read_data()
                with content:
                    if not block.columns:
                        break
                    try:
                        if block.rows and refused is None:
                            spool.write(content)
                    except Failure as error:
                        refused = error  # said once the client has sent everything, when it listens
            if refused is not None:
                raise refused
            rows = client.session.insert(insert.from_file(spool.path, "Native")) if spool.size else 0
        if client.channel.revision >= WITH_WRITE_PROGRESS:  # an older client expects no Progress after an insert
            client.channel.progress(written_rows=rows, written_size=spool.size)
    client.channel.end()


def _columns_of(session: Session, insert: Insert) -> Header:
    """Names and types that the client is to send: those it named, or all that have no expression."""
    rows = json.loads(session.run(f"DESCRIBE TABLE {insert.target}", "JSONCompact").bytes())["data"]
    types = {row[0]: row[1] for row in rows}
    plain = [row[0] for row in rows if row[2] not in ("MATERIALIZED", "ALIAS", "EPHEMERAL")]
    names: list[str] = []
    for written in split_arguments(insert.columns) if insert.columns is not None else ["*"]:
        if every := _ALL_BUT.fullmatch(written):
            left_out = {unquoted(name) for name in split_arguments(every.group(1) or "")}
            names += [name for name in plain if name not in left_out]
        else:
            names.append(unquoted(written))
    for name in names:
        if name not in types:
            text = f"DB::Exception: No such column {name} in table {insert.target}. (NO_SUCH_COLUMN_IN_TABLE)"
            raise Failure(NO_SUCH_COLUMN, text)
    return [(name, types[name]) for name in names]
