"""What each login may do, decided from the engine's own syntax tree of the statement.

A name counts wherever it stands: behind IN, in a subquery, under an alias. Where a rule cannot tell two meanings apart,
it refuses. A view of `bi` reads `ent` inside, and is not looked into: that is what views are for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import pairwise

from deploy.embedded import rules
from deploy.embedded.engine import Engine
from deploy.embedded.failures import ACCESS_DENIED, NOT_IMPLEMENTED, READONLY, SYNTAX_ERROR, Failure
from deploy.embedded.statements import has_open_heredoc, tokens, unquoted
from deploy.embedded.syntax_tree import Parser, Statement

MAX_SHARED = 4096
"""Characters of the longest statement whose answer is shared: trees of longer ones are not kept."""


_NO_TEXT = re.compile("[\ud800-\udfff]")
"""What bytes that are not UTF-8 have become."""


class Access:
    """The rules of `rules.py`, applied."""

    def __init__(self, engine: Engine) -> None:
        self._parser = Parser(engine)
        # Readers wait for one another, not the worker for them: one statement at a time is read by each.
        self._readers_parser = Parser(engine)
        names = self._parser.ask("SELECT lower(name) FROM system.table_functions")
        self._reading_functions = frozenset(names.splitlines()) - rules.TABLE_FUNCTIONS

    def close(self) -> None:
        """Give the parsers' sessions back."""
        self._parser.close()
        self._readers_parser.close()

    def _parser_of(self, login: str) -> Parser:
        return self._readers_parser if login == "default" else self._parser

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
        if login == "default" and len(sql) > rules.LONGEST_READ:
            text = f"DB::Exception: Max query size exceeded: a reader's statement may have {rules.LONGEST_READ} bytes."
            raise Failure(SYNTAX_ERROR, text)
        if login == "default" and has_open_heredoc(sql):
            raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: a text between $ signs is not closed.")
        if _NO_TEXT.search(sql):
            raise Failure(SYNTAX_ERROR, "DB::Exception: Syntax error: the statement is not UTF-8.")
        statement = self._parser_of(login).parse(sql, params)
        words = statement.keywords
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
        if words.count("SELECT") > statement.count("SelectQuery"):
            raise _denied(login, "a SELECT that the syntax tree leaves out", "a subquery")
        if statement.root.startswith("Show"):
            self._check_show(login, statement, words)
        for name in statement.settings:
            self.check_setting(login, name)
        self._check_functions(login, statement)
        self._check_tables(login, database, statement, external)
        if login == "writer":
            _check_writes(statement, words, database)

    def is_shareable(self, login: str, database: str, sql: str) -> bool:
        """Whether two who ask this within a second may be given one answer: it reads views of `bi`, and draws no lots.

        Args:
            login: only the reader's answers are shared.
            database: the current one.
            sql: a statement that passed `check`.
        """
        if login != "default" or len(sql) > MAX_SHARED:
            return False
        statement = self._parser_of(login).parse(sql)
        names = [name.lower() for name in statement.written_names]
        return (
            statement.root == "SelectWithUnionQuery"
            and (database == "bi" or any(name.startswith("bi.") for name in names))
            and not any(name.startswith("system.") or rules.DRAWING_LOTS.fullmatch(name) for name in names)
        )

    def check_external(self, login: str, sql: str) -> None:
        """A table that a client sends along with its query: columns and types, nothing else."""
        statement = self._parser_of(login).parse(sql)
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
        if statement.root == "ShowTables":
            for name in _shown(statement):
                self.check_database(login, name)

    def _databases(self) -> set[str]:
        return set(self._parser.ask("SELECT name FROM system.databases").splitlines())

    def _check_functions(self, login: str, statement: Statement) -> None:
        for name in statement.named("Function") + statement.written_functions:
            plain = name.lower()
            if rules.REFUSED_FUNCTIONS.fullmatch(plain):
                raise _denied(login, f"the function {name}()", "a view of bi")
            # Also where a value is meant: the engine runs a table function behind IN.
            if plain in self._reading_functions:
                raise _denied(login, f"the table function {name}()", "a view of bi")

    def _check_tables(self, login: str, database: str, statement: Statement, external: Collection[str]) -> None:
        """Every name that could be a table: a view of parameters, an identifier behind IN, an alias of a table."""
        may = rules.OF[login]
        names = statement.named("TableIdentifier", "Identifier", "QualifiedAsterisk") + statement.written_names
        names += [name for name in statement.named("Function") if "." in name]
        names += [name for name in statement.after("TableExpression") if name.lower() not in rules.TABLE_FUNCTIONS]
        if statement.root in ("ShowCreateTableQuery", "ShowCreateViewQuery", "ExistsTableQuery", "ExistsViewQuery"):
            names.append(".".join(statement.target()))
        if statement.root in ("ShowColumns", "ShowIndexes"):
            names.append(".".join(reversed(_shown(statement))))
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
        if rules.OF[login].tables(database, ""):  # no table has that name: it may read all of them
            return set()
        found = self._parser.ask(
            "SELECT name FROM system.tables WHERE database = {current:String}", {"current": database}
        )
        return {name for name in found.splitlines() if not rules.OF[login].tables(database, name)}


def _shown(statement: Statement) -> list[str]:
    """The names behind FROM of a SHOW, which the tree leaves out: a database, or a table and its database."""
    found = list(tokens(statement.canonical))
    return [unquoted(name.text) for word, name in pairwise(found) if word.keyword == "FROM"]


def _denied(login: str, what: str, instead: str) -> Failure:
    return Failure(ACCESS_DENIED, f"DB::Exception: {login}: {what} is refused; use {instead}. (ACCESS_DENIED)")


def _refuse_files(words: list[str]) -> None:
    for pair in pairwise(words):
        if pair in (("INTO", "OUTFILE"), ("FROM", "INFILE")):
            text = f"DB::Exception: {' '.join(pair)} is a client's work and not done here. (NOT_IMPLEMENTED)"
            raise Failure(NOT_IMPLEMENTED, text)


def _refuse_dangers(statement: Statement, words: list[str]) -> None:
    """What the engine of this process cannot survive, or would do to the machine it runs on; admin included."""
    for name in statement.after("Storage"):
        if not rules.ENGINES.fullmatch(name.lower()):
            raise Failure(NOT_IMPLEMENTED, f"DB::Exception: the embedded store has no engine {name}. (NOT_IMPLEMENTED)")
    for name in statement.named("Function") + statement.written_functions:
        if rules.DANGEROUS_FUNCTIONS.fullmatch(name.lower()):
            raise Failure(ACCESS_DENIED, f"DB::Exception: the function {name}() is refused here. (ACCESS_DENIED)")
    if statement.root == "SYSTEM" and {"SHUTDOWN", "CRASH"} & set(words):
        raise Failure(NOT_IMPLEMENTED, "DB::Exception: end the gateway by SIGTERM instead. (NOT_IMPLEMENTED)")
    for at, word in enumerate(words[:-2]):
        if word == "SOURCE" and words[at + 1] == "(" and words[at + 2] not in ("CLICKHOUSE", "NULL"):
            raise Failure(ACCESS_DENIED, "DB::Exception: a dictionary reads tables only here. (ACCESS_DENIED)")


def _check_writes(statement: Statement, words: list[str], database: str) -> None:
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
    temporary = words[1:3] == ["TEMPORARY", "TABLE"] and len(target) == 1 and not statement.after("Storage")
    if statement.root in ("CreateQuery", "DropQuery") and not temporary:
        raise _denied("writer", "DDL", "a migration by admin")
