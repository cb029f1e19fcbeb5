"""The monitor computes the same state from events as the engine."""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from headwater import ExecutionError, Pipeline, Runner, StreamEvent, step
from headwater.events.state import ExecutionState
from headwater.events.step_state import Pace, StepState
from tests.server.monitor.modules import needs_node, run_module

SUBSETS = 40
pytestmark = needs_node


@step("example.unsteady")
async def unsteady(number: int) -> int:
    """Fail at every seventh number on its first attempts."""
    await anyio.lowlevel.checkpoint()
    if number % 7 == 3 and random.random() < 0.5:
        raise ConnectionError(f"number {number} was lost")
    return number


@step("example.failing")
def failing(number: int) -> int:
    """Fail at one number, with a cause."""
    if number == 20:
        try:
            return {}[number]  # type: ignore[return-value]
        except KeyError as error:
            raise ValueError("20 is not welcome") from error
    return number


@step("example.unhurried")
async def unhurried(number: int) -> AsyncIterator[int]:
    """Write a number twice, while the others go on, so that progress is emitted in between."""
    yield number
    for _ in range(2000):
        await anyio.lowlevel.checkpoint()
    yield number


DOCUMENTS: dict[str, dict[str, Any]] = {
    "plain": {"name": "plain", "steps": [{"id": "sum", "kind": "stream.sum"}]},
    "branches": {
        "name": "branches",
        "steps": [
            {"id": "slow", "kind": "example.unhurried"},
            {"id": "high", "kind": "stream.filter", "params": {"where": {"ge": 30}}},
            {"id": "count", "kind": "stream.count"},
            {"id": "sum", "kind": "stream.sum"},
        ],
        "edges": ["slow -> high", "high -> sum", "slow -> count"],
    },
    "retries": {
        "name": "retries",
        "steps": [
            {"id": "unsteady", "kind": "example.unsteady", "retry": {"attempts": 20, "backoff_s": 0.001}},
            {"id": "count", "kind": "stream.count"},
        ],
    },
    "failure": {
        "name": "failure",
        "steps": [{"id": "failing", "kind": "example.failing"}, {"id": "count", "kind": "stream.count"}],
    },
    "skipped items": {
        "name": "skipped",
        "steps": [
            {"id": "failing", "kind": "example.failing", "on_error": "skip_item"},
            {"id": "sum", "kind": "stream.sum"},
        ],
    },
    "nested": {
        "name": "nested",
        "steps": [
            {
                "id": "outer",
                "kind": "control.map",
                "params": {
                    "pipeline": {
                        "name": "inner",
                        "steps": [
                            {"id": "failing", "kind": "example.failing"},
                            {"id": "same", "kind": "example.unsteady", "retry": {"attempts": 20, "backoff_s": 0.001}},
                        ],
                    }
                },
                "on_error": "skip_item",
            },
            {"id": "count", "kind": "stream.count"},
        ],
    },
}


async def recorded(document: Mapping[str, Any], cancel_after: int = 0) -> list[bytes]:
    """Run a pipeline, and return its events as JSON."""
    async with Runner().start(Pipeline.load(document), range(40)) as execution:
        if cancel_after:
            async for event in execution.events():
                if event.seq == cancel_after:
                    execution.cancel()
        with suppress(ExecutionError):
            await execution.result()
        return [event.to_json() async for event in execution.events()]


def folded(lists: Sequence[Sequence[bytes]], folder: Path) -> list[list[Any]]:
    """Return the states that the page computes for lists of events, after each event."""
    lines = "".join(f"[{','.join(event.decode() for event in events)}]\n" for events in lists)
    return [json.loads(line) for line in run_module("fold.mjs", lines, folder).splitlines()]


def camel(name: str) -> str:
    """Return a name as JavaScript writes it."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def derived(execution: ExecutionState) -> dict[str, Any]:
    """Return what follows from the state some time after the last event, as the views show it."""
    now_s, steps = execution.ended_s + 0.5, execution.steps.values()
    return {
        "elapsedS": execution.elapsed_s(now_s),
        "leftS": execution.left_s(now_s),
        "bottleneck": execution.bottleneck(now_s),
        "steps": [[step.count, step.elapsed_s(now_s), step.per_s(now_s), step.busy(now_s)] for step in steps],
    }


def plain(value: Any) -> Any:
    """Return the engine's state in the form of the page's."""
    if isinstance(value, ExecutionState | StepState | Pace):
        shown = {camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, ExecutionState):
            shown |= {name: [list(pair) for pair in shown[name].items()] for name in ("steps", "readers")}
        return shown
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def states_of(events: Sequence[bytes]) -> Iterator[Any]:
    """Yield the states that the engine computes, after each event."""
    execution = ExecutionState()
    for event in events:
        execution.apply([StreamEvent.from_json(event)])
        yield json.loads(json.dumps([plain(execution), derived(execution)]))


def last_state_of(events: Sequence[bytes]) -> list[Any]:
    """Return the state that the engine computes from events, alone in a list; an empty list without events."""
    execution = ExecutionState()
    execution.apply(map(StreamEvent.from_json, events))
    return [json.loads(json.dumps([plain(execution), derived(execution)]))] if events else []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_states_are_equal_after_each_event(name: str, tmp_path: Path) -> None:
    """From the first event to the last, both say the same of every step."""
    events = anyio.run(recorded, DOCUMENTS[name])
    assert folded([events], tmp_path)[0] == list(states_of(events))


def test_states_are_equal_when_the_execution_is_cancelled(tmp_path: Path) -> None:
    """Steps that were stopped look the same in both."""
    events = anyio.run(recorded, DOCUMENTS["branches"], 9)
    assert json.loads(events[-1])["event_type"] == "pipeline_cancelled"
    assert folded([events], tmp_path)[0] == list(states_of(events))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_states_are_equal_when_events_are_missing(name: str, tmp_path: Path) -> None:
    """Whichever events a reader has missed, both draw the same conclusions from the others."""
    events = anyio.run(recorded, DOCUMENTS[name])
    chance = random.Random(6)
    lists = [[event for event in events if chance.random() < share / SUBSETS] for share in range(1, SUBSETS)]
    lists.append(events[1:])
    assert [states[-1:] for states in folded(lists, tmp_path)] == [last_state_of(each) for each in lists]
