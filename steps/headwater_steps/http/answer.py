"""The answer of a server: its status and headers, and its body, read within limits of size and time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import quote_from_bytes

import httpcore2
from anyio import current_time, fail_after
from anyio.lowlevel import checkpoint_if_cancelled

from headwater_steps.http.http_errors import HttpBrokenError, HttpError, HttpRefusedError, HttpTimeoutError, place_of
from headwater_steps.http.unpacking import unpacker

__all__ = ["Answer", "Limits", "Patience"]

_EXCERPT_CHARS: Final = 300
_EXCERPT_SOURCE_BYTES: Final = 16 * 1024  # so that a secret is masked before the cut
_ASCII: Final = "".join(map(chr, range(33, 127)))  # the characters of a URL that stay as they are
_FAULTS: Final = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a step takes from a server, and how long it waits for it."""

    max_body_bytes: int
    max_redirects: int
    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float


class Patience:
    """Time limits for a server; the time that the reader of the body takes does not count."""

    def __init__(self, limits: Limits, waited_s: float) -> None:
        self._limits = limits
        self.waited_s: float = waited_s
        self.started: float = current_time()

    @property
    def elapsed_s(self) -> float:
        """Time since the request, in seconds."""
        return current_time() - self.started

    @contextmanager
    def wait(self, place: str, name: str) -> Generator[None]:
        """Wait for the server, within a limit by name and the total limit."""
        limit_s: float = getattr(self._limits, name)
        left_s = self._limits.total_s - self.waited_s
        started = current_time()
        try:
            with fail_after(max(min(limit_s, left_s), 0)):
                yield
        except TimeoutError as error:
            name, limit_s = (name, limit_s) if limit_s < left_s else ("total_s", self._limits.total_s)
            raise HttpTimeoutError(place, f"the server took longer than {limit_s:g} s ({name})") from error
        finally:
            self.waited_s += current_time() - started


class Answer:
    """A response whose status and headers have arrived."""

    def __init__(self, method: str, url: str, response: httpcore2.Response, limits: Limits, patience: Patience) -> None:
        self.place: str = place_of(method, url)
        self.url: str = url
        self.status: int = response.status
        self.patience: Patience = patience
        self.first_byte_s: float = patience.elapsed_s
        self.size_bytes: int = 0
        self.received_bytes: int = 0
        self._method = method
        self._limits = limits
        self._response = response

    @cached_property
    def headers(self) -> dict[str, str]:
        """Headers by name, in lower case, without cookies, which are credentials."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._response.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name != "set-cookie":
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers

    @property
    def location(self) -> str | None:
        """Where a redirect leads: servers send UTF-8 there, although only ASCII is valid, and sometimes other bytes."""
        raw = next((value for name, value in self._response.headers if name.lower() == b"location"), None)
        if raw is None:
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return quote_from_bytes(raw, _ASCII)

    @property
    def content_type(self) -> str | None:
        """Type of the body, as the server declares it."""
        return self.headers.get("content-type")

    @property
    def declared_bytes(self) -> int | None:
        """Size of the body as the server declares it; None when it does not, or when there is no body."""
        declared = self.headers.get("content-length", "")
        return int(declared) if declared.isdecimal() and self._method != "HEAD" else None

    def check_size(self) -> None:
        """Refuse a body that is declared too large."""
        self._check_size(self.declared_bytes or 0)

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body, decompressed, as it arrives."""
        try:
            unpack = unpacker(self.headers.get("content-encoding", ""))
            async with aclosing(self._received()) as received:
                async for data in received:
                    self.received_bytes += len(data)
                    for piece in unpack.feed(data):
                        self.size_bytes += len(piece)
                        self._check_size(self.size_bytes)
                        yield piece
            unpack.finish()
        except ValueError as error:
            raise HttpBrokenError(self.place, str(error)) from error

    async def body(self) -> bytes:
        """Return the whole body, decompressed."""
        async with aclosing(self.chunks()) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def excerpt(self, masked: Callable[[str], str]) -> str:
        """Return the beginning of the body in one masked line, for a message; nothing when it cannot be read."""
        start = b""
        try:
            async with aclosing(self.chunks()) as chunks:
                async for chunk in chunks:
                    start += chunk
                    if len(start) >= _EXCERPT_SOURCE_BYTES:
                        break
        except HttpError:
            pass  # the status is reported then, which matters more
        text = " ".join(masked(start[:_EXCERPT_SOURCE_BYTES].decode(errors="replace"))[:_EXCERPT_CHARS].split())
        return "".join(mark if mark.isprintable() else "\ufffd" for mark in text)

    async def aclose(self) -> None:
        """Release the connection; it is closed if the body was not read to its end."""
        await self._response.aclose()

    async def _received(self) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives over the network."""
        async with aclosing(self._response.aiter_stream()) as stream:
            while data := await self._next(stream):
                yield data

    async def _next(self, stream: AsyncIterator[bytes]) -> bytes:
        """Return the bytes that come next; nothing at the end."""
        try:
            with self.patience.wait(self.place, "idle_s"):
                await checkpoint_if_cancelled()  # reading is not a checkpoint while data is waiting
                return await anext(stream, b"")
        except _FAULTS as error:
            after = f"the connection broke after {self.received_bytes} bytes of the body"
            raise HttpBrokenError(self.place, f"{after}: {str(error) or type(error).__name__}") from error

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limits.max_body_bytes:
            most = self._limits.max_body_bytes
            raise HttpRefusedError(self.place, f"the body is larger than {most} bytes; raise max_body_bytes to take it")
