from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_type_hints

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from headwater.cli.event_schema import events_schema
from headwater.events.data import (
    CheckpointSaved,
    EdgeInfo,
    EventData,
    Fraction,
    InputRequired,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepInfo,
    StepOutput,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.event import DATA_MODELS, EventType, StreamEvent
from headwater.events.pipeline_data import MOST_ITEMS, MOST_SECONDS, Count, Ordinal, Seconds, SloBreached

EXAMPLES: dict[EventType, EventData] = {
    EventType.PIPELINE_START: PipelineStart(
        "p", (StepInfo("a", "text.words", "stream_stream"),), (EdgeInfo("a.out", "b.words"),)
    ),
    EventType.STEP_START: StepStart("text.words", "UNARY_STREAM"),
    EventType.STEP_PROGRESS: StepProgress(0.5, "reading", 3, 4, {"page": 7}),
    EventType.STEP_OUTPUT: StepOutput("out", 0, {"word": "water"}, 16),
    EventType.STEP_COMPLETE: StepComplete(3, 4, 1.5, 100, 0.1, 0.2, 2, 0.3, 0.4, 5),
    EventType.STEP_ERROR: StepFailure("ValueError", "no number", "a"),
    EventType.STEP_RETRY: StepRetry(2, 0.5, "OSError", "busy"),
    EventType.STEP_SKIPPED: StepSkipped("its branch was not taken"),
    EventType.CHECKPOINT_SAVED: CheckpointSaved("c1"),
    EventType.SLO_BREACHED: SloBreached("first_item_p95_s", 0.5, 0.8, 20),
    EventType.INPUT_REQUIRED: InputRequired("go on?", {"type": "boolean"}),
    EventType.STREAM_GAP: StreamGap(3, 5, 7),
    EventType.PIPELINE_COMPLETE: PipelineComplete(2.5),
    EventType.PIPELINE_ERROR: PipelineFailure(2.5, "ValueError", "no number", "a", 2, ("b",)),
    EventType.PIPELINE_CANCELLED: PipelineCancelled(2.5, "interrupted", ("b",)),
}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
json_object = st.dictionaries(text, json_value, max_size=3)


def data_of(model: type) -> st.SearchStrategy[Any]:
    """Return a strategy for a data model from the types of its fields."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: text,
        Count: st.integers(0, MOST_ITEMS),
        Ordinal: st.integers(1, MOST_ITEMS),
        Seconds: st.floats(0, MOST_SECONDS),
        Fraction: st.floats(0, 1),
        bool: st.booleans(),
        Any: json_value,
    }
    special = {
        "steps": st.builds(tuple, st.lists(st.builds(StepInfo, text, text, text), max_size=3)),
        "edges": st.builds(tuple, st.lists(st.builds(EdgeInfo, text, text), max_size=3)),
        "unfinished": st.builds(tuple, st.lists(text, max_size=3)),
        "target": finite,
        "value": finite if model is SloBreached else json_value,
        "executions": st.integers(1, 1000),
        "policies": st.dictionaries(text, st.integers(0, 2**60), max_size=3),
        "waits_for": st.sampled_from([None, "input", "output"]),
        "data": json_object,
        "items_aside": st.dictionaries(text, st.integers(0, 2**60), max_size=3),
        "waiting": st.none() | st.dictionaries(text, st.tuples(*[st.integers(0, MOST_ITEMS)] * 2), max_size=3),
        "schema": st.none() | json_object,
        "error": st.none() | json_object,
    }
    hints = get_type_hints(model, include_extras=True)
    optional = {hint | None: st.none() | strategy for hint, strategy in simple.items() if hint is not Any}
    by_hint: dict[Any, st.SearchStrategy[Any]] = {**simple, **optional}
    fields = {name: special[name] if name in special else by_hint[hint] for name, hint in hints.items()}
    return st.builds(model, **fields)


@st.composite
def events(draw: st.DrawFn) -> StreamEvent:
    """Draw an event of any type, with data that JSON can hold."""
    event_type = draw(st.sampled_from(EventType))
    return StreamEvent(
        seq=draw(st.integers(1, 2**60)),
        event_type=event_type,
        execution_id=draw(text),
        step_id=draw(st.none() | text),
        attempt=draw(st.integers(1, 9)),
        time_s=draw(st.integers(0, 4 * 10**15)) / 1e6,
        data=draw(st.none() | data_of(DATA_MODELS[event_type])),
        metadata=draw(st.none() | json_object),
    )


@pytest.fixture(scope="module")
def validator() -> Any:
    """The validator of the published schema."""
    jsonschema.Draft202012Validator.check_schema(events_schema())
    return jsonschema.Draft202012Validator(events_schema())


@given(event=events())
def test_event_reads_back_equal_when_its_values_are_plain(event: StreamEvent) -> None:
    """Encoding and decoding is the identity for all that JSON can hold."""
    assert StreamEvent.from_json(event.to_json()) == event


@given(event=events())
def test_schema_accepts_every_event(validator: Any, event: StreamEvent) -> None:
    """The published schema describes what is really written."""
    validator.validate(event.to_dict())


@pytest.mark.parametrize("event_type", EventType)
def test_schema_accepts_each_type_with_its_own_data_only(validator: Any, event_type: EventType) -> None:
    """The type of an event decides which data it may carry."""
    right = StreamEvent(1, event_type, "e1", "a", data=EXAMPLES[event_type]).to_dict()
    validator.validate(right)
    wrong = {**right, "data": {"no such field": 1}}
    assert not validator.is_valid(wrong)
    assert not validator.is_valid({**right, "event_type": "no_such_type"})


def test_every_type_has_a_data_model() -> None:
    """No event is without a description."""
    assert set(DATA_MODELS) == set(EventType) == set(EXAMPLES)


def test_terminal_types_are_the_three_ends() -> None:
    """Success, failure and cancellation end an execution, and nothing else does."""
    ends = {EventType.PIPELINE_COMPLETE, EventType.PIPELINE_ERROR, EventType.PIPELINE_CANCELLED}
    assert {event_type for event_type in EventType if event_type.terminal} == ends


def test_event_is_encoded_once_when_many_ask() -> None:
    """All subscribers share the same bytes."""
    event = StreamEvent(1, EventType.STEP_START, "e1")
    assert event.to_json() is event.to_json()


def test_envelope_has_version_and_utc_time() -> None:
    """The wire names its version, and the time as ISO 8601 in UTC."""
    envelope = StreamEvent(1, EventType.STEP_START, "e1", time_s=0.25).to_dict()
    assert envelope["schema_version"] == 1
    assert envelope["timestamp"] == "1970-01-01T00:00:00.250000Z"


def test_timestamp_is_aware_utc() -> None:
    """A time without zone would mean another moment on every machine."""
    assert StreamEvent(1, EventType.STEP_START, "e1", time_s=1.5).timestamp.utcoffset() == timedelta(0)


class Untellable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Failing(BaseModel):
    value: int = 1

    def __iter__(self) -> Any:
        raise RuntimeError("no iteration")


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


HARD_VALUES = {
    "object": object(),
    "no repr": Untellable(),
    "class": Untellable,
    "model": Failing(),
    "nan": float("nan"),
    "infinity": [float("inf"), -float("inf")],
    "raw bytes": b"\xff\xfe",
    "memory": memoryview(b"\xff"),
    "surrogate": "a\ud800b",
    "surrogate key": {"\ud800": 1},
    "odd keys": {1: 1, None: 2, (1, 2): 3, b"\xff": 4, Untellable(): 5},
    "circle": _circle(),
    "deep": _deep(5_000),
    "huge int": 10**5_000,
    "exception": ValueError("x"),
    "function": _circle,
    "complex": 1j,
    "set": {1, "a"},
    "long text": "x" * 100_000,
    "long list": list(range(100_000)),
}


@pytest.mark.parametrize("value", HARD_VALUES.values(), ids=HARD_VALUES.keys())
def test_event_becomes_valid_json_whatever_it_holds(validator: Any, value: Any) -> None:
    """A value of a user's can never break a subscriber that writes JSON."""
    for data in (StepOutput("out", 0, value), StepProgress(data={"value": value}), InputRequired("?", {"v": value})):
        event_type = next(kind for kind, model in DATA_MODELS.items() if model is type(data))
        event = StreamEvent(1, event_type, "e1", "a", data=data, metadata={"value": value})
        validator.validate(json.loads(event.to_json()))
        assert len(event.to_json()) < 250_000


def test_event_becomes_json_when_a_plain_field_holds_a_lone_surrogate() -> None:
    """A file name that cannot be decoded is often part of an error message."""
    event = StreamEvent(1, EventType.STEP_ERROR, "e1", "a", data=StepFailure("OSError", "no file 'x\udcff'"))
    assert event.to_dict()["data"]["message"] == "no file 'x?'"


def test_encoding_leaves_an_iterator_untouched() -> None:
    """Watching must not consume what the execution still needs."""
    items = iter([1, 2])
    StreamEvent(1, EventType.STEP_PROGRESS, "e1", "a", data=StepProgress(data={"items": items})).to_json()
    assert list(items) == [1, 2]


def test_encoding_masks_secrets_wherever_they_stand() -> None:
    """A secret that a step shows by mistake stays secret."""

    class Account(BaseModel):
        password: SecretStr

    secret = SecretStr("canary")
    data = StepProgress(data={"a": secret, "b": [secret], "c": Account(password=secret)})
    encoded = StreamEvent(1, EventType.STEP_PROGRESS, "e1", "a", data=data, metadata={"d": secret}).to_json()
    assert b"canary" not in encoded
    assert encoded.count(b"**********") == 4


BROKEN = {
    "no json": b"{",
    "no object": b"[]",
    "no version": b"{}",
    "other version": b'{"schema_version": 2}',
    "odd version": b'{"schema_version": true, "seq": 1, "event_type": "step_start", "execution_id": "e", '
    b'"timestamp": "2027-01-01T00:00:00Z"}',
    "no time": b'{"schema_version": 1, "seq": 1, "event_type": "step_start", "execution_id": "e"}',
    "unknown type": b'{"schema_version": 1, "seq": 1, "event_type": "x", "execution_id": "e", '
    b'"timestamp": "2026-01-01T00:00:00Z"}',
    "wrong data": b'{"schema_version": 1, "seq": 1, "event_type": "step_skipped", "execution_id": "e", '
    b'"timestamp": "2026-01-01T00:00:00Z", "data": {"reason": []}}',
}


@pytest.mark.parametrize("encoded", BROKEN.values(), ids=BROKEN.keys())
def test_from_json_refuses_what_is_no_event(encoded: bytes) -> None:
    """A broken record is an error, never a half-read event."""
    with pytest.raises(ValueError):
        StreamEvent.from_json(encoded)


@pytest.mark.parametrize("event_type", EventType)
def test_event_type_finds_what_its_string_finds(event_type: EventType) -> None:
    """Equal keys are one key."""
    assert {event_type.value: 1}[event_type] == 1
