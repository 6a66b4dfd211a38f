"""What is freed is used again, without the kernel."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from pipeline.transport.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()

def work():
    for _ in range(10):
        parts = [np.ones(bytes, np.uint8) for bytes in [3 << 20] * 8]
        del parts

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    """Pages that the kernel had to give for the same work a second time."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True, timeout=60)
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc, whose malloc this is about")
def test_buffers_that_come_and_go_are_not_asked_of_the_kernel_each_time() -> None:
    assert faults("usual") > 20_000
    assert faults("kept") < 2_000
