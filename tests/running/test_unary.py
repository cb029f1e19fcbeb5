# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Steps that are ready together run in one task until one of them has to wait."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from copy import deepcopy
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import Pipeline, Result, Runner, StepComplete, StepError, StepOutput, StepStart, StreamEvent, step

BRANCHES = 20
place: ContextVar[str] = ContextVar("place", default="nowhere")


@step("unary.same")
async def same(number: int) -> int:
    return number


@step("unary.next")
def following(number: int) -> int:
    return number + 1


def fan_out(branches: dict[str, Any], *, chains: bool = False, **options: Any) -> Pipeline:
    steps: dict[str, Any] = {"first": following, **branches}
    edges = [f"first -> {name}" for name in branches]
    if chains:
        steps |= dict.fromkeys((f"{name}-next" for name in branches), following)
        edges += [f"{name} -> {name}-next" for name in branches]
    return Pipeline("fan", steps=steps, edges=edges, **options)


def logged(result: Result) -> Sequence[StreamEvent]:
    assert result.events is not None
    return result.events.read(after=0)


@pytest.mark.parametrize("quick", [0, 1, BRANCHES // 2])
@pytest.mark.parametrize("chains", [False, True])
async def test_branches_wait_at_once_when_some_of_them_do_not_wait(quick: int, chains: bool) -> None:
    """A step that waits does not keep the others from their start, whatever came before it."""
    arrived = 0
    all_arrived = anyio.Event()

    @step("unary.meeting")
    async def meeting(number: int) -> int:
        nonlocal arrived
        arrived += 1
        if arrived == BRANCHES:
            all_arrived.set()
        await all_arrived.wait()
        return number

    slow = {f"slow{number}": meeting for number in range(BRANCHES)}
    names = sorted([*slow, *(f"quick{number}" for number in range(quick))], key=lambda name: name[::-1])
    pipeline = fan_out({name: slow.get(name, same) for name in names}, chains=chains)
    with anyio.fail_after(20):
        result = await pipeline.run(1)
    assert set(result.output.values()) == {3 if chains else 2}
    assert len(result.output) == BRANCHES + quick


@pytest.mark.parametrize("waits", [False, True])
async def test_branches_have_contexts_of_their_own(waits: bool) -> None:
    """What one branch sets is seen by the steps after it, and by no other branch."""

    @step("unary.enter")
    async def enter(number: int) -> str:
        before = place.get()
        place.set(f"branch {number}")
        if waits:
            await checkpoint()
        return before

    @step("unary.look")
    async def look(before: str) -> list[str]:
        return [before, place.get()]

    names = [f"b{number}" for number in range(4)]
    steps: dict[str, Any] = {"first": following, **dict.fromkeys(names, enter)}
    steps |= dict.fromkeys((f"{name}-look" for name in names), look)
    edges = [edge for name in names for edge in (f"first -> {name}", f"{name} -> {name}-look")]
    result = await Pipeline("fan", steps=steps, edges=edges).run(0)
    assert list(result.output.values()) == [["nowhere", "branch 1"]] * 4
    assert place.get() == "nowhere"


async def test_a_time_out_inside_a_branch_ends_this_branch_alone() -> None:
    """A cancel scope of a step belongs to the task in which it began, and is left in it."""
    release = anyio.Event()

    @step("unary.impatient")
    async def impatient(number: int) -> str:
        with anyio.move_on_after(0.01):
            await anyio.sleep_forever()
        release.set()
        return f"gave up on {number}"

    @step("unary.patient")
    async def patient(number: int) -> str:
        with anyio.fail_after(20):
            await release.wait()
        return f"waited for {number}"

    result = await fan_out({"a": impatient, "b": patient, "c": impatient, "d": patient}).run(1)
    assert result.output == {"a": "gave up on 2", "b": "waited for 2", "c": "gave up on 2", "d": "waited for 2"}


async def test_a_failure_cancels_the_branches_that_wait_when_they_share_a_task() -> None:
    """Each branch that waits sees the cancellation, once, and the step that failed is named."""
    waiting = 0
    cancelled: list[str] = []

    @step("unary.waits")
    async def waits(number: int) -> int:
        nonlocal waiting
        waiting += 1
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append("waits")
            raise
        return number

    @step("unary.fails")
    async def fails(number: int) -> int:
        while waiting < 3:
            await checkpoint()
        raise LookupError(f"no {number}")

    with pytest.raises(StepError, match=r"step 'fails'.*no 2"):
        await fan_out({"a": waits, "b": waits, "fails": fails, "c": waits}).run(1)
    assert cancelled == ["waits"] * 3


async def test_cancel_reaches_the_branches_that_wait() -> None:
    """A cancelled execution leaves no branch behind."""
    ended: list[int] = []

    @step("unary.holds")
    async def holds(number: int) -> int:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(number)
        return number

    pipeline = fan_out({f"b{number}": holds for number in range(BRANCHES)})
    async with Runner().start(pipeline, 1) as execution:
        await anyio.wait_all_tasks_blocked()
        execution.cancel("enough")
        result = await execution.result(check=False)
    assert result.status == "cancelled"
    assert ended == [2] * BRANCHES


async def test_the_start_of_a_step_is_seen_while_it_waits() -> None:
    """The event comes before the code of the step, and the other two after it."""
    release = anyio.Event()

    @step("unary.held")
    async def held(number: int) -> int:
        await release.wait()
        return number

    seen: list[str] = []
    async with Runner().start(Pipeline("one", steps={"held": held}), 5) as execution:
        async for event in execution.events(steps=["held"]):
            seen.append(event.event_type)
            if len(seen) == 1:
                release.set()
    assert seen == ["step_start", "step_output", "step_complete"]


ITEMS = [
    1,
    -(2**70),
    10**400,
    True,
    1.5,
    float("inf"),
    None,
    "short",
    "long" * 1000,
    b"raw",
    [1, "two"],
    {"a": {"b": 1}},
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: repr(item)[:12])
async def test_events_show_an_item_as_it_was_when_it_was_written(item: Any) -> None:
    """Data that is kept in a short form is the same model as any other, for each reader."""

    @step("unary.given")
    async def given(_number: int) -> Any:
        return deepcopy(item)

    @step("unary.change")
    def change(value: Any) -> int:
        if isinstance(value, list):
            value.append("changed")
        return 0

    events: list[StreamEvent] = []
    pipeline = Pipeline("one", steps={"given": given, "change": change})
    result = await Runner([events.append]).run(pipeline, 5)
    own = [event for event in events if event.step_id == "given"]
    assert [type(event.data) for event in own] == [StepStart, StepOutput, StepComplete]
    output, complete = own[1].data, own[2].data
    assert (output.port, output.index) == ("out", 0)
    assert "changed" not in str(output.value)
    assert (complete.items_in, complete.items_out, complete.attempts) == (1, 1, 1)
    assert [StreamEvent.from_json(event.to_json()).data for event in own] == [event.data for event in own]
    assert list(logged(result)) == events


async def test_a_long_chain_is_whole_when_chunks_of_the_log_end_inside_a_step() -> None:
    """No event is lost, doubled or without its data, and the numbers have no gaps."""
    steps = {f"s{number}": following if number % 3 else same for number in range(1000)}
    events: list[StreamEvent] = []
    pipeline = Pipeline("chain", steps=steps, streaming={"history": 5000})
    result = await Runner([events.append]).run(pipeline, 0)
    assert result.output == sum(number % 3 > 0 for number in range(1000))
    assert [event.seq for event in events] == list(range(1, 3003))
    assert [event.step_id for event in events[1:-1]] == [name for name in steps for _ in range(3)]
    assert [event.event_type for event in events[1:-1]] == ["step_start", "step_output", "step_complete"] * 1000
    assert all(type(event.data) is StepComplete for event in events[3:-1:3])
    times = [event.time_s for event in events]
    assert times == sorted(times)


async def test_nothing_is_emitted_when_events_are_off() -> None:
    """Only the terminal event is."""
    result = await Pipeline("chain", steps={"a": same, "b": following}, streaming={"enabled": False}).run(1)
    assert result.output == 2
    assert [event.event_type for event in logged(result)] == ["pipeline_complete"]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_wrong_argument_is_refused_when_the_step_is_called_directly(kind: str) -> None:
    """The check of what the program gives names the step and its port."""
    first = following if kind == "plain" else same
    with pytest.raises(StepError, match=r"step 'a' port 'number'"):
        await Pipeline("one", steps={"a": first}).run("five")
