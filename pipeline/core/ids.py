"""64-bit ids from the texts of an event, the same in every process, on every run and for every text.

The text's UTF-8 bytes are read as little-endian 64-bit words (the last one padded with zeros) and folded into a state
that starts from the length. Every step is a bijection of the state for a given word and of the word for a given state,
so texts that differ in one word only (counters, most structured ids) can never collide; others collide with the
2^-64 of a random function. Python's own `hash` is salted, and ids are not always hexadecimal: neither is used.
Stored sets hold these numbers: a change here doubles every id that is sent again, so it needs a new table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint64]

_SEED = 0x9E3779B97F4A7C15  # 2^64 / golden ratio
_FIRST = 0xBF58476D1CE4E5B9  # the multipliers of splitmix64's finalizer (Stafford's mix 13)
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1


def hash_text(text: str) -> int:
    """The 64-bit id of one text: the definition that `hash_column` repeats for many at a time."""
    raw = text.encode()
    state = (len(raw) * _SEED) & _MASK
    for at in range(0, len(raw), 8):
        state ^= int.from_bytes(raw[at : at + 8], "little")
        state = ((state ^ (state >> 30)) * _FIRST) & _MASK
        state = ((state ^ (state >> 27)) * _SECOND) & _MASK
        state = ((state ^ (state >> 31)) + _SEED) & _MASK
    return state


def hash_column(texts: Sequence[str]) -> Ids:
    """The ids of a non-empty column of texts, shape (len(texts),), uint64."""
    return hash_words(*(_uniform_words(texts) or _padded_words(texts)))


def hash_words(words: Sequence[Ids] | Ids, lengths: Ids) -> Ids:
    """The ids of texts given as words.

    Args:
        words: of the UTF-8 texts, zeros behind their ends, little-endian, shape (words of the longest, texts).
        lengths: in bytes, shape (texts,), or (1,) when all have the same.

    Returns:
        shape (texts,).
    """
    state = lengths * np.uint64(_SEED)
    same_length = lengths.shape == (1,)
    if same_length:
        state = np.repeat(state, words.shape[1] if isinstance(words, np.ndarray) else words[0].size)
    for at, word in enumerate(words):
        mixed = state ^ word
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(_FIRST)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(_SECOND)
        mixed ^= mixed >> np.uint64(31)
        mixed += np.uint64(_SEED)
        state = mixed if same_length else np.where(lengths > np.uint64(8 * at), mixed, state)
    return state


def _uniform_words(texts: Sequence[str]) -> tuple[Ids, Ids] | None:
    """Words (words per text, texts) and their one length, when all texts are ASCII of one length; else None."""
    rows, width = len(texts), len(texts[0])
    raw = "\0".join(texts).encode()
    if len(raw) != rows * (width + 1) - 1:
        return None
    chars = np.frombuffer(raw + b"\0", np.uint8).reshape(rows, width + 1)
    # The only zeros are the separators, each in its place: so every text has the same length, and all are ASCII
    # or of one UTF-8 length, which is all that the definition needs.
    if chars[:, width].any() or np.count_nonzero(chars) != rows * width:
        return None
    padded = np.zeros((rows, -(-width // 8) * 8), np.uint8)
    padded[:, :width] = chars[:, :width]
    return np.ascontiguousarray(padded.view("<u8").T), np.array([width], np.uint64)


def _padded_words(texts: Sequence[str]) -> tuple[Ids, Ids]:
    """Words (words of the longest text, texts) and the length of each text in bytes."""
    raw = [text.encode() for text in texts]
    lengths = np.fromiter(map(len, raw), np.uint64, len(raw))
    width = max(1, -(-int(lengths.max()) // 8)) * 8
    words = np.array(raw, f"S{width}").view("<u8").reshape(len(raw), -1)
    return np.ascontiguousarray(words.T), lengths
