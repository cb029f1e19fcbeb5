"""How full the edges are: what the events of a running execution say about items that wait."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from headwater import EventType, Execution, ExecutionState, Pipeline, Runner, StepProgress, Stream, StreamEvent, step
from headwater.events.step_state import State
from headwater.running.hosts import pulse


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the edges all the time."""
    monkeypatch.setattr(pulse, "_INTERVAL_S", 0)


@step("queues.numbers")
async def numbers(*, count: int) -> AsyncIterator[int]:
    """Write numbers."""
    for number in range(count):
        yield number


@step("queues.stuck")
async def stuck(items: Stream[int], *, take: int = 1) -> AsyncIterator[int]:
    """Pass on some items, and then do something else forever."""
    async for item in items:
        yield item
        take -= 1
        if not take:
            await anyio.sleep_forever()


@step("queues.both")
async def both(items: Stream[int], late: int) -> int:
    """Read a stream and a value."""
    return late + len(await items.collect())


@step("queues.late")
async def late(items: Stream[int]) -> int:
    """Never have a value."""
    async for _ in items:
        await anyio.sleep_forever()
    return 0


async def until(execution: Execution, step_id: str, waiting: dict[str, tuple[int, int]]) -> list[StreamEvent]:
    """Read events until a step reports some queues, and return them."""
    events: list[StreamEvent] = []
    with anyio.fail_after(60):
        async for event in execution.events():
            events.append(event)
            data = event.data
            if event.step_id == step_id and isinstance(data, StepProgress) and data.waiting == waiting:
                break
    return events


async def test_reader_reports_what_waits_for_it() -> None:
    """The items that fill the buffer of an edge are in the progress of the step that does not read them."""
    steps = {"numbers": numbers.with_params(count=100), "stuck": stuck}
    edges = [{"from": "numbers", "to": "stuck", "buffer": 8}]
    async with Runner().start(Pipeline("queues", steps=steps, edges=edges)) as execution:
        events = await until(execution, "stuck", {"numbers.out -> stuck.items": (8, 8)})
        execution.cancel()
        await execution.result(check=False)
    state = ExecutionState()
    state.apply(events)
    assert state.steps["stuck"].waiting["numbers.out -> stuck.items"] == (8, 8)
    start = events[0].data
    assert "numbers.out -> stuck.items" in {f"{edge.source} -> {edge.target}" for edge in start.edges}  # type: ignore[union-attr]


async def test_writer_reports_an_edge_whose_reader_has_not_started() -> None:
    """A step that waits for a value at another port has not started, so the step before it reports its stream."""
    many = numbers.with_params(count=100)
    steps = {"numbers": many, "others": many, "late": late, "both": both}
    edges = [{"from": "numbers", "to": "both.items", "buffer": 8}, "others -> late", "late -> both.late"]
    async with Runner().start(Pipeline("queues", steps=steps, edges=edges)) as execution:
        with anyio.fail_after(60):
            async for event in execution.events(types={"step_progress"}, steps={"numbers"}):
                assert isinstance(event.data, StepProgress)
                if event.data.waiting and event.data.waiting.get("numbers.out -> both.items") == (8, 8):
                    break
        execution.cancel()


async def test_input_of_the_pipeline_waits_at_its_reader() -> None:
    """Data that a program gives faster than it is read is reported as well."""
    pipeline = Pipeline("queues", steps={"stuck": stuck}, edges=[{"from": "input", "to": "stuck", "buffer": 4}])
    async with Runner().start(pipeline, iter(range(100))) as execution:
        await until(execution, "stuck", {"input -> stuck.items": (4, 4)})
        execution.cancel()


async def test_emits_again_when_only_the_queue_has_changed() -> None:
    """A step that works on one item for long reports its queue while it fills, and then no more."""
    gate = anyio.Event()

    @step("queues.gated")
    async def gated() -> AsyncIterator[int]:
        """Write some numbers, and more when a gate is opened."""
        yield 0
        await gate.wait()
        for number in range(3):
            yield number
        await anyio.sleep_forever()

    pipeline = Pipeline("queues", steps={"gated": gated, "stuck": stuck})
    async with Runner().start(pipeline) as execution:
        await until(execution, "stuck", {})
        gate.set()
        last = {"gated.out -> stuck.items": (3, 256)}
        await until(execution, "stuck", last)
        execution.cancel()
        result = await execution.result(check=False)
    assert result.events is not None
    found = [event.data for event in result.events.read(after=0) if event.step_id == "stuck"]
    reported = [data.waiting for data in found if isinstance(data, StepProgress)]
    assert reported.count(last) == 1


async def test_says_nothing_about_edges_where_nothing_waits() -> None:
    """A pipeline that keeps up has empty queues, and a step that has ended has none."""
    result = await Runner().run(
        Pipeline("queues", steps={"n": numbers.with_params(count=5), "each": stuck.with_params(take=9)})
    )
    assert result.events is not None
    state = ExecutionState()
    state.apply(result.events.read(after=0))
    assert [step.waiting for step in state.steps.values()] == [{}, {}]
    assert {step.state for step in state.steps.values()} == {State.DONE}


async def test_event_has_queues_as_json() -> None:
    """They are pairs of numbers by the names of edges, and read back as they were."""
    progress = StepProgress(waiting={"a.out -> b.items": (3, 8)})
    event = StreamEvent(1, EventType.STEP_PROGRESS, "e", "b", data=progress)
    sent = event.to_json()
    assert b'"waiting":{"a.out -> b.items":[3,8]}' in sent
    assert StreamEvent.from_json(sent).data == progress


def test_event_has_the_longest_queues_when_there_are_many() -> None:
    """A port with thousands of edges makes no event of megabytes."""

    class Source:
        def __init__(self, items: int) -> None:
            self._items = items

        def statistics(self) -> object:
            return type("S", (), {"buffered_items": self._items, "capacity_items": 256})

    class Record:
        state = State.RUNNING

    record = Record()
    queues = [pulse.Queue(f"q{number}", Source(number % 100), None, record) for number in range(1_000)]  # type: ignore[arg-type]
    (found,) = pulse.waiting_in(queues).values()
    assert len(found) == 64
    assert min(found.values()) == (93, 256)
