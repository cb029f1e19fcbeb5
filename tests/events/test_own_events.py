"""What a reader changes in its events, and in their data, reaches no other reader and not the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import anyio
import pytest

from headwater import EventType, Pipeline, Runner, StepContext, StreamEvent, StreamingContext, StreamSubscriber, step
from headwater.events.data import EdgeInfo, PipelineStart, StepInfo, StepOutput, StepProgress
from headwater.events.log import EventLog


def emitted() -> EventLog:
    """Return a log with data of several kinds."""
    log = EventLog("e1")
    start = PipelineStart("tides", (StepInfo("words", "text.words"),), (EdgeInfo("input", "words"),))
    log.append(EventType.PIPELINE_START, None, start)
    value = {"place": "Bergen", "levels": [1, {"high": 2}]}
    log.append(EventType.STEP_OUTPUT, "words", StepOutput("out", 0, value), metadata={"tags": ["a"]})
    log.append(EventType.STEP_PROGRESS, "words", StepProgress(items_aside={"bad": 1}, data={"seen": {"at": [3]}}))
    log.append(EventType.PIPELINE_COMPLETE)
    return log


def changed(event: StreamEvent) -> None:
    """Change all that can be changed."""
    if isinstance(event.data, PipelineStart):
        event.data.steps[0].kind = "changed"
        event.data.name = "changed"
    if isinstance(event.data, StepOutput):
        event.data.value["levels"][1]["high"] = "changed"
        event.data.value["levels"].append("changed")
        event.metadata["tags"].append("changed")  # type: ignore[index]
    if isinstance(event.data, StepProgress):
        event.data.items_aside["bad"] = "changed"  # type: ignore[index]
        event.data.data["seen"]["at"].clear()
    event.step_id = "changed"
    event.seq += 1
    event.to_json()
    event.data = "changed"
    event.metadata = {}


LOOKS: Mapping[str, Callable[[Sequence[StreamEvent]], Sequence[StreamEvent]]] = {
    "all": list,
    "one by one": lambda batch: [batch[index] for index in range(len(batch))],
    "from the end": lambda batch: [batch[-index] for index in range(len(batch), 0, -1)],
    "a slice": lambda batch: batch[:],
    "in reverse": lambda batch: [*reversed(batch)][::-1],
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_batch_makes_events_of_their_own_at_each_look(look: Callable[[Sequence[StreamEvent]], Any]) -> None:
    """Neither another look at the same batch nor another batch shows what was changed, in Python or as JSON."""
    log = emitted()
    expected = [event.to_json() for event in emitted().read(after=0)]
    batch = log.read(after=0)
    for event in look(batch):
        changed(event)
    for events in (batch, log.read(after=0), log.read(after=0).select(frozenset(EventType), None)):
        assert [event.data for event in events] == [event.data for event in emitted().read(after=0)]
        assert [event.metadata for event in events] == [None, {"tags": ["a"]}, None, None]
        assert [_without_time(event) for event in events] == [_without_time(encoded) for encoded in expected]


def _without_time(event: StreamEvent | bytes) -> Any:
    envelope = (event if isinstance(event, StreamEvent) else StreamEvent.from_json(event)).to_dict()
    return {**envelope, "timestamp": None}


def test_gap_is_an_event_of_its_own_at_each_look() -> None:
    """Also what stands for missed events is not shared."""
    log = EventLog("e1", history=2)
    for _ in range(100):
        log.append(EventType.STEP_PROGRESS, "words")
    batch = log.read(after=0)
    missed = batch[0].data.missed
    for first in (batch[0], next(iter(batch)), batch.select(None, None)[0]):
        assert first.data.missed == missed
        first.data.missed = 0


def test_event_of_a_log_can_be_copied_and_compared() -> None:
    """Its data is there however one asks for it."""
    for event, other in zip(emitted().read(after=0), emitted().read(after=0), strict=True):
        other.time_s = event.time_s
        assert copy(event) == deepcopy(event) == replace(event) == event == other
        assert repr(copy(event)) == repr(event)
        assert StreamEvent.from_json(event.to_json()).data == event.data


def test_event_has_no_other_attributes() -> None:
    """A misspelled name is the usual error."""
    event = emitted().read(after=0)[0]
    with pytest.raises(AttributeError, match="'StreamEvent' object has no attribute 'dta'"):
        _ = event.dta
    assert not hasattr(StreamEvent(1, EventType.STEP_START, "e1"), "shared_data")


def test_data_that_contains_itself_can_be_read() -> None:
    """An emitter may give anything; what is too deep stays shared."""
    loop: list[Any] = []
    loop.append(loop)
    log = EventLog("e1")
    log.append(EventType.STEP_PROGRESS, "words", StepProgress(data={"loop": loop}))
    assert log.read(after=0)[0].data.data["loop"]


@step("own_events.levels")
async def levels(ctx: StepContext) -> AsyncIterator[dict[str, list[int]]]:
    """Yield items, and report progress by one mapping that changes."""
    seen: dict[str, int] = {}
    for number in range(3):
        seen["number"] = number
        ctx.progress(number / 2, "working", seen=seen)
        yield {"levels": [number]}
        await anyio.lowlevel.checkpoint()
    seen["number"] = -98765


class _Batches(StreamSubscriber):
    """Changes each event of a batch, and keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        for event in batch:
            self.seen.append(repr(event.data))
            if isinstance(event.data, StepOutput):
                event.data.value["levels"] += ["changed"]
            event.data = "changed"


async def test_subscribers_see_the_events_as_they_were_emitted() -> None:
    """Whichever subscriber changes its events first: functions, async functions, classes, and views."""
    batches = [_Batches(), _Batches()]
    by_function: list[list[str]] = [[], []]

    def first(event: StreamEvent) -> None:
        by_function[0].append(repr(event.data))
        event.data = "changed"

    async def second(event: StreamEvent) -> None:
        by_function[1].append(repr(event.data))
        if isinstance(event.data, StepOutput):
            event.data.value.clear()

    pipeline = Pipeline("own", steps={"levels": levels}, streaming={"emit_items": "all", "flush_interval_ms": 1})
    async with Runner([batches[0], first, second, batches[1]]).start(pipeline) as execution:
        async for _ in execution.output:
            pass
        result = await execution.result()
        viewed = [repr(event.data) async for event in execution.events()]
    assert not result.lost_subscribers
    assert viewed == batches[0].seen == batches[1].seen == by_function[0] == by_function[1]
    assert "changed" not in "".join(viewed)
    assert "-98765" not in "".join(viewed)
    assert sum("{'levels': [" in data for data in viewed) == 3


async def test_subscriber_gets_the_start_of_its_own() -> None:
    """What it does to the start of an execution when it is asked about a step does not reach the log."""

    class Curious(StreamSubscriber):
        def on_event(self, event: StreamEvent) -> None:
            pass

        def inside_step(self, execution_id: str, start: PipelineStart, step_id: str) -> None:
            start.name = f"{execution_id} {step_id}"

    pipeline = Pipeline("own", steps={"levels": levels})
    for _ in range(2):
        async with Runner([Curious()]).start(pipeline) as execution:
            await execution.result()
            names = [event.data.name async for event in execution.events(types={"pipeline_start"})]
        assert names == ["own"]


async def test_coalescing_subscriber_sees_its_own_events() -> None:
    """A subscriber that lags gets events of its own, too."""
    seen: list[StreamEvent] = []
    async with StreamingContext("e1") as context:
        context.subscribe(seen.append, policy="coalesce", buffer_size=2)
        for number in range(5):
            context.emit(EventType.STEP_PROGRESS, "words", StepProgress(data={"number": [number]}))
    seen[-2].data.data["number"].clear()
    kept = [event async for event in context.events(types={"step_progress"})]
    assert [event.data.data for event in kept] == [{"number": [number]} for number in range(5)]
