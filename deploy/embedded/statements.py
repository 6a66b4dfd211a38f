"""Reading SQL as far as a gateway must: its first word, the shape of an INSERT, and quoting.

What a statement may do is decided from the engine's own syntax tree, in `access.py`; nothing here guards anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from deploy.embedded.failures import SYNTAX_ERROR, Failure

# What is opened and never closed reaches to the end: looked for again from each next sign, it would take for ever.
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?(?:\*/|\Z))
      |(?P<text>'(?:[^'\\]++|\\(?:.|\Z)|'')*+(?:'|\Z)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
      |(?P<quoted>`(?:[^`\\]++|\\(?:.|\Z)|``)*+(?:`|\Z)|"(?:[^"\\]++|\\(?:.|\Z)|"")*+(?:"|\Z))
      |(?P<word>[A-Za-z_][\w$]*)
      |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
ANSWERED = ("SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK")
"""First words of statements that are answered with rows."""
UNCHANGING = (*ANSWERED, "USE", "SET")
"""First words of statements after which all others read what they read before."""
_INLINE_DATA_FORMAT = re.compile(r"[ \t]*(?:\r?\n)?")


class Token(NamedTuple):
    """A piece of a statement that is neither white space nor a comment."""

    kind: str
    """`text`, `quoted`, `word` or `other`."""
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in capitals; empty for everything that cannot be a keyword."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True)
class Insert:
    """`INSERT INTO target (columns) FORMAT x` whose rows come apart from the statement."""

    prefix: str
    """Everything before SETTINGS, VALUES or FORMAT: `FROM INFILE` goes behind it."""
    settings: str
    """`SETTINGS a = 1`, or nothing: the engine wants it behind `FROM INFILE`."""
    target: str
    """The table, as written."""
    columns: str | None
    """The text between the brackets, None when the statement names no column."""
    data_format: str
    data_start: int
    """Where the inline rows begin in the text; its length when there are none."""

    @property
    def statement(self) -> str:
        """The statement without its rows."""
        return f"{self.prefix} {self.settings} FORMAT {self.data_format}"

    def from_file(self, path: str, data_format: str) -> str:
        """The statement that takes its rows from a file of ours."""
        source = f"FROM INFILE {text_literal(path)} COMPRESSION 'none'"
        return f"{self.prefix} {source} {self.settings} FORMAT {data_format}"


def tokens(sql: str) -> Iterator[Token]:
    """The statement without white space and comments."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "other"
        if kind == "tag":
            kind = "text"
        if kind != "space":
            yield Token(kind, match.group(), match.start(), match.end())


def has_open_heredoc(sql: str) -> bool:
    """Whether a text `$tag$…` is never closed: the engine looks for the end of each to the end of the statement."""
    last = None
    if "$" in sql:
        for match in _TOKEN.finditer(sql):
            last = match
    if last is None or last["tag"] is None:
        return False
    sign = f"${last['tag']}$"
    return len(last.group()) < 2 * len(sign) or not last.group().endswith(sign)


def first_word(sql: str) -> str:
    """SELECT, INSERT, SET…: opening brackets are passed over."""
    for token in tokens(sql):
        if token.text != "(":
            return token.keyword
    return ""


def without_format(sql: str) -> str:
    """The statement without its closing semicolons and FORMAT clause, which over the native protocol is not ours."""
    found = list(tokens(sql))
    while found and found[-1].text == ";":
        sql = sql[: found.pop().start]
    if len(found) > 2 and found[-1].kind == "word" and found[-2].keyword == "FORMAT" and found[-3].text != ".":
        sql = sql[: found[-2].start]
    return sql


def format_of(sql: str) -> str | None:
    """The name after a closing FORMAT."""
    found = [token for token in tokens(sql) if token.text != ";"]
    if len(found) > 2 and found[-1].kind == "word" and found[-2].keyword == "FORMAT" and found[-3].text != ".":
        return found[-1].text
    return None


def parse_insert(sql: str, default_format: str = "Values") -> Insert | None:
    """The parts of an INSERT whose rows are sent, or stand inline; None for INSERT … SELECT and what is no INSERT.

    Raises:
        Failure: SYNTAX_ERROR, where the table cannot be made out.
    """
    depth = 0
    head: list[tuple[Token, int]] = []
    stream = tokens(sql)
    prefix_end = data_start = len(sql)
    settings_start = -1
    data_format = default_format
    for token in stream:
        if token.text == ")":
            depth -= 1
        word = token.keyword if depth == 0 and head and head[-1][0].text != "." and len(head) > 2 else ""
        if word in ("SELECT", "WITH", "WATCH") or (token.keyword == "SELECT" and depth):
            return None
        if word == "SETTINGS":
            settings_start = token.start
        if word == "VALUES":
            prefix_end, data_start, data_format = token.start, token.end, "Values"
            break
        if word == "FORMAT":
            name = next(stream, None)
            if name is None:
                raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: FORMAT names no format. (SYNTAX_ERROR)")
            prefix_end, data_format = token.start, name.text
            data_start = _INLINE_DATA_FORMAT.match(sql, name.end).end()  # type: ignore[union-attr]  # matches nothing too
            break
        head.append((token, depth))
        if token.text == "(":
            depth += 1
    while head and head[-1][0].text == ";":
        prefix_end = head.pop()[0].start
    if not head or head[0][0].keyword != "INSERT":
        return None
    target, columns = _target(sql, head)
    settings = sql[settings_start:prefix_end].rstrip() if settings_start >= 0 else ""
    prefix = sql[: settings_start if settings else prefix_end].rstrip()
    return Insert(prefix, settings, target, columns, data_format, data_start)


def _target(sql: str, head: list[tuple[Token, int]]) -> tuple[str, str | None]:
    """Table and column list of `INSERT [INTO] [TABLE] [FUNCTION] a.b (c, d)`."""
    at = 1
    for word in ("INTO", "TABLE", "FUNCTION"):
        if at < len(head) and head[at][0].keyword == word:
            at += 1
    if at >= len(head):
        raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: INSERT names no table. (SYNTAX_ERROR)")
    last = at
    while last + 2 < len(head) and head[last + 1][0].text == ".":
        last += 2
    target = sql[head[at][0].start : head[last][0].end]
    if last + 1 >= len(head) or head[last + 1][0].text != "(":
        return target, None
    opening = head[last + 1][0]
    closing = next((token for token, depth in head[last + 2 :] if token.text == ")" and depth == 0), None)
    if closing is None:
        raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: a bracket is not closed. (SYNTAX_ERROR)")
    return target, sql[opening.end : closing.start]


def text_literal(text: str) -> str:
    """`text` as a SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def unquoted(name: str) -> str:
    """A column name as it stands in a statement, without its quotes."""
    name = name.strip()
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name[:1] in ("`", '"') else name
