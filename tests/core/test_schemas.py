"""The published schemas say what the core does, as far as a schema can."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipeline.core.columns import Columns, Words
from pipeline.core.event import Event, judge
from pipeline.core.reasons import Reason
from tests.core import oracle, traffic
from tests.core.traffic import EVENT, NOW_MS

SCHEMAS = Path(__file__).parents[2] / "schemas"
VISITS = json.loads((SCHEMAS / "ent.visits.v1.schema.json").read_text(encoding="utf-8"))
REJECTS = json.loads((SCHEMAS / "ent.rejects.v1.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(VISITS)


def reason(raw: bytes) -> str | None:
    """The reason of one record, None when it is counted."""
    rejects = Columns(Words(), oracle.MAX_AGE_US).add([raw], [NOW_MS], NOW_MS)
    return str(rejects[0].rejected.reason) if rejects else None


@pytest.mark.parametrize("schema", [VISITS, REJECTS], ids=["visits", "rejects"])
def test_a_schema_is_a_json_schema_2020_12(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_names_the_fields_of_an_event_and_no_others() -> None:
    assert tuple(VISITS["properties"]) == Event.__struct_fields__
    assert tuple(VISITS["required"]) == oracle.REQUIRED
    assert [name for name, field in VISITS["properties"].items() if "default" in field] == list(oracle.OPTIONAL)


def test_the_schema_of_rejects_names_the_reasons_in_their_order() -> None:
    assert REJECTS["properties"]["reason"]["enum"] == [str(each) for each in Reason]


def test_the_prefixes_of_the_schema_are_those_of_the_reference_files() -> None:
    rows = [
        row["uai_prefix"]
        for name in ("departements.csv", "collectivites_outremer.csv")
        for row in csv.DictReader((SCHEMAS / "reference" / name).read_text(encoding="utf-8").splitlines())
    ]
    pattern = re.compile(VISITS["properties"]["uai"]["pattern"])
    assert [f"{n:03}" for n in range(1000) if pattern.match(f"{n:03}0001A")] == sorted(rows)


def test_the_examples_of_the_schema_are_valid_and_counted() -> None:
    for example in VISITS["examples"]:
        assert VALIDATOR.is_valid(example)
        assert reason(json.dumps(example).encode()) is None
    for name, field in VISITS["properties"].items():
        for example in field.get("examples", []):
            assert VALIDATOR.is_valid(EVENT | {name: example})
            assert reason(json.dumps(EVENT | {name: example}).encode()) is None


def _agree(content: Any) -> None:
    raw = json.dumps(content).encode()
    found = reason(raw)
    if VALIDATOR.is_valid(content):
        assert isinstance(judge(raw), Event)
        assert found in (None, "bad_uai", "bad_time", "too_old", "from_future")
        if found == "bad_uai":  # eight characters of the right form, another check letter
            assert re.fullmatch("[0-9]{7}[A-Za-z]", content["uai"])
        if found == "bad_time":  # a day that its month does not have
            assert re.match(r"\d{4}-(02|04|06|09|11)-(29|30|31)", content["event_time"])
    elif len(raw) <= 16_384:
        assert found in ("not_json", "missing_field", "wrong_type", "bad_uai", "bad_time")
        assert isinstance(judge(raw), Event) == (found in ("bad_uai", "bad_time"))


def _without_integral_floats(content: Any) -> bool:
    return not (isinstance(content, dict) and isinstance(content.get("event_time"), float))


@given(st.one_of(traffic.events, traffic.damaged_events, traffic.anything).filter(_without_integral_floats))
def test_the_schema_and_the_core_agree(content: Any) -> None:
    _agree(content)


@pytest.mark.parametrize("name", oracle.REQUIRED + oracle.OPTIONAL)
@pytest.mark.parametrize(
    "spoiled", [None, True, 1, -1, 1.5, 10**30, "", "x", "é" * 64, "é" * 65, "p" * 256, "p" * 257, [], {}, "\n"]
)
def test_the_schema_and_the_core_agree_on_every_field(name: str, spoiled: Any) -> None:
    _agree(EVENT | {name: spoiled})


@given(traffic.bad_times | st.sampled_from(["2026-02-29T06:30:00Z", "2026-09-01T06:30:00Z\n"]))
def test_the_schema_and_the_core_agree_on_times(time: str | int) -> None:
    _agree(EVENT | {"event_time": time})


@given(traffic.bad_uais | st.sampled_from(["0750001U\n", "\n0750001", "9830002K"]))
def test_the_schema_and_the_core_agree_on_uais(uai: str) -> None:
    _agree(EVENT | {"uai": uai})
