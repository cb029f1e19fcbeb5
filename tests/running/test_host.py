"""A host runs alone: it needs its channels, its step, and the few things that `HostScope` names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Stream, StreamBrokenError, StreamingContext, step
from headwater.errors import FIRST_ATTEMPT
from headwater.graph.plan import PlannedStep
from headwater.kinds.binding import callable_of
from headwater.kinds.step_context import StepContext
from headwater.running.hosts.host import StepHost
from headwater.running.hosts.inbox import Inbox
from headwater.running.hosts.outbox import PortOutbox
from headwater.running.record import StepRecord
from headwater.running.workers.inside import Enter
from headwater.streams.channel import Channel
from headwater.streams.grammar import Grammar


@step("host.passed")
async def passed(numbers: Stream[int]) -> AsyncIterator[int]:
    """Pass numbers on, as an async generator over the whole stream."""
    async for number in numbers:
        yield 10 // number


@step("host.mapped")
async def mapped(number: int) -> int:
    """Work on one number, in a coroutine."""
    return 10 // number


@step("host.fused")
def fused(number: int) -> int:
    """Work on one number, in a plain function."""
    return 10 // number


@step("host.flat")
async def flat(number: int) -> AsyncIterator[int]:
    """Yield something for each number."""
    yield 10 // number


@step("host.blocking", blocking=True)
def blocking(numbers: Iterable[int]) -> Iterator[int]:
    """Pass numbers on, in a thread."""
    for number in numbers:
        yield 10 // number


@step("host.threaded", blocking=True)
def threaded(number: int) -> int:
    """Work on one number, in a thread."""
    return 10 // number


@step("host.asking")
async def asking(number: int, ctx: StepContext) -> int:
    """Return the number of the attempt, for all numbers but 0."""
    return ctx.attempt * number // number


SHAPES = [passed, mapped, fused, flat, blocking, threaded]


class Alone:
    """All that a host needs from an execution, without one; it conforms to `HostScope`."""

    def __init__(self, attempt: int = FIRST_ATTEMPT) -> None:
        self.attempt = attempt
        self.execution_id = "e1"
        self.path = self.key = ""
        self.allowed: frozenset[str] = frozenset()
        self.context = StreamingContext(self.execution_id)
        self.records: dict[str, StepRecord] = {}
        self.failed: dict[str, tuple[Exception, int]] = {}

    def mask(self, text: str, /) -> str:
        """Hide one word."""
        return text.replace("secret", "***")

    def record(self, step: PlannedStep) -> StepRecord:
        """Return the numbers of a step."""
        if step.id not in self.records:
            self.records[step.id] = StepRecord(step, self.context, "none", self.mask)
            self.records[step.id].attempt = self.attempt
        return self.records[step.id]

    def callable_of(self, step: PlannedStep, attempt: int) -> Callable[..., Any]:
        """Return the function of a step."""
        context = StepContext(self.execution_id, step.id, attempt=attempt)
        return step.call or callable_of(step.bound, step.method, context=context)

    def progress(self, step: PlannedStep, fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        """Drop the progress."""

    def inside(self, step: PlannedStep) -> list[Enter]:
        """Give no context."""
        return []

    def memory(self, step: PlannedStep) -> None:
        """Remember nothing."""

    def fail(self, step_id: str, error: Exception, attempt: int) -> None:
        """Note a failure."""
        self.failed[step_id] = (error, attempt)

    def events(self) -> list[tuple[str, str | None, int]]:
        """Return type, step and attempt of each event so far."""
        return [(str(event.event_type), event.step_id, event.attempt) for event in self.context.log.read(after=0)]


class Bench:
    """A host between two channels.

    Args:
        steps: Its steps, fused into one segment.
        attempt: Which try of them the execution makes.
        options: Options of the first of them.
    """

    def __init__(self, *steps: Any, attempt: int = FIRST_ATTEMPT, **options: Any) -> None:
        names = [f"s{index}" for index in range(len(steps))]
        pipeline = Pipeline("alone", steps=dict(zip(names, steps, strict=True)), options={"s0": options})
        plan = pipeline.plan(stream_input=True)
        assert len(plan.segments) == 1
        planned = [plan.step(name) for name in names]
        head, last = planned[0].outputs[0], planned[-1].outputs[0]
        self.scope = Alone(attempt)
        self.given, self.written = Channel(), Channel()
        inbox = Inbox(planned[0], plan.edges, [self.given])
        outbox = PortOutbox(self.written, Grammar("step 's0'", head.items), self.scope.context)
        self.host = StepHost(planned, inbox, outbox, self.scope)
        assert last.edges == plan.outputs

    def give(self, *numbers: int) -> None:
        """Write the whole input."""
        for number in numbers:
            self.given.put(number)
        self.given.finish()

    async def taken(self) -> list[int]:
        """Return what the host has written, up to the end."""
        items: list[int] = []
        while batch := await self.written.take():
            items += batch
        return items

    async def broken(self) -> tuple[list[int], StreamBrokenError]:
        """Return what the host has written, and how its stream broke."""
        items: list[int] = []
        with pytest.raises(StreamBrokenError) as caught:
            while batch := await self.written.take():
                items += batch
        return items, caught.value


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
async def test_writes_results_and_emits_start_and_end_when_its_step_succeeds(shape: Any) -> None:
    """Whatever the shape of the step, its results come in order, and two events frame them."""
    bench = Bench(shape)
    bench.give(1, 2, 5)
    await bench.host.run()
    assert await bench.taken() == [10, 5, 2]
    assert bench.scope.events() == [("step_start", "s0", 1), ("step_complete", "s0", 1)]
    assert bench.scope.records["s0"].items_in == bench.scope.records["s0"].items_out == 3
    assert not bench.scope.failed


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
async def test_breaks_its_stream_after_the_results_before_when_its_step_fails(shape: Any) -> None:
    """The readers get what was made before the failure, then the break; the execution gets the error itself."""
    bench = Bench(shape)
    bench.give(1, 2, 0, 5)
    await bench.host.run()
    items, broken = await bench.broken()
    error, attempt = bench.scope.failed["s0"]
    assert isinstance(error, ZeroDivisionError)
    assert attempt == 1
    assert items == [10, 5]
    assert (broken.step_id, broken.execution_id, broken.__cause__) == ("s0", "e1", error)
    assert bench.scope.events() == [("step_start", "s0", 1), ("step_error", "s0", 1)]


async def test_fails_the_steps_after_it_when_a_fused_step_fails() -> None:
    """Each step of a segment ends with an event of its own, and only the one at fault is reported."""
    bench = Bench(mapped, fused, fused)
    bench.give(2, 11)  # of 11 the first makes 0, by which the second divides
    await bench.host.run()
    assert list(bench.scope.failed) == ["s1"]
    assert [event for event in bench.scope.events() if event[0] == "step_error"] == [
        ("step_error", "s1", 1),
        ("step_error", "s2", 1),
    ]


@pytest.mark.parametrize("shape", [passed, mapped, flat], ids=lambda shape: shape.kind)
async def test_fails_when_its_time_is_over(shape: Any) -> None:
    """A step that waits for longer than its limit fails with the limit in the message."""
    bench = Bench(shape, timeout={"total_s": 0.01})
    bench.given.put(1)  # and never another, nor an end
    await bench.host.run()
    items, broken = await bench.broken()
    error, _ = bench.scope.failed["s0"]
    assert isinstance(error, TimeoutError)
    assert "0.01 s (timeout.total_s)" in str(broken)
    assert items == [10]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
async def test_breaks_its_stream_without_an_error_when_it_is_cancelled(shape: Any) -> None:
    """A cancelled host blames nothing: its readers learn that it was cancelled, the execution of no failure."""
    bench = Bench(shape)
    bench.given.put(1)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.host.run)
        assert await bench.written.take() == [10]
        group.cancel_scope.cancel()
    _, broken = await bench.broken()
    assert str(broken) == "step 's0' was cancelled"
    assert not bench.scope.failed
    assert bench.scope.events() == [("step_start", "s0", 1)]
    assert bench.given.reader_left


async def test_carries_the_number_of_its_attempt_when_it_is_not_the_first() -> None:
    """Context, events and failure of a step have the number that its record had when the attempt was made."""
    bench = Bench(asking, attempt=3)
    bench.give(7, 0)
    await bench.host.run()
    items, _ = await bench.broken()
    assert items == [3]
    assert bench.scope.events() == [("step_start", "s0", 3), ("step_error", "s0", 3)]
    assert bench.scope.failed["s0"][1] == 3


async def test_hides_secrets_from_its_readers_when_its_step_fails() -> None:
    """What the readers see of an error has passed `mask`."""

    @step("host.leaking")
    async def leaking(number: int) -> int:
        raise ValueError(f"the secret is {number}")

    bench = Bench(leaking)
    bench.give(7)
    await bench.host.run()
    _, broken = await bench.broken()
    assert str(broken) == "step 's0' failed: ValueError: the *** is 7"
