"""What opens, what closes, what is kept still: the decisions of the detector, in a country without chance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.alerts import rules
from pipeline.alerts.change import Change, alert_id
from pipeline.alerts.machine import Machine
from pipeline.alerts.sample import Leaves
from tests.alerts.country import FAMILLES, MORNING, Country, Story, told, watch

Key = tuple[str, str, str, str, str]
ACADEMIE, PLATEFORME, EXPLOITANT, FAMILLE, PROFIL = range(5)


def outage(part: int, value: str, left: float = 0.0, start: int = 3, end: int = 10_000) -> Story:
    """From minute `start` to `end` only so much is left of the leaves whose key holds the value."""

    def story(key: Key, second: int) -> float:
        struck = key[part] == value and MORNING + 60 * start <= second < MORNING + 60 * end
        return left if struck else 1.0

    return story


def outage_of_all(left: float, start: int = 3, end: int = 10_000) -> Story:
    """The same of everything."""
    return lambda key, second: left if MORNING + 60 * start <= second < MORNING + 60 * end else 1.0


def test_nothing_is_said_of_an_ordinary_hour() -> None:
    assert watch(Country(), 30) == []


def test_a_dead_academie_is_named_once_and_closed_when_it_is_back() -> None:
    changes = watch(Country(story=outage(ACADEMIE, "Académie D", end=20)), 40)
    assert told(changes) == [
        ("opened", "drop", "academie", "Académie D", 4),
        ("closed", "drop", "academie", "Académie D", 23),
    ]
    opened, closed = changes[0], changes[-1]
    assert (opened.observed, opened.expected, opened.revision) == (0.0, 960.0, 1)
    assert MORNING + 120 <= opened.since <= MORNING + 240
    assert opened.alert_id == alert_id("academie", "Académie D", "drop", opened.opened_at) == closed.alert_id
    assert (closed.why_closed, closed.closed_at) == ("recovered", closed.changed_at)


def test_a_dead_platform_is_named_and_not_its_academies() -> None:
    changes = watch(Country(story=outage(PLATEFORME, "Sud")), 15)
    assert told(changes) == [("opened", "drop", "plateforme", "Sud", 4)]
    assert [name for name in changes[0].scope if name[0] == "academie"] == [
        ("academie", "Académie B"), ("academie", "Académie G"), ("academie", "Académie L"),
    ]  # fmt: skip


def test_a_dead_operator_is_named_and_not_its_two_platforms() -> None:
    assert told(watch(Country(story=outage(EXPLOITANT, "Un")), 15))[0][1:4] == ("drop", "exploitant", "Un")


def test_an_operator_of_one_platform_is_that_platform_and_named_beside() -> None:
    changes = watch(Country(story=outage(EXPLOITANT, "Deux")), 15)
    assert told(changes) == [("opened", "drop", "plateforme", "Ouest", 4)]
    assert ("exploitant", "Deux") in changes[0].scope


@pytest.mark.parametrize("left", [0.0, 0.2])
def test_a_national_outage_is_one_alert(left: float) -> None:
    changes = watch(Country(story=lambda key, second: left if second >= MORNING + 180 else 1.0), 15)
    assert told(changes) == [("opened", "drop", "national", "", 4)]


@pytest.mark.parametrize("left", [0.3, 3.0])
def test_after_a_national_alert_overseas_is_held_against_its_own_level(left: float) -> None:
    # It has no peers whose median would take a national move out of its past.
    changes = watch(Country(story=outage_of_all(left, end=23)), 90)
    assert {each.kind for each in changes} == {"national"}


@pytest.mark.parametrize("left", [0.05, 3.0])
def test_where_one_operator_is_most_of_its_peers_the_others_are_not_blamed(left: float) -> None:
    large = {(f"Académie {letter}", famille): 900.0 for letter in "ABFGKL" for famille in FAMILLES}
    changes = watch(Country(rates=large, story=outage(EXPLOITANT, "Un", left=left, end=9)), 40)
    assert {(each.kind, each.key) for each in changes} <= {("exploitant", "Un"), ("national", "")}
    assert changes


def test_after_the_alert_of_a_profil_a_famille_is_judged_again() -> None:
    def story(key: Key, second: int) -> float:
        minute = (second - MORNING) // 60
        if 3 <= minute < 20:
            return 0.65 if not key[PROFIL] else 0.0 if key[PROFIL] == "PARENT" else 1.0
        return 2.0 if key[FAMILLE] == "visio" and minute >= 35 else 1.0

    assert told(watch(Country(story=story), 45))[-1] == ("opened", "spike", "famille", "visio", 36)


def test_what_remains_beside_an_alert_is_still_judged() -> None:
    both = [outage(PLATEFORME, "Sud"), outage(FAMILLE, "visio", start=10)]
    changes = watch(Country(story=lambda key, second: min(story(key, second) for story in both)), 20)
    assert [each[1:4] for each in told(changes)] == [("drop", "plateforme", "Sud"), ("drop", "famille", "visio")]


def test_a_crossing_is_named_where_only_it_is_dead() -> None:
    def story(key: Key, second: int) -> float:
        return 0.0 if key[0] == "Académie C" and key[3] == "notes" and second >= MORNING + 180 else 1.0

    assert told(watch(Country(story=story), 20)) == [("opened", "drop", "academie_famille", "Académie C · notes", 5)]


def test_a_lost_profil_is_named_and_not_what_it_used() -> None:
    def story(key: Key, second: int) -> float:
        if second < MORNING + 180:
            return 1.0
        return 0.65 if not key[PROFIL] else 0.0 if key[PROFIL] == "PARENT" else 1.0

    assert told(watch(Country(story=story), 20)) == [("opened", "drop", "profil", "PARENT", 4)]


def test_people_make_a_spike_and_page_reloads_make_retries() -> None:
    people = told(watch(Country(story=outage(ACADEMIE, "Académie D", left=3.0)), 10))
    again = told(watch(Country(retries=outage(ACADEMIE, "Académie D", left=3.0)), 10))
    assert people[0][:4] == ("opened", "spike", "academie", "Académie D")
    assert again[0][:4] == ("opened", "retries", "academie", "Académie D")


def test_a_third_less_is_found_in_large_series() -> None:
    changes = watch(Country(rate=1200, story=outage(PLATEFORME, "Nord", left=0.7)), 15)
    assert told(changes) == [("opened", "drop", "plateforme", "Nord", 4)]


def test_a_loss_below_the_margin_is_no_alert() -> None:
    assert watch(Country(rate=1200, story=outage(PLATEFORME, "Nord", left=0.88)), 40) == []


def test_a_tiny_service_that_stops_is_found_by_its_silence() -> None:
    def story(key: Key, second: int) -> float:
        return 0.0 if (key[0], key[3]) == ("Académie C", "visio") and second >= MORNING - 3600 else 1.0

    quiet = Country(rates={("Académie C", "visio"): 1.2}, story=story)
    changes = watch(quiet, 20)
    assert told(changes) == [("opened", "silence", "academie_famille", "Académie C · visio", 8)]


def test_a_planned_closure_mutes_what_it_covers() -> None:
    country = Country(
        story=outage(ACADEMIE, "Académie D", left=0.0),
        closure=lambda key, second: 0 if key[0] == "Académie D" and second >= MORNING + 180 else -1,
    )
    assert watch(country, 20) == []


def test_a_closure_that_is_declared_later_closes_the_alert_and_says_why() -> None:
    country = Country(
        story=outage(ACADEMIE, "Académie D", left=0.0),
        closure=lambda key, second: 0 if key[0] == "Académie D" and second >= MORNING + 900 else -1,
    )
    closed = watch(country, 25)[-1]
    assert (closed.state, closed.why_closed, closed.closure) == ("closed", "closure", "grève annoncée")


def test_late_data_are_said_and_no_drop_is_opened_meanwhile() -> None:
    country = Country(
        story=outage(ACADEMIE, "Académie D"),
        late=lambda second: 90.0 if MORNING + 180 <= second < MORNING + 900 else 0.0,
    )
    changes = told(watch(country, 20))
    assert changes == [
        ("opened", "late", "national", "", 3),
        ("closed", "late", "national", "", 15),
        ("opened", "drop", "academie", "Académie D", 15),
    ]


def test_data_that_stall_without_a_tick_are_said_once() -> None:
    machine = Machine()
    assert machine.stalled(300.0, 0.0) == []
    watch(Country(), 1, machine)
    said = machine.stalled(300.0, 0.0)
    assert [(each.direction, each.state, each.opened_at) for each in said] == [("late", "opened", MORNING + 60)]
    assert machine.stalled(320.0, 0.0) == []


def test_a_learning_crowd_in_the_middle_of_the_night_is_judged_and_what_a_night_has_is_not() -> None:
    night = MORNING - 8 * 3600  # two o'clock in Paris
    dead = outage(PLATEFORME, "Sud", start=-477)
    crowd = watch(Country(days=0, story=dead), 12, start=night)
    assert [(each.state, each.direction, each.kind, each.key) for each in crowd] == [
        ("opened", "drop", "plateforme", "Sud")
    ]
    assert crowd[0].opened_at <= night + 6 * 60
    assert watch(Country(days=0, rate=10, story=dead), 12, start=night) == []
    assert watch(Country(days=0, story=outage(PLATEFORME, "Sud", left=0.5, start=-477)), 12, start=night) == []


def test_a_country_that_is_learning_finds_what_is_dead() -> None:
    country = Country(days=0, learning=True, story=outage(PLATEFORME, "Sud", start=3, end=30))
    assert told(watch(country, 45)) == [
        ("opened", "drop", "plateforme", "Sud", 4),
        ("closed", "drop", "plateforme", "Sud", 33),
    ]


@pytest.mark.parametrize(
    ("part", "value", "name"),
    [(PLATEFORME, "Sud", ("drop", "plateforme", "Sud")), (PROFIL, "", ("drop", "national", ""))],
)
def test_a_detector_that_has_seen_five_minutes_finds_an_outage_in_the_sixth(
    part: int, value: str, name: tuple[str, str, str]
) -> None:
    def story(key: Key, second: int) -> float:
        return 0.0 if second < MORNING or (key[part] == value and second >= MORNING + 300) else 1.0

    country = Country(days=0, learning=True, story=story)
    machine, changes = Machine(), []
    for t in range(MORNING + 60, MORNING + 600, 20):
        country.measured = float(t - MORNING)
        changes += machine.step(country.sample(t))
    assert [each[1:4] for each in told(changes)] == [name]


def test_a_territory_without_a_calendar_that_is_low_from_the_morning_is_not_open() -> None:
    def story(key: Key, second: int) -> float:
        return 0.1 if key[0] == "La Réunion" else 1.0

    assert watch(Country(story=story), 30, start=MORNING - 6 * 3600) == []


def test_what_holds_a_territory_that_has_not_opened_does_not_miss_it() -> None:
    # It is half of its platform here; its holidays begin on a day that nobody told.
    large = {("La Réunion", famille): 2_000.0 for famille in FAMILLES}

    def story(key: Key, second: int) -> float:
        return 0.1 if key[0] == "La Réunion" else 1.0

    assert watch(Country(rates=large, story=story), 30, start=MORNING - 6 * 3600) == []


def test_a_small_territory_that_has_not_opened_and_has_nothing_at_all_is_on_holiday() -> None:
    def story(key: Key, second: int) -> float:
        return 0.0 if key[0] == "La Réunion" else 1.0

    small = {("La Réunion", famille): 6.0 for famille in FAMILLES}
    assert watch(Country(rates=small, story=story), 30, start=MORNING - 6 * 3600) == []
    # Of a large one, holidays would leave something.
    assert told(watch(Country(story=story), 30, start=MORNING - 6 * 3600))[0][1:4] == ("drop", "academie", "La Réunion")


def test_a_drift_that_was_wrong_when_it_was_noted_opens_no_alert_after_the_alert() -> None:
    country = Country(story=outage(ACADEMIE, "Académie D", end=10))
    machine = Machine()
    assert [each[0] for each in told(watch(country, 14, machine))] == ["opened", "closed"]
    state = json.loads(machine.snapshot())
    assert [each["drift"] for each in state["alerts"]] == [pytest.approx(1.0, abs=0.05)]
    state["alerts"][0]["drift"] = 2.5
    assert watch(country, 90, Machine.restore(json.dumps(state).encode())) == []


def test_the_end_of_a_loss_that_crept_below_every_margin_is_no_surge() -> None:
    def story(key: Key, second: int) -> float:
        minute = (second - MORNING) / 60
        if key[ACADEMIE] != "Académie D" or minute >= 200:
            return 1.0
        return 1 - 0.36 * min(max(minute, 0) / 150, 1)

    assert watch(Country(story=story), 230) == []


def test_no_rule_has_a_margin_below_those_by_which_series_are_looked_at_more_closely() -> None:
    assert (rules.LEARNING_DROP >= rules.DROP).all()
    assert (rules.LEARNING_SPIKE >= rules.SPIKE).all()
    assert rules.DROP.max() <= min(rules.LEARNING_DROP_MOST, rules.LEARNING_ALONE_DROP)
    assert rules.SPIKE.max() <= rules.LEARNING_ALONE_SPIKE


def test_an_alert_that_lasts_for_hours_becomes_the_ordinary() -> None:
    changes = watch(Country(story=outage(ACADEMIE, "Académie D", left=0.4)), 5 * 60)
    assert [(each.state, each.why_closed) for each in changes if each.state != "updated"] == [
        ("opened", ""),
        ("closed", "capped"),
    ]


def test_an_alert_that_grows_is_updated_and_not_opened_again() -> None:
    def story(key: Key, second: int) -> float:
        if key[0] != "Académie D" or second < MORNING + 180:
            return 1.0
        return 0.5 if second < MORNING + 900 else 0.0

    changes = watch(Country(story=story), 25)
    assert [(each.state, each.revision) for each in changes] == [("opened", 1), ("updated", 2)]
    assert changes[1].changed_at - changes[0].changed_at >= 300


@pytest.mark.parametrize("cut", [1, 4, 5, 12, 21, 24])
def test_a_snapshot_goes_on_as_if_nothing_had_been(cut: int) -> None:
    country = Country(story=outage(ACADEMIE, "Académie D", end=20))
    whole = watch(country, 40)
    machine = Machine()
    before = watch(country, cut, machine)
    after = watch(country, 40, Machine.restore(machine.snapshot()))
    assert before + after == whole


def test_open_alerts_alone_are_enough_to_go_on_with() -> None:
    country = Country(story=outage(ACADEMIE, "Académie D", end=20))
    before = watch(country, 10)
    machine = Machine.rebuild([Change.from_json(each.to_json()) for each in before])
    assert machine.open_alerts == [("drop", "academie", "Académie D")]
    after = watch(country, 40, machine)
    assert told(after) == [("closed", "drop", "academie", "Académie D", 23)]
    assert after[-1].alert_id == before[0].alert_id


def test_a_store_that_has_counted_nothing_yet_has_nothing_to_judge() -> None:
    none = Leaves((), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert watch(Country(main=none, profils=none), 1) == []


def test_an_alert_whose_series_is_no_more_is_closed() -> None:
    machine = Machine()
    watch(Country(story=outage(ACADEMIE, "Académie D")), 6, machine)
    country = Country()
    kept = [row for row, key in enumerate(country.main.keys) if key[0] != "Académie D"]
    main = Leaves(
        tuple(country.main.keys[row] for row in kept), country.main.group[kept], country.main.utc_offset[kept]
    )
    closed = machine.step(Country(main=main).sample(machine.t + 20))
    assert [(each.state, each.key, each.why_closed) for each in closed] == [("closed", "Académie D", "merged")]
    assert machine.open_alerts == []


def test_counters_move_over_by_name_when_a_leaf_appears() -> None:
    country = Country(story=outage(ACADEMIE, "Académie D"))
    more = (("Académie A", "Sud", "Un", "accueil", ""), *country.main.keys)
    grown = Country(
        story=outage(ACADEMIE, "Académie D"),
        main=Leaves(more, np.append(0, country.main.group), np.append(3600, country.main.utc_offset)),
    )
    machine = Machine()
    t = MORNING
    changes: list[Change] = []
    while not changes:
        changes = machine.step((country if t < MORNING + 280 else grown).sample(t))
        t += 20
    assert told(changes) == told(watch(country, 6))


def test_two_detectors_say_the_same() -> None:
    country = Country(story=outage(PLATEFORME, "Ouest", end=20))
    assert watch(country, 30) == watch(country, 30)


def test_a_tick_is_never_judged_twice() -> None:
    machine = Machine()
    watch(Country(), 1, machine)
    with pytest.raises(ValueError, match="is not after"):
        machine.step(Country().sample(machine.t))


@pytest.mark.parametrize("bytes_", [b"", b"[]", b"{}", b'{"t": 1}', b"\xff"])
def test_what_is_no_snapshot_is_refused(bytes_: bytes) -> None:
    with pytest.raises(ValueError, match=r"snapshot|Expecting"):
        Machine.restore(bytes_)
