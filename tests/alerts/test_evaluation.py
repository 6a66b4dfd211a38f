"""The evaluation itself: that it can fail, and that what it shows a detector is what was counted."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pipeline.alerts.change import Change
from pipeline.alerts.machine import Machine
from pipeline.alerts.sample import Sample
from tests.bench.alerts.goals import goals
from tests.bench.alerts.incidents import AF_DEAD, DEAD, RETRIES, Incident, count, weight_of
from tests.bench.alerts.judged import Closed, Counted, JudgedDay, Late, Reference
from tests.bench.alerts.score import Alarm, judge, made_by
from tests.bench.alerts.series import keys_of, leaf_keys, members, profil_keys
from tests.bench.alerts.trial import OURS, Outcome, candidates, watch
from tests.bench.alerts.world import Rates, World

TUESDAY = date(2026, 3, 17)
TEN = 10 * 3_600
HALF_PAST = TEN + 1_800
LYON = members("academie", "Lyon")


def dead_lyon(rates: Rates) -> Incident:
    size = float(rates.hits[LYON, TEN // 60].sum()) * 60
    return Incident(DEAD, "academie", "Lyon", TEN, HALF_PAST, 0.0, LYON.astype(np.float64), size)


@pytest.fixture(scope="module")
def world() -> World:
    return World(5, TUESDAY)


@pytest.fixture(scope="module")
def rates(world: World) -> Rates:
    return world.rates_of_today(world.dice(0))


@pytest.fixture(scope="module")
def counted(world: World, rates: Rates) -> Counted:
    return count(world, rates, world.dice(1), [dead_lyon(rates)])


@pytest.fixture(scope="module")
def known(world: World, rates: Rates) -> tuple[Reference, Reference]:
    """References without their own errors: what is really to be expected."""
    hits = rates.hits * np.float32(60)
    profils = world.split(np.random.default_rng(1), rates.profils, hits)
    return (
        Reference(leaf_keys(), hits, np.full(len(hits), 0.45), np.full(len(hits), 8)),
        Reference(profil_keys(), profils, np.full(len(profils), 0.45), np.full(len(profils), 8)),
    )


@pytest.fixture(scope="module")
def judged(world: World, known: tuple[Reference, Reference], counted: Counted) -> JudgedDay:
    return JudgedDay(world, known, counted)


class Scripted:
    """Opens what it was told to, whatever it sees."""

    def __init__(self, every: int, kind: str, key: str, direction: str) -> None:
        self._every, self._series = every, (kind, key, direction)

    def step(self, sample: Sample) -> list[Change]:
        if sample.t % self._every:
            return []
        kind, key, direction = self._series
        return [
            Change("0" * 16, 1, "opened", direction, kind, key, sample.t, sample.t, sample.t, None, 0, 0, 0, 0, 60, 0)  # type: ignore[arg-type]
        ]


class Mute:
    def step(self, sample: Sample) -> list[Change]:
        return []


def alarm(second: int, kind: str = "academie", key: str = "Lyon", direction: str = "drop") -> Alarm:
    return Alarm(second, kind, key, direction)


def test_a_detector_that_never_fires_finds_nothing(world: World, rates: Rates, judged: JudgedDay) -> None:
    alarms, _, ticks = watch(judged, Mute(), TEN, TEN + 600)
    verdict = judge(world, rates, [dead_lyon(rates)], alarms)

    assert ticks == 30
    assert [finding.seconds for finding in verdict.found] == [None]
    assert verdict.false == ()


def test_a_detector_that_always_fires_is_false_whenever_nothing_happens(
    world: World, rates: Rates, judged: JudgedDay
) -> None:
    alarms, _, _ = watch(judged, Scripted(600, "academie", "Lyon", "drop"), TEN - 3_600, TEN + 3_600)
    verdict = judge(world, rates, [dead_lyon(rates)], alarms)

    # Every ten minutes from 09:00 to 10:50. Owed to the outage: 10:10, 10:20, 10:30. 10:00 is its first instant.
    assert len(alarms) == 12
    assert len(verdict.false) == 9
    assert [(finding.seconds, finding.alarms, finding.named) for finding in verdict.found] == [(620, 3, True)]


def test_an_alarm_that_comes_anyway_is_made_by_no_closure() -> None:
    said = [alarm(TEN), alarm(TEN, key="Lille"), alarm(TEN, direction="spike"), alarm(HALF_PAST)]
    assert made_by(said, []) == 4
    assert made_by(said, [alarm(TEN - 600), alarm(HALF_PAST + 620)]) == 3


def test_the_detector_finds_a_dead_academie_and_names_it(world: World, rates: Rates, judged: JudgedDay) -> None:
    alarms, _, _ = watch(judged, Machine(), TEN - 5_400, TEN + 600)
    verdict = judge(world, rates, [dead_lyon(rates)], alarms)

    (finding,) = verdict.found
    assert finding.seconds is not None
    assert finding.seconds <= 150
    assert finding.named
    assert verdict.false == ()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(alarm(TEN + 60, direction="spike"), id="the wrong direction"),
        pytest.param(alarm(TEN - 20), id="before it began"),
        pytest.param(alarm(HALF_PAST + 320), id="long after it ended"),
        pytest.param(alarm(TEN + 60, key="Nantes"), id="another academie"),
        pytest.param(alarm(TEN + 60, "national", ""), id="the country, which it moves by a twentieth"),
        pytest.param(alarm(TEN + 60, direction="late"), id="late data that is not late"),
    ],
)
def test_an_alarm_is_false_that_says(world: World, rates: Rates, said: Alarm) -> None:
    verdict = judge(world, rates, [dead_lyon(rates)], [said])

    assert verdict.false == (said,)
    assert verdict.found[0].seconds is None


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (alarm(TEN + 60), True),
        (alarm(TEN + 60, direction="silence"), True),
        (alarm(TEN + 60, "academie_famille", "Lyon · accueil"), False),
    ],
)
def test_an_alarm_within_what_was_struck_has_found_it(world: World, rates: Rates, said: Alarm, named: bool) -> None:
    verdict = judge(world, rates, [dead_lyon(rates)], [said])

    assert verdict.false == ()
    assert (verdict.found[0].seconds, verdict.found[0].named) == (80, named)


def test_an_operator_of_one_platform_may_be_named_for_it(world: World, rates: Rates) -> None:
    laclasse = members("plateforme", "Laclasse").astype(np.float64)
    outage = Incident(DEAD, "plateforme", "Laclasse", TEN, HALF_PAST, 0.0, laclasse, 900.0)

    verdict = judge(world, rates, [outage], [alarm(TEN + 60, "exploitant", "Erasme")])

    assert verdict.found[0].named


def test_an_alarm_on_a_profil_finds_what_struck_that_profil(world: World, rates: Rates) -> None:
    parents = weight_of(world, rates, "profil", "PARENT", TEN)
    outage = Incident(DEAD, "profil", "PARENT", TEN, HALF_PAST, 0.0, parents, 15_000.0)
    said = [alarm(TEN + 60, "profil", "PARENT"), alarm(TEN + 80, "profil", "ELEVE")]

    verdict = judge(world, rates, [outage], said)

    assert verdict.found[0].named
    assert verdict.false == (said[1],)


def test_an_outage_strikes_its_leaves_and_no_others(world: World, rates: Rates, counted: Counted) -> None:
    during, before = slice(TEN // 10, HALF_PAST // 10), slice(TEN // 10 - 180, TEN // 10)

    assert counted.hits[LYON, during].sum() == 0
    assert counted.visits[LYON, during].sum() == 0
    assert counted.hits[LYON, before].sum() > 10_000
    others = counted.hits[~LYON]
    assert others[:, during].sum() == pytest.approx(others[:, before].sum(), rel=0.15)


def test_profils_add_up_to_the_pages_of_their_academie(counted: Counted) -> None:
    assert counted.profil_hits.sum() == pytest.approx(counted.hits.sum(), rel=0.01)
    lyon = [number for number, key in enumerate(profil_keys()) if key[0] == "Lyon"]
    assert counted.profil_hits[lyon].sum() == pytest.approx(counted.hits[LYON].sum(), rel=0.01)


def test_a_retry_storm_triples_pages_and_leaves_visits(world: World, rates: Rates) -> None:
    storm = Incident(RETRIES, "academie", "Lyon", TEN, HALF_PAST, 3.0, LYON.astype(np.float64), 2_000.0)
    counted = count(world, rates, world.dice(2), [storm])
    during, before = slice(TEN // 10, HALF_PAST // 10), slice(TEN // 10 - 180, TEN // 10)

    def pages_a_visit(when: slice) -> float:
        return float(counted.hits[LYON, when].sum() / counted.visits[LYON, when].sum())

    assert pages_a_visit(during) == pytest.approx(3 * pages_a_visit(before), rel=0.02)
    assert set(counted.hits[LYON, during].ravel() % 3) == {0.0}
    assert counted.visits[LYON, during].sum() == pytest.approx(counted.visits[LYON, before].sum(), rel=0.25)


def test_a_sample_holds_the_counts_of_its_spans(judged: JudgedDay, counted: Counted) -> None:
    sample = judged.sample(TEN + 40)
    at = (TEN + 40) // 10

    assert sample.t == 1_773_738_040  # 2026-03-17T09:00:40Z
    assert np.array_equal(sample.main.hits[:, 0], counted.hits[:, at - 6 : at].sum(axis=1))
    assert np.array_equal(sample.main.hits[:, 7], counted.hits[:, at - 420 : at - 210].sum(axis=1))
    assert np.array_equal(sample.main.visits, counted.visits[:, at - 30 : at].sum(axis=1))
    busy = np.flatnonzero(LYON)[np.argmax(counted.hits[LYON, at - 60 : at - 4].sum(axis=1))]
    assert sample.main.silent[busy] >= 40
    assert sample.main.silent[busy] < 120


def test_the_reference_of_a_sample_is_taken_by_the_second(
    judged: JudgedDay, known: tuple[Reference, Reference]
) -> None:
    sample = judged.sample(TEN + 20)
    hits = known[0].hits

    first_span = hits[:, TEN // 60 - 1] * 2 / 3 + hits[:, TEN // 60] / 3
    assert np.allclose(sample.main.reference[:, 0], first_span, rtol=1e-4)


def test_half_of_what_is_late_is_not_seen_yet(
    world: World, known: tuple[Reference, Reference], counted: Counted
) -> None:
    whole = JudgedDay(world, known, counted).sample(TEN)
    late = JudgedDay(world, known, counted, late=(Late(TEN - 60, TEN + 60, 480, True),)).sample(TEN)

    seen = late.main.hits.sum(axis=0) / whole.main.hits.sum(axis=0)
    assert seen[0] == pytest.approx(0.5, abs=0.02)
    assert seen[2] == pytest.approx(1 - 0.5 * 180 / 300, abs=0.03)  # late until 480 s before
    assert seen[3:] == pytest.approx(np.ones(5))
    assert late.watermark_lag_seconds == 482


def test_a_planned_closure_takes_its_pages_and_is_told(
    world: World, known: tuple[Reference, Reference], rates: Rates
) -> None:
    closed = Closed(LYON, TEN, TEN + 600, "maintenance")
    counted = count(world, rates, world.dice(3), [], (closed,))
    judged = JudgedDay(world, known, counted, (closed,))

    assert counted.hits[LYON, TEN // 10 : TEN // 10 + 60].sum() == 0
    for second, number in ((TEN - 20, -1), (TEN, 0), (TEN + 600 + 4_180, 0), (TEN + 600 + 4_200, -1)):
        sample = judged.sample(second)
        assert set(sample.main.closure[LYON]) == {number}
        assert set(sample.main.closure[~LYON]) == {-1}
    assert sample.closures == ("maintenance",)


def test_the_same_seed_counts_the_same_pages(world: World, rates: Rates) -> None:
    again = World(5, TUESDAY)
    rates_again = again.rates_of_today(again.dice(0))

    assert np.array_equal(rates_again.hits, rates.hits)
    monday = date(2026, 3, 16)
    assert np.array_equal(again.history(monday).hits, world.history(monday).hits)
    assert not np.array_equal(World(6, TUESDAY).rates_of_today(world.dice(0)).hits, rates.hits)


def test_the_goals_are_missed_by_a_detector_that_never_fires_and_by_one_that_always_does(
    world: World, rates: Rates
) -> None:
    def verdicts(alarms: list[Alarm]) -> list[Outcome]:
        busy = judge(world, rates, [dead_lyon(rates)], alarms)
        quiet = judge(world, rates, [], alarms)
        return [
            Outcome(5, "ordinary", "2026-03-17", "full", {OURS: busy}, 1.0, 1.0),
            Outcome(5, "ordinary", "2026-03-17", "quiet", {OURS: quiet}, 1.0, 1.0),
        ]

    def missed(alarms: list[Alarm]) -> set[str]:
        return {goal.what for goal in goals(verdicts(alarms)) if not goal.met}

    found = "school days: N/P/F/A down >= 90 %, found"
    in_time = "school days: N/P/F/A down >= 90 %, p95"
    quiet = "school days: false alarms a day, no incident"
    more = "school days: redundant alarms an incident"
    assert missed([]) == {found, in_time}
    assert missed([alarm(TEN + 120)]) == {quiet}
    assert missed([alarm(second) for second in range(TEN + 140, HALF_PAST, 20)]) == {quiet, in_time, more}


def test_days_are_of_the_kind_they_are_drawn_for() -> None:
    assert date(2026, 2, 9) in candidates("zone")  # zone A alone is away
    assert date(2026, 3, 17) in candidates("ordinary")
    assert date(2026, 3, 18) in candidates("wednesday")
    assert date(2026, 2, 17) not in {*candidates("zone"), *candidates("ordinary")}  # A and B are away
    assert candidates("rentree") == candidates("first-rentree") == (date(2026, 9, 1),)


def test_series_hold_their_leaves() -> None:
    crossing = members("academie_famille", "Lyon · vie_scolaire")

    assert {leaf_keys()[i][0] for i in np.flatnonzero(crossing)} == {"Lyon"}
    assert {leaf_keys()[i][3] for i in np.flatnonzero(crossing)} == {"vie_scolaire"}
    assert "Skolengo · visio" in keys_of("plateforme_famille")
    assert AF_DEAD.direction == "drop"
