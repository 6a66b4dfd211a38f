"""The server's users, roles and grants, as far as they can be judged without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.store.client import Store
from pipeline.store.migrate import shipped
from pipeline.store.sql import queries, statements
from tests.deploy.test_compose import SERVICES
from tests.support.gateway import running_gateway

FOLDER = Path(__file__).parents[2] / "deploy" / "clickhouse"
USERS = ElementTree.parse(FOLDER / "users.d" / "instant-t.xml").getroot()
GRANTS_SQL = statements((FOLDER / "grants.sql").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_gateway(tmp_path_factory.mktemp("store")) as gateway, closing(Store(gateway.url("admin"))) as admin:
        yield admin


def grants(user: str) -> list[str]:
    return [query.text or "" for query in USERS.iterfind(f"users/{user}/grants/query")]


def parses(store: Store, statement: str) -> str:
    """The engine's syntax tree of a statement; raises StoreRefused when it has none."""
    return "\n".join(row[0] for row in store.execute(f"EXPLAIN AST {statement}"))


@pytest.mark.parametrize("statement", GRANTS_SQL, ids=lambda text: " ".join(text.split()[:6]))
def test_the_engine_understands_each_statement_of_grants_sql(store: Store, statement: str) -> None:
    assert re.match(r"(Create(User|Role)Query|GrantQuery)", parses(store, statement))


@pytest.mark.parametrize("user", ["writer", "dashboards"])
def test_the_engine_understands_each_grant_of_a_user(store: Store, user: str) -> None:
    assert grants(user)
    for query in grants(user):
        assert parses(store, f"{query} TO somebody").startswith("GrantQuery")


def test_grants_sql_can_be_run_again_and_lets_nobody_in() -> None:
    assert [
        text for text in GRANTS_SQL if not re.match(r"CREATE (USER|ROLE) IF NOT EXISTS|GRANT SELECT ON", text)
    ] == []
    assert "CREATE USER IF NOT EXISTS bi_views NOT IDENTIFIED HOST NONE" in GRANTS_SQL


def test_readers_reach_the_database_bi_and_nothing_else() -> None:
    assert grants("dashboards") == ["GRANT SELECT ON bi.*"]
    assert [text for text in GRANTS_SQL if text.endswith(" TO bi")] == ["GRANT SELECT ON bi.* TO bi"]
    assert USERS.findtext("users/dashboards/profile") == "bi"
    assert USERS.findtext("users/dashboards/quota") == "bi"
    assert USERS.findtext("profiles/bi/readonly") == "2"


def test_no_user_is_called_like_a_role_for_a_grant_would_go_to_the_user() -> None:
    roles = {text.split()[5] for text in GRANTS_SQL if text.startswith("CREATE ROLE")}
    assert roles == {"bi"}
    assert {user.tag for user in USERS.iterfind("users/*")} == {"default", "admin", "writer", "dashboards"}


def test_the_user_without_a_password_is_removed_and_the_others_take_theirs_from_the_environment() -> None:
    removed = USERS.find("users/default")
    assert removed is not None
    assert removed.get("remove") == "remove"
    variables = {user.tag: user.find("password").get("from_env") for user in USERS.iterfind("users/*") if len(user)}  # type: ignore[union-attr]
    assert variables == {
        "admin": "CLICKHOUSE_ADMIN_PASSWORD",
        "writer": "CLICKHOUSE_WRITER_PASSWORD",
        "dashboards": "CLICKHOUSE_BI_PASSWORD",
    }
    assert set(variables.values()) <= set(SERVICES["clickhouse"]["environment"])


def test_views_get_the_rights_of_the_user_that_grants_sql_makes() -> None:
    assert USERS.findtext("users/admin/profile") == "admin"
    assert USERS.findtext("profiles/admin/default_normal_view_sql_security") == "DEFINER"
    assert USERS.findtext("profiles/admin/default_view_definer") == "bi_views"
    assert "GRANT SELECT ON ent.* TO bi_views" in GRANTS_SQL


def test_every_setting_of_a_profile_is_one_that_the_engine_knows(store: Store) -> None:
    known = {name for (name,) in store.execute("SELECT name FROM system.settings")}
    used = {node.tag for node in USERS.iterfind("profiles/*/*")} - {"constraints"}
    used |= {node.tag for node in USERS.iterfind("profiles/*/constraints/*")}
    assert used - known == set()


def test_the_definer_reads_all_that_views_read_and_no_migration_makes_what_it_could_not_feed(store: Store) -> None:
    # A materialized view would take the same definer, and fail for want of INSERT: it has to name another.
    views = 0
    for migration in shipped():
        for statement in migration.statements:
            assert not statement.upper().startswith("CREATE MATERIALIZED")
            if re.match(r"CREATE (OR REPLACE )?VIEW bi\.", statement):
                views += 1
                databases = set(re.findall(r"\b(?:FROM|JOIN) (\w+)\.", statement))
                assert databases <= {"ent"}
    assert views > 20


def test_the_writer_may_do_what_the_sealer_does() -> None:
    assert "GRANT ALTER DELETE ON ent.*" in grants("writer")
    kinds = {text.split()[0] for name in ("drop_cells", "drop_table_day") for text in queries(name)}
    assert kinds == {"ALTER"}
    assert any("system.parts" in text for text in queries("list_expired"))
    assert "GRANT SELECT(database, table, partition, active) ON system.parts" in grants("writer")
    (columns,) = re.findall(r"GRANT SELECT\((.+)\) ON system\.detached_parts", "\n".join(grants("writer")))
    (statement,) = queries("list_broken_parts")
    assert {name for name in columns.split(", ") if name in statement} == {"database", "table", "name", "reason"}
