"""The input of an execution that arrives in several requests, by the numbers of its items."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from math import inf

import anyio

from headwater import StreamBrokenError
from headwater_server.problems import Refusal

__all__ = ["InputFeed"]


class InputFeed:
    """Frames of a typed stream that are handed over to an execution, at most some hundreds ahead of it.

    What was accepted has a number, so that a client may send it again after a cut: items before `accepted` are passed
    over, and a gap is refused.
    """

    def __init__(self, opening: bytes, *, most: int) -> None:
        self.accepted: int = 0
        self.ended: bool = False
        self._opening = opening
        self._has_header = False
        self._broken: StreamBrokenError | None = None
        self._room = anyio.Semaphore(most)
        self._most = most
        self._sender, self._receiver = anyio.create_memory_object_stream[bytes](inf)
        self._turn = anyio.Lock()

    async def add(self, first: int, frames: Sequence[bytes]) -> None:
        """Accept the frames of items from a number on; wait while the execution has not read those before."""
        async with self._turn:
            if first > self.accepted:
                message = f"the items from {self.accepted} to {first - 1} are missing; send them first"
                raise Refusal(409, "input-gap", message, more={"accepted": self.accepted})
            for frame in frames[self.accepted - first :]:
                await self._send(frame)
                self.accepted += 1

    async def add_header(self, frame: bytes) -> None:
        """Accept the header, once."""
        async with self._turn:
            if not self._has_header and not self.accepted:
                await self._send(frame)
                self._has_header = True

    async def add_footer(self, frame: bytes) -> None:
        """Accept the footer; after the end it is a repeat."""
        async with self._turn:
            if not self.ended:
                await self._send(frame)

    async def end(self, closing: bytes) -> None:
        """Accept the end of the input, or what breaks it."""
        async with self._turn:
            if not self.ended:
                await self._send(closing)
                self.ended = True
                self._sender.close()

    def close(self, reason: str) -> None:
        """Break the input, unless it has ended, as nothing will send or read more."""
        if not self.ended:
            self._broken = StreamBrokenError(reason)
            self.ended = True
        self._sender.close()
        self._receiver.close()
        self._room.release()  # for the one that waits to send more

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the bytes of the stream as they are read."""
        yield self._opening
        try:
            with self._receiver:
                async for frame in self._receiver:
                    yield frame
                    self._room.release()
        finally:
            self._room.release()  # for the one that waits to send more
        if self._broken is not None:
            raise self._broken

    async def _send(self, frame: bytes) -> None:
        if self.ended:
            raise Refusal(409, "input-ended", "the input has ended, or the execution reads no more of it")
        await self._room.acquire()
        try:
            self._sender.send_nowait(frame)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.ended = True
            message = "the execution reads no more of its input"
            raise Refusal(409, "input-ended", message, more={"accepted": self.accepted}) from None
