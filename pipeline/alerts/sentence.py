"""What an operator reads of a change: one French line, and what to look at; pure.

    Vie scolaire, académie de Lyon : 412 pages/min au lieu de 1 050 (± 120) depuis 08:14, soit −61 % ;
    données à l'instant.

Names of platforms and operators are texts of events: what a terminal or a mail program might obey is taken out.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline import french
from pipeline.alerts.change import KEY_SEPARATOR, Change, Direction, Kind
from pipeline.names import clock_of, label

RUNBOOK: dict[Direction, tuple[str, str]] = {
    "drop": ("baisse", "Baisse"),
    "spike": ("hausse", "Hausse"),
    "silence": ("silence", "Silence"),
    "retries": ("rechargements", "Rechargements"),
    "late": ("donnees-en-retard", "Données en retard"),
}
"""Direction → (anchor, title) of its paragraph in `deploy/runbook.md`."""

AT_ONCE_SECONDS = 60.0
"""Data younger than this are of this instant: a watermark takes some twenty seconds to pass."""
COLLECTIVITES = ("Saint-Pierre-et-Miquelon", "Nouvelle-Calédonie", "Wallis-et-Futuna", "Polynésie française")
"""Places that are their own territory and no académie (`schemas/reference/collectivites_outremer.csv`)."""
_NOUNS: dict[Direction, str] = {
    "drop": "de baisse", "spike": "de hausse", "silence": "de silence", "retries": "de rechargements en boucle",
    "late": "de retard",
}  # fmt: skip
_MANY: dict[Kind, str] = {
    "plateforme": "plateformes", "exploitant": "exploitants", "academie": "académies",
    "famille": "familles de services", "profil": "profils",
}  # fmt: skip
_PARTS: dict[Kind, tuple[Kind, ...]] = {
    "national": (),
    "academie_famille": ("academie", "famille"),
    "plateforme_famille": ("plateforme", "famille"),
}
"""What a kind's key is made of, where it is not the kind itself."""


def sentence(change: Change) -> str:
    """One line: what, where, observed against expected, since when, how far it reaches, how old the data are."""
    if change.state == "closed":
        return _closing(change)
    parts = [_fact(change)]
    if scope := _scope(change):
        parts.append(scope)
    if change.closure:
        parts.append(f"fermeture annoncée : {plain(change.closure)}")
    if change.direction != "late":
        age = change.data_age_seconds
        late = f"données en retard de {french.duration(age)}"
        parts.append(late if age >= AT_ONCE_SECONDS else "données à l'instant")
    return f"{' ; '.join(parts)}."


def look_at(change: Change) -> str:
    """What to look at, what the neighbours do, and the paragraph of the runbook."""
    _, title = RUNBOOK[change.direction]
    if change.state == "closed" and change.why_closed in ("recovered", "merged", "closure"):
        return f"Rien à faire. Runbook : {title}."
    return f"{_advice(change)}{_around(change)} Runbook : {title}."


def _around(change: Change) -> str:
    """What the neighbours do: who falls alone is broken, who falls with all the others is not the cause."""
    known = [near for near in change.neighbours if near.expected > 0]
    if not known or change.direction == "late":
        return ""
    levels = [near.observed / near.expected for near in known]
    shown = ", ".join(
        f"{where(near.kind, near.key, capital=False)} {french.percent(level)}"
        for near, level in zip(known[:4], levels, strict=False)
    )
    words = "Autour, tout va bien" if all(0.8 <= level <= 1.25 for level in levels) else "Autour, en part de l'attendu"
    return f" {words} : {shown}."


def where(kind: Kind, key: str, capital: bool = True) -> str:
    """`Vie scolaire, académie de Lyon`: the name of a series.

    Args:
        kind: of the series.
        key: as in `Change.key`.
        capital: whether it begins a sentence.
    """
    places = _split(kind, key)
    if not places:
        return "France entière"
    # A service comes first: it is what an operator's caller complains of.
    named = [_named(*place) for place in sorted(places, key=lambda place: place[0] != "famille")]
    text = ", ".join(named)
    return text[:1].upper() + text[1:] if capital else text


def _split(kind: Kind, key: str) -> list[tuple[Kind, str]]:
    """The plain (kind, value) pairs of a series; a platform's own name may hold the separator, a famille never does."""
    kinds = _PARTS.get(kind, (kind,))
    if len(kinds) < 2:
        return [(one, key) for one in kinds]
    first, _, last = key.rpartition(KEY_SEPARATOR)
    return [(kinds[0], first), (kinds[1], last)]


def _named(kind: Kind, key: str) -> str:
    name = plain(label(kind, key))
    if kind == "academie":
        return name if key in COLLECTIVITES else f"académie {french.of(name)}"
    return f"{kind} {name}" if kind in ("plateforme", "exploitant", "profil") else name


def plain(text: str) -> str:
    """On one line and harmless: a control character, a line end or a change of direction becomes a replacement sign."""
    return "".join(c if c.isprintable() or c in "\u00a0\u202f" else "\ufffd" for c in text)


# -- what is seen


def _fact(change: Change) -> str:
    name, since = where(change.kind, change.key), _since(change)
    if change.direction == "late":
        age = french.duration(change.data_age_seconds)
        return f"Données en retard de {age} {since} : les baisses ne sont pas jugées"
    if change.direction == "silence":
        usual = f"{_short(change.expected)} pages/min attendues" if change.expected >= 2 else _by_hour(change.expected)
        return f"{name} : plus aucune page {since} ({usual})"
    seen = f"{name} : {_pages(change.observed)} au lieu de {_short(change.expected)}{_band(change)} {since}"
    if change.expected <= 0:
        return seen
    size = f"{seen}, soit {_size(change.observed / change.expected)}"
    if change.direction == "retries":
        size = f"{size} sans plus de visites"
    return f"{size}, de retour dans l'ordinaire" if change.low <= change.observed <= change.high else size


def _pages(rate: float) -> str:
    """`412 pages/min`; an observation keeps its digits, and under ten a decimal."""
    decimals = 1 if 0 < rate < 9.95 and round(rate, 1) != round(rate) else 0
    return f"{french.number(rate, decimals)} {'page' if rate < 2 else 'pages'}/min"


def _by_hour(rate: float) -> str:
    return f"d'ordinaire {french.plural(round(60 * rate), 'page')} par heure"


def _short(rate: float) -> str:
    """An expectation: three digits are all that it is worth."""
    return french.number(_about(rate, 3), 1 if 0 < rate < 9.95 and round(rate, 1) != round(rate) else 0)


def _about(value: float, digits: int) -> float:
    if value < 10:
        return value
    step = 10.0 ** max(0, math.floor(math.log10(value)) + 1 - digits)
    return round(value / step) * step


def _band(change: Change) -> str:
    """` (± 120)`, or both ends where they lie unevenly."""
    below, above = change.expected - change.low, change.high - change.expected
    if below <= 0 or above <= 0:
        return ""
    if max(below, above) <= 1.3 * min(below, above):
        margin = _about(max(below, above), 2)
        return f" (± {french.number(margin, 1 if margin < 9.95 and margin != round(margin) else 0)})"
    return f" (d'ordinaire de {_short(max(0.0, change.low))} à {_short(change.high)})"


def _size(ratio: float) -> str:
    """`−61 %`, `+45 %`, `×2,4`."""
    return f"×{french.number(ratio, 1)}" if ratio >= 1.95 else french.change(ratio)


def _zone(change: Change) -> ZoneInfo:
    """The clock of the place, where the series is about one."""
    return next((clock_of(key) for kind, key in _split(change.kind, change.key) if kind == "academie"), french.PARIS)


def _since(change: Change) -> str:
    """`depuis 08:14`: by the place's own clock, with Paris' beside it overseas; with the day where it was another."""
    since, now = (datetime.fromtimestamp(at, UTC) for at in (change.since, change.changed_at))
    zone = _zone(change)
    local, today = since.astimezone(zone).date(), now.astimezone(zone).date()
    time = french.clock(since, seconds=False, zone=zone)
    if local == today - timedelta(days=1):
        time = f"hier à {time}"
    elif local != today:
        time = f"le {french.day(local, weekday=False).rpartition(' ')[0]} à {time}"
    paris = f" (heure locale, {french.clock(since, seconds=False)} à Paris)" if zone is not french.PARIS else ""
    return f"depuis {time}{paris}"


# -- how far it reaches


def _scope(change: Change) -> str:
    """`plateforme NEO, six académies à la fois`: what moves with it, by kind, without what the alert is about."""
    own = set(_split(change.kind, change.key))
    inside: dict[Kind, list[str]] = {}
    for kind, key in change.scope:
        for one, value in _split(kind, key):
            keys = inside.setdefault(one, [])
            if (one, value) not in own and value not in keys:
                keys.append(value)
    groups = [(kind, inside[kind]) for kind in _MANY if inside.get(kind)]
    text = ", ".join(_group(kind, keys) for kind, keys in groups[:3])
    if any(len(keys) > 1 for _, keys in groups[:3]):
        return f"{text} à la fois"
    return f"surtout {text}" if text else ""


def _group(kind: Kind, keys: list[str]) -> str:
    if len(keys) == 1:
        return _named(kind, keys[0])
    if len(keys) > 2:
        return f"{french.in_words(len(keys))} {_MANY[kind]}"
    names = [plain(label(kind, key)) for key in keys]
    if kind == "academie":
        return f"académies {french.of(names[0])} et {french.of(names[1])}"
    return " et ".join(names) if kind == "famille" else f"{_MANY[kind]} {names[0]} et {names[1]}"


# -- how it ends


def _closing(change: Change) -> str:
    name = where(change.kind, change.key, capital=False)
    lasted = french.duration(max(0, (change.closed_at or change.changed_at) - change.since))
    after = f"après {lasted} {_NOUNS[change.direction]}"
    level = f"{_pages(change.observed)} pour {_short(change.expected)} attendues"
    if change.why_closed == "capped":
        return f"Suivi arrêté {after} sans rétablissement : {name}, {level} ; ce niveau sert désormais de référence."
    if change.why_closed == "merged":
        return f"Regroupé dans une alerte plus large : {name}, {after}."
    if change.why_closed == "closure":
        why = f" ({plain(change.closure)})" if change.closure else ""
        return f"Fermeture annoncée{why} : {name}, alerte close {after}."
    if change.why_closed == "late":
        age = french.duration(change.data_age_seconds)
        return f"Suspendu, données en retard de {age} : {name}, {after} ; plus rien n'est jugé."
    if change.direction == "late":
        return f"Rétabli : données de nouveau à l'instant {after}."
    return f"Rétabli : {name}, {after} : {level}."


# -- what to do


def _advice(change: Change) -> str:
    kinds = {kind for kind, _ in _split(change.kind, change.key)}
    name = where(change.kind, change.key, capital=False)
    if change.direction == "late":
        return "Regarder le bandeau du mur, puis `instant-t status` : worker, Kafka ou ClickHouse en retard."
    if change.direction == "retries":
        return (
            f"Des pages sans visites de plus ({name}) : y ouvrir un ENT, une erreur fait recharger les pages en boucle."
        )
    if change.direction == "spike":
        return f"Regarder les pages par visiteur ({name}) : des personnes en plus, ou des rechargements."
    if "exploitant" in kinds or "plateforme" in kinds:
        return f"Ouvrir la page de connexion ({name}), puis appeler l'exploitant."
    if not kinds:
        return "Regarder le bandeau du mur, puis quelles plateformes manquent : une panne nationale est rare."
    if kinds == {"famille"}:
        return f"Ouvrir le service {name} sur deux plateformes : cassé, ou plus mesuré."
    if kinds == {"profil"}:
        return f"Se connecter en tant que tel ({name}) : connexion fermée à ce public, ou plus mesurée."
    return f"Regarder quelles plateformes manquent ({name}) et y ouvrir un ENT."
