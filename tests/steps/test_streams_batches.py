"""Lists of items: batches, windows, and lists taken apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import ExecutionCancelled, Pipeline, Runner, StepError, run_sync, step
from headwater.testing import EventRecorder, endless_stream, slow_stream
from headwater_steps.streams import batch, flatten, skip, window


def only(target: Any) -> Pipeline:
    """Return a pipeline of one step."""
    return Pipeline("only", steps={"step": target})


def output(target: Any, items: Any) -> Any:
    """Return what a step makes of some items."""
    return run_sync(only(target), iter(items)).output


@given(st.lists(st.integers()), st.integers(0, 10))
def test_skip_gives_all_but_the_first_items(items: list[int], n: int) -> None:
    """What comes is the end of what is written."""
    assert output(skip.with_params(n=n), items) == items[n:]


@pytest.mark.parametrize("n", [255, 256, 257, 600])
def test_skip_goes_on_over_the_batches_of_an_edge(n: int) -> None:
    """It does not matter in how many parts the items come."""
    assert output(skip.with_params(n=n), range(700)) == list(range(n, 700))


@given(st.lists(st.integers(), max_size=50), st.integers(1, 10))
def test_batch_gives_full_lists_and_a_rest(items: list[int], size: int) -> None:
    """The lists put together are the items, and only the last may be short."""
    batches = output(batch.with_params(size=size), items)
    assert [item for one in batches for item in one] == items
    assert all(len(one) == size for one in batches[:-1])
    assert all(batches)


async def test_batch_sends_a_list_short_when_an_item_has_waited_long_enough(virtual_clock: Any) -> None:
    """With ten seconds between items, twenty-five seconds are enough for three of them."""
    lingering = only(batch.with_params(size=100, linger_s=25))
    result = await lingering.run(slow_stream(range(7), interval_s=10))
    assert result.output == [[0, 1, 2], [3, 4, 5], [6]]
    assert virtual_clock.elapsed_s == pytest.approx(70, abs=1)


async def test_batch_waits_for_a_full_list_when_nothing_is_said(virtual_clock: Any) -> None:
    """Without a time to linger, the result does not depend on the clock."""
    result = await only(batch.with_params(size=3)).run(slow_stream(range(7), interval_s=60))
    assert result.output == [[0, 1, 2], [3, 4, 5], [6]]
    assert virtual_clock.elapsed_s == pytest.approx(7 * 60, abs=1)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"size": 3, "on_partial": "skip"}, [[0, 1, 2], [3, 4, 5]]),
        ({"size": 3, "every": 1}, [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]]),
        ({"size": 4, "every": 2}, [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6]]),
        ({"size": 4, "every": 2, "on_partial": "skip"}, [[0, 1, 2, 3], [2, 3, 4, 5]]),
        ({"size": 2, "every": 3}, [[0, 1], [3, 4], [6]]),
        ({"size": 1, "every": 5}, [[0], [5]]),
        ({"size": 10, "every": 1}, [[0, 1, 2, 3, 4, 5, 6]]),
        ({"size": 10, "on_partial": "skip"}, []),
        ({"size": 7, "on_partial": "fail"}, [[0, 1, 2, 3, 4, 5, 6]]),
    ],
)
async def test_window_moves_along(params: dict[str, Any], expected: list[list[int]]) -> None:
    """A window shows so many items and moves on so many; at the end, items that were in none decide."""
    assert (await only(window.with_params(**params)).run(range(7))).output == expected


@given(st.lists(st.integers(), max_size=40), st.integers(1, 6), st.integers(1, 8))
def test_window_leaves_no_item_out_when_it_moves_no_farther_than_it_shows(
    items: list[int], size: int, every: int
) -> None:
    """Each window is a part of the stream at its place, and with overlaps or none, all items are in one."""
    windows = output(window.with_params(size=size, every=every), items)
    assert all(one == items[every * index : every * index + size] for index, one in enumerate(windows))
    if every <= size:
        covered = {every * index + offset for index, one in enumerate(windows) for offset in range(len(one))}
        assert covered == set(range(len(items)))


async def test_window_comes_as_soon_as_its_last_item() -> None:
    """A window does not wait for the item after it."""
    pipeline = Pipeline("early", steps={"step": window.with_params(size=2, every=1)}, output="step")
    async with Runner().start(pipeline, slow_stream([1, 2, 3], interval_s=0)) as execution:
        windows = [one async for one in execution.output]
    assert windows == [[1, 2], [2, 3]]


def test_window_fails_when_items_are_left_over_and_it_must() -> None:
    """What must not be left over is an error that counts it."""
    with pytest.raises(StepError, match="the last 2 items are in no window of 5; set on_partial to keep or skip"):
        output(window.with_params(size=5, on_partial="fail"), range(7))


def test_window_reports_what_it_drops() -> None:
    """Items that are in no window are counted in an event."""
    recorder = EventRecorder(types={"step_progress"})
    run_sync(only(window.with_params(size=5, on_partial="skip")), range(7), subscribers=[recorder])
    assert {"compensations": 2} in [event.data.data for event in recorder.events]


def test_window_that_is_kept_by_its_reader_does_not_change() -> None:
    """Each window is a list of its own."""
    windows = output(window.with_params(size=2, every=1), "abc")
    windows[0].append("x")
    assert windows == [["a", "b", "x"], ["b", "c"]]


@given(st.lists(st.lists(st.integers()) | st.tuples(st.integers(), st.integers())))
def test_flatten_takes_one_level_off(lists: list[Any]) -> None:
    """What comes are the items of the lists, in order."""
    assert output(flatten, lists) == [item for one in lists for item in one]


def test_flatten_leaves_inner_lists_whole() -> None:
    """Only one level is taken off."""
    assert output(flatten, [[[1, 2], []], [[3]]]) == [[1, 2], [], [3]]


@pytest.mark.parametrize("item", ["text", {"a": 1}, 3, None, {1, 2}])
def test_flatten_refuses_what_is_no_list(item: Any) -> None:
    """A text is not taken for its characters, nor an object for its keys."""
    with pytest.raises(StepError, match="FrameTypeError"):
        output(flatten, [item])


@step("test_batches.halves")
def halves(text: str) -> list[str]:
    """Cut a text in two."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


async def test_flatten_takes_one_list() -> None:
    """A single list is a stream of one."""
    pipeline = Pipeline("flat", steps={"halves": halves, "flat": flatten})
    assert (await pipeline.run("salt")).output == ["sa", "lt"]


async def test_flatten_stops_its_writer_when_cancelled() -> None:
    """In the middle of lists without an end, a cancel leaves nothing behind, also when all of them are empty."""

    def empty_or_cancel(number: int) -> list[int]:
        if number == 1_000:
            execution.cancel()
        return []

    lists = endless_stream(empty_or_cancel)
    async with Runner().start(only(flatten), lists) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert lists.closed
