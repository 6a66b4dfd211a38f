"""The one exception of the gateway: an error as ClickHouse's own protocols carry it, a code and a text."""

from __future__ import annotations

import re

_FIRST = re.compile(r"Code: (\d+)\. (DB::.*)", re.DOTALL)
_NESTED = re.compile(r"DB::\w+: Code: (\d+)\. (DB::.*)", re.DOTALL)

# Codes of ClickHouse (src/Common/ErrorCodes.cpp) that the gateway itself answers with.
NO_SUCH_COLUMN = 16
BAD_ARGUMENTS = 36
CHECKSUM_DOESNT_MATCH = 40
NOT_IMPLEMENTED = 48
SYNTAX_ERROR = 62
CANNOT_WRITE_TO_FILE_DESCRIPTOR = 75
UNKNOWN_DATABASE = 81
UNKNOWN_COMPRESSION_METHOD = 89
UNKNOWN_PACKET_FROM_CLIENT = 99
UNEXPECTED_PACKET_FROM_CLIENT = 101
UNKNOWN_SETTING = 115
READONLY = 164
TOO_MANY_SIMULTANEOUS_QUERIES = 202
TOO_LARGE_STRING_SIZE = 131
NOT_ENOUGH_SPACE = 243
LIMIT_EXCEEDED = 290
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
AUTHENTICATION_FAILED = 516
ACCESS_DENIED = 497
UNKNOWN_EXCEPTION = 1002


class Failure(Exception):
    """An error for the client: ClickHouse's code and message. The connection it happened on can go on."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BrokenStream(Failure):
    """The bytes of the client make no sense from here on: say it once, then hang up."""


def as_failure(error: BaseException) -> Failure:
    """The innermost error of what chDB raised: it wraps `Code: N. DB::Exception: …` around the cause, which counts."""
    if isinstance(error, Failure):
        return error
    found = _FIRST.search(str(error))
    if found is None:
        return Failure(UNKNOWN_EXCEPTION, f"DB::Exception: {error}")
    while inner := _NESTED.match(found.group(2)):
        found = inner
    return Failure(int(found.group(1)), found.group(2))
