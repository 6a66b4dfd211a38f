"""The file of rejected lines: what could not be counted, why, and where it stood."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from pipeline.core.reasons import Reason, Rejected
from pipeline.errors import UserError


class RejectsFile:
    """Newline-delimited JSON: `reason`, `error`, `file`, `line`, and the line itself as `value`.

    A line that is not UTF-8 stands in `value_base64` instead; one too long for the memory comes in several rows, with
    `part` from 1. The file is written beside its place and put there when everything has been read, so that a load
    that is cut short leaves the rejects of an earlier one alone. Without rejects no file is made.

    Args:
        path: its place; what stands there is replaced.

    Raises:
        UserError: on entering, when nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: Counter[Reason] = Counter()
        """Rejected lines by reason."""
        self._draft = path.with_name(path.name + ".part")

    def __enter__(self) -> RejectsFile:
        try:
            self._file = self._draft.open("wb")
        except OSError as error:
            raise UserError(
                f"Cannot write rejected lines to {self.path}: {error.strerror or error}; "
                "name another file with --rejects."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None and self.reasons:
            self._draft.replace(self.path)
        else:
            self._draft.unlink(missing_ok=True)

    @property
    def total(self) -> int:
        """Rejected lines."""
        return self.reasons.total()

    def add(self, value: bytes, rejected: Rejected, file: str, line: int, part: int = 0) -> None:
        """Keep one line, or one part of a line (numbered from 1; 0: it is whole).

        Raises:
            UserError: the disk is full.
        """
        row: dict[str, Any] = {"reason": rejected.reason.value, "error": rejected.error, "file": file, "line": line}
        if part:
            row["part"] = part
        try:
            row["value"] = value.decode()
        except UnicodeDecodeError:
            row["value_base64"] = base64.b64encode(value).decode()
        try:
            self._file.write(msgspec.json.encode(row) + b"\n")
        except OSError as error:
            raise UserError(f"Cannot write rejected lines to {self.path}: {error.strerror or error}.") from None
        if part <= 1:
            self.reasons[rejected.reason] += 1
