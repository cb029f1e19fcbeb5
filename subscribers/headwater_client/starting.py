"""How an execution on a server begins for a client: it is started, or found."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

import anyio

from headwater import HeadwaterError
from headwater_client.sent_input import is_streamed

if TYPE_CHECKING:
    from headwater_client.connection import Connection

__all__ = ["Begin", "Found", "Started"]

_LEAVE_S: Final = 5.0


class Begin(Protocol):
    """What begins an execution; whether it belongs to this program, and the data that is sent to it as a stream."""

    connection: Connection
    is_owner: bool
    streamed: Any

    async def begin(self) -> Mapping[str, Any]:
        """Return the form of the execution that the server answers with."""
        ...


class Found:
    """An execution that was started elsewhere."""

    is_owner = False
    streamed = None

    def __init__(self, connection: Connection, execution_id: str) -> None:
        self.connection: Connection = connection
        self._id = execution_id

    async def begin(self) -> Mapping[str, Any]:
        """Find it."""
        path = f"/executions/{self._id}"
        form: Mapping[str, Any] = await self.connection.request("GET", path, execution_id=self._id)
        return form


class Started:
    """A new execution, which waits for this program to read its outputs."""

    is_owner = True

    def __init__(self, connection: Connection, pipeline: str, data: Any, parameters: Mapping[str, Any]) -> None:
        self.connection = connection
        self.streamed: Any = data if is_streamed(data) else None
        self._path = f"/pipelines/{pipeline}/executions"
        self._headers = {"idempotency-key": uuid4().hex}
        self._body: dict[str, Any] = {"parameters": dict(parameters), "read_output": True}
        if self.streamed is not None:
            self._body["stream_input"] = True
        elif data is not None:
            self._body["input"] = data

    async def begin(self) -> Mapping[str, Any]:
        """Start it; when this is cancelled, so is what the server may have started."""
        try:
            return await self._start()
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_LEAVE_S, shield=True), suppress(HeadwaterError):
                form = await self._start()  # the same execution, as the key is the same
                reason = {"reason": "the program left before the execution had started"}
                await self.connection.request("POST", f"/executions/{form['id']}/cancel", json=reason)
            raise

    async def _start(self) -> Mapping[str, Any]:
        form: Mapping[str, Any] = await self.connection.request(
            "POST", self._path, json=self._body, headers=self._headers
        )
        return form
