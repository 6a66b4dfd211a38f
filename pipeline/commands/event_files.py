"""Files of events as commands take them: plain, compressed with gzip, or standard input; and a bar of how far it is."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pipeline.errors import UserError


def check_all(files: Sequence[str], nothing_done: str) -> None:
    """Nothing is done while a file is missing: half a run is harder to understand than none.

    Args:
        files: names; `-` is standard input.
        nothing_done: end of the error's sentence, such as `nothing was sent`.

    Raises:
        UserError: names the first file that cannot be read.
    """
    for name in files:
        if name == "-":
            continue
        try:
            if Path(name).is_fifo():
                continue  # a pipe is there as long as it is not opened: what is read from it is gone
            with Path(name).open("rb") as file:
                start = file.read(2)
        except OSError as error:
            raise UserError(f"Cannot read {name}: {error.strerror or error}; {nothing_done}.") from None
        if name.endswith(".gz") and start != b"\x1f\x8b":
            raise UserError(f"Cannot read {name}: it is not compressed with gzip; {nothing_done}.")


@contextmanager
def opened(name: str) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """The bytes of a file, unpacked, and how many of its own bytes (compressed ones, if so) are read."""
    with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as raw:
        position = raw.tell if raw.seekable() else lambda: 0
        if name.endswith(".gz"):
            with gzip.GzipFile(fileobj=cast(BinaryIO, raw), mode="rb") as packed:
                yield cast(IO[bytes], packed), position
        else:
            yield raw, position


@contextmanager
def progress(name: str) -> Iterator[Callable[[int], None]]:
    """A bar by bytes on stderr when that is a terminal; nothing otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    total = Path(name).stat().st_size if name != "-" and Path(name).is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title(name), total=total)
        yield lambda done: bar.update(task, completed=done)


def title(name: str) -> str:
    """What a message calls a file."""
    return "standard input" if name == "-" else name
