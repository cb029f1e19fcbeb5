"""Answers that are streams: sent while they are made, and aborted when a cut could not be seen otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from headwater import StreamBrokenError

if TYPE_CHECKING:
    from starlette.types import Send

    from headwater_server.bodies.frame_forms import FrameForm

__all__ = ["StreamedAnswer"]


class StreamedAnswer:
    """One response whose body is sent piece by piece; several tasks may send."""

    def __init__(self, send: Send, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._send = send
        self._headers = {
            "content-type": media_type,
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            **(headers or {}),
        }
        self._turn = anyio.Lock()
        self._started = False

    async def start(self) -> None:
        """Send the status and the headers, so that the client knows that its request is served."""
        if not self._started:
            self._started = True
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, body: bytes) -> None:
        """Send a piece of the body."""
        if body:
            async with self._turn:
                await self.start()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """End the body."""
        await self.start()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def end_or_abort(self, form: FrameForm, error: Exception | None) -> None:
        """End the body, unless its bare items could be taken for a whole stream: then abort the connection."""
        if error is not None and not form.is_framed:
            await self.start()
            raise StreamBrokenError(f"the answer is cut off, as the execution did not complete: {error}") from error
        await self.end()
