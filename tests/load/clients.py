"""Many clients in one process, each of which checks that it gets every event once."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

_ID: Final = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_TIMESTAMP: Final = re.compile(rb'"timestamp":"([^"]+)"')


@dataclass(slots=True)
class Client:
    """One client: the number of the last event, and what was wrong."""

    socket: socket.socket
    last_id: int = 0
    lost: int = 0
    repeated: int = 0
    rest: bytes = b""
    closed: bool = False

    def read(self, latencies_s: list[float] | None) -> None:
        """Take what has arrived."""
        try:
            chunk = self.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.closed = True
            return
        now_s = time.time()
        data = self.rest + chunk
        whole, _, self.rest = data.rpartition(b"\n\n")
        for match in _ID.finditer(whole):
            event_id = int(match[1])
            self.lost += max(event_id - self.last_id - 1, 0)
            self.repeated += event_id <= self.last_id
            self.last_id = event_id
        if latencies_s is not None and (stamps := _TIMESTAMP.findall(whole)):
            latencies_s += [now_s - datetime.fromisoformat(stamp.decode()).timestamp() for stamp in stamps]


@dataclass
class Watchers:
    """The clients of one scenario."""

    port: int
    clients: list[Client] = field(default_factory=list[Client])
    latencies_s: list[float] = field(default_factory=list[float])
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def open(self, paths: Iterable[str]) -> None:
        """Connect a client for each path, and wait until each has been answered."""
        for path in paths:
            connected = connect(self.port, path)
            connected.setblocking(False)
            client = Client(connected)
            self.clients.append(client)
            self._selector.register(connected, selectors.EVENT_READ, client)
            if len(self.clients) % 50 == 0:
                self._read(0, None)
        self.read_until(lambda: all(client.rest or client.last_id or client.closed for client in self.clients))

    def read_until(self, done: Callable[[], bool], *, most_s: float = 120, timed: bool = False) -> None:
        """Read until something holds, or for some time."""
        end_s = time.monotonic() + most_s
        while time.monotonic() < end_s:
            self._read(0.05, self.latencies_s if timed else None)
            if done():
                return

    def close(self) -> None:
        """Leave."""
        for client in self.clients:
            client.socket.close()
        self._selector.close()

    def _read(self, timeout_s: float, latencies_s: list[float] | None) -> None:
        for key, _ in self._selector.select(timeout_s):
            client: Client = key.data
            client.read(latencies_s)
            if client.closed:
                self._selector.unregister(client.socket)


def connect(port: int, path: str, *, receive_bytes: int | None = None) -> socket.socket:
    """Return a connection on which a path was asked for."""
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return client
