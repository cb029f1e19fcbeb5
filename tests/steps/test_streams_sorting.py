"""Streams sorted, in memory and by temporary files."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from headwater import ExecutionCancelled, Pipeline, Runner, StepError, Stream, run_sync, step
from headwater.testing import endless_stream
from headwater_steps.streams import sort
from headwater_steps.streams.sorted_runs import Runs

RECORDS = st.lists(st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.text(max_size=2)}), max_size=60)
PROCESS_FILES = Path("/proc/self/fd")


class Size(BaseModel, frozen=True):
    cm: int


@dataclass(frozen=True)
class Dated:
    day: date
    amount: Decimal


@step("test_order.first")
async def first(items: Stream[Any]) -> int:
    """Read one item, and leave."""
    async for item in items:
        return getattr(item, "n", item)
    return -1


def output(items: Any, **params: Any) -> Any:
    """Return some items, sorted."""
    return run_sync(Pipeline("sorted", steps={"step": sort.with_params(**params)}), iter(items)).output


def temporary_files() -> list[str]:
    """Return the nameless files that this process has open in the folder of temporary files."""
    if not PROCESS_FILES.exists():
        return []
    targets = [str(entry.readlink()) for entry in PROCESS_FILES.iterdir() if entry.exists()]
    return [target for target in targets if target.startswith(tempfile.gettempdir()) and "(deleted)" in target]


# ---- the order


@given(RECORDS, st.booleans(), st.integers(1, 70))
@settings(max_examples=40)
def test_sorts_like_python(items: list[dict[str, Any]], descending: bool, max_items: int) -> None:
    """By a field, up or down, in memory or not: equal items keep their order."""
    for by, key in (("a", lambda item: item["a"]), (["b", "a"], lambda item: (item["b"], item["a"]))):
        expected = sorted(items, key=key, reverse=descending)
        assert output(items, by=by, descending=descending, max_items=max_items) == expected


@given(st.lists(st.integers() | st.floats(allow_nan=False)), st.integers(1, 5))
@settings(max_examples=40)
def test_sorts_numbers_of_both_kinds(items: list[Any], max_items: int) -> None:
    """Whole numbers and fractions have one order, and stay what they are."""
    assert list(map(repr, output(items, max_items=max_items))) == list(map(repr, sorted(items)))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("missing", ["first", "last"])
@pytest.mark.parametrize("max_items", [1, 2, 100])
def test_puts_items_without_the_field_where_it_is_asked_to(descending: bool, missing: str, max_items: int) -> None:
    """They stand together, in their order, at the same end also when descending."""
    items: list[Any] = [{"n": 2}, {"x": 1}, {"n": 3}, {"n": None}, {"n": 1}, "no object"]
    without, present = [items[1], items[3], items[5]], sorted([items[0], items[2], items[4]], key=lambda one: one["n"])
    ordered = present[::-1] if descending else present
    expected = [*without, *ordered] if missing == "first" else [*ordered, *without]
    assert output(items, by="n", descending=descending, on_missing=missing, max_items=max_items) == expected


def test_looks_at_the_next_field_when_the_first_is_missing_in_both() -> None:
    """Items without a field are equal in it, not lost for the fields after it."""
    items = [{"b": 2}, {"a": 1, "b": 9}, {"b": 1}]
    assert output(items, by=["a", "b"]) == [{"a": 1, "b": 9}, {"b": 1}, {"b": 2}]


async def test_sorts_on_every_event_loop() -> None:
    """A thread does the work, whatever runs the pipeline."""
    result = await Pipeline("sorted", steps={"step": sort.with_params(max_items=100)}).run(range(2_000, 0, -1))
    assert result.output == list(range(1, 2_001))


@pytest.mark.parametrize(
    ("items", "by", "message"),
    [
        (["a", 1], None, "is the number 1, but others are of the type str: they have no common order"),
        ([1, True], None, "is true, but others are of the type int: they have no common order"),
        ([{"n": 1}, {"n": "1"}], "n", "the field 'n' of an item is the string '1', but others are of the type int"),
        (
            [[1], [2]],
            None,
            "an item is a list of 1, which cannot be ordered; set by to a field that is a string or a number",
        ),
        ([{"n": {}}], "n", "the field 'n' of an item is an empty object, which cannot be ordered"),
        ([1j], None, "which cannot be ordered"),
        (
            [datetime(2026, 3, 14, tzinfo=UTC), datetime(2026, 3, 13)],  # noqa: DTZ001 - what is refused
            None,
            "an item is 2026-03-13T00:00:00, which has no time zone, but others have a time zone",
        ),
        ([1.0, math.nan], None, "an item is NaN, which cannot be ordered"),
    ],
)
@pytest.mark.parametrize("max_items", [1, 100])
def test_refuses_what_has_no_order(items: list[Any], by: str | None, message: str, max_items: int) -> None:
    """Values that cannot be compared are an error that names the field and the values."""
    with pytest.raises(StepError) as error:
        output(items, by=by, max_items=max_items)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("item", "what"), [({}, "there is no field 'n' in an item"), ({"n": None}, "the field 'n' of an item is null")]
)
def test_fails_when_a_field_is_missing_and_it_must(item: dict[str, Any], what: str) -> None:
    """A strict sort says what to change."""
    with pytest.raises(StepError, match=f"{what}.*; set on_missing to last or first"):
        output([{"n": 1}, item], by="n", on_missing="fail")


# ---- what goes by the disk


@pytest.mark.parametrize(
    "items",
    [
        [{"k": 2, "v": [1, 1.0, True, None, "ü\n\u2028", 10**30, -0.0, 5e-324]}, {"k": 1, "v": {"": {}}}],
        [Size(cm=3), Size(cm=1), Size(cm=2)],
        [Dated(date(2026, 2, 1), Decimal("1.10")), Dated(date(2026, 1, 1), Decimal("2.20"))],
    ],
    ids=["plain", "models", "dataclasses"],
)
def test_brings_items_back_equal_from_the_disk(items: list[Any]) -> None:
    """Plain data, and items of one class that pydantic knows, come back with their types at every depth."""
    by = {"dict": "k", "Size": "cm", "Dated": "day"}[type(items[0]).__name__]
    expected = sorted(items, key=lambda item: item[by] if isinstance(item, dict) else getattr(item, by))
    found = output(items, by=by, max_items=1)
    assert found == expected
    assert list(map(repr, found)) == list(map(repr, expected))


@pytest.mark.parametrize("make", [Decimal, lambda n: datetime.fromtimestamp(n, UTC), lambda n: date(2026, 1, n)])
def test_brings_back_values_that_pydantic_knows(make: Callable[[int], Any]) -> None:
    """Decimals and dates are sorted as what they are."""
    items = [make(number) for number in (3, 1, 2)]
    found = output(items, max_items=1)
    assert found == sorted(items)
    assert {type(one) for one in found} == {type(items[0])}


@pytest.mark.parametrize(
    "item",
    [{"k": 1, "v": (1, 2)}, {"k": 1, "v": {1}}, {"k": 1, "v": math.nan}, {"k": 1, "v": "\ud800"}, {"k": 1, 2: 3}],
    ids=["tuple", "set", "nan", "surrogate", "key"],
)
def test_refuses_to_change_items_that_the_disk_cannot_hold(item: dict[Any, Any]) -> None:
    """What would not come back equal is an error that says what to do, and is fine as long as it fits into memory."""
    assert len(output([item, {"k": 0}], by="k")) == 2
    with pytest.raises(StepError, match="raise max_items, or sort plain data"):
        output([item, {"k": 0}], by="k", max_items=1)


def test_keeps_no_more_items_in_memory_than_allowed() -> None:
    """However many there are, most of them are on the disk."""
    alive: set[int] = set()
    most = 0

    class Counted(BaseModel):
        n: int

        def __init__(self, **fields: Any) -> None:
            nonlocal most
            super().__init__(**fields)
            alive.add(id(self))
            most = max(most, len(alive))

        def __del__(self) -> None:
            alive.discard(id(self))

    numbers = (Counted(n=number * 7919 % 20_000) for number in range(20_000))
    pipeline = Pipeline("sorted", steps={"step": sort.with_params(by="n", max_items=1_000), "first": first})
    assert run_sync(pipeline, numbers).output == 0
    assert most < 3 * 1_000


def test_merges_many_runs_with_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs become larger ones before there are too many of them, and equal items keep their order all the same."""
    opened = 0
    most = 0
    real = tempfile.TemporaryFile

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal opened, most
        opened += 1
        most = max(most, len(runs) + 1)
        return real(*args, **kwargs)

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    items = [[number % 3, number] for number in range(2_500)]
    with Runs[list[int]](key=lambda item: item[0], descending=False) as runs:
        for item in items:
            runs.add([item])
        assert list(runs.merged([])) == sorted(items, key=lambda item: item[0])
    assert opened > 2_500
    assert most < 100


@pytest.mark.skipif(not PROCESS_FILES.exists(), reason="the open files of a process are not told here")
def test_leaves_no_files_when_it_ends_early() -> None:
    """Neither an end, nor a failure, nor a reader that leaves keeps a file open."""
    before = temporary_files()
    assert output(range(100, 0, -1), max_items=7) == list(range(1, 101))
    with pytest.raises(StepError):
        output([*range(100), "x"], max_items=7)
    pipeline = Pipeline("sorted", steps={"step": sort.with_params(max_items=7), "first": first})
    assert run_sync(pipeline, range(100, 0, -1)).output == 1
    assert temporary_files() == before


@pytest.mark.skipif(not PROCESS_FILES.exists(), reason="the open files of a process are not told here")
async def test_leaves_no_files_when_cancelled() -> None:
    """A cancel in the middle closes the files before the execution is over."""
    before = temporary_files()
    spilled: list[int] = []

    def number_or_cancel(number: int) -> int:
        if number == 3_000:
            spilled.append(len(temporary_files()) - len(before))
            execution.cancel()
        return number

    pipeline = Pipeline("sorted", steps={"step": sort.with_params(max_items=100)})
    async with Runner().start(pipeline, endless_stream(number_or_cancel)) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert spilled[0] > 3
    assert temporary_files() == before


def test_stops_a_long_merge_when_cancelled() -> None:
    """Merging looks up between blocks."""
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 40

    with Runs[int](key=abs, descending=False, cancelled=cancelled) as runs, pytest.raises(ExecutionCancelled):
        for number in range(100):
            runs.add([number] * 1_000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_says_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told with the folder and what to do."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("w+b", 0))  # noqa: SIM115 - the step closes it
    with pytest.raises(
        StepError, match=r"No space left on device; sorted parts are kept in .* or set TMPDIR to another folder"
    ):
        output(range(10), max_items=2)
