"""From columns of hits to the bytes of events, about two microseconds each."""

from __future__ import annotations

import binascii
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from pipeline.simulate import calibration, places
from pipeline.simulate import schools as writing
from pipeline.simulate.dice import Ints, Words, mix
from pipeline.simulate.faults import FAULTS
from pipeline.simulate.schools import LEGACY_2012, LOWER_CASE, Schools, fragment
from pipeline.simulate.taste import PROFIL_CODES, SERVICE_CODES
from pipeline.simulate.walks import Hits
from schemas import reference

_PAGES = 3
_STYLES = 3
_TOOLS = len(calibration.TOOL_SHARES)
_DEVICES = len(calibration.DEVICES)
_ALL_PROFILS = (*PROFIL_CODES, *calibration.UNKNOWN_PROFILS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Encoder:
    """Writes hits as events of version 1.

    Ids are pseudonymous hexadecimal: those of persons depend on the seed only, so that the same people come back in
    every run; those of visits and events depend on the start as well, so that two runs never repeat one.
    """

    def __init__(self, schools: Schools, start: datetime, seed: int) -> None:
        self._schools = schools
        self._start_ms = (start - _EPOCH) // timedelta(milliseconds=1)
        self._person_salt = seed * 0x9E3779B97F4A7C15
        self._run_salt = self._person_salt + self._start_ms * 0xD1B54A32D192ED03
        self._service_parts = _service_parts()
        self._profil_parts = _profil_parts()

    def records(self, hits: Hits) -> list[bytes]:
        """One record for each hit, in the given order."""
        if not len(hits):
            return []
        school = hits["school"]
        style = self._schools.codes[school]
        service = ((style * len(SERVICE_CODES) + hits["service"]) * _TOOLS + self._schools.tools[school]) * _PAGES
        profil = (style * len(_ALL_PROFILS) + hits["profil"]) * _DEVICES + hits["device"]
        person = (school.astype(np.uint64) << np.uint64(32)) | (hits["person"].astype(np.uint64) << np.uint64(4))
        person |= hits["profil"].astype(np.uint64)
        event = (hits["visit"] << np.uint64(8)) | hits["step"].astype(np.uint64)
        seconds, fractions = self._times(hits["event"], self._schools.times[school])
        columns = zip(
            _hex_ids(event, self._run_salt),
            seconds,
            fractions,
            _hex_ids(hits["visit"], self._run_salt + 1),
            _hex_ids(person, self._person_salt),
            map(self._schools.fragments.__getitem__, school.tolist()),
            map(self._service_parts.__getitem__, (service + hits["page"]).tolist()),
            map(self._profil_parts.__getitem__, profil.tolist()),
            strict=True,
        )
        template = b'{"event_id":"%b","event_time":%b%b,"visit_id":"%b","visitor_id":"%b",%b,%b,%b}'
        records = [template % parts for parts in columns]
        for i in np.flatnonzero(hits["fault"]).tolist():
            instant = _EPOCH + timedelta(milliseconds=self._start_ms + int(hits["event"][i]))
            records[i] = FAULTS[int(hits["fault"][i]) - 1].spoil(json.loads(records[i]), instant)
        return records

    def _times(self, event_ms: Ints, style: Ints) -> tuple[list[bytes], list[bytes]]:
        """The event times as two parts: to the second, and from there on."""
        seconds, milliseconds = np.divmod(event_ms + self._start_ms, 1000)
        styles = len(places.CLOCKS) + writing.LOCAL
        # One offset for all of them: an instant is right whatever offset it is written with.
        offsets = tuple(places.offset(clock, int(seconds[0]) // 86_400) for clock in range(len(places.CLOCKS)))
        distinct, inverse = np.unique(seconds * styles + style, return_inverse=True)
        written = [_to_the_second(key // styles, key % styles, offsets) for key in distinct.tolist()]
        fractions = (style * 1000 + milliseconds).tolist()
        return (
            list(map(written.__getitem__, inverse.tolist())),
            list(map(_fractions(offsets).__getitem__, fractions)),
        )


def _hex_ids(words: Words, salt: int) -> list[bytes]:
    """An id of 32 hexadecimal digits for each word; different words have different ids."""
    pairs = np.stack([mix(words, salt), mix(words ^ np.uint64(0x5851F42D4C957F2D), salt + 1)], axis=1)
    digits = binascii.hexlify(pairs.astype(">u8").tobytes())
    ids: list[bytes] = np.frombuffer(digits, dtype="S32").tolist()
    return ids


def _to_the_second(second: int, style: int, offsets: tuple[int, ...]) -> bytes:
    if style == writing.EPOCH:
        return b"%d" % second
    if style >= writing.LOCAL:
        second += offsets[style - writing.LOCAL] * 60
    return f'"{_EPOCH + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}'.encode()


@lru_cache(maxsize=4)
def _fractions(offsets: tuple[int, ...]) -> list[bytes]:
    """The milliseconds and what follows them, by style of time and milliseconds."""
    utc = [b'.%03dZ"' % ms for ms in range(1000)]
    epoch = [b"%03d" % ms for ms in range(1000)]
    written = [f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}" for offset in offsets]
    local = [b'.%03d%b"' % (ms, offset.encode()) for offset in written for ms in range(1000)]
    return [*utc, *epoch, *local]


def _service_parts() -> list[bytes]:
    """The members service, type, outil and page, by style, service, kind of equipment and page."""
    legacy = {s.service: (s.legacy_name_2012, s.legacy_id_2012) for s in reference.services()}
    parts = []
    for style in range(_STYLES):
        for code, traffic in calibration.SERVICES.items():
            name, number = legacy.get(code, ("", ""))
            for tool in calibration.TIERS_TOOLS.get(code, ("",) * _TOOLS):
                for i, page in enumerate(traffic.pages):
                    written = code
                    if style == LEGACY_2012:
                        # The 2012 tag has names and numbers for the same thing; its schools send both.
                        written = (number if i % 2 else name) or code
                    elif style == LOWER_CASE:
                        written = code.lower()
                    kind = "TIERS" if tool else "NATIF"
                    parts.append(fragment({"service": written, "type": kind, "outil": tool, "page": page}))
    return parts


def _profil_parts() -> list[bytes]:
    """The members profil and device, by style, profil and device."""
    numbers = {p.profil_code: p.legacy_id_profil_2012 for p in reference.profils()}
    parts = []
    for style in range(_STYLES):
        for code in _ALL_PROFILS:
            written = code
            if style == LEGACY_2012:
                written = numbers.get(code, code)
            elif style == LOWER_CASE:
                written = code.lower()
            parts += [fragment({"profil": written, "device": device}) for device in calibration.DEVICES]
    return parts
