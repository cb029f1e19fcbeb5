from __future__ import annotations

import gc
import json
import random
from typing import Any
from weakref import ref

import pytest

from headwater import EventType, StepOutput
from headwater.toolkit import EventLog, event_filter
from headwater_server.streaming import event_blocks
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_blocks import EventBlocks
from headwater_server.streaming.event_forms import JSON_LINES, SOCKET_MESSAGES, SSE
from headwater_server.streaming.plain_paths import PLAIN_MESSAGES, PLAIN_SSE
from tests.server.streaming.conftest import complete_log, some_events
from tests.server.streaming.sse_reader import SseReader


def blocks_of(log: EventLog, wanted: Any = None) -> EventBlocks:
    """Return the wanted events as lines."""
    return EventBlocks(log, JSON_LINES.encoder(log), wanted)


def everything(blocks: EventBlocks, seq: int) -> list[int]:
    """Return the numbers of all events that a reader gets."""
    seqs: list[int] = []
    while seq < blocks.log.last_seq:
        data, seq = blocks.after(seq)
        seqs += [json.loads(line)["seq"] for line in data.splitlines()]
    return seqs


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wanted", [None, event_filter({"step_retry"}, None), event_filter(None, {"a"})])
def test_readers_at_any_place_get_every_wanted_event_once(seed: int, wanted: Any) -> None:
    """Whatever others have read before, and whatever is still held of it."""
    places, log = random.Random(seed), EventLog("e1")
    blocks = blocks_of(log, wanted)
    for _ in range(25):
        some_events(log, places.randrange(100))
        seq = places.randrange(log.last_seq + 1)
        batch = log.read(after=seq)
        expected = [event.seq for event in (batch if wanted is None else batch.select(*wanted))]
        assert everything(blocks, seq) == expected
        assert blocks.waiting(seq) == bool(expected)


def test_readers_at_one_place_share_the_bytes() -> None:
    """An event is encoded once, whatever the number of clients."""
    log = some_events(EventLog("e1"), 10)
    blocks = blocks_of(log)
    assert blocks.after(0)[0] is blocks.after(0)[0]
    some_events(log, 1)
    assert blocks.after(10)[0] is blocks.after(10)[0]
    assert blocks.after(9)[0].endswith(blocks.after(10)[0])


def test_memory_is_bounded_however_long_the_execution() -> None:
    """Only a part of the events is held as bytes; the rest is encoded again for those that ask for it."""
    log = EventLog("e1")
    blocks = blocks_of(log)
    for _ in range(1000):
        some_events(log, 1)
        blocks.after(log.last_seq - 1)
    assert len(blocks._blocks) == event_blocks._KEPT_BLOCKS
    for _ in range(40):
        log.append(EventType.STEP_OUTPUT, "a", StepOutput("out", 0, "x" * 100_000))
        blocks.after(log.last_seq - 1)
    assert blocks._held_bytes == sum(len(block.data) for block in blocks._blocks.values()) <= event_blocks._KEPT_BYTES
    assert sorted(blocks._blocks) == blocks._first_seqs
    assert everything(blocks, 0) == [*range(1, 1041)]


def test_portion_is_limited_by_its_bytes() -> None:
    """One client is not sent a megabyte at once."""
    log = EventLog("e1")
    for _ in range(30):
        log.append(EventType.STEP_OUTPUT, "a", StepOutput("out", 0, "x" * 9_000))
    data, seq = blocks_of(log).after(0)
    assert event_blocks._PORTION_BYTES <= len(data) <= 2 * event_blocks._PORTION_BYTES
    assert 0 < seq < 30


def test_line_lasts_as_long_as_a_client_and_the_log() -> None:
    """Neither keeps the other alive."""
    broadcast, log = Broadcast(), complete_log()
    line = broadcast.line(log, SSE)
    assert broadcast.line(log, SSE) is line
    assert broadcast.line(log, JSON_LINES) is not line
    assert broadcast.line(log, SSE, event_filter({"step_start"}, None)) is not line
    gone, log_gone = ref(line), ref(log)
    del line
    gc.collect()
    assert gone() is None
    del log
    gc.collect()
    assert log_gone() is None
    assert not broadcast._lines


@pytest.mark.parametrize("form", [SSE, JSON_LINES, SOCKET_MESSAGES, PLAIN_SSE, PLAIN_MESSAGES])
@pytest.mark.parametrize("present", [None, lambda: [{"id": "a", "state": "running"}]])
def test_gap_is_the_same_in_every_form(form: Any, present: Any) -> None:
    """How many events are missing, and the present state where it is known."""
    log = complete_log(100, history=10)
    blocks = EventBlocks(log, form.encoder(log), None, present)
    (seq, message), *others = blocks.messages_after(3)[0]
    assert (seq, others, blocks.messages_after(3)[1]) == (91, [], 91)
    text = SseReader().feed(message.encode()).events[0][1] if "data: " in message else message
    data = json.loads(text)
    data = data.get("event", data)
    found = data if "missed" in data else data["data"]
    assert {key: found[key] for key in ("missed", "first_seq", "last_seq")} == {
        "missed": 88,
        "first_seq": 4,
        "last_seq": 91,
    }
    state = found.get("state") or (data.get("metadata") or {}).get("state")
    assert state == (present and present())
    assert b'"missed":88' in blocks.after(3)[0]


def test_messages_are_numbered_and_shared() -> None:
    """WebSockets get the same strings, one for each event."""
    log = complete_log(5)
    blocks = EventBlocks(log, SOCKET_MESSAGES.encoder(log))
    messages, seq = blocks.messages_after(0)
    assert [number for number, _ in messages] == [*range(1, 7)]
    assert [json.loads(text)["event"]["seq"] for _, text in messages] == [*range(1, 7)]
    assert blocks.messages_after(0)[0] is messages
    assert blocks.messages_after(2)[0] == messages[2:]
    assert blocks.messages_after(seq) == ((), seq)


def test_plain_form_is_the_same_wherever_readers_begin() -> None:
    """What a completed step wrote is found in the log, also by more readers than places are kept for."""
    log = EventLog("e1")
    for number in range(40):
        step_id = f"s{number % 7}"
        log.append(EventType.STEP_OUTPUT, step_id, StepOutput("out", 0, number))
        log.append(EventType.STEP_COMPLETE, step_id)
    whole, _ = EventBlocks(log, PLAIN_SSE.encoder(log)).after(0)
    encoder = PLAIN_SSE.encoder(log)
    order = [event.seq for event in log.read(after=0)]
    random.Random(1).shuffle(order)
    encoded = {seq: encoder.encode(log.read(after=seq - 1, limit=1)[0]) for seq in order}
    assert b"".join([encoded[seq] for seq in sorted(encoded)]) == whole
