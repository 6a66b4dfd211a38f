"""What the traffic says about France: schools, territories, profils, services, visits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from pipeline.simulate import schools
from schemas import reference
from tests.simulate.runs import good

HOUR = 3600


def share(counts: Counter[str], *names: str) -> float:
    return sum(counts[name] for name in names) / sum(counts.values())


@pytest.mark.parametrize(
    ("prefix", "number", "expected"),
    [("975", 1, "9750001C"), ("983", 2, "9830002K"), ("987", 26, "9870026P"), ("983", 507, "9830507J")],
)
def test_the_check_letter_is_that_of_real_schools(prefix: str, number: int, expected: str) -> None:
    assert schools.uai(prefix, number) == expected


def test_there_are_28400_distinct_schools_with_valid_ids_in_every_territory() -> None:
    uais = schools.build(7).uais
    assert len(uais) == len(set(uais)) == pytest.approx(28_400, abs=60)
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    assert all(re.fullmatch(r"\d{7}[A-Z]", u) and letters[int(u[:7]) % 23] == u[7] for u in uais)
    assert {u[:3] for u in uais} == {t.uai_prefix for t in reference.territories()}
    assert {"620", "720", "971", "976", "975", "987"} <= {u[:3] for u in uais}


def test_schools_are_of_very_different_sizes() -> None:
    parts = np.sort(schools.build(7).weights)[::-1]
    assert parts[: len(parts) // 10].sum() > 0.4
    assert parts[len(parts) // 2 :].sum() < 0.2


def test_profils_have_their_shares_over_the_morning() -> None:
    codes = Counter(a.event["profil"].upper() for a in good(10_800, 8) if a.event)
    legacy = Counter({code: codes[code] for code in codes if code.isdigit()})
    assert 0.005 < share(codes, *legacy) < 0.05
    assert share(codes, "ELEVE", "1") == pytest.approx(0.40, abs=0.025)
    assert share(codes, "PARENT", "3") == pytest.approx(0.375, abs=0.025)
    assert share(codes, "ENSEIGNANT", "2") == pytest.approx(0.19, abs=0.025)
    assert share(codes, "ADMIN_VIE_SCOL_TECH", "4") == pytest.approx(0.03, abs=0.01)


def test_courrier_and_vie_scolaire_are_the_largest_services_after_the_home_page() -> None:
    codes = Counter(a.event["service"].upper() for a in good(10_800, 8) if a.event)
    largest = [code for code, _ in codes.most_common(5)]
    assert set(largest[:3]) == {"PAGE_ENT", "SERVICES_VIE_SCOLAIRE", "COURRIER_ELECTRONIQUE"}
    assert largest[3] == "CAHIER_TEXTES"
    assert set(codes) >= {s.service for s in reference.services()} - {"NON_CLASSE"}


def test_some_services_grow_over_the_morning_and_some_shrink() -> None:
    early: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for arrival in good(10_800, 8):
        assert arrival.event
        (early if arrival.second < 1.5 * HOUR else late)[arrival.event["service"]] += 1
    assert share(late, "ABSENCES") > 1.2 * share(early, "ABSENCES")
    assert share(late, "CAHIER_TEXTES") > 1.2 * share(early, "CAHIER_TEXTES")
    assert share(late, "ACTUALITES") < 0.85 * share(early, "ACTUALITES")


def test_overseas_territories_live_by_their_own_clock() -> None:
    # 07:30 in Paris is half past one at night in Martinique, where lessons begin six hours and a half later.
    by_hour: dict[int, Counter[str]] = defaultdict(Counter)
    for arrival in good(28_800, 2):
        assert arrival.event
        by_hour[arrival.second // HOUR][arrival.event["uai"][:3]] += 1
    assert by_hour[0]["972"] + by_hour[1]["972"] < by_hour[6]["972"] / 10


def test_a_visit_is_one_person_in_one_school_walking_through_services() -> None:
    visits: dict[str, list[tuple[float, dict[str, str]]]] = defaultdict(list)
    for arrival in good(600, 100):
        assert arrival.event
        visits[arrival.event["visit_id"]].append((arrival.second + 1 - arrival.age_s, arrival.event))
    for hits in visits.values():
        assert len({(e["visitor_id"], e["uai"], e["profil"], e["device"], e["projet"]) for _, e in hits}) == 1
        times = sorted(time for time, _ in hits)
        assert all(later - earlier < 30 * 60 for earlier, later in pairwise(times))
    # Visits that lie whole in the run: neither its first minutes nor its last.
    whole = [hits for hits in visits.values() if 200 < min(t for t, _ in hits) < 300]
    assert sum(map(len, whole)) / len(whole) == pytest.approx(4.7, rel=0.1)
    several = [hits for hits in whole if len({e["service"] for _, e in hits}) > 1]
    assert 0.5 < len(several) / len(whole) < 0.9


def test_a_page_depends_on_the_page_before() -> None:
    after: dict[str, Counter[str]] = defaultdict(Counter)
    visits: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for arrival in good(600, 100):
        assert arrival.event
        visits[arrival.event["visit_id"]].append((arrival.second - arrival.age_s, arrival.event["service"]))
    for hits in visits.values():
        for (_, before), (_, then) in pairwise(sorted(hits)):
            after[before][then] += 1
    stays = share(after["COURRIER_ELECTRONIQUE"], "COURRIER_ELECTRONIQUE")
    comes = share(after["PAGE_ENT"], "COURRIER_ELECTRONIQUE")
    assert stays > 1.8 * comes


def test_projects_run_on_the_platform_of_their_operator_in_their_territory() -> None:
    portals = {(e["exploitant"], e["plateforme"]) for a in good(600, 100) if (e := a.event)}
    assert {("Kosmos", "Skolengo"), ("Edifice", "NEO"), ("Edifice", "ONE"), ("itslearning", "itslearning")} <= portals
    occitanie = {e["projet"] for a in good(600, 100) if (e := a.event) and e["uai"][:3] in ("031", "034")}
    assert "ENT Occitanie" in occitanie
    assert "ENT Hauts-de-France" not in occitanie


def test_some_producers_write_in_awkward_but_valid_ways() -> None:
    events = [a.event for a in good(600, 100) if a.event]

    def part(matching: int) -> float:
        return matching / len(events)

    assert 0.01 < part(sum(isinstance(e["event_time"], int) for e in events)) < 0.10
    assert 0.03 < part(sum(str(e["event_time"]).endswith("+02:00") for e in events)) < 0.20
    assert 0.005 < part(sum(e["uai"] != e["uai"].upper() for e in events)) < 0.05
    assert 0.001 < part(sum(e["service"] in ("Services_Vie_Scolaire", "5") for e in events)) < 0.05
    assert 0.005 < part(sum(e["profil"].isdigit() for e in events)) < 0.05
    assert 0.001 < part(sum(e["service"] in ("CARTE_MENTALE", "FORMULAIRE", "Radio Scolaire") for e in events)) < 0.02
    assert 0.0005 < part(sum(e["profil"] in ("VISITEUR", "TUTEUR_STAGE") for e in events)) < 0.01
    assert any(e["service"] == "" for e in events)
    assert {e["type"] for e in events} == {"NATIF", "TIERS"}
    assert all((e["type"] == "TIERS") == (e["outil"] != "") for e in events)
    assert {e["device"] for e in events} == {"ordinateur", "mobile", "tablette"}


def test_ids_are_pseudonymous_hexadecimal() -> None:
    for arrival in good(600, 100)[:2_000]:
        assert arrival.event
        for name in ("event_id", "visit_id", "visitor_id"):
            assert re.fullmatch(r"[0-9a-f]{32}", arrival.event[name])
