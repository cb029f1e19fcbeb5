"""The server and clients that others wrote. `make foreign-clients` runs these tests; `make test` leaves them out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from headwater import StreamEvent
from tests.browser.conftest import Loop, Site, chromium, loop, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["chromium", "loop", "serve"]

collect_ignore_glob = [] if os.environ.get("HEADWATER_FOREIGN_TESTS") else ["test_*.py"]

HERE = Path(__file__).parent
PACKAGES = Path(os.environ.get("FOREIGN_CLIENTS", "build/foreign")).absolute()


class InNode:
    """A function of `clients.js` in Node."""

    def __init__(self, name: str, options: Any) -> None:
        command = ["node", str(PACKAGES / "node.mjs"), name, json.dumps(options)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self) -> Any:
        """Return the next thing that it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program has ended"
        return json.loads(line)

    def say(self, value: Any) -> None:
        """Let it hear something."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(value)}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it."""
        with self._process:
            self._process.kill()


class InChromium:
    """A function of `clients.js` in a page of Chromium."""

    def __init__(self, page: Page, name: str, options: Any) -> None:
        self._page = page
        self._count = 0
        page.evaluate(
            """async ([code, name, options]) => {
                const said = [];
                const port = (window.port = { said, say: (value) => said.push(value), hear: () => {} });
                const clients = await import(`data:text/javascript,${encodeURIComponent(code)}`);
                Promise.resolve(clients[name](options, port)).catch((error) => port.say({ fault: String(error) }));
            }""",
            [(HERE / "clients.js").read_text("utf-8"), name, options],
        )

    def read(self) -> Any:
        """Return the next thing that it says."""
        self._page.wait_for_function("(count) => port.said.length > count", arg=self._count)
        self._count += 1
        return self._page.evaluate("(place) => port.said[place]", self._count - 1)

    def say(self, value: Any) -> None:
        """Let it hear something."""
        self._page.evaluate("(value) => port.hear(value)", value)


Client = InNode | InChromium
Start = Callable[..., Client]


@pytest.fixture
def start_in_node() -> Iterator[Start]:
    """Return a function that starts a client in Node."""
    started: list[InNode] = []
    for name in ("clients.js", "node.mjs"):  # beside the packages, where Node looks for them
        shutil.copy(HERE / name, PACKAGES)

    def start(name: str, /, **options: Any) -> InNode:
        started.append(client := InNode(name, options))
        return client

    yield start
    for client in started:
        client.close()


@pytest.fixture(scope="session")
def origin(serve: Callable[[Any], int]) -> str:
    """Return the origin of a page that is not of the server."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route

    page = HTMLResponse("<!doctype html><title>A page of somebody else</title>")
    return f"http://127.0.0.1:{serve(Starlette(routes=[Route('/', page), Route('/favicon.ico', Response())]))}"


@pytest.fixture
def start_in_chromium(chromium: Browser, origin: str) -> Iterator[Start]:
    """Return a function that starts a client in a page."""
    contexts = []

    def start(name: str, /, **options: Any) -> InChromium:
        contexts.append(context := chromium.new_context())
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(origin)
        return InChromium(page, name, options)

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(params=["node", "chromium"])
def start(request: pytest.FixtureRequest) -> Start:
    """Return a function that starts a client, in Node and in Chromium."""
    return request.getfixturevalue(f"start_in_{request.param}")


def read_until(client: Client, last: Any) -> list[Any]:
    """Return what a client says before it says something."""
    said = []
    while (one := client.read()) != last:
        said.append(one)
    return said


@pytest.fixture(scope="session")
def site(loop: Loop, serve: Callable[[Any], int], origin: str) -> Iterator[Site]:
    """Serve the pipelines behind a connection that can be cut."""
    from headwater_server.asgi_app import create_app
    from tests.browser.relay import Relay
    from tests.foreign.pipelines import DOUBLES, MEASURES

    relay = Relay(serve(create_app([MEASURES, DOUBLES], origins=[origin], drain_s=1)))
    loop.run(relay.open())
    url = f"http://127.0.0.1:{relay.port}"
    with httpx2.Client(base_url=url, timeout=60) as client:
        yield Site(url, client, lambda: loop.run(relay.cut()), lambda: loop.run(relay.open()))
    loop.run(relay.cut())


def log_of(site: Site, execution: str) -> list[StreamEvent]:
    """Return all events of an execution that has ended."""
    site.client.get(f"/executions/{execution}/result", headers={"prefer": "wait=60"})
    answer = site.client.get(f"/executions/{execution}/events?format=jsonl")
    return [StreamEvent.from_json(line) for line in answer.content.splitlines()]


@pytest.fixture(autouse=True)
def _closed_gate() -> Iterator[None]:
    """Close the gate before each test, and open it after it, so that nothing runs on."""
    from tests.foreign.pipelines import GATE

    GATE.allowed = 0
    yield
    GATE.allowed = 10**9
