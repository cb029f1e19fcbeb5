# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Items that a step yields at once flow on as if they were yielded one by one."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from headwater import Batch, Footer, FrameTypeError, Header, Outputs, Pipeline, SidePort, StepError, Stream, To, step
from headwater.kinds.port_types import form_of
from headwater.streams.frames import StreamType
from tests.running import kinds


class Split(Outputs):
    main: Stream[int]
    others: SidePort[str]


class Framed(Outputs):
    out: Stream[int, Header[str], Footer[int]]
    others: SidePort[str]


class Parity(Outputs):
    even: int
    odd: int


@step("batches.thread", blocking=True)
def thread(size: int) -> Iterator[int | Batch[int] | Header[str] | Footer[int]]:
    yield Header("begin")
    yield Batch(list(range(size)))
    yield size
    yield Batch([])
    yield Batch([size + 1])
    yield Footer(size)


@step("batches.async")
async def async_(size: int) -> AsyncIterator[int | Batch[int] | Header[str] | Footer[int]]:
    for frame in thread(size):
        yield frame


@step("batches.routed", blocking=True)
def routed(size: int) -> Iterator[Framed]:
    yield from thread(size)  # type: ignore[misc]  # a value without an address is for the main port


@step("batches.async_routed")
async def async_routed(size: int) -> AsyncIterator[Framed]:
    for frame in thread(size):
        yield frame  # type: ignore[misc]  # as above


@step("batches.addressed", blocking=True)
def addressed(size: int) -> Iterator[Split]:
    yield Batch(list(range(size)))  # type: ignore[misc]  # as above
    yield To("others", Batch(["a", "b"]))
    yield To("main", Batch([7]))


@step("batches.sorted_out", blocking=True)
def sorted_out(size: int) -> Iterator[Parity | Batch[Parity]]:
    yield Batch([To("odd" if number % 2 else "even", number) for number in range(size)])


@step("batches.async_sorted_out")
async def async_sorted_out(size: int) -> AsyncIterator[Parity | Batch[Parity]]:
    for frame in sorted_out(size):
        yield frame


@step("batches.wrong", blocking=True)
def wrong(size: int) -> Iterator[Batch[int]]:
    yield Batch([1, 2])
    yield Batch([3, "four"])  # type: ignore[list-item]  # what is tested


@step("batches.mapped", blocking=True)
def mapped(number: int) -> Iterator[Batch[int]]:
    yield Batch([number] * number)


@step("batches.early", blocking=True)
def early(size: int) -> Iterator[Batch[int] | Header[str]]:
    yield Batch([1])
    yield Header("late")


@step("batches.halve")
def halve(number: int) -> int:
    return number // 2


@step("batches.twice")
async def twice(number: int) -> int:
    return 2 * number


@step("batches.odd")
def odd(number: int) -> Iterator[int]:
    if number % 2:
        yield number


WRITERS = [thread, async_, routed, async_routed]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("size", [0, 1, 1_000])
async def test_gives_the_items_of_batches_in_order_between_header_and_footer(writer: Any, size: int) -> None:
    """A batch may be empty, large, and stand among single items; header and footer keep their places."""
    result = await Pipeline("batches", steps={"writer": writer}).run(size)
    assert result.output == list(range(size + 2))
    assert (result.header, result.footer) == ("begin", size)
    assert result.metrics["writer"].items_out == size + 2


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("after", "function"),
    [
        ((halve,), lambda numbers: [number // 2 for number in numbers]),
        ((twice,), lambda numbers: [2 * number for number in numbers]),
        ((odd, halve), lambda numbers: [number // 2 for number in numbers if number % 2]),
        ((kinds.thread_double, odd), lambda numbers: []),
    ],
)
async def test_runs_the_steps_after_a_batch_on_each_of_its_items(
    writer: Any, after: tuple[Any, ...], function: Callable[[Any], Any]
) -> None:
    """Steps that are fused, that suspend, that expand, and that block, see items and no batches."""
    steps = dict(zip("abc", (writer, *after), strict=False))
    assert (await Pipeline("batches", steps=steps).run(500)).output == function(range(502))


@pytest.mark.parametrize("writer", [thread, async_])
async def test_runs_an_inline_step_on_each_item_of_a_batch(writer: Any) -> None:
    """A coroutine function that is fused sees items as well."""
    pipeline = Pipeline("batches", steps={"a": writer, "b": twice}, options={"b": {"inline": True}})
    assert (await pipeline.run(5)).output == [0, 2, 4, 6, 8, 10, 12]


async def test_gives_batches_to_the_ports_that_they_are_addressed_to() -> None:
    """Both ports get single items."""
    pipeline = Pipeline("batches", steps={"split": addressed}, output=["split.main", "split.others"])
    assert (await pipeline.run(3)).output == {"split.main": [0, 1, 2, 7], "split.others": ["a", "b"]}


async def test_maps_a_step_that_yields_batches() -> None:
    """For each item come the items of its batches."""
    assert (await Pipeline("batches", steps={"mapped": mapped}).run(iter([2, 0, 3]))).output == [2, 2, 3, 3, 3]


@pytest.mark.parametrize("target", [sorted_out, async_sorted_out])
async def test_sends_the_items_of_a_batch_where_each_of_them_says(target: Any) -> None:
    """A batch may hold items for several ports."""
    result = await Pipeline("batches", steps={"parity": target}).run(1_001)
    assert result.output == {"parity.even": list(range(0, 1_001, 2)), "parity.odd": list(range(1, 1_001, 2))}


async def test_refuses_a_batch_with_an_item_of_another_type() -> None:
    """Each item is checked, and the error is the same as for a single one."""
    with pytest.raises(StepError, match=r"step 'wrong': item: .*valid integer") as caught:
        await Pipeline("batches", steps={"wrong": wrong}).run(1)
    assert isinstance(caught.value.__cause__, FrameTypeError)


async def test_refuses_a_batch_before_the_header() -> None:
    """The order of frames holds for batches."""
    with pytest.raises(StepError, match="starts with it, but an item came first"):
        await Pipeline("batches", steps={"early": early}).run(1)


@pytest.mark.parametrize("writer", WRITERS)
async def test_stops_a_writer_of_batches_when_its_reader_has_enough(writer: Any) -> None:
    """A reader that leaves in the middle of a batch ends the writer."""
    result = await Pipeline("batches", steps={"writer": writer, "take": kinds.take}).run(100_000)
    assert result.output == list(range(len(result.output)))
    assert result.metrics["writer"].items_out < 2_000


async def test_lets_others_run_while_a_large_batch_goes_through_fused_steps() -> None:
    """A batch is worked on in slices, so that nothing stands still for its length."""
    turns = 0
    done = anyio.Event()

    async def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        await Pipeline("batches", steps={"writer": thread, "odd": odd, "halve": halve}).run(50_000)
        done.set()
    assert turns > 100


def test_reads_the_type_of_a_batch_as_that_of_its_items() -> None:
    """What flows is items, however they are written."""
    assert form_of(Iterator[Batch[int]]).type == StreamType(int)
    assert form_of(AsyncIterator[int | Batch[int] | Header[str]]).type == StreamType(int, header=str)
