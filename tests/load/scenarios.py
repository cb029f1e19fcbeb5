"""What the server is asked to do, and what it costs."""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import psutil
from clients import Watchers, connect
from serving import pipeline

from headwater import Runner

__all__ = ["Figure", "Scale", "measured"]

SERVING = Path(__file__).with_name("serving.py")
KIB = 1024


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the load is."""

    ratio_clients: int
    clients: int
    seconds: int
    storm_s: int
    judges_speed: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; a bound of None is shown only."""

    name: str
    value: float
    unit: str
    bound: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether the bound is kept."""
        return self.bound is None or self.value <= self.bound


class Served:
    """A server in a process of its own."""

    def __init__(self, name: str) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * KIB)  # of every connection
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        self.port: int = listener.getsockname()[1]
        descriptor = listener.fileno()
        self._process = subprocess.Popen([sys.executable, str(SERVING), name, str(descriptor)], pass_fds=[descriptor])
        listener.close()
        self._usage = psutil.Process(self._process.pid)
        self.ask("GET", "/load/tasks")  # which is answered when it is ready

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and return what the answer holds."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            headers = {"content-type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
            return json.loads(text) if text else None

    def start(self, count: int, every_s: float, delay_s: float = 0) -> str:
        """Start an execution whose events wait for `go` and a delay, and return the path of its events."""
        plan = {"count": count, "every_s": every_s, "delay_s": delay_s}
        form = self.ask("POST", "/pipelines/ticks/executions", {"input": plan})
        return str(form["links"]["events"])

    def go(self) -> None:
        """Let the events begin."""
        self.ask("POST", "/load/go")

    @property
    def cpu_s(self) -> float:
        """Processor time used so far."""
        times = self._usage.cpu_times()
        return times.user + times.system

    @property
    def resident(self) -> int:
        """Memory used, in bytes."""
        return self._usage.memory_info().rss

    @property
    def descriptors(self) -> int:
        """Files and sockets that are open."""
        return self._usage.num_fds()

    @property
    def tasks(self) -> int:
        """Tasks of the event loop."""
        return int(self.ask("GET", "/load/tasks"))

    def stop(self) -> None:
        """End the process."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def served(name: str) -> Iterator[Served]:
    """Run a server in the block."""
    server = Served(name)
    try:
        yield server
    finally:
        server.stop()


def measured(scale: Scale) -> Iterator[Figure]:
    """Yield all figures."""
    yield from _cost_of_events(scale)
    yield from _many_clients(scale)
    yield from _latency(scale)
    yield _first_item(scale)
    yield from _silent_clients(scale)
    yield from _storm(scale)


def _cpu_us(name: str, clients: int, events: int, every_s: float) -> float:
    """Return the processor time for one event to one client."""
    with served(name) as server, closing(Watchers(server.port)) as watchers:
        if name == "bare":
            server.ask("POST", f"/emit?count={events}&every_s={every_s}")
            path, last_id = "/events", events
        else:
            path, last_id = server.start(events, every_s), events + 5
        watchers.open([path] * clients)
        before_s = server.cpu_s
        server.go()
        watchers.read_until(lambda: all(client.last_id >= last_id for client in watchers.clients))
        return (server.cpu_s - before_s) / last_id / clients * 1e6


def _cost_of_events(scale: Scale) -> Iterator[Figure]:
    """Compare with a bare ASGI endpoint, taking turns; the best of each counts."""
    costs: dict[str, list[float]] = {"bare": [], "headwater": []}
    for _ in range(3):
        for name, found in costs.items():
            found.append(_cpu_us(name, scale.ratio_clients, 20, 0.05))
    bare_us, own_us = min(costs["bare"]), min(costs["headwater"])
    yield Figure("processor time per event and client, bare ASGI endpoint", bare_us, "us")
    yield Figure("processor time per event and client", own_us, "us")
    yield Figure("ratio of these", own_us / bare_us, "x", 1.3 if scale.judges_speed else None)


def _many_clients(scale: Scale) -> Iterator[Figure]:
    """Send one event per second to many clients."""
    with served("headwater") as server, closing(Watchers(server.port)) as watchers:
        path = server.start(scale.seconds, 1.0)
        watchers.open([path] * 100)  # what is loaded on first use is not that of a client
        before, first_clients = server.resident, len(watchers.clients)
        watchers.open([path] * (scale.clients - first_clients))
        kib = (server.resident - before) / (scale.clients - first_clients) / KIB
        before_s, begun_s = server.cpu_s, time.monotonic()
        server.go()
        watchers.read_until(lambda: all(client.last_id >= scale.seconds + 5 for client in watchers.clients))
        cores = (server.cpu_s - before_s) / (time.monotonic() - begun_s)
        yield Figure("clients at one event per second", scale.clients, "")
        yield Figure("memory per client", kib, "KiB", 20)
        yield Figure("processor cores used", cores, "")
        yield Figure("events lost", sum(client.lost for client in watchers.clients), "", 0)
        yield Figure("events repeated", sum(client.repeated for client in watchers.clients), "", 0)
        missing = sum(client.last_id < scale.seconds + 5 for client in watchers.clients)
        yield Figure("clients without the terminal event", missing, "", 0)


def _latency(scale: Scale) -> Iterator[Figure]:
    """Follow 100 executions that run at once."""
    count = scale.seconds * 5
    with served("bare") as server, closing(Watchers(server.port)) as watchers:
        server.ask("POST", f"/emit?count={count}&every_s=0.2")
        watchers.open(["/events"] * 100)
        server.go()
        watchers.read_until(lambda: all(client.last_id >= count for client in watchers.clients), timed=True)
        bare_ms = _percentile(watchers.latencies_s, 99) * 1000
        yield Figure("event to socket, bare ASGI endpoint with 100 clients, p99", bare_ms, "ms")
    with served("headwater") as server, closing(Watchers(server.port)) as watchers:
        watchers.open([server.start(count, 0.2, number / 500) for number in range(100)])  # which are not in step
        server.go()
        done = count + 5
        watchers.read_until(lambda: all(client.last_id >= done for client in watchers.clients), timed=True)
        yield Figure("event to socket with 100 executions, p50", _percentile(watchers.latencies_s, 50) * 1000, "ms")
        p99_ms = _percentile(watchers.latencies_s, 99) * 1000
        yield Figure("event to socket with 100 executions, p99", p99_ms, "ms", 50 if scale.judges_speed else None)


def _first_item(scale: Scale) -> Figure:
    """Compare the time to the first item over HTTP with a local execution."""
    plan = {"count": 1, "every_s": 0, "waits": False}

    async def local() -> list[float]:
        times: list[float] = []
        own = pipeline()
        async with Runner() as runner:
            for _ in range(50):
                begun_s = time.perf_counter()
                async with runner.start(own, plan) as execution:
                    async for _ in execution.output:
                        times.append(time.perf_counter() - begun_s)
                        break
        return times

    remote: list[float] = []
    with served("headwater") as server:
        for _ in range(50):
            begun_s = time.perf_counter()
            with closing(HTTPConnection("127.0.0.1", server.port)) as connection:
                headers = {"content-type": "application/json", "accept": "application/jsonl"}
                connection.request("POST", "/pipelines/ticks/run", json.dumps({"input": plan}), headers)
                connection.getresponse().readline()
                remote.append(time.perf_counter() - begun_s)
    more_s = statistics.median(remote) - statistics.median(anyio.run(local))
    bound = 5 if scale.judges_speed else None
    return Figure("start to first item, HTTP more than local", more_s * 1000, "ms", bound)


def _silent_clients(scale: Scale) -> Iterator[Figure]:
    """Hold the latency of others against what it is without clients that never read."""
    others = max(scale.ratio_clients // 10, 50)
    count = scale.seconds * 30
    p99_s: dict[bool, list[float]] = {False: [], True: []}
    shed = 0
    for is_disturbed in (False, True) * 3:
        with served("headwater") as server, closing(Watchers(server.port)) as watchers:
            path = server.start(count, 0.01)
            silent = [connect(server.port, path, receive_bytes=2048) for _ in range(max(others // 100, 1))]
            watchers.open([path] * others)
            if not is_disturbed:
                for one in silent:
                    one.close()
            before = server.descriptors
            server.go()
            watchers.read_until(lambda: all(client.last_id >= count + 5 for client in watchers.clients), timed=True)
            p99_s[is_disturbed].append(_percentile(watchers.latencies_s, 99))
            if is_disturbed:
                time.sleep(6.5)  # the deadline of a client that does not read
                shed += before - server.descriptors >= len(silent)
                for one in silent:
                    one.close()
    ratio = min(p99_s[True]) / min(p99_s[False])
    bound = 1.1 if scale.judges_speed else None
    yield Figure("p99 of others beside clients that never read, ratio", ratio, "x", bound)
    yield Figure("runs in which clients that never read were not cut", 3 - shed, "", 0)


def _storm(scale: Scale) -> Iterator[Figure]:
    """Connect and reset for a while, and look what is left."""
    reset = b"\1\0\0\0\0\0\0\0"
    with served("headwater") as server:
        path = server.start(10, 1.0)

        def clients(number: int) -> int:
            for _ in range(number):
                client = connect(server.port, path)
                client.recv(10)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                client.close()
            return number

        clients(500)
        time.sleep(1)
        before, tasks, resident = server.descriptors, server.tasks, server.resident
        end_s, count = time.monotonic() + scale.storm_s, 0
        while time.monotonic() < end_s:
            count += clients(100)
        time.sleep(2)
        yield Figure("connections that were reset", count, "")
        yield Figure("descriptors left by them", max(server.descriptors - before, 0), "", 0)
        yield Figure("tasks left by them", max(server.tasks - tasks, 0), "", 0)
        yield Figure("memory left by them", max(server.resident - resident, 0) / KIB / KIB, "MiB", 4)


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
