"""`--help` of every command, as a person reads it."""

from __future__ import annotations

import pytest

from pipeline.commands.main import COMMANDS
from tests.commands.conftest import Run

WORDS = [*COMMANDS, "rejects list", "rejects show", "rejects redrive"]


@pytest.mark.parametrize("words", WORDS)
def test_each_command_shows_its_examples_one_a_line(instant_t: Run, words: str) -> None:
    status, out, err = instant_t(*words.split(), "--help")
    assert (status, err) == (0, "")
    assert "\\b" not in out
    assert [line for line in out.splitlines() if line.startswith(f"  instant-t {words}")]
