"""A real HTTP server that answers with exactly the bytes that a test says, and knows what became of its connections."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import checkpoint
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from headwater.running.groups import open_group


@dataclass
class Asked:
    """A request as the server saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[["Asked", ByteStream], Awaitable[None]]


@dataclass
class Server:
    """A server on 127.0.0.1.

    Attributes:
        port: Its port.
        asked: The requests, in order.
        connections: How many there were.
        open: How many are open now.
        most_open: Most that were open at the same time.
        left: Set when a client leaves before it has the whole answer.
    """

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    left: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


def answer(
    body: bytes | str = b"", *, status: str = "200 OK", length: int | str | None = None, **headers: str
) -> bytes:
    """Return a whole response; `content_type="text/csv"` is a header."""
    content = body.encode() if isinstance(body, str) else body
    head = {"content-length": str(len(content) if length is None else length)}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def saying(*parts: bytes) -> Handler:
    """Return a handler that gives the same answer to everybody."""

    async def handle(asked: Asked, stream: ByteStream) -> None:
        for part in parts:
            await stream.send(part)

    return handle


def routes(by_path: dict[str, bytes]) -> Handler:
    """Return a handler that gives each path its answer."""

    async def handle(asked: Asked, stream: ByteStream) -> None:
        path = asked.target.partition("?")[0]
        await stream.send(by_path.get(path, answer("no such page", status="404 Not Found")))

    return handle


@asynccontextmanager
async def serving(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    """Run a server; a connection whose handler returns takes the next request."""
    server = Server()

    async def talk(stream: ByteStream) -> None:
        server.connections += 1
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        received = BufferedByteReceiveStream(stream)
        try:
            async with stream:
                while (asked := await _read(received)) is not None:
                    server.asked.append(asked)
                    await handle(asked, stream)
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            server.left.set()
        except anyio.ClosedResourceError:
            pass  # the handler has hung up
        finally:
            server.open -= 1

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, open_group() as group:
        server.port = listener.extra_attributes[SocketAttribute.local_port]()
        served = listener if tls is None else TLSListener(listener, tls, standard_compatible=False)
        group.start_soon(served.serve, talk)
        try:
            yield server
        finally:
            group.cancel_scope.cancel()


async def _read(received: BufferedByteReceiveStream) -> Asked | None:
    """Return the next request; None when there is none."""
    try:
        head = await received.receive_until(b"\r\n\r\n", 65_536)
    except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    return Asked(method, target, headers, await received.receive_exactly(length) if length else b"")


async def until_left(asked: Asked, stream: ByteStream) -> None:
    """Wait, as a handler, until the client hangs up."""
    await stream.receive()


async def until_closed(server: Server) -> None:
    """Wait until the server has no connection any more, or never had one."""
    with anyio.fail_after(60):
        while server.open:
            await checkpoint()
