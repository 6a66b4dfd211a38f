"""What a campaign leaves in the process that plays it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def collected_sockets() -> Iterator[None]:
    """kafka-python leaves sockets of refused connections to the collector, whose warning hits whichever test is on."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
