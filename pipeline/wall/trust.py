"""Can the picture be trusted? The first thing the wall says; pure."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline import french
from pipeline.wall.facts import Trust
from pipeline.wall.taker import Live

STORE_AWAY, STORE_SLOW = 3.0, 8.0
"""Seconds after which figures are no longer of the present: ClickHouse does not answer, or only takes its time."""
LATE = 10.0
"""Seconds the newest counted record may be old while others wait behind it."""
BACKLOG = 20_000
"""Records waiting that are worth a warning."""


def live_trust(live: Live, now: float) -> Trust:
    """The trust bar of the present.

    A wall that hears nothing new has to say which of three it is: the pipeline is late (figures are old), ClickHouse
    is away (figures are old), or nothing was sent (figures are right).
    """
    if not live.taken_at:
        words = "ClickHouse ne répond pas : aucune donnée pour l'instant" if live.trouble else "Connexion à ClickHouse…"
        return Trust("fige" if live.trouble else "attente", words, True, _details(live, now))
    fresh = live.freshness
    age = fresh.age + max(0.0, now - live.taken_at)
    if now - live.taken_at > (STORE_AWAY if live.trouble else STORE_SLOW):
        since = french.clock(datetime.fromtimestamp(live.taken_at, UTC))
        why = "ClickHouse ne répond plus" if live.trouble else "ClickHouse répond trop lentement"
        return Trust("fige", f"Données figées depuis {since} : {why}", True, _details(live, now))
    if not fresh.newest_arrival:
        words = "En attente du premier événement"
        return Trust("attente", words if live.worker is not False else f"{words} : le worker est arrêté", False,
                     _details(live, now))  # fmt: skip
    newest = french.clock(datetime.fromtimestamp(fresh.newest_arrival, UTC))
    if age > LATE and live.worker is False:
        return Trust("fige", f"Données figées depuis {newest} : le worker ne compte plus", True, _details(live, now))
    if age > LATE and fresh.lag:
        words = f"Données en retard de {french.duration(age)} : {french.number(fresh.lag)} événements en attente"
        return Trust("retard", words, True, _details(live, now))
    if age > LATE:
        words = f"Aucun événement reçu depuis {french.duration(age)} : les ENT se taisent"
        return Trust("calme", words, False, _details(live, now))
    return Trust("direct", "En direct", False, _details(live, now))


def past_trust(at: datetime, by_hours: bool) -> Trust:
    """The trust bar of a past instant."""
    words = f"Instant passé : {french.moment_words(at)}"
    return Trust("passe", f"{words} (chiffres à l'heure)" if by_hours else words, False)


def _details(live: Live, now: float) -> tuple[tuple[str, str, str], ...]:
    fresh = live.freshness
    age = fresh.age + max(0.0, now - live.taken_at)
    away = bool(live.trouble) or not live.taken_at
    return (
        (
            "Données",
            f"de {french.duration(age)}" if live.taken_at and fresh.newest_arrival else "aucune",
            "inconnu" if not fresh.newest_arrival else "mal" if age > LATE else "bien",
        ),
        (
            "En attente",
            french.number(fresh.lag) if live.taken_at else "?",
            "inconnu" if away else "mal" if fresh.lag > BACKLOG else "bien",
        ),
        (
            "Worker",
            {True: "compte", False: "arrêté", None: "non visible d'ici"}[live.worker],
            {True: "bien", False: "mal", None: "inconnu"}[live.worker],
        ),
        ("ClickHouse", "répond", "bien")
        if not away
        else ("ClickHouse", *(("ne répond pas", "mal") if live.trouble else ("connexion…", "inconnu"))),
    )
