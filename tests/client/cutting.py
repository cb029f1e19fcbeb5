"""A TCP proxy that cuts connections, at bytes that a test chooses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["Cut", "cutting"]

Cut = Callable[[int, str, bytes], int | None]
"""Returns after how many bytes a connection is cut: its number, the direction (up or down), its bytes so far."""


class _Proxy:
    """Forwards connections to a server in a thread of its own."""

    def __init__(self, port: int, cut: Cut) -> None:
        self.port = 0
        self.connections = 0
        self._target = port
        self._cut = cut
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._stop = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Future[None]] = []

    def run(self) -> None:
        """Serve until `stop`."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def wait_listening(self) -> None:
        """Wait until clients can connect."""
        assert self._listens.wait(20)

    def stop(self) -> None:
        """End all connections."""
        with suppress(RuntimeError):  # it has already ended
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for writer in self._writers:  # also of connections whose task had not begun
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.append(asyncio.ensure_future(self._forward(reader, writer)))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        seen = {"up": bytearray(), "down": bytearray()}
        try:
            upstream, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.append(to_server)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, way: str) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    before = len(seen[way])
                    seen[way] += data
                    place = self._cut(number, way, bytes(seen[way]))
                    is_cut = place is not None and place <= len(seen[way])
                    target.write(data[: max(place - before, 0)] if is_cut and place is not None else data)
                    await target.drain()
                    if is_cut:
                        return

        tasks = [
            asyncio.ensure_future(pump(reader, to_server, "up")),
            asyncio.ensure_future(pump(upstream, writer, "down")),
        ]
        try:
            with suppress(asyncio.CancelledError):  # at the end of the block
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in (writer, to_server):
                one.close()


@contextmanager
def cutting(url: str, cut: Cut) -> Iterator[tuple[str, _Proxy]]:
    """Stand between clients and a server in the block; yield the URL to use, and the proxy."""
    proxy = _Proxy(int(url.rpartition(":")[2]), cut)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    proxy.wait_listening()
    try:
        yield f"http://127.0.0.1:{proxy.port}", proxy
    finally:
        proxy.stop()
        thread.join(20)
        assert not thread.is_alive()
