"""What goes over the wire to Alertmanager and to a webhook, and what their answers mean; against a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline.alerts.change import Neighbour
from pipeline.errors import BadSetting, InstantTError, ReceiverRefused, ReceiverUnavailable
from pipeline.notify import Alertmanager, Webhook, receivers
from pipeline.settings import load
from tests.notify.changes import T0, change, story
from tests.notify.receiver import HANG, Receiver, running_receiver
from tests.support.brokers import free_port

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "ent.alerts.v1.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def run(teller: Alertmanager | Webhook, what: Callable[[], Awaitable[None]]) -> InstantTError | None:
    """Tell, let the connections go, and give the error if there was one."""

    async def told() -> InstantTError | None:
        try:
            await what()
        except InstantTError as error:
            return error
        finally:
            await teller.close()
        return None

    return asyncio.run(told())


def test_a_webhook_gets_the_change_as_the_schema_describes_it_and_a_key_that_names_it(receiver: Receiver) -> None:
    opened = change(neighbours=(Neighbour("academie", "Lyon", 99.0, 100.0),), scope=(("academie", "Lille"),))
    webhook = Webhook(f"{receiver.url}/crochet?jeton=s3cret")
    assert run(webhook, lambda: webhook.tell(opened)) is None
    ((headers, body),) = receiver.heard
    assert headers["path"] == "/crochet?jeton=s3cret"
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "00000000000000aa:1"
    assert (body["kind"], body["key"], body["state"], body["observed"]) == ("plateforme", "NEO", "opened", 12.0)
    Draft202012Validator.check_schema(SCHEMA)
    for each in (opened, *story()):
        Draft202012Validator(SCHEMA).validate(json.loads(each.to_json()))
    assert tuple(body) == tuple(SCHEMA["properties"]) == tuple(SCHEMA["required"])


def test_alertmanager_gets_an_open_alert_that_lasts_ten_minutes_unless_it_is_repeated(receiver: Receiver) -> None:
    teller = Alertmanager(receiver.url, lambda: T0 + 30.0)
    assert run(teller, lambda: teller.tell(change())) is None
    ((headers, body),) = receiver.heard
    assert headers["path"] == "/api/v2/alerts"
    assert body == [
        {
            "labels": {
                "alertname": "EntAudience",
                "service": "instant-t",
                "component": "traffic",
                "severity": "critical",
                "direction": "drop",
                "kind": "plateforme",
                "key": "NEO",
                "alert_id": "00000000000000aa",
            },
            "annotations": {
                "summary": "Plateforme NEO : 12 pages/min au lieu de 1 050.",
                "description": "Appeler l'exploitant.",
                "runbook_url": "deploy/runbook.md#baisse",
            },
            "startsAt": "2026-09-01T06:34:00.000Z",
            "endsAt": "2026-09-01T06:44:30.000Z",
        }
    ]


def test_a_closed_alert_ends_there_at_once_under_the_same_labels(receiver: Receiver) -> None:
    opened, updated, closed = story()
    teller = Alertmanager(f"{receiver.url}/prefixe/", lambda: T0 + 700.0)
    assert run(teller, lambda: teller.repeat([opened, updated, closed])) is None
    ((headers, body),) = receiver.heard
    assert headers["path"] == "/prefixe/api/v2/alerts"
    assert [alert["endsAt"] for alert in body] == [
        "2026-09-01T06:55:40.000Z",
        "2026-09-01T06:55:40.000Z",
        "2026-09-01T06:45:40.000Z",
    ]
    assert body[0]["labels"] == body[1]["labels"] == body[2]["labels"]


@pytest.mark.parametrize(
    ("direction", "kind", "severity"),
    [("drop", "national", "critical"), ("silence", "academie", "critical"), ("drop", "academie_famille", "warning"),
     ("spike", "national", "warning"), ("retries", "plateforme", "warning"), ("late", "national", "warning")],
)  # fmt: skip
def test_a_loss_of_more_than_a_crossing_wakes_somebody(
    receiver: Receiver, direction: str, kind: str, severity: str
) -> None:
    teller = Alertmanager(receiver.url, lambda: float(T0))
    one = replace(change(), direction=direction, kind=kind)  # type: ignore[arg-type]
    run(teller, lambda: teller.tell(one))
    assert receiver.heard[0][1][0]["labels"]["severity"] == severity


def test_what_a_platform_calls_itself_commands_no_terminal_of_a_label(receiver: Receiver) -> None:
    teller = Alertmanager(receiver.url, lambda: float(T0))
    run(teller, lambda: teller.tell(change(key="NEO\x1b[2J\n")))
    assert receiver.heard[0][1][0]["labels"]["key"] == "NEO\ufffd[2J\ufffd"


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, ReceiverRefused, "answered 400: ne convient pas  [2J"),
        (404, ReceiverRefused, "answered 404"),
        (307, ReceiverRefused, "answered 307"),
        (429, ReceiverUnavailable, "answered 429"),
        (408, ReceiverUnavailable, "answered 408"),
        (500, ReceiverUnavailable, "answered 500"),
        (503, ReceiverUnavailable, "answered 503"),
        (HANG, ReceiverUnavailable, "did not answer within 0.3 s"),
    ],
)
def test_an_answer_means_again_or_never(
    receiver: Receiver, status: int, error: type[InstantTError], words: str
) -> None:
    receiver.answers = [status]
    webhook = Webhook(f"{receiver.url.replace('http://', 'http://moi:s3cret@')}/s3cret", seconds=0.3)
    failed = run(webhook, lambda: webhook.tell(change()))
    assert type(failed) is error
    assert words in str(failed)
    assert "s3cret" not in str(failed)
    assert len(receiver.heard) == 1


def test_nobody_there_means_again() -> None:
    webhook = Webhook(f"http://moi:s3cret@127.0.0.1:{free_port()}/s3cret")
    failed = run(webhook, lambda: webhook.tell(change()))
    assert isinstance(failed, ReceiverUnavailable)
    assert "127.0.0.1" in str(failed)
    assert "s3cret" not in str(failed)


def test_a_login_in_the_address_becomes_http_basic(receiver: Receiver) -> None:
    webhook = Webhook(receiver.url.replace("http://", "http://moi:%C3%A9t%C3%A9@"))
    assert run(webhook, lambda: webhook.tell(change())) is None
    assert receiver.heard[0][0]["authorization"] == "Basic " + base64.b64encode("moi:été".encode()).decode()


def test_nobody_is_told_unless_it_is_set() -> None:
    assert receivers(load({})) == ()
    both = receivers(load({"INSTANT_T_ALERTMANAGER": "http://a:9093", "INSTANT_T_WEBHOOK": "https://b/c"}))
    assert [each.name for each in both] == ["alertmanager", "webhook"]


@pytest.mark.parametrize(
    "url", ["alertmanager:9093", "ftp://u:s3cret@host/", "http://", "http://u:s3cret@host:x/", "http://h/s3cret #"]
)
def test_an_address_that_is_none_is_one_sentence_without_its_secrets(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        load({"INSTANT_T_WEBHOOK": url})
    assert "INSTANT_T_WEBHOOK" in str(refused.value)
    assert "write http://host:port" in str(refused.value)
    assert "s3cret" not in str(refused.value)
