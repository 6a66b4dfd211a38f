"""The passwords of the state folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.embedded.logins import LoginsMissing, load, load_or_create


def test_a_first_start_makes_passwords_that_later_starts_keep(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "state")
    assert load_or_create(tmp_path / "state") == first
    assert load(tmp_path / "state") == first
    assert len({first.admin, first.writer, load_or_create(tmp_path / "other").admin}) == 3
    assert min(len(first.admin), len(first.writer)) >= 32


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    load_or_create(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "logins.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["logins.json"]


def test_a_folder_that_exists_keeps_its_mode_and_its_files(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").write_text("mine")
    load_or_create(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_addresses_carry_the_password_quoted_and_the_database(tmp_path: Path) -> None:
    (tmp_path / "logins.json").write_text(json.dumps({"admin": "a/b@c:d", "writer": "w"}))
    logins = load(tmp_path)
    assert logins.url("admin", "127.0.0.1", 19000) == "clickhouse://admin:a%2Fb%40c%3Ad@127.0.0.1:19000/ent"
    assert logins.url("writer", "127.0.0.1", 19000) == "clickhouse://writer:w@127.0.0.1:19000/ent"
    assert logins.url("default", "127.0.0.1", 19000) == "clickhouse://default@127.0.0.1:19000/bi"


def test_only_the_right_pair_comes_in(tmp_path: Path) -> None:
    logins = load_or_create(tmp_path)
    assert logins.accepts("admin", logins.admin, "127.0.0.1")
    assert logins.accepts("admin", logins.admin, "192.0.2.1")
    for login, password in (("admin", logins.writer), ("admin", ""), ("nobody", ""), ("", ""), ("default", "x")):
        assert not logins.accepts(login, password, "127.0.0.1")


def test_the_login_without_a_password_comes_in_from_loopback_only(tmp_path: Path) -> None:
    logins = load_or_create(tmp_path)
    assert all(logins.accepts("default", "", peer) for peer in ("127.0.0.1", "127.9.9.9", "::1"))
    assert not any(
        logins.accepts("default", "", peer) for peer in ("192.0.2.1", "0.0.0.0", "2001:db8::1", "fe80::1%eth0")
    )


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"admin": 1, "writer": 2}', '{"admin": "", "writer": ""}'])
def test_missing_or_damaged_passwords_are_one_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "logins.json").write_text(content)
    with pytest.raises(LoginsMissing) as missing:
        load(tmp_path)
    assert str(tmp_path / "logins.json") in str(missing.value)
    assert str(missing.value).endswith(".")
