"""The stack, over both brokers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import Stack, fresh_stack


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A fresh pipeline without workers, on each broker."""
    with fresh_stack(request.param, tmp_path) as running:
        yield running
