"""The replay of the monitor: the state after any event, also when the oldest events were forgotten."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import anyio

from headwater import Pipeline, Runner
from tests.server.monitor.modules import needs_node, run_module

pytestmark = needs_node


async def _events() -> list[dict[str, Any]]:
    document = {
        "name": "sums",
        "streaming": {"emit_items": "all"},
        "steps": [{"id": "same", "kind": "stream.peek"}, {"id": "sum", "kind": "stream.sum"}],
    }
    async with Runner().start(Pipeline.load(document), range(90)) as execution:
        await execution.result()
        return [event.to_dict() async for event in execution.events()]


def recorded(folder: Path, events: list[Any], positions: list[int], most: int, between: int) -> dict[str, Any]:
    """Return what the page's recording of events says at positions."""
    given = {"events": events, "positions": positions, "most": most, "between": between}
    return json.loads(run_module("recording.mjs", json.dumps(given), folder))


def test_state_is_found_at_any_position(tmp_path: Path) -> None:
    """Forward and backward, the state at a position is that of the events before it alone."""
    events = anyio.run(_events)
    chance = random.Random(6)
    positions = [chance.randrange(len(events) + 1) for _ in range(60)] + [0, len(events)]
    shown = recorded(tmp_path, events, positions, most=10_000, between=16)
    for position, state in list(zip(positions, shown["states"], strict=True))[:6]:
        assert recorded(tmp_path, events[:position], [position], 10_000, 10_000)["states"] == [state]
    assert shown["states"] == recorded(tmp_path, events, positions, most=10_000, between=10_000)["states"]
    ended = shown["states"][-1]
    assert (ended["state"], dict(ended["steps"])["sum"]["itemsIn"]) == ("done", 90)
    assert shown["ofStep"] == [event["seq"] for event in events[: positions[0]] if event["step_id"] == "sum"]
    assert shown["atTime"] == shown["byTime"]


def test_oldest_events_are_forgotten_above_a_limit(tmp_path: Path) -> None:
    """The events that are kept, and the states after them, are the same as before."""
    events = anyio.run(_events)
    shown = recorded(tmp_path, events, [0], most=50, between=10)
    kept = len(events) - shown["dropped"]
    assert 20 <= kept <= 60
    assert shown["seqs"] == [event["seq"] for event in events[-kept:]]
    positions = list(range(0, kept, 5))
    whole = recorded(tmp_path, events, [shown["dropped"] + position for position in positions], 10_000, 10_000)
    assert recorded(tmp_path, events, positions, most=50, between=10)["states"] == whole["states"]
