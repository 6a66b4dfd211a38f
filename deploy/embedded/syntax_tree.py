"""Statements as the engine's own parser reads them: one canonical line, and a tree of names.

`formatQuerySingleLine` refuses two statements at once and leaves neither comments nor odd quotes; `EXPLAIN AST` names
every table, table function and function.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from deploy.embedded.engine import Engine
from deploy.embedded.failures import SYNTAX_ERROR, Failure
from deploy.embedded.statements import Token, text_literal, tokens, unquoted

_CHILDREN = re.compile(r" \(children \d+\)$")
_LITERALS = ("TRUE", "FALSE", "NULL", "DEFAULT", "INF", "NAN")
_SHORT = 4096
"""Characters: the longest statement whose tree is kept."""


@dataclass(frozen=True)
class Node:
    """One line of EXPLAIN AST."""

    depth: int
    kind: str
    name: str


@dataclass(frozen=True)
class Statement:
    """What the engine makes of a statement."""

    canonical: str
    """In one line, without comments."""
    nodes: tuple[Node, ...]

    @property
    def root(self) -> str:
        """The kind of the statement: SelectWithUnionQuery, InsertQuery and so on."""
        return self.nodes[0].kind

    def named(self, *kinds: str) -> list[str]:
        """The names of all nodes of these kinds."""
        return [node.name for node in self.nodes if node.kind in kinds]

    def count(self, kind: str) -> int:
        """How many nodes there are of this kind."""
        return sum(node.kind == kind for node in self.nodes)

    def after(self, kind: str) -> list[str]:
        """The names of functions that stand right under a node of this kind: table functions, storage engines."""
        return [low.name for high, low in pairwise(self.nodes) if high.kind == kind and low.kind == "Function"]

    def target(self) -> list[str]:
        """The table that a statement changes: its own identifiers, one (table) or two (database, table)."""
        return [node.name for node in self.nodes if node.depth == 1 and node.kind == "Identifier"]

    @cached_property
    def tokens(self) -> list[Token]:
        """The canonical text's."""
        return list(tokens(self.canonical))

    @cached_property
    def keywords(self) -> list[str]:
        """The canonical text's words in capitals; other tokens as they are, names in quotes as empty."""
        return [t.keyword or (t.text if t.kind == "other" else "") for t in self.tokens]

    @cached_property
    def written_names(self) -> list[str]:
        """Every name of the canonical text, `a.b` joined. The tree leaves some out: those in `APPLY(x -> …)`."""
        names: list[str] = []
        before = ""
        for token in self.tokens:
            if token.kind in ("word", "quoted"):
                if before == "." and names:
                    names[-1] += f".{unquoted(token.text)}"
                else:
                    names.append(unquoted(token.text))
            before = token.text
        return names

    @cached_property
    def written_functions(self) -> list[str]:
        """Every name of the canonical text that stands before a bracket, or behind APPLY."""
        pairs = list(pairwise(self.tokens))
        called = [low for low, high in pairs if high.text == "("] + [
            high for low, high in pairs if low.keyword == "APPLY"
        ]
        return [unquoted(name.text) for name in called if name.kind in ("word", "quoted")]

    @cached_property
    def settings(self) -> list[str]:
        """The names in a SET statement and in SETTINGS clauses."""
        return [name for clause in settings_clauses(self.canonical) for name in clause.names]


@dataclass(frozen=True)
class SettingsClause:
    """`SETTINGS a = 1, b = 2` in a canonical text."""

    start: int
    end: int
    names: tuple[str, ...]


def settings_clauses(canonical: str) -> list[SettingsClause]:
    """Where settings stand in a canonical text. The tree says only that there are some."""
    found = list(tokens(canonical))
    clauses = []
    for at, token in enumerate(found[:-2]):
        opens = token.keyword == "SETTINGS" or (token.keyword == "SET" and at == 0)
        if not opens or not _is_setting(found, at + 1):
            continue
        names = []
        values: list[Token] = []
        end = at
        while _is_setting(found, end + 1):
            names.append(unquoted(found[end + 1].text))
            first, end = end + 3, _end_of_value(found, end + 3)
            values += found[first : end + 1]
            if end + 1 >= len(found) or found[end + 1].text != ",":
                break
            end += 1  # the comma, before the next name
        if any(value.kind == "word" and value.keyword not in _LITERALS for value in values):
            continue  # not a clause after all: it stays in the text, where its tables are seen
        clauses.append(SettingsClause(token.start, found[end].end, tuple(names)))
    return clauses


def _is_setting(found: list[Token], at: int) -> bool:
    return at + 2 < len(found) and found[at].kind in ("word", "quoted") and found[at + 1].text == "="


def _end_of_value(found: list[Token], at: int) -> int:
    """The last token of the literal that begins at `at`: a number is several tokens, a map stands in brackets."""
    depth = 0
    for end in range(at, len(found)):
        depth += (found[end].text in "([{") - (found[end].text in ")]}")
        following = found[end + 1] if end + 1 < len(found) else None
        if depth == 0 and (following is None or following.text in (",", ")") or following.kind == "word"):
            return end
    return len(found) - 1


class Parser:
    """Parses on a session of its own, which no client can configure."""

    def __init__(self, engine: Engine) -> None:
        self._session = engine.session()
        # A setting inside a statement (say, one row of result and no more) would apply to its EXPLAIN and could hide
        # half of the tree: clauses are cut off before, and `readonly = 1` refuses what was overlooked.
        self._session.run("SET max_query_size = 8388608, readonly = 1")
        self._lock = threading.Lock()
        # A statement means the same whatever tables there are, so the last ones need not be read again.
        self._parse_short = lru_cache(maxsize=512)(self._parse)

    def close(self) -> None:
        """Give the session back."""
        with self._lock:
            self._session.close()

    def ask(self, sql: str, params: Mapping[str, str] | None = None) -> str:
        """The lines that a query of ours answers."""
        with self._lock:
            return self._session.text(sql, params)

    def parse(self, sql: str, params: Mapping[str, str] | None = None) -> Statement:
        """Read one statement, with the engine's parser.

        Raises:
            Failure: a syntax error, more than one statement, or a parameter without a value.
        """
        if params or len(sql) > _SHORT:
            return self._parse(sql, params)
        return self._parse_short(sql)

    def _parse(self, sql: str, params: Mapping[str, str] | None = None) -> Statement:
        try:
            canonical = self.ask(f"SELECT formatQuerySingleLine({text_literal(sql)})").removesuffix("\n")
        except Failure as error:
            raise Failure(error.code, error.message.split(": In scope SELECT formatQuery")[0]) from None
        bare = canonical
        if not bare.startswith("SET "):
            for clause in reversed(settings_clauses(canonical)):
                bare = bare[: clause.start] + bare[clause.end :]
        nodes = []
        for line in self.ask(f"EXPLAIN AST {bare}", params).splitlines():
            body = line.lstrip(" ")
            kind, _, name = _CHILDREN.sub("", body).partition(" ")
            nodes.append(Node(len(line) - len(body), kind, name.split(" (alias ")[0].strip()))
        if not nodes:
            raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: an empty statement. (SYNTAX_ERROR)")
        return Statement(canonical, tuple(nodes))
