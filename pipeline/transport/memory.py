"""Freed memory stays with the process: the next batch needs as much of it again."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
KEPT = 64 << 20
"""Most bytes that stay at the end of the heap once they are free."""
_LARGEST = 32 << 20  # the most that glibc lets stand inside the heap


def keep_freed_memory() -> None:
    """Tell glibc's malloc not to give the buffers of every chunk of records back to the kernel.

    By default, arrays of megabytes are mapped anew each time, and every page of them is faulted in and zeroed: that
    took a third of the worker's time. Where there is no glibc, nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, KEPT)
