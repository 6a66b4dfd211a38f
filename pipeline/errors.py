"""The few exceptions of the project; each one means an action.

InstantTError
├── UserError            one clear sentence on stderr, exit status 1
│   └── BadSetting       names the variable, its value, and what to write instead
├── StoreUnavailable     wait and send the same rows again (network, memory, too many parts)
├── StoreRefused         stop: the rows will never be accepted as they are (schema, login)
├── ReceiverUnavailable  wait and tell it of the same change again (refused, silent, 5xx, too many requests)
└── ReceiverRefused      give this change up: it will never be taken as it is (4xx, a redirection)
"""

from __future__ import annotations


class InstantTError(Exception):
    """Root of the project's own errors."""


class UserError(InstantTError):
    """Something a user can cause and mend: the message is the whole report, one sentence, no traceback."""


class BadSetting(UserError):
    """A setting that cannot be used."""

    def __init__(self, variable: str, value: str, advice: str) -> None:
        super().__init__(f"{variable}={value!r} cannot be used: {advice}.")
        self.variable = variable


class StoreUnavailable(InstantTError):
    """ClickHouse cannot take the rows now; the same rows are to be sent again after a pause."""


class StoreRefused(InstantTError):
    """ClickHouse will not take these rows however often they are sent; the worker stops and loses nothing."""


class ReceiverUnavailable(InstantTError):
    """Who is told of alerts cannot be told now; the same change is to be sent again after a pause."""


class ReceiverRefused(InstantTError):
    """Who is told of alerts will not take this change, however often it is sent."""
