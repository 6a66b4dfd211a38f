"""Every number of the simulated traffic, with its source.

Sources: `DNMA` is the open data of the national audience measure (Licence Ouverte 2.0); `guide` is the "Guide de
marquage des ENT v2.0" (2012); `tag` is the tag of Open ENT NG. What is marked `ours` is chosen to be plausible and is
no measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

MEAN_RATE = 2_000.0
"""Hits a second over the rentrée morning, nationally. DNMA: 1,250-2,000 between 8 and 9 h, bursts of 4,000."""
DAY_HITS = 50_000_000.0
"""Hits of an ordinary school day, nationally: 40 to 60 million, as the project sizes for. The DNMA's visits of a year
would make it less: 771.7 million in 2024-25."""
SCHOOLS = 28_400
"""Schools that send each week (DNMA)."""

# Visits of other days, as shares of those of a school day (ours). Of a Wednesday `day.py` cuts the afternoon.
SATURDAY = 0.22
SUNDAY = 0.30
SCHOOL_HOLIDAY = 0.10
PUBLIC_HOLIDAY = 0.15

# Visits.
MEAN_PAGES = 4.7
"""Pages a visit on an ordinary day (DNMA)."""
LOCKDOWN_PAGES = 8.0
"""Pages a visit in the lockdown of 2020 (DNMA)."""
MAX_PAGES = 40
GAP_MEDIAN_S, GAP_SIGMA, GAP_MAX_S = 9.0, 1.0, 240.0
"""Seconds between two pages, lognormal (ours). Far below the 30 minutes that end a visit (guide)."""
LANDING_SHARE = 0.72
"""Visits that open on the portal's home page; the others follow a link into a service (ours)."""

# Shares of awkward events. Bad ones stay well under 2 % (ours).
DUPLICATE_SHARE = 0.010
LATE_SHARE = 0.015
BAD_SHARE = 0.010
LATE_MIN_S, LATE_MAX_S = 5.0, 900.0
DELAY_MEDIAN_MS, DELAY_SIGMA, DELAY_MAX_MS = 120.0, 0.7, 1_500.0
"""From a page's display to the arrival of its event, when nothing is late (ours)."""
DUPLICATE_MIN_S, DUPLICATE_MAX_S = 1.0, 120.0
"""How long after the first copy the second one is sent (ours)."""

# How schools write their events, shares of schools (ours).
LEGACY_2012_SHARE = 0.02
"""Schools that still send the names and numbers of the 2012 tag (guide)."""
LOWER_CASE_SHARE = 0.02
EPOCH_TIME_SHARE = 0.04
LOCAL_OFFSET_SHARE = 0.10

PROFILS: dict[str, float] = {
    "ELEVE": 0.40,
    "PARENT": 0.375,
    "ENSEIGNANT": 0.19,
    "ADMIN_VIE_SCOL_TECH": 0.03,
    "PERSONNEL_COLLECTIVITE": 0.003,
    "AUTRE": 0.002,
}
"""Shares of visits (DNMA for the first four; the last two are ours)."""
PERSONS_PER_PUPIL: dict[str, float] = {
    "ELEVE": 1.0,
    "PARENT": 1.4,
    "ENSEIGNANT": 0.08,
    "ADMIN_VIE_SCOL_TECH": 0.025,
    "PERSONNEL_COLLECTIVITE": 0.004,
    "AUTRE": 0.01,
}
"""Accounts of a school for each of its pupils (ours)."""
UNKNOWN_PROFILS = ("VISITEUR", "TUTEUR_STAGE")
UNKNOWN_PROFIL_SHARE = 0.002
"""Visits whose profil is no code of the reference table (ours)."""
DEVICES = ("ordinateur", "mobile", "tablette")
DEVICE_SHARES: dict[str, tuple[float, float, float]] = {
    "ELEVE": (0.45, 0.47, 0.08),
    "PARENT": (0.22, 0.70, 0.08),
    "ENSEIGNANT": (0.82, 0.13, 0.05),
}
"""Ours; other profils as ENSEIGNANT. Ordinateur, mobile, tablette."""


DRIFT_HOURS = 3.0
"""Tastes drift for so long from half past seven on, then stay until the evening (ours)."""


@dataclass(frozen=True)
class ServiceTraffic:
    """How much one service is used."""

    weight: float
    """Share of the pages that follow the landing page, in any unit (DNMA 2025-26 in millions of visits, or ours)."""
    stay: float
    """Probability that the next page is of the same service (ours)."""
    trend: float
    """Growth of the weight over one hour of drift, as an exponent: 0.1 is +10.5 % an hour (ours)."""
    pages: tuple[str, ...]
    """Names of its pages."""


SERVICES: dict[str, ServiceTraffic] = {
    # The four largest weights are the visits of 2025-26 (DNMA); the others are ours.
    "COURRIER_ELECTRONIQUE": ServiceTraffic(198, 0.45, 0.00, ("boite-reception", "message", "nouveau-message")),
    "SERVICES_VIE_SCOLAIRE": ServiceTraffic(198, 0.35, 0.10, ("accueil-vie-scolaire", "fil-de-la-classe", "carnet")),
    "CAHIER_TEXTES": ServiceTraffic(64, 0.30, 0.30, ("semaine", "travail-a-faire", "séance")),
    "PRODUCTION_COLLABORATIVE": ServiceTraffic(47, 0.40, 0.10, ("mur", "document", "wiki")),
    "PAGE_ENT": ServiceTraffic(60, 0.10, -0.05, ("accueil", "mes-applications", "annuaire")),
    "ACTUALITES": ServiceTraffic(40, 0.25, -0.25, ("fil", "article", "rentrée-2026")),
    "GESTION_TEMPS": ServiceTraffic(38, 0.20, 0.15, ("emploi-du-temps", "agenda", "semaine")),
    "STOCKAGE_PARTAGE": ServiceTraffic(26, 0.40, 0.10, ("mes-documents", "partages", "dossier")),
    "MANUEL_NUMERIQUE": ServiceTraffic(24, 0.30, 0.20, ("médiacentre", "manuel", "chapitre")),
    "PARCOURS_PEDAGOGIQUE": ServiceTraffic(22, 0.45, 0.25, ("parcours", "activité", "exercice")),
    "ABSENCES": ServiceTraffic(18, 0.20, 0.40, ("appel", "absences", "justificatif")),
    "NOTES": ServiceTraffic(12, 0.20, 0.00, ("relevé", "évaluation", "moyennes")),
    "CAHIER_LIAISON": ServiceTraffic(12, 0.20, -0.10, ("mots", "mot", "signature")),
    "MESSAGERIE_INSTANTANEE": ServiceTraffic(9, 0.50, 0.10, ("conversations", "salon", "conversation")),
    "DOCUMENTATION_CDI": ServiceTraffic(5, 0.30, 0.05, ("catalogue", "notice", "recherche")),
    "GESTION_COMPETENCES": ServiceTraffic(5, 0.25, 0.05, ("compétences", "bilan", "livret")),
    "SERVICE_COLLECTIVITE": ServiceTraffic(4, 0.25, -0.20, ("restauration", "transport", "inscription")),
    "RESSOURCE_DOCUMENTAIRE": ServiceTraffic(4, 0.25, 0.10, ("médiacentre", "article", "recherche")),
    "VISIOCONFERENCE": ServiceTraffic(3, 0.30, 0.30, ("salles", "réunion", "rejoindre")),
    "RESERVATION_SALLES_MATERIELS": ServiceTraffic(3, 0.25, 0.10, ("salles", "planning", "réservation")),
    "RESSOURCE_MULTIMEDIA": ServiceTraffic(3, 0.25, 0.10, ("médiacentre", "vidéo", "recherche")),
    "RESSOURCE_ORIENTATION": ServiceTraffic(3, 0.25, 0.05, ("métiers", "formation", "quiz")),
    "RESSOURCE_ACCOMPAGNEMENT_ENTRAINEMENT": ServiceTraffic(2, 0.30, 0.10, ("exercices", "série", "bilan")),
    "RESSOURCE_PRODUCTION": ServiceTraffic(1.5, 0.30, 0.10, ("atelier", "projet", "galerie")),
    "RESSOURCE_REFERENCE_DICTIONNAIRE": ServiceTraffic(1.5, 0.20, 0.10, ("recherche", "définition", "encyclopédie")),
    # What the reference table does not know, as new applications send it; "" means the portal itself.
    "": ServiceTraffic(1.5, 0.0, 0.0, ("accueil", "accueil", "")),
    "CARTE_MENTALE": ServiceTraffic(0.8, 0.3, 0.0, ("cartes", "carte", "nouvelle-carte")),
    "FORMULAIRE": ServiceTraffic(0.8, 0.3, 0.2, ("formulaires", "réponse", "résultats")),
    "Radio Scolaire": ServiceTraffic(0.3, 0.2, 0.0, ("antenne", "podcast", "podcast")),
}

PROFIL_TASTE: dict[str, dict[str, float]] = {
    "ELEVE": {"ABSENCES": 0.2, "COURRIER_ELECTRONIQUE": 0.95, "MANUEL_NUMERIQUE": 1.5, "CAHIER_LIAISON": 0.1},
    "PARENT": {"SERVICES_VIE_SCOLAIRE": 1.3, "PRODUCTION_COLLABORATIVE": 0.2, "STOCKAGE_PARTAGE": 0.1,
               "PARCOURS_PEDAGOGIQUE": 0.1, "CAHIER_LIAISON": 3.0, "SERVICE_COLLECTIVITE": 3.0,
               "MANUEL_NUMERIQUE": 0.1},
    "ENSEIGNANT": {"ABSENCES": 3.0, "STOCKAGE_PARTAGE": 2.0, "COURRIER_ELECTRONIQUE": 1.3,
                   "RESERVATION_SALLES_MATERIELS": 4.0, "VISIOCONFERENCE": 2.0},
    "ADMIN_VIE_SCOL_TECH": {"ABSENCES": 4.0, "CAHIER_TEXTES": 0.2, "COURRIER_ELECTRONIQUE": 1.5,
                            "PARCOURS_PEDAGOGIQUE": 0.1, "MANUEL_NUMERIQUE": 0.1},
    "PERSONNEL_COLLECTIVITE": {"SERVICE_COLLECTIVITE": 30.0, "CAHIER_TEXTES": 0.1},
    "AUTRE": {},
}  # fmt: skip
"""Factors on the weights, by profil (ours)."""
LINKS: dict[str, tuple[str, float]] = {
    "CAHIER_TEXTES": ("MANUEL_NUMERIQUE", 0.10),
    "ABSENCES": ("SERVICES_VIE_SCOLAIRE", 0.20),
    "ACTUALITES": ("PAGE_ENT", 0.25),
    "GESTION_TEMPS": ("CAHIER_TEXTES", 0.15),
    "MESSAGERIE_INSTANTANEE": ("VISIOCONFERENCE", 0.05),
    "NOTES": ("GESTION_COMPETENCES", 0.10),
}
"""From one service to another that its pages point to, with the probability of following (ours)."""
TIERS_TOOLS: dict[str, tuple[str, ...]] = {
    "SERVICES_VIE_SCOLAIRE": ("", "PRONOTE", "PRONOTE", "ÉcoleDirecte"),
    "ABSENCES": ("", "PRONOTE", "PRONOTE", "ÉcoleDirecte"),
    "NOTES": ("", "PRONOTE", "PRONOTE", "ÉcoleDirecte"),
    "CAHIER_TEXTES": ("", "", "PRONOTE", "ÉcoleDirecte"),
    "GESTION_TEMPS": ("", "PRONOTE", "", "ÉcoleDirecte"),
    "PARCOURS_PEDAGOGIQUE": ("", "Moodle", "", "Moodle"),
    "VISIOCONFERENCE": ("BigBlueButton", "BigBlueButton", "Ma classe à la maison", "Via"),
    "STOCKAGE_PARTAGE": ("", "", "Nextcloud", ""),
    "DOCUMENTATION_CDI": ("e-sidoc", "e-sidoc", "e-sidoc", "PMB"),
    "RESERVATION_SALLES_MATERIELS": ("", "GRR", "", "GRR"),
    "MANUEL_NUMERIQUE": ("GAR", "GAR", "Édulib", "GAR"),
    "RESSOURCE_DOCUMENTAIRE": ("GAR", "GAR", "GAR", "Europresse"),
    "RESSOURCE_MULTIMEDIA": ("GAR", "Lumni", "Lumni", "GAR"),
    "RESSOURCE_ORIENTATION": ("GAR", "ONISEP", "Folios", "GAR"),
    "RESSOURCE_ACCOMPAGNEMENT_ENTRAINEMENT": ("GAR", "Pix", "GAR", "GAR"),
    "RESSOURCE_PRODUCTION": ("GAR", "GAR", "GAR", "GAR"),
    "RESSOURCE_REFERENCE_DICTIONNAIRE": ("GAR", "GAR", "Universalis", "GAR"),
}
"""The third-party tool behind a service in each of four kinds of school equipment; "" is the portal's own (ours)."""
TOOL_SHARES = (0.30, 0.30, 0.25, 0.15)
"""Schools by kind of equipment, columns of `TIERS_TOOLS` (ours)."""
