"""Streams of anything, filtered, counted, grouped and cut short."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from headwater import ConfigError, Footer, Header, Pipeline, StepError, run_sync, step
from headwater_steps.streams import Group, count, filter_items, group_count, take


class Place(BaseModel):
    city: str


@dataclass
class Person:
    name: str
    home: Place


@step("test_shaping.frames")
def frames(*, items: list[str]) -> Iterator[str | Header[int] | Footer[int]]:
    """Write texts between a header and a footer."""
    yield Header(1)
    yield from items
    yield Footer(2)


CLOSED: list[int] = []


@step("test_shaping.endless")
async def endless() -> AsyncIterator[int]:
    """Write numbers until nobody reads them, and note how many there were."""
    written = 0
    try:
        while True:
            yield written
            written += 1
    finally:
        CLOSED.append(written)


def only(target: Any) -> Pipeline:
    """Return a pipeline of one step."""
    return Pipeline("only", steps={"step": target})


def pairs(result: Any) -> list[tuple[Any, int]]:
    """Return groups as plain pairs."""
    return [(group.key, group.count) for group in result.output]


# ---- filter


@pytest.mark.parametrize(
    ("where", "items", "expected"),
    [
        ({"length_at_least": 2}, ["a", "bb", "ccc"], ["bb", "ccc"]),
        ({"field": "n", "gt": 1}, [{"n": 1}, {"n": 2}, {}], [{"n": 2}]),
        ({"not": {"in": [1, 2]}}, [1, 2, 3], [3]),
        ({"eq": None}, [None, 0], [None]),
    ],
)
async def test_filter_passes_what_meets_the_condition(where: Any, items: list[Any], expected: list[Any]) -> None:
    """Items that meet the condition pass in their order, the others do not."""
    assert (await only(filter_items.with_params(where=where)).run(iter(items))).output == expected


def test_filter_lets_header_and_footer_flow_around() -> None:
    """A filter of items leaves what stands around them as it is."""
    chosen = filter_items.with_params(where={"ne": "b"})
    pipeline = Pipeline("chosen", steps={"frames": frames.with_params(items=["a", "b", "c"]), "chosen": chosen})
    result = run_sync(pipeline)
    assert (result.header, result.output, result.footer) == (1, ["a", "c"], 2)


def test_filter_keeps_the_type_of_the_items() -> None:
    """What a filter passes on has the type of what it reads, so that the next edge is checked all the same."""
    chosen = filter_items.with_params(where={"ne": "b"})
    plan = Pipeline("chosen", steps={"frames": frames.with_params(items=["a"]), "chosen": chosen}).plan()
    assert [edge.type.item for edge in plan.edges if edge.source == "chosen"] == [str]


@pytest.mark.parametrize("where", [{"length_at_leats": 2}, {}, "x", {"matches": "("}])
def test_filter_refuses_a_wrong_condition(where: Any) -> None:
    """A condition is checked when the pipeline is loaded, never taken for false."""
    with pytest.raises(ConfigError):
        Pipeline.load({"name": "x", "steps": [{"id": "f", "kind": "stream.filter", "params": {"where": where}}]})


# ---- count


@pytest.mark.parametrize(("data", "expected"), [(iter([]), 0), (iter("abc"), 3), (7, 1), (range(1_000), 1_000)])
def test_count_counts_items(data: Any, expected: int) -> None:
    """Every item counts for one, a single value likewise."""
    assert run_sync(only(count), data).output == expected


async def test_count_leaves_header_and_footer_out() -> None:
    """Only items are counted, on every event loop."""
    pipeline = Pipeline("count", steps={"frames": frames.with_params(items=["a"] * 500), "n": count})
    assert (await pipeline.run()).output == 500


# ---- group_count


@given(st.lists(st.text(max_size=2)), st.none() | st.integers(0, 5))
def test_group_count_gives_what_a_counter_gives(items: list[str], top: int | None) -> None:
    """The groups are those of `collections.Counter`, the largest first, those of one size by key."""
    expected = sorted(Counter(items).items(), key=lambda pair: (-pair[1], pair[0]))
    assert pairs(run_sync(only(group_count.with_params(top=top)), iter(items))) == expected[:top]


async def test_group_count_runs_on_every_event_loop() -> None:
    """The groups come out as a stream, whatever runs the pipeline."""
    result = await only(group_count).run(iter("abracadabra"))
    assert result.output[0] == Group(key="a", count=5)
    assert pairs(result) == [("a", 5), ("b", 2), ("r", 2), ("c", 1), ("d", 1)]


def test_group_count_distinguishes_types() -> None:
    """A number, its text and a boolean are different keys, in an order that does not depend on the input's."""
    items: list[Any] = ["1", None, True, 1, 1.0, 2, 10, False]
    expected = [False, True, 1.0, 1, 2, 10, "1", None]
    for data in (items, items[::-1]):
        found = run_sync(only(group_count), iter(data)).output
        assert [repr(group.key) for group in found] == list(map(repr, expected))


@pytest.mark.parametrize(
    ("by", "items", "expected"),
    [
        ("status", [{"status": 200}, {"status": 404}, {"status": 200}], [(200, 2), (404, 1)]),
        ("status", [{"status": 200}, {}, 3], [(None, 2), (200, 1)]),
        ("home.city", [Person("a", Place(city="Ulm")), Person("b", Place(city="Ulm"))], [("Ulm", 2)]),
        ("tags.0", [{"tags": ["a", "b"]}, {"tags": []}], [("a", 1), (None, 1)]),
    ],
)
def test_group_count_groups_by_a_field(by: str, items: list[Any], expected: list[Any]) -> None:
    """A path leads into mappings, models, dataclasses and lists; items without the field count for null."""
    assert pairs(run_sync(only(group_count.with_params(by=by)), iter(items))) == expected


@pytest.mark.parametrize(
    ("by", "item", "message"),
    [
        (None, {"a": 1}, "an item is a dict, which cannot be a key; set by to a field"),
        ("a", {"a": [1]}, "the field 'a' of an item is a list, which cannot be a key; set by to a field"),
        ("a", {"a": ([],)}, "the field 'a' of an item is a tuple, which cannot be a key; set by to a field"),
    ],
)
def test_group_count_names_what_cannot_be_a_key(by: str | None, item: Any, message: str) -> None:
    """Lists and objects cannot be counted, and the error says what to do."""
    with pytest.raises(StepError) as error:
        run_sync(only(group_count.with_params(by=by)), iter([item]))
    assert str(error.value.__cause__).startswith(message)


def test_group_count_refuses_more_groups_than_allowed() -> None:
    """The memory it takes is bounded, and the error names the param that bounds it."""
    bounded = only(group_count.with_params(max_groups=10))
    assert len(run_sync(bounded, iter(range(10))).output) == 10
    with pytest.raises(StepError, match="more than 10 groups; raise max_groups"):
        run_sync(bounded, iter(range(11)))


@pytest.mark.parametrize("params", [{"top": -1}, {"max_groups": 0}, {"by": ""}, {"by": "a..b"}, {"by": ".a"}])
def test_group_count_refuses_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked when they are given."""
    with pytest.raises(ValidationError):
        group_count.with_params(**params)


# ---- take


@given(st.lists(st.integers()), st.integers(0, 10))
def test_take_gives_the_first_items(items: list[int], n: int) -> None:
    """What comes is the beginning of what is written."""
    assert run_sync(only(take.with_params(n=n)), iter(items)).output == items[:n]


@pytest.mark.parametrize("n", [0, 1, 5])
async def test_take_ends_an_endless_stream(n: int) -> None:
    """The writer upstream is closed as soon as there is enough, on every event loop."""
    CLOSED.clear()
    result = await Pipeline("first", steps={"endless": endless, "first": take.with_params(n=n)}).run()
    assert result.output == list(range(n))
    assert len(CLOSED) <= 1  # one that was never started has nothing to close
    assert all(written < 10_000 for written in CLOSED)


def test_take_takes_one_value() -> None:
    """A single value is a stream of one item."""
    assert run_sync(only(take.with_params(n=3)), 7).output == [7]


def test_take_refuses_a_negative_number() -> None:
    """Less than nothing cannot be taken."""
    with pytest.raises(ValidationError):
        take.with_params(n=-1)
