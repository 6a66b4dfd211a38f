"""The three logins of the embedded store, and the file of the state folder that keeps their passwords."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import quote

LoginName = Literal["admin", "writer", "default"]

FILE = "logins.json"


class LoginsMissing(Exception):
    """The state folder holds no usable logins: the message says which file, and what to do."""


@dataclass(frozen=True)
class Logins:
    """Passwords by login; `default` has none and is for loopback readers only."""

    admin: str
    writer: str
    default: str = ""

    def password(self, login: str) -> str | None:
        """The password of `login`, None when there is no such login."""
        known: dict[str, str] = {"admin": self.admin, "writer": self.writer, "default": self.default}
        return known.get(login)

    def accepts(self, login: str, password: str, peer: str) -> bool:
        """Whether this pair may come in from the address `peer`: a login without a password, from loopback only.

        Takes as long for a wrong password as for a right one.
        """
        expected = self.password(login)
        same = hmac.compare_digest((expected or "").encode(), password.encode("utf-8", "surrogateescape"))
        return same and expected is not None and (expected != "" or ip_address(peer.split("%")[0]).is_loopback)

    def url(self, login: LoginName, host: str, port: int) -> str:
        """The address a ClickHouse driver takes: `clickhouse://user:password@host:port/ent` (native protocol).

        `default` may read `bi` only, so its address names that database.
        """
        password = self.password(login)
        credentials = f"{login}:{quote(password, safe='')}" if password else login
        return f"clickhouse://{credentials}@{host}:{port}/{'bi' if login == 'default' else 'ent'}"


def load(state: Path) -> Logins:
    """Read the logins of a store that was started before.

    Raises:
        LoginsMissing: the file is absent, unreadable or damaged.
    """
    path = state / FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        logins = Logins(admin=stored["admin"], writer=stored["writer"])
    except FileNotFoundError:
        raise LoginsMissing(f"{path} does not exist: the embedded store has not been started there yet.") from None
    except OSError as error:
        raise LoginsMissing(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise LoginsMissing(f"{path} is damaged: delete it, and the next start makes new passwords.") from None
    if not all(isinstance(word, str) and word for word in (logins.admin, logins.writer)):
        raise LoginsMissing(f"{path} is damaged: delete it, and the next start makes new passwords.")
    return logins


def load_or_create(state: Path) -> Logins:
    """The logins of the state folder; made, with random passwords, at the first start. Mode 0600, folder 0700 if new.

    Raises:
        LoginsMissing: the file exists but cannot be used.
        OSError: the folder or the file cannot be made.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / FILE
    fresh = Logins(admin=secrets.token_urlsafe(24), writer=secrets.token_urlsafe(24))
    # Written whole beside it, then linked: two first starts agree, and a crash leaves no half a file.
    draft = state / f".{FILE}.{os.getpid()}"
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"admin": fresh.admin, "writer": fresh.writer}, file)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another start was first: its passwords stand
        finally:
            draft.unlink()
    return load(state)
