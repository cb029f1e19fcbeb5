"""Items that were there before are left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from headwater import Pipeline, StepError, run_sync
from headwater.testing import EventRecorder
from headwater_steps.streams import distinct
from tests.effort import effort

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, "", "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


class Point(BaseModel, frozen=True):
    x: int


class Thawed(BaseModel):
    x: int


def output(items: Any, **params: Any) -> Any:
    """Return the distinct ones among some items."""
    return run_sync(Pipeline("once", steps={"step": distinct.with_params(**params)}), iter(items)).output


@given(st.lists(JSON))
def test_keeps_the_first_of_each_value(items: list[Any]) -> None:
    """Values are equal when their JSON is, fields in whatever order."""
    texts = [json.dumps(item, sort_keys=True) for item in items]
    expected = [item for index, item in enumerate(items) if texts[index] not in texts[:index]]
    assert list(map(repr, output(items))) == list(map(repr, expected))


@pytest.mark.parametrize(
    ("by", "items", "kept"),
    [
        ("id", [{"id": 1, "n": "a"}, {"id": 1, "n": "b"}, {"id": 2}], [0, 2]),
        ("id", [{"id": None}, {}, {"x": 1}, {"id": 0}], [0, 3]),
        ("a.b", [{"a": {"b": [1]}}, {"a": {"b": [1]}}, {"a": {"b": [1, 2]}}], [0, 2]),
        ("id", [{"id": 1}, {"id": True}, {"id": 1.0}, {"id": "1"}], [0, 1, 2, 3]),
        ("id", [{"id": {"a": 1, "b": 2}}, {"id": {"b": 2, "a": 1}}], [0]),
        (None, [Point(x=1), Point(x=1), Point(x=2)], [0, 2]),
        (None, [(1, 2), [1, 2], (1, 2)], [0, 1]),
        (None, [{"a": "\ud800"}, {"a": "\ud800"}, {"a": "?"}], [0, 2]),
        (None, [{"a": 1, 2: 3}, {2: 3, "a": 1}, {"a": 1, "2": 3}], [0, 2]),
    ],
)
async def test_distinguishes_items_by_a_field(by: str | None, items: list[Any], kept: list[int]) -> None:
    """Items are equal when the field is; without it they have the key null."""
    pipeline = Pipeline("once", steps={"step": distinct.with_params(by=by)})
    assert (await pipeline.run(iter(items))).output == [items[index] for index in kept]


def test_fails_when_there_are_more_keys_than_allowed() -> None:
    """The memory it takes is bounded, and the error names the params."""
    assert len(output([*range(10), *range(10)], max_keys=10)) == 10
    with pytest.raises(StepError, match="more than 10 keys; raise max_keys, or set on_full to forget_oldest"):
        output(range(11), max_keys=10)


def test_forgets_what_was_not_seen_for_the_longest_time() -> None:
    """A key that is seen again is not forgotten before others, and what was forgotten passes again."""
    items = ["a", "b", "a", "c", "a", "b"]
    assert output(items, max_keys=2, on_full="forget_oldest") == ["a", "b", "c", "b"]


@given(st.lists(st.integers(0, 6)), st.integers(1, 4))
def test_leaves_out_what_is_among_the_last_keys(items: list[int], max_keys: int) -> None:
    """An item is left out exactly when it is among the last so many different ones."""
    recent: list[int] = []
    expected: list[int] = []
    for item in items:
        if item in recent:
            recent.remove(item)
        else:
            expected.append(item)
        recent = [*recent, item][-max_keys:]
    assert output(items, max_keys=max_keys, on_full="forget_oldest") == expected


def test_reports_how_many_keys_it_has_forgotten() -> None:
    """That the result may hold equal items is not kept secret."""
    recorder = EventRecorder(types={"step_progress"})
    pipeline = Pipeline("once", steps={"step": distinct.with_params(max_keys=3, on_full="forget_oldest")})
    run_sync(pipeline, range(10), subscribers=[recorder])
    assert {"forgotten_keys": 7} in [event.data.data for event in recorder.events]


@pytest.mark.parametrize(("item", "by"), [(Thawed(x=1), None), ({"a": Thawed(x=1)}, "a"), ({"a": [Thawed(x=1)]}, None)])
def test_names_what_cannot_be_compared(item: Any, by: str | None) -> None:
    """What has no hash is an error that says what to do."""
    with pytest.raises(StepError, match="cannot be compared; set by to a field that is a string or a number"):
        output([item], by=by)


MULTIPLES = [number * (2**61 - 1) for number in range(1, 5_001)]


@pytest.mark.parametrize(
    ("kind", "items", "params"),
    [
        ("stream.distinct", MULTIPLES, {}),
        ("stream.distinct", [[number] for number in MULTIPLES], {}),
        ("stream.distinct", [{"n": number} for number in MULTIPLES], {"by": "n"}),
        ("stream.group_count", MULTIPLES, {}),
        ("stream.group_count", [{"n": number} for number in MULTIPLES], {"by": "n"}),
    ],
)
def test_takes_bounded_work_when_all_keys_would_share_a_hash(
    kind: str, items: list[Any], params: dict[str, Any]
) -> None:
    """A stranger chooses the items; comparing each with all before would take a thousand times the work."""
    pipeline = Pipeline.load({"name": "keys", "steps": [{"id": "keys", "kind": kind, "params": params}]})
    units, result = effort(lambda: run_sync(pipeline, items), limit=300)
    assert len(result.output) == len(items)
    assert units < 300


def test_numbers_of_different_types_are_different_when_they_are_large_or_inside() -> None:
    """The rule for small numbers holds for all."""
    items = [1, 1.0, True, [1], [1.0], [True], [0.0], [-0.0], 2**70, 2**70, float(2**70), [2**70], [2**70]]
    pipeline = Pipeline("keys", steps={"keys": distinct})
    kept = [1, 1.0, True, [1], [1.0], [True], [0.0], 2**70, float(2**70), [2**70]]
    assert list(map(repr, run_sync(pipeline, items).output)) == list(map(repr, kept))
