"""From the words of an event to the codes of a cell: service, profil, territory.

A code is an index into the reference rows. `UNKNOWN` added to it says that the word was not recognised and stands
under the catch-all (NON_CLASSE, AUTRE): such events are counted, shown under that name, and measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas.reference import profils, services, territories

UNKNOWN = 64
"""Added to a code whose word was not recognised."""

NO_TERRITORY = -1

SERVICES = tuple(row.service for row in services())
FAMILLES = tuple(row.famille for row in services())
PROFILS = tuple(row.profil_code for row in profils())
DEPARTEMENTS = tuple(row.departement_code for row in territories())

# The 2012 guide gave one number and one name to what are four services today; the contract names the heir.
_HEIR_2012 = {"13": "RESSOURCE_DOCUMENTAIRE", "16": "RESSOURCE_ORIENTATION"}
_CHECK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"  # no I, O, Q: 1,609 of 1,609 real UAIs agree
_TERRITORY_OF_PREFIX = {row.uai_prefix: code for code, row in enumerate(territories())}
_TERRITORIES = np.array([_TERRITORY_OF_PREFIX.get(f"{prefix:03d}", NO_TERRITORY) for prefix in range(1000)], np.int64)
_LETTER_CODES = np.frombuffer(_CHECK_LETTERS.encode(), np.uint8)

_ZEROS, _SIXES = np.uint64(0x0030303030303030), np.uint64(0x0006060606060606)
_HIGH_HALVES = np.uint64(0x00F0F0F0F0F0F0F0)

_MOST_REMEMBERED = 100_000  # words: hostile ones must not fill the memory


def _known_services() -> dict[str, int]:
    """Upper-case words (codes, 2012 names, 2012 numbers) and their service."""
    known: dict[str, int] = {}
    for code, row in enumerate(services()):
        heir = _HEIR_2012.get(row.legacy_id_2012)
        target = code if heir is None else SERVICES.index(heir)
        known[row.legacy_name_2012.upper()] = target
        known[row.legacy_id_2012] = target
    known |= {service: code for code, service in enumerate(SERVICES)}
    return known | {"": SERVICES.index("PAGE_ENT")}


class ServiceCodes(dict[str, int]):
    """Service text → code; white space at the ends and case are ignored, `""` is PAGE_ENT."""

    _known = _known_services()
    _catch_all = SERVICES.index("NON_CLASSE") + UNKNOWN

    def __missing__(self, text: str) -> int:
        word = text.strip()
        # Upper-casing beyond ASCII would let a dotless i pass for an I.
        code = self._known.get(word.upper(), self._catch_all) if word.isascii() else self._catch_all
        return _remember(self, text, code)


class ProfilCodes(dict[str, int]):
    """Profil text → code: a code in any case, or a 2012 number."""

    _known = {row.legacy_id_profil_2012: code for code, row in enumerate(profils())} | {
        profil: code for code, profil in enumerate(PROFILS)
    }
    _catch_all = PROFILS.index("AUTRE") + UNKNOWN

    def __missing__(self, text: str) -> int:
        code = self._known.get(text.upper(), self._catch_all) if text.isascii() else self._catch_all
        return _remember(self, text, code)


def territory_of(uai: str) -> int:
    """The index in `schemas.reference.territories()` of a UAI in either case, or NO_TERRITORY."""
    digits, letter = uai[:7], uai[7:]
    if len(uai) != 8 or not (digits.isascii() and digits.isdigit() and letter.isascii()):
        return NO_TERRITORY
    if letter.upper() != _CHECK_LETTERS[int(digits) % 23]:
        return NO_TERRITORY
    return _TERRITORY_OF_PREFIX.get(digits[:3], NO_TERRITORY)


def uai_columns(uais: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """A non-empty column of UAIs, read as a matrix of characters.

    Returns:
        `territory_of` each, shape (len(uais),), int64; and the number that its seven digits write, of the same shape,
        int32, of no meaning where there is NO_TERRITORY.
    """
    rows, width = len(uais), 8
    chars = np.frombuffer("\n".join([*uais, ""]).encode(), np.uint8)
    # A line feed after every eight bytes: each is eight bytes long, whatever stands in them (nothing but digits and a
    # letter passes below). Where one is not, none of another length is looked at.
    if chars.size != rows * (width + 1) or not (chars[width :: width + 1] == 10).all():
        return uai_columns([uai if len(uai) == width and uai.isascii() else "-" * width for uai in uais])
    return uai_matrix(chars.reshape(rows, width + 1)[:, :width])


def uai_matrix(chars: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The same for UAIs given as bytes, shape (rows, 8)."""
    columns = np.ascontiguousarray(chars.T)
    digits = columns[:7] - np.uint8(48)
    number = np.zeros(chars.shape[0], np.int32)
    for digit in digits:
        number *= np.int32(10)
        number += digit
    right_letter = ((columns[7] ^ _LETTER_CODES[number % 23]) & 0xDF == 0) & (columns[7] >= 65)
    territory = _TERRITORIES[np.minimum(number // 10_000, 999)]
    return np.where((digits <= 9).all(axis=0) & right_letter, territory, NO_TERRITORY), number


def uai_words(words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The same for UAIs given as their eight bytes, the first the lowest; shape (rows,)."""
    digits = words ^ _ZEROS
    good = (digits | digits + _SIXES) & _HIGH_HALVES == 0  # none of the seven is above 9
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    low = np.uint64(0xFF)
    number = ((pairs & low) * np.uint64(100_000)).astype(np.int32)
    number += ((pairs >> np.uint64(16) & low) * np.uint64(1000)).astype(np.int32)
    number += ((pairs >> np.uint64(32) & low) * np.uint64(10)).astype(np.int32)
    number += (digits >> np.uint64(48) & low).astype(np.int32)
    letter = (words >> np.uint64(56)).astype(np.uint8)
    good &= ((letter ^ _LETTER_CODES.take(number % 23)) & 0xDF == 0) & (letter >= 65)
    territory = _TERRITORIES.take(np.minimum(number // 10_000, 999))
    return np.where(good, territory, NO_TERRITORY), number


def uai_texts(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """The UAIs that some numbers write, upper case, as a matrix of characters; shape (numbers.size, 8)."""
    chars = np.empty((numbers.size, 8), np.uint8)
    rest = numbers
    for place in range(6, -1, -1):
        rest, digit = np.divmod(rest, np.int32(10))
        chars[:, place] = digit
    chars[:, :7] += np.uint8(48)
    chars[:, 7] = _LETTER_CODES[numbers % 23]
    return chars


def why_bad_uai(uai: str) -> str:
    """What is wrong with a UAI, in words."""
    digits, letter = uai[:7], uai[7:]
    if len(uai) != 8 or not (digits.isascii() and digits.isdigit() and letter.isascii() and letter.isalpha()):
        return "a UAI is seven digits and a check letter"
    if letter.upper() != _CHECK_LETTERS[int(digits) % 23]:
        return f"the check letter of {digits} is {_CHECK_LETTERS[int(digits) % 23]}"
    return f"{digits[:3]} is the prefix of no département or collectivité"


def _remember(codes: dict[str, int], text: str, code: int) -> int:
    if len(codes) >= _MOST_REMEMBERED:
        codes.clear()
    codes[text] = code
    return code
