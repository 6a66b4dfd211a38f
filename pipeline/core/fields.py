"""What is counted of well-formed events: codes, instants and hashes, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.classify import ProfilCodes, ServiceCodes, uai_columns
from pipeline.core.event import Event
from pipeline.core.ids import Ids, hash_column
from pipeline.core.instants import Instants, parse_column

Numbers = npt.NDArray[np.int64]

Origin = tuple[str, str, str]
"""(projet, exploitant, plateforme)"""


class Fields(NamedTuple):
    """Columns of events, one element for each."""

    at: Numbers
    """Their places in the values given."""
    service: Numbers
    """Codes, as `ServiceCodes`."""
    profil: Numbers
    """Codes, as `ProfilCodes`."""
    territory: Numbers
    """Indexes of territories, or NO_TERRITORY."""
    school: npt.NDArray[np.int32]
    """The numbers that the UAIs' seven digits write."""
    origin: Numbers
    """Codes of (projet, exploitant, plateforme)."""
    time_us: Instants
    """Epoch microseconds, or NO_INSTANT."""
    ids: Ids
    """Event, visit and visitor, shape (events, 3)."""

    def only(self, which: npt.NDArray[np.bool_]) -> Fields:
        """The events where `which` is true."""
        if which.all():
            return self
        at = np.flatnonzero(which)
        columns: list[Any] = [*(column.take(at) for column in self[:-1]), self.ids.T.take(at, axis=1).T]
        return Fields(*columns)


def of_events(
    events: Sequence[Event],
    at: Numbers,
    services: ServiceCodes,
    profils: ProfilCodes,
    origins: Mapping[Origin, int],
) -> Fields:
    """The fields of at least one event; `at` are their places, `origins` numbers what it meets."""
    ids = np.empty((len(events), 3), np.uint64, order="F")
    ids[:, 0] = hash_column([e.event_id for e in events])
    ids[:, 1] = hash_column([e.visit_id for e in events])
    ids[:, 2] = hash_column([e.visitor_id for e in events])
    territory, school = uai_columns([e.uai for e in events])
    return Fields(
        at,
        np.array([services[e.service] for e in events], np.int64),
        np.array([profils[e.profil] for e in events], np.int64),
        territory,
        school,
        np.array([origins[e.projet, e.exploitant, e.plateforme] for e in events], np.int64),
        parse_column([e.event_time for e in events]),
        ids,
    )
