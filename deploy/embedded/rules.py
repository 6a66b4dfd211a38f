"""The rules of `access.py`, as data: what each login may read, run and set."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SYSTEM_TABLES = frozenset({
    "aggregate_function_combinators", "build_options", "collations", "columns", "contributors",
    "data_type_families", "databases", "dictionaries", "engines", "formats", "functions", "keywords",
    "licenses", "macros", "numbers", "numbers_mt", "one", "settings", "settings_changes", "settings_profiles",
    "table_engines", "table_functions", "tables", "time_zones", "zeros",
})  # fmt: skip
"""What clients and BI tools read while they connect and complete names. None of them holds rows of a table, a text of a
query or a file's content."""

TABLE_FUNCTIONS = frozenset({"numbers", "numbers_mt", "zeros", "generateseries", "generate_series", "values", "view",
                             "null", "format"})  # fmt: skip
"""Table functions that read nothing; the query inside `view()` is checked like any other."""

REFUSED_FUNCTIONS = re.compile(
    r"dict(get|has|isin|Get).*|joinget(ornull)?|hascolumnintable|getmergetreesetting|addressto.*|fuzzquery|getserversetting"
    r"|getmaxtablenamelengthfordatabase|filesystem.*"
)
"""Ordinary functions that reach a table or the machine by a name in a text."""

DANGEROUS_FUNCTIONS = re.compile(
    r"file|executable|python|arrowstream|eval|filesystem|ai[a-z]*(classify|embed|extract|filter|generate|redact"
    r"|similarity|translate)|catboostevaluate|showcertificate|prometheusquery.*"
)
"""Functions and table functions that read files, run programs or call services; the engine's grants stop most, not all
(`SELECT file('/etc/passwd')` passes them)."""

DRAWING_LOTS = re.compile(r"(rand|random|generate(uuid|ulid|snowflake|random)|fuzz|uuid|serveruuid|queryid|query_id).*")
"""Functions that have another answer for each who asks."""

ENGINES = re.compile(
    r".*mergetree|memory|null|log|tinylog|stripelog|set|join|buffer|merge|dictionary|generaterandom|atomic"
)
"""Engines of tables and databases that may be created. `Kafka` would make the data folder impossible to open again; the
others that are left out read the machine or the network."""

SHOW_FORMS = (
    ["SHOW", "TABLES"],
    ["SHOW", "FULL", "TABLES"],
    ["SHOW", "DATABASES"],
    ["SHOW", "COLUMNS"],
    ["SHOW", "FULL", "COLUMNS"],
    ["SHOW", "EXTENDED", "COLUMNS"],
    ["SHOW", "INDEXES"],
    ["SHOW", "FUNCTIONS"],
    ["SHOW", "SETTINGS"],
    ["SHOW", "CREATE"],
)

INNER_QUERIES = frozenset({"SelectQuery", "SelectWithUnionQuery", "SelectIntersectExceptQuery", "TablesInSelectQuery"})

_READING = INNER_QUERIES | {
    "DescribeQuery", "Explain", "ExistsDatabaseQuery", "ExistsTableQuery", "ExistsViewQuery", "Set", "ShowColumns",
    "ShowCreateDatabaseQuery", "ShowCreateTableQuery", "ShowCreateViewQuery", "ShowFunctions", "ShowIndexes",
    "ShowTables", "UseQuery",
}  # fmt: skip

_READER_SETTINGS = re.compile(
    r"max_(execution_time|estimated_execution_time|threads|block_size|memory_usage|result_\w+|rows_\w+|bytes_\w+"
    r"|query_size|columns_to_read|subquery_depth|temporary_columns|expanded_ast_elements|ast_\w+|streams_\w+)"
    r"|timeout_\w+|\w+_overflow_mode|(connect|receive|send|tcp|http|idle)_\w*timeout\w*"
    r"|output_format_(?!.*(path|file|schema))\w+|date_time_\w+|format_csv_delimiter|session_timezone|join_(use_nulls|algorithm)"
    r"|group_by_use_nulls|union_default_mode|extremes|final|log_(comment|queries)|use_query_cache|enable_analyzer"
    r"|allow_experimental_analyzer|optimize_\w+|prefer_column_name_to_alias|count_distinct_implementation"
    r"|aggregate_functions_null_for_empty|cast_\w+|allow_experimental_\w+_type|enable_\w+_type|joined_subquery_requires_alias|distributed_product_mode"
    r"|cancel_http_readonly_queries_on_client_close|send_progress_in_http_headers|http_\w+_compression\w*"
    r"|http_headers_progress_interval_ms|wait_end_of_query|buffer_size|http_response_buffer_size"
    r"|network_compression_method|network_zstd_compression_level|compress|strings_as_bytes|use_numpy|interactive_delay"
    r"|priority|low_cardinality_allow_in_native_format|empty_result_for_aggregation_by_empty_set"
)
"""Settings that change how an answer is made, bounded or written. Everything else is refused: a setting can hold
a filter that reads another table, a language, or a file (`additional_table_filters`, `dialect`, `format_schema`)."""


LONGEST_READ = 262_144
"""Characters of a reader's longest statement; the engine's own bound, which a session could raise."""

MOST_SENT = 16 << 20
"""Bytes that a reader may send along with a statement: tables over the native protocol, a packed body over HTTP."""

_SEEN = r"(\'bi\', \'default\', \'system\', \'information_schema\', \'INFORMATION_SCHEMA\')"
_NAMED_IN = {"system.tables": "database", "system.columns": "database", "system.databases": "name"}
_ONLY_SEEN = ", ".join(f"'{table}': '{column} IN {_SEEN}'" for table, column in _NAMED_IN.items())
READER_BEGINS_WITH = {
    "max_execution_time": "120",
    "additional_table_filters": f"{{{_ONLY_SEEN}}}",
}
"""Settings of a reader's session, which the profile `reader` of the engine bounds. What a login may not read it does
not see in the lists of tables either: their rows tell how much there is, and where on the disk."""


@dataclass(frozen=True)
class Rules:
    """What one login may do."""

    statements: frozenset[str]
    """Kinds of statement, as EXPLAIN AST names them."""
    databases: frozenset[str]
    """Databases it may make its current one."""
    tables: Callable[[str, str], bool]
    """(database, table) -> may it be named."""
    settings: re.Pattern[str] | None
    """Settings it may change; None: any."""


def _reader_tables(database: str, table: str) -> bool:
    if database == "system":
        return table in SYSTEM_TABLES
    return database in ("bi", "information_schema", "INFORMATION_SCHEMA")


def _writer_tables(database: str, table: str) -> bool:
    return database in ("ent", "bi", "system", "information_schema", "INFORMATION_SCHEMA")


_INFORMATION = {"information_schema", "INFORMATION_SCHEMA"}

OF = {
    "default": Rules(
        statements=frozenset(_READING),
        databases=frozenset({"bi", "default", "system"} | _INFORMATION),
        tables=_reader_tables,
        settings=_READER_SETTINGS,
    ),
    "writer": Rules(
        statements=frozenset(_READING | {"InsertQuery", "AlterQuery", "CreateQuery", "DropQuery"}),
        databases=frozenset({"ent", "bi", "default", "system"} | _INFORMATION),
        tables=_writer_tables,
        settings=None,
    ),
}
