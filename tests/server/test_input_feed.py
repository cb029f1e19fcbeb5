"""Input that arrives in several requests: the one that waits for room is answered when nothing reads any more."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater_server.executions.input_feed import InputFeed
from headwater_server.refusals import Refusal


@pytest.mark.parametrize("ends", [True, False])
async def test_request_that_waits_for_room_is_refused_when_nothing_reads(ends: bool) -> None:
    """It makes no difference whether the execution has ended, or only reads no more of its input."""
    feed = InputFeed(b"opening", most=2)
    chunks = feed.chunks()
    assert [await anext(chunks), feed.accepted] == [b"opening", 0]
    refused: list[Refusal] = []

    async def send(first: int) -> None:
        with pytest.raises(Refusal) as raised:
            await feed.add(first, [b"item"] * 5)
        refused.append(raised.value)

    async with anyio.create_task_group() as group:
        group.start_soon(send, 0)
        while feed.accepted < 2:
            await checkpoint()
        group.start_soon(send, 2)
        assert await anext(chunks) == b"itemitem"  # what waits is handed over together
        for _ in range(5):
            await checkpoint()
        if ends:
            feed.close("the execution has ended")
        await chunks.aclose()
    feed.close("the execution has ended")
    assert [(one.status, one.code) for one in refused] == [(409, "input-ended")] * 2
