"""The input of an execution that arrives in several requests, by the numbers of its items."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import anyio

from headwater import StreamBrokenError
from headwater_server.refusals import Refusal

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
        self._has_footer = False
        self._broken: StreamBrokenError | None = None
        self._most = most
        self._waiting: list[bytes] = []
        self._read = 0  # frames that the execution was given last, and may still work on
        self._news = anyio.Event()
        self._room = anyio.Event()
        self._turn = anyio.Lock()

    async def add(self, first: int, frames: Sequence[bytes]) -> None:
        """Accept the frames of items from a number on; wait while the execution has not read those before."""
        async with self._turn:
            if first > self.accepted:
                message = f"the items from {self.accepted} to {first - 1} are missing; send them first"
                raise Refusal(409, "input-gap", message, more={"accepted": self.accepted})
            frames = frames[self.accepted - first :]
            while frames:
                free = await self._wait_room()
                self._put(frames[:free])
                self.accepted += len(frames[:free])
                frames = frames[free:]

    async def add_header(self, frame: bytes) -> None:
        """Accept the header, once."""
        async with self._turn:
            if not self._has_header and not self.accepted:
                await self._wait_room()
                self._put([frame])
                self._has_header = True

    async def add_footer(self, frame: bytes) -> None:
        """Accept the footer, once; after the end it is a repeat."""
        async with self._turn:
            if not self._has_footer and not self.ended:
                await self._wait_room()
                self._put([frame])
                self._has_footer = True

    async def end(self, closing: bytes) -> None:
        """Accept the end of the input, or what breaks it."""
        async with self._turn:
            if not self.ended:
                await self._wait_room()
                self.ended = True
                self._put([closing])

    def close(self, reason: str) -> None:
        """Break the input, unless it has ended, as nothing will send or read more."""
        if not self.ended:
            self._broken = StreamBrokenError(reason)
            self.ended = True
        self._ring()
        self._room.set()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the bytes of the stream as they are read: all frames that are there, together."""
        try:
            yield self._opening
            while self._waiting or not self.ended:
                if not self._waiting:
                    await self._news.wait()
                    continue
                frames, self._waiting = self._waiting, []
                self._read = len(frames)
                yield b"".join(frames)
                self._read = 0
                self._room.set()
        finally:  # also when the execution reads no more
            self.ended = True
            self._room.set()
        if self._broken is not None:
            raise self._broken

    async def _wait_room(self) -> int:
        """Wait until frames can be accepted, and return how many; raise when the execution reads no more."""
        while not self.ended:
            if (free := self._most - len(self._waiting) - self._read) > 0:
                return free
            self._room = anyio.Event()
            await self._room.wait()
        message = "the input has ended, or the execution reads no more of it"
        raise Refusal(409, "input-ended", message, more={"accepted": self.accepted})

    def _put(self, frames: Sequence[bytes]) -> None:
        self._waiting += frames
        self._ring()

    def _ring(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()
