"""Which ClickHouse, with which login: the user's, or the embedded one with the logins of its state folder."""

from __future__ import annotations

from typing import Literal

from deploy.embedded import logins
from pipeline.errors import UserError
from pipeline.settings import Settings

Role = Literal["admin", "writer", "reader"]


def store_url(settings: Settings, role: Role) -> str:
    """The address and login of ClickHouse for `role`; the password in it is for the driver only, never for a message.

    Raises:
        UserError: the embedded store has never been started in this state folder.
    """
    if role == "admin" and settings.clickhouse_admin:
        return settings.clickhouse_admin
    if settings.clickhouse:
        return settings.clickhouse
    try:
        known = logins.load(settings.state)
    except logins.LoginsMissing as error:
        raise UserError(
            f"{error} Start it with `instant-t up`, give its folder in INSTANT_T_STATE, "
            "or name a ClickHouse in INSTANT_T_CLICKHOUSE."
        ) from error
    return known.url("default" if role == "reader" else role, "127.0.0.1", settings.clickhouse_port)
