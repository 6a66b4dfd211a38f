"""What each login may do, decided from the engine's own syntax tree of the statement.

A statement is first brought into one canonical line by the engine (`formatQuerySingleLine`), which refuses two
statements at once and leaves neither comments nor odd quotes; then `EXPLAIN AST` names every table, table function and
function in it. A name counts wherever it stands: behind IN, in a subquery, under an alias. Where a rule cannot tell two
meanings apart, it refuses. A view of `bi` reads `ent` inside, and is not looked into: that is what views are for.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from deploy.embedded import rules
from deploy.embedded.engine import Engine
from deploy.embedded.failures import ACCESS_DENIED, NOT_IMPLEMENTED, READONLY, SYNTAX_ERROR, Failure
from deploy.embedded.statements import text_literal, tokens, unquoted

_CHILDREN = re.compile(r" \(children \d+\)$")
_INFORMATION = ("information_schema", "INFORMATION_SCHEMA")


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
        """The kind of the statement: SelectWithUnionQuery, InsertQuery…"""
        return self.nodes[0].kind

    def named(self, *kinds: str) -> list[str]:
        """The names of all nodes of these kinds."""
        return [node.name for node in self.nodes if node.kind in kinds]

    def after(self, kind: str) -> list[str]:
        """The names of functions that stand right under a node of this kind: table functions, storage engines."""
        pairs = zip(self.nodes, self.nodes[1:], strict=False)
        return [low.name for high, low in pairs if high.kind == kind and low.kind == "Function"]

    def target(self) -> list[str]:
        """The table that a statement changes: its own identifiers, one (table) or two (database, table)."""
        return [node.name for node in self.nodes if node.depth == 1 and node.kind == "Identifier"]

    def keywords(self) -> list[str]:
        """The canonical text's words in capitals; other tokens as they are, names in quotes as empty."""
        return [t.keyword or (t.text if t.kind == "other" else "") for t in tokens(self.canonical)]

    def settings(self) -> Iterator[str]:
        """The names in a SET statement and in SETTINGS clauses."""
        found = list(tokens(self.canonical))
        inside = False
        for token, following in zip(found, found[1:], strict=False):
            if token.keyword in ("SET", "SETTINGS"):
                inside = True
            elif inside and following.text == "=" and token.kind in ("word", "quoted"):
                yield unquoted(token.text)


class Access:
    """Checks statements on a session of its own, which no client can configure."""

    def __init__(self, engine: Engine) -> None:
        self._judge = engine.session()
        self._judge.run("SET max_query_size = 8388608, readonly = 1")
        self._lock = threading.Lock()
        names = self._judge.text("SELECT DISTINCT lower(name) FROM system.functions")
        self._functions = frozenset(names.split("\n"))

    def close(self) -> None:
        """Give the session back."""
        with self._lock:
            self._judge.close()

    def _ask(self, sql: str, params: Mapping[str, str] | None = None) -> str:
        with self._lock:
            return self._judge.text(sql, params)

    def parse(self, sql: str, params: Mapping[str, str] | None = None) -> Statement:
        """Read one statement, with the engine's parser.

        Raises:
            Failure: a syntax error, more than one statement, or a parameter without a value.
        """
        try:
            canonical = self._ask(f"SELECT formatQuerySingleLine({text_literal(sql)})").removesuffix("\n")
        except Failure as error:
            raise Failure(error.code, error.message.split(": In scope SELECT formatQuery")[0]) from None
        nodes = []
        for line in self._ask(f"EXPLAIN AST {canonical}", params).splitlines():
            body = line.lstrip(" ")
            kind, _, name = _CHILDREN.sub("", body).partition(" ")
            nodes.append(Node(len(line) - len(body), kind, name.split(" (alias ")[0].strip()))
        if not nodes:
            raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: an empty statement. (SYNTAX_ERROR)")
        return Statement(canonical, tuple(nodes))

    def check(
        self,
        login: str,
        database: str,
        sql: str,
        params: Mapping[str, str] | None = None,
        external: Collection[str] = (),
    ) -> None:
        """Let the statement pass, or raise; `external` are the names of temporary tables sent along with it.

        Raises:
            Failure: ACCESS_DENIED and what is refused; READONLY; NOT_IMPLEMENTED for what nobody may do here.
        """
        statement = self.parse(sql, params)
        words = statement.keywords()
        _refuse_files(words)
        _refuse_dangers(statement, words)
        if login == "admin":
            return
        rules_of = rules.OF[login]
        if statement.root not in rules_of.statements:
            code = READONLY if login == "default" else ACCESS_DENIED
            raise Failure(code, f"DB::Exception: {login}: this kind of statement is refused ({statement.root}).")
        for node in statement.nodes[1:]:
            if node.kind.endswith("Query") and node.kind not in rules.INNER_QUERIES | rules_of.statements:
                raise Failure(ACCESS_DENIED, f"DB::Exception: {login}: {node.kind} is refused.")
        if statement.root.startswith("Show"):
            self._check_show(login, statement, words)
        for name in statement.settings():
            self.check_setting(login, name)
        self._check_functions(login, statement)
        self._check_tables(login, database, statement, external)
        if login == "writer":
            _check_writes(statement, words, database, external)

    def check_external(self, sql: str) -> None:
        """A table that a client sends along with its query: columns and types, nothing else."""
        statement = self.parse(sql)
        kinds = {"CreateQuery", "Identifier", "Columns", "ExpressionList", "ColumnDeclaration", "DataType", "Literal"}
        strange = {node.kind for node in statement.nodes} - kinds
        if strange - {"Function", "NameTypePair"} or statement.after("Storage"):
            raise Failure(ACCESS_DENIED, f"DB::Exception: an external table cannot have {', '.join(sorted(strange))}.")

    def check_database(self, login: str, database: str) -> None:
        """Whether this login may make `database` its current one."""
        if login != "admin" and database not in rules.OF[login].databases:
            raise _denied(login, f"the database {database}", "bi")

    def check_setting(self, login: str, name: str) -> None:
        """Whether this login may change this setting."""
        allowed = rules.OF[login].settings if login != "admin" else None
        if allowed is not None and not allowed.fullmatch(name):
            raise Failure(READONLY, f"DB::Exception: {login}: the setting {name} cannot be changed. (READONLY)")

    def _check_show(self, login: str, statement: Statement, words: list[str]) -> None:
        # The tree leaves out the condition of a SHOW, and rewrites MERGES, CACHES… into reads of system tables.
        if {"WHERE", "(", "LIMIT"} & set(words):
            raise _denied(login, "a SHOW with a condition", "LIKE, or a SELECT from system.tables")
        if not any(words[: len(form)] == form for form in rules.SHOW_FORMS):
            raise _denied(login, f"SHOW {words[1]}", "a SELECT")
        names = [unquoted(token.text) for token in tokens(statement.canonical) if token.kind in ("word", "quoted")]
        for word, name in zip(names, names[1:], strict=False):
            is_table = statement.root in ("ShowColumns", "ShowIndexes") and names.count("FROM") == 2
            if word == "FROM" and not (is_table and names.index("FROM") == names.index(name) - 1):
                self._check_shown(login, statement, name)

    def _check_shown(self, login: str, statement: Statement, name: str) -> None:
        if statement.root == "ShowTables":
            self.check_database(login, name)
        elif name not in rules.OF[login].databases and name in self._databases():
            raise _denied(login, f"the database {name}", "bi")

    def _databases(self) -> set[str]:
        return set(self._ask("SELECT name FROM system.databases").splitlines())

    def _check_functions(self, login: str, statement: Statement) -> None:
        for name in statement.named("Function"):
            plain = name.lower()
            if rules.REFUSED_FUNCTIONS.fullmatch(plain):
                raise _denied(login, f"the function {name}()", "a view of bi")
            known_elsewhere = plain in self._functions or "." in plain
            if not known_elsewhere and plain not in rules.TABLE_FUNCTIONS and self._is_table_function(plain):
                raise _denied(login, f"the table function {name}()", "a view of bi")
        for name in statement.after("TableExpression"):
            if "." not in name and name.lower() in self._functions and name.lower() not in rules.TABLE_FUNCTIONS:
                raise _denied(login, f"the table function {name}()", "a view of bi")

    def _is_table_function(self, name: str) -> bool:
        found = self._ask(f"SELECT count() FROM system.table_functions WHERE lower(name) = {text_literal(name)}")
        return found.strip() != "0"

    def _check_tables(self, login: str, database: str, statement: Statement, external: Collection[str]) -> None:
        """Every name that could be a table: a view of parameters, an identifier behind IN, an alias of a table."""
        may = rules.OF[login]
        names = statement.named("TableIdentifier", "Identifier", "QualifiedAsterisk")
        names += [name for name in statement.named("Function") if "." in name]
        names += statement.after("TableExpression")
        if statement.root in ("ShowCreateTableQuery", "ShowCreateViewQuery", "ExistsTableQuery", "ExistsViewQuery"):
            names.append(".".join(statement.target()))
        if statement.root in ("UseQuery", "ShowCreateDatabaseQuery", "ExistsDatabaseQuery"):
            self.check_database(login, statement.target()[0])
            return
        existing: set[str] | None = None
        hidden: set[str] | None = None
        for name in names:
            first, _, rest = name.partition(".")
            if rest:
                table = rest.split(".")[0]
                if may.tables(first, table):
                    continue
                existing = self._databases() if existing is None else existing
                if first in existing or first in may.databases:
                    raise _denied(login, f"{first}.{table}", "the views of bi")
            elif name not in external:
                hidden = self._hidden(login, database) if hidden is None else hidden
                if name in hidden:
                    raise _denied(login, f"{database}.{name}", "the views of bi")

    def _hidden(self, login: str, database: str) -> set[str]:
        """The tables of the current database that this login may not read."""
        if database in (*_INFORMATION, "bi"):
            return set()
        found = self._ask(f"SELECT name FROM system.tables WHERE database = {text_literal(database)}").splitlines()
        return {name for name in found if not rules.OF[login].tables(database, name)}


def _denied(login: str, what: str, instead: str) -> Failure:
    return Failure(ACCESS_DENIED, f"DB::Exception: {login}: {what} is refused; use {instead}. (ACCESS_DENIED)")


def _refuse_files(words: list[str]) -> None:
    for pair in zip(words, words[1:], strict=False):
        if pair in (("INTO", "OUTFILE"), ("FROM", "INFILE")):
            text = f"DB::Exception: {' '.join(pair)} is a client's work and not done here. (NOT_IMPLEMENTED)"
            raise Failure(NOT_IMPLEMENTED, text)


def _refuse_dangers(statement: Statement, words: list[str]) -> None:
    """What the engine of this process cannot survive, or would do to the machine it runs on; admin included."""
    for name in statement.after("Storage"):
        if rules.REFUSED_ENGINES.fullmatch(name.lower()):
            raise Failure(NOT_IMPLEMENTED, f"DB::Exception: the embedded store has no engine {name}. (NOT_IMPLEMENTED)")
    for name in statement.named("Function"):
        if rules.DANGEROUS_FUNCTIONS.fullmatch(name.lower()):
            raise Failure(ACCESS_DENIED, f"DB::Exception: the function {name}() is refused here. (ACCESS_DENIED)")
    if statement.root == "SYSTEM" and {"SHUTDOWN", "CRASH"} & set(words):
        raise Failure(NOT_IMPLEMENTED, "DB::Exception: end the gateway by SIGTERM instead. (NOT_IMPLEMENTED)")
    for at, word in enumerate(words[:-2]):
        if word == "SOURCE" and words[at + 1] == "(" and words[at + 2] not in ("CLICKHOUSE", "NULL"):
            raise Failure(ACCESS_DENIED, "DB::Exception: a dictionary reads tables only here. (ACCESS_DENIED)")


def _check_writes(statement: Statement, words: list[str], database: str, external: Collection[str]) -> None:
    """The writer inserts into `ent`, drops its partitions, and has temporary tables."""
    target = statement.target()
    if statement.root in ("InsertQuery", "AlterQuery"):
        where = target[0] if len(target) == 2 else database
        if len(target) not in (1, 2) or where != "ent":
            raise _denied("writer", f"writing to {'.'.join(target) or 'a function'}", "a table of ent")
    if statement.root == "AlterQuery":
        commands = set(statement.named("AlterCommand"))
        if commands != {"DROP_PARTITION"} or "DETACH" in words:
            raise _denied("writer", "ALTER other than DROP PARTITION", "a migration by admin")
    if statement.root in ("CreateQuery", "DropQuery"):
        if words[1:3] != ["TEMPORARY", "TABLE"] or set(statement.after("Storage")) - {"Memory"} or len(target) != 1:
            raise _denied("writer", "DDL", "a migration by admin")
