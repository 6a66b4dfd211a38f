"""`instant-t rejects` against real brokers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka import KafkaProducer

from pipeline import settings as setting
from pipeline.broker.dead_letters import DeadLetter
from pipeline.broker.reading import Reading, open_reader, partitions_of
from pipeline.broker.redrive import Run as RedriveRun
from pipeline.broker.redrive import Selection, make_plan, past_runs
from pipeline.broker.topics_admin import ensure_topics
from tests.commands.conftest import BOTH_BROKERS, Run
from tests.support.brokers import Broker, embedded_broker

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def one_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An embedded broker of this test's own, with the topics; its address."""
    with embedded_broker() as broker:
        use(broker.address, monkeypatch)
        yield broker.address


def use(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANT_T_KAFKA", address)
    ensure_topics(setting.load())


def reject(address: str, *letters: tuple[int, str, bytes]) -> None:
    """Write dead letters as the worker does: (offset = minutes after T0, reason, value)."""
    producer = KafkaProducer(bootstrap_servers=address, max_request_size=2 << 20)
    for offset, reason, value in letters:
        headers = {
            "reason": reason,
            "error": f"field nº {offset} is wrong",
            "topic": "ent.visits.v1",
            "partition": "0",
            "offset": str(offset),
            "rejected_at": (T0 + timedelta(minutes=offset)).isoformat(timespec="milliseconds"),
        }
        producer.send("ent.rejects.v1", value, headers=[(name, text.encode()) for name, text in headers.items()])
    producer.flush()
    producer.close()


def visits(address: str) -> list[bytes]:
    """Every value of the input topic, sorted."""
    with open_reader([address]) as consumer:
        return sorted(
            record.value for record in Reading(consumer, dict.fromkeys(partitions_of(consumer, "ent.visits.v1")))
        )


class TestList:
    LETTERS = ((1, "bad_uai", b"{1}"), (2, "not_json", b"{2}"), (2, "not_json", b"{2}"), (3, "bad_uai", b"{333}"))

    def test_the_newest_are_last_each_once_with_counts_by_reason(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, *self.LETTERS)
        status, out, err = instant_t("rejects", "list")
        lines = out.splitlines()
        assert (status, err) == (0, "")
        assert [line.split()[1:4] for line in lines[1:4]] == [
            ["bad_uai", "ent.visits.v1:0:1", "3"],
            ["not_json", "ent.visits.v1:0:2", "3"],
            ["bad_uai", "ent.visits.v1:0:3", "5"],
        ]
        assert lines[-1] == "3 rejected: bad_uai 2, not_json 1"

    def test_json_is_one_object_whose_counts_are_not_limited(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, *self.LETTERS)
        answer = json.loads(instant_t("rejects", "list", "--limit", "1", "--format", "json").out)
        assert answer == {
            "rejects": [
                {
                    "rejected_at": (T0 + timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                    "reason": "bad_uai",
                    "topic": "ent.visits.v1",
                    "partition": 0,
                    "offset": 3,
                    "bytes": 5,
                    "error": "field nº 3 is wrong",
                }
            ],
            "matching": 3,
            "by_reason": {"bad_uai": 2, "not_json": 1},
        }

    def test_reason_since_and_until_select_half_open(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, *self.LETTERS)

        def offsets(*options: str) -> list[str]:
            out = instant_t("rejects", "list", "--format", "csv", *options).out
            return [row["offset"] for row in csv.DictReader(io.StringIO(out))]

        second, third = ((T0 + timedelta(minutes=m)).isoformat() for m in (2, 3))
        assert offsets("--reason", "bad_uai") == ["1", "3"]
        assert offsets("--since", second) == ["2", "3"]
        assert offsets("--until", third) == ["1", "2"]
        assert offsets("--since", second, "--until", third) == ["2"]

    def test_an_empty_topic_is_said_to_be_empty(self, one_broker: str, instant_t: Run) -> None:
        assert instant_t("rejects", "list").out == "ent.rejects.v1 is empty: nothing was rejected.\n"

    def test_a_record_that_is_no_letter_is_passed_over_and_said(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"))
        producer = KafkaProducer(bootstrap_servers=one_broker)
        producer.send("ent.rejects.v1", b"stray").get(10)
        producer.close()
        _, out, err = instant_t("rejects", "list")
        assert out.endswith("\n1 rejected: bad_uai 1\n")
        assert err == "1 records of ent.rejects.v1 are no dead letters and were passed over.\n"

    def test_a_broker_without_the_topic_names_migrate(self, use_broker: Broker, instant_t: Run) -> None:
        status, _, err = instant_t("rejects", "list")
        assert (status, err) == (1, "instant-t: Kafka has no topic ent.rejects.v1: run `instant-t migrate` first.\n")


class TestShow:
    def test_headers_and_value_are_shown_with_control_characters_escaped(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (7, "not_json", b'{"page": "\x1b[2J\xc2\x9b\n\xff\xc3\xa9"}'))
        status, out, _ = instant_t("rejects", "show", "ent.visits.v1:0:7")
        assert status == 0
        assert out == (
            "reason:      not_json\n"
            "error:       field nº 7 is wrong\n"
            "record:      ent.visits.v1:0:7\n"
            f"rejected_at: {(T0 + timedelta(minutes=7)).strftime('%Y-%m-%dT%H:%M:%S.000Z')}\n"
            "letter:      ent.rejects.v1:0:0\n"
            "bytes:       22\n"
            "\n"
            '{"page": "\\x1b[2J\\x9b\\n\\xffé"}\n'
        )

    def test_the_letters_own_place_names_it_too(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (7, "bad_uai", b"{7}"), (8, "bad_uai", b"{8}"))
        assert instant_t("rejects", "show", "ent.rejects.v1:0:1").out.endswith("\n{8}\n")

    def test_a_value_of_a_mebibyte_is_cut_unless_asked_for_whole(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (7, "too_large", b"a" * 1_000_000))
        _, cut, err = instant_t("rejects", "show", "ent.visits.v1:0:7")
        _, full, _ = instant_t("rejects", "show", "ent.visits.v1:0:7", "--full")
        assert cut.endswith("\n" + "a" * 4000 + "\n")
        assert err == "996,000 more characters: add --full to see them.\n"
        assert full.endswith("\n" + "a" * 1_000_000 + "\n")

    @pytest.mark.parametrize("record", ["ent.visits.v1:0:99", "ent.visits.v1:1:7", "other:0:7"])
    def test_what_is_not_there_is_one_sentence(self, one_broker: str, instant_t: Run, record: str) -> None:
        reject(one_broker, (7, "bad_uai", b"{7}"))
        status, out, err = instant_t("rejects", "show", record)
        assert (status, out) == (1, "")
        assert err == f"instant-t: ent.rejects.v1 holds no letter about {record}: see `instant-t rejects list`.\n"


class TestRedrive:
    @BOTH_BROKERS
    def test_selected_events_are_sent_as_they_were_and_a_second_run_sends_nothing(
        self, request: pytest.FixtureRequest, kind: str, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kafka: Broker = request.getfixturevalue(kind)
        use(kafka.address, monkeypatch)
        letters = [(offset, "bad_uai", f'{{"event_id": "{offset}"}}'.encode()) for offset in range(1, 1201)]
        reject(kafka.address, *letters, (2000, "not_json", b"\xff\x00"))
        first = instant_t("rejects", "redrive", "--reason", "bad_uai", "--yes")
        assert first == (0, "Sent 1,200 of 1,200 events (bad_uai 1,200) to ent.visits.v1 again.\n", "")
        assert visits(kafka.address) == sorted(value for _, _, value in letters)
        again = instant_t("rejects", "redrive", "--reason", "bad_uai", "--yes")
        assert again == (0, "Nothing to send.\n", "1,200 sent again before: left out\n")
        rest = instant_t("rejects", "redrive", "--yes")
        assert rest.out == "Sent 1 of 1 event (not_json 1) to ent.visits.v1 again.\n"
        assert len(visits(kafka.address)) == 1201
        assert b"\xff\x00" in visits(kafka.address)
        (run, other) = past_runs(setting.load())
        assert (run.selection, dict(run.ends)) == (Selection(reason="bad_uai"), {0: 1201})
        assert (other.selection, dict(other.ends)) == (Selection(), {0: 1201})

    def test_what_was_rejected_since_the_last_run_is_sent_by_the_next(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"))
        instant_t("rejects", "redrive", "--yes")
        reject(one_broker, (2, "bad_uai", b"{2}"))
        assert instant_t("rejects", "redrive", "--yes").out.startswith("Sent 1 of 1 event ")
        assert visits(one_broker) == [b"{1}", b"{2}"]

    def test_an_event_that_came_back_does_not_go_round_unless_asked(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"))
        instant_t("rejects", "redrive", "--yes")
        reject(one_broker, (9, "bad_uai", b"{1}"))  # the worker rejected it again, at its new offset
        status, out, err = instant_t("rejects", "redrive", "--yes")
        assert (status, out) == (0, "Nothing to send.\n")
        assert "1 sent again before and rejected again: left out (--again sends them)\n" in err
        assert instant_t("rejects", "redrive", "--again", "--yes").out.startswith("Sent 1 of 1 event ")
        assert instant_t("rejects", "redrive", "--again", "--yes").out == "Nothing to send.\n"
        assert visits(one_broker) == [b"{1}", b"{1}"]

    def test_events_too_old_or_too_large_are_skipped_and_said_unless_forced(
        self, one_broker: str, instant_t: Run
    ) -> None:
        reject(one_broker, (1, "too_old", b"{1}"), (2, "too_large", b"b" * 20_000), (3, "bad_uai", b"{3}"))
        _, out, err = instant_t("rejects", "redrive", "--yes")
        assert out == "Sent 1 of 1 event (bad_uai 1) to ent.visits.v1 again.\n"
        assert err == "2 too old or too large, and would be rejected again: left out (--force sends them)\n"
        assert instant_t("rejects", "redrive", "--force", "--yes").out.startswith("Sent 2 of 2 events ")
        assert visits(one_broker) == [b"b" * 20_000, b"{1}", b"{3}"]

    def test_a_dry_run_sends_nothing_and_is_not_remembered(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"))
        assert instant_t("rejects", "redrive", "--dry-run").out == (
            "Would send 1 event (bad_uai 1) to ent.visits.v1 again.\n"
        )
        assert visits(one_broker) == []
        assert past_runs(setting.load()) == []

    def test_without_a_person_to_ask_it_wants_yes(self, one_broker: str, instant_t: Run) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"))
        status, _, err = instant_t("rejects", "redrive")
        assert status == 1
        assert err == "instant-t: Nobody can be asked here: add --yes to send, or --dry-run to look.\n"
        assert visits(one_broker) == []

    def test_a_run_that_failed_half_way_is_not_remembered_and_can_be_run_again(
        self, one_broker: str, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reject(one_broker, (1, "bad_uai", b"{1}"), (2, "bad_uai", b"{2}"))

        def crash(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr("pipeline.commands.rejects.remember", crash)
            with pytest.raises((KeyboardInterrupt, AssertionError)):
                assert instant_t("rejects", "redrive", "--yes").status == 0
        assert instant_t("rejects", "redrive", "--yes").out.startswith("Sent 2 of 2 events ")
        assert visits(one_broker) == [b"{1}", b"{1}", b"{2}", b"{2}"]


class TestPlan:
    """The decision itself, without a broker."""

    AT = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)

    def letter(self, offset: int, minutes_ago: int = 60, reason: str = "bad_uai", same_as: int = 0) -> DeadLetter:
        return DeadLetter(
            reason=reason,
            error="",
            topic="ent.visits.v1",
            partition=0,
            offset=1000 + offset,
            rejected_at=self.AT - timedelta(minutes=minutes_ago),
            letter_partition=0,
            letter_offset=offset,
            size=1,
            digest=bytes([same_as or offset]),
        )

    def run(self, end: int, minutes_ago: int = 0, **selection: Any) -> RedriveRun:
        return RedriveRun(self.AT - timedelta(minutes=minutes_ago), Selection(**selection), {0: end})

    def sent(self, letters: Sequence[DeadLetter], past: Sequence[RedriveRun], run: RedriveRun) -> list[int]:
        return [letter.letter_offset for letter in make_plan(letters, past, run).send]

    def test_a_past_run_covers_what_it_saw_and_nothing_written_after_it(self) -> None:
        letters = [self.letter(1), self.letter(2), self.letter(3)]
        assert self.sent(letters, [self.run(end=2, minutes_ago=30)], self.run(end=4)) == [2, 3]

    def test_a_past_run_of_one_reason_covers_no_other(self) -> None:
        letters = [self.letter(1), self.letter(2, reason="not_json")]
        assert self.sent(letters, [self.run(end=3, minutes_ago=30, reason="not_json")], self.run(end=3)) == [1]

    def test_a_past_run_of_a_time_covers_no_other_time(self) -> None:
        letters = [self.letter(1, minutes_ago=50), self.letter(2, minutes_ago=40), self.letter(3, minutes_ago=30)]
        middle = {"since": self.AT - timedelta(minutes=40), "until": self.AT - timedelta(minutes=30)}
        assert self.sent(letters, [self.run(end=4, minutes_ago=10, **middle)], self.run(end=4)) == [1, 3]

    def test_a_letter_that_was_skipped_as_hopeless_can_be_forced_later(self) -> None:
        letters = [self.letter(1, reason="too_old")]
        assert self.sent(letters, [self.run(end=2, minutes_ago=10)], self.run(end=2, force=True)) == [1]

    def test_the_same_bytes_are_sent_once_and_then_every_letter_of_them_counts_as_sent(self) -> None:
        letters = [self.letter(1), self.letter(2, same_as=1)]
        plan = make_plan(letters, [], self.run(end=3))
        assert ([x.letter_offset for x in plan.send], plan.same) == ([1], 1)
        after = make_plan(letters, [self.run(end=3, minutes_ago=1)], self.run(end=3, again=True))
        assert (after.send, after.sent_before) == ([], 2)

    def test_an_echo_that_a_past_run_left_out_can_still_be_asked_for(self) -> None:
        letters = [self.letter(1), self.letter(2, same_as=1)]
        past = [self.run(end=2, minutes_ago=20), self.run(end=3, minutes_ago=10)]
        assert self.sent(letters, past, self.run(end=3)) == []
        assert self.sent(letters, past, self.run(end=3, again=True)) == [2]

    def test_a_letter_older_than_the_memory_of_runs_is_left_alone(self) -> None:
        week = 7 * 24 * 60
        plan = make_plan([self.letter(1, minutes_ago=week), self.letter(2, minutes_ago=week + 1)], [], self.run(end=3))
        assert ([x.letter_offset for x in plan.send], plan.expired) == ([1], 1)

    @pytest.mark.parametrize(
        ("selection", "group"),
        [
            (Selection(), "instant-t.redrive.1788249600000.all.0.0.plain"),
            (
                Selection("too_old", AT - timedelta(hours=1), AT, force=True, again=True),
                "instant-t.redrive.1788249600000.too_old.1788246000000.1788249600000.force-again",
            ),
        ],
    )
    def test_the_name_of_the_group_is_the_selection(self, selection: Selection, group: str) -> None:
        assert RedriveRun(self.AT, selection, {}).group == group
