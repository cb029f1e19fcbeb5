"""Requests to a server, and streams of bytes from it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

import httpx2
from pydantic_core import from_json

from headwater.toolkit import item_json
from headwater_client.attempts import Attempts, Backoff
from headwater_client.client_errors import Cut, error_in

__all__ = ["Chunks", "Connection"]

_CUTS: Final = (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError, OSError)
_JSON: Final = {"content-type": "application/json"}
_PASSING: Final = {502, 503, 504}  # of a server that stops, or of a proxy before it
_TOO_MANY: Final = 429
_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 60.0
_LONGEST_WAIT_S: Final = 30.0
_KEEPALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]
"""A stream may be silent for long, so that only the system notices a server that has vanished."""


class Connection:
    """The connections to one server; an asynchronous context manager."""

    def __init__(
        self, url: str, key: str | None, backoff: Backoff, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self.url: str = url.rstrip("/")
        self.backoff: Backoff = backoff
        headers = {"accept-encoding": "identity", "user-agent": "headwater-client"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        self.http: httpx2.AsyncClient = httpx2.AsyncClient(
            base_url=self.url,
            headers=headers,
            transport=transport
            or httpx2.AsyncHTTPTransport(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=5.0),
                socket_options=_KEEPALIVE,
            ),
        )

    def attempts(self) -> Attempts:
        """Return the attempts to do something."""
        return Attempts(self.backoff, self.url)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        execution_id: str | None = None,
        is_patient: bool = False,
    ) -> Any:
        """Send a request that may be repeated, until there is an answer, which may take any time; return its JSON."""
        attempts, given = self.attempts(), dict(headers or {})
        timeout = _timeout(is_patient=is_patient)
        if json is not None:
            content, given = item_json(json, base64_bytes=True), {**given, **_JSON}
        while True:
            try:
                try:
                    response = await self.http.request(
                        method, path, content=content, params=params, headers=given, timeout=timeout
                    )
                except _CUTS as error:
                    raise Cut(error) from error
                return _answer(response, execution_id)
            except Cut as cut:
                await attempts.wait(cut)

    @asynccontextmanager
    async def stream(
        self, path: str, *, params: Mapping[str, str], headers: Mapping[str, str], execution_id: str, is_patient: bool
    ) -> AsyncGenerator[httpx2.Response]:
        """Open a stream, which may be silent for any time where there are no pings in it.

        Raises `Cut` when the connection is cut in the block, and otherwise what the server refuses.
        """
        timeout = _timeout(is_patient=is_patient)
        request = self.http.build_request("GET", path, params=params, headers=headers, timeout=timeout)
        try:
            response = await self.http.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    _answer(response, execution_id)
                yield response
            finally:
                await response.aclose()
        except _CUTS as error:
            raise Cut(error) from error


class Chunks:
    """The bytes of a response while they arrive, and whether the connection was cut."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._raw = response.aiter_raw()
        self.cut: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._raw)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.cut = error
            raise

    async def aclose(self) -> None:
        """Read no further."""
        await self._response.aclose()
        with suppress(*_CUTS):  # so that no generator below is left to the garbage collector
            async for _ in self._raw:
                pass


def _timeout(*, is_patient: bool) -> httpx2.Timeout:
    return httpx2.Timeout(_CONNECT_S, read=None if is_patient else _SILENCE_S, write=_SILENCE_S, pool=None)


def _answer(response: httpx2.Response, execution_id: str | None) -> Any:
    """Return the JSON of a response, or raise the error that it reports."""
    status = response.status_code
    try:
        body: Any = from_json(response.content) if response.content else None
    except ValueError:
        body = None
    if response.is_success:
        return body
    error = error_in(status, body, execution_id)
    reason = getattr(error, "reason", None)
    if reason is not None and (status in _PASSING or (status == _TOO_MANY and reason != "too-many-executions")):
        raise Cut(error, _wait_s(response.headers.get("retry-after", "")))
    raise error


def _wait_s(text: str) -> float:
    return min(float(text), _LONGEST_WAIT_S) if text.isascii() and text.isdigit() else 0.0
