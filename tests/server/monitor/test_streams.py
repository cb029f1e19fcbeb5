"""What the page reads from event streams: messages by the rules of the standard, and gaps with the state after them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from headwater import Pipeline, Runner
from tests.server.monitor.modules import needs_node, run_module

pytestmark = needs_node

STREAMS: dict[str, tuple[str, list[list[str]], int | None]] = {
    "one": ("id: 1\ndata: a\n\n", [["message", "a", "1"]], None),
    "CRLF": ("data: a\r\n\r\ndata: b\r\n\r\n", [["message", "a", ""], ["message", "b", ""]], None),
    "CR": ("data: a\r\rdata: b\r\r:\r", [["message", "a", ""], ["message", "b", ""]], None),
    "byte order mark": ("\ufeffdata: a\n\n", [["message", "a", ""]], None),
    "several lines": ("data: a\ndata:  b\ndata\n\n", [["message", "a\n b\n", ""]], None),
    "comment": (": ping\n\ndata: a\n: ping\n\n", [["message", "a", ""]], None),
    "type": ("event: step\ndata: a\n\ndata: b\n\n", [["step", "a", ""], ["message", "b", ""]], None),
    "retry": ("retry: 2000\n\nretry: soon\ndata: a\n\n", [["message", "a", ""]], 2000),
    "id that stays": ("id: 7\ndata: a\n\ndata: b\n\n", [["message", "a", "7"], ["message", "b", "7"]], None),
    "id with a zero": ("id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n", [["message", "a", "7"], ["message", "b", "7"]], None),
    "unknown field": ("nothing: x\ndata: a\n\n", [["message", "a", ""]], None),
    "cut": ("data: a\n\ndata: b", [["message", "a", ""]], None),
    "other line separators": ("data: a\u2028b\u0085c\n\n", [["message", "a\u2028b\u0085c", ""]], None),
}


@pytest.mark.parametrize("name", STREAMS)
def test_stream_is_parsed_by_the_standard(name: str, tmp_path: Path) -> None:
    """Wherever the stream is cut into pieces, its messages are those of the standard."""
    text, messages, retry = STREAMS[name]
    pieces = [[text], list(text), *([text[:cut], text[cut:]] for cut in range(1, len(text)))]
    parsed = json.loads(run_module("sse.mjs", json.dumps(pieces), tmp_path))
    assert parsed == [{"messages": messages, "retry": retry}] * len(pieces)


def test_gap_brings_the_state_of_the_steps(tmp_path: Path) -> None:
    """After a gap, the page shows what the server reports of each step, and counts what is missing."""
    events = anyio.run(_events)
    state = [
        {"id": "sum", "kind": "stream.sum", "state": "running", "attempt": 1, "items_in": 30, "items_out": 0,
         "items_aside": {}, "fraction": None, "message": "", "per_s": 5.0, "busy": None, "waits_for": None,
         "duration_s": 2.0, "error": None, "retries": 0},
    ]  # fmt: skip
    gap = {**events[2], "event_type": "stream_gap", "step_id": None, "metadata": {"state": state},
           "data": {"missed": 2, "first_seq": 2, "last_seq": 3}}  # fmt: skip
    shown = json.loads(run_module("gap.mjs", json.dumps([events[0], gap]), tmp_path))
    assert shown == {"missed": 2, "steps": [["sum", "running", 30, 0]]}
    shown = json.loads(run_module("gap.mjs", json.dumps([gap, events[-1]]), tmp_path))
    assert shown == {"missed": 2, "steps": [["sum", "stopped", 30, 0]]}


async def _events() -> list[dict[str, Any]]:
    pipeline = Pipeline.load({"name": "sum", "steps": [{"id": "sum", "kind": "stream.sum"}]})
    async with Runner().start(pipeline, range(40)) as execution:
        await execution.result()
        return [event.to_dict() async for event in execution.events()]
