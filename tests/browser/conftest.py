"""The monitor in Chromium, served by the real server. `make browser` runs these tests; `make test` leaves them out."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

collect_ignore_glob = [] if os.environ.get("HEADWATER_BROWSER_TESTS") else ["test_*.py"]

AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


class Loop:
    """An event loop in a thread, which runs servers while the tests drive the browser."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Site:
    """A server and how to use it from a test."""

    url: str
    client: httpx2.Client
    cut: Callable[[], None]
    restore: Callable[[], None]

    def start(self, name: str, **body: Any) -> str:
        """Start an execution, and return its id."""
        answer = self.client.post(f"/pipelines/{name}/executions", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def execution(self, execution_id: str) -> dict[str, Any]:
        """Return the form of an execution."""
        return self.client.get(f"/executions/{execution_id}").json()

    def ended(self, name: str, **body: Any) -> str:
        """Run an execution to its end, and return its id."""
        execution_id = self.start(name, **body)
        self.client.get(f"/executions/{execution_id}/result", headers={"prefer": "wait=30"})
        return execution_id


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Run an event loop for the servers."""
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def serve(loop: Loop) -> Iterator[Callable[[Any], int]]:
    """Return a function that serves an app, and returns its port."""
    import uvicorn

    class Listener(uvicorn.Server):
        """Uvicorn that leaves signals to pytest, and says when it listens."""

        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            self.listens = asyncio.Event()
            self.served: asyncio.Future[None] = asyncio.ensure_future(self._serve())

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            self.listens.set()

    listeners: list[Listener] = []

    async def listen(config: uvicorn.Config) -> int:
        listeners.append(listener := Listener(config))
        await listener.listens.wait()
        return listener.servers[0].sockets[0].getsockname()[1]

    async def end() -> None:
        for listener in listeners:
            listener.should_exit = True
        await asyncio.gather(*(listener.served for listener in listeners))

    def serve(app: Any) -> int:
        options = {"log_level": "error", "ws": "websockets-sansio", "timeout_graceful_shutdown": 1}
        return loop.run(listen(uvicorn.Config(app, host="127.0.0.1", port=0, **options)))

    yield serve
    loop.run(end())


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the documents."""
    from tests.browser.pipelines import write_documents

    return write_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="session")
def site(loop: Loop, serve: Callable[[Any], int], folder: Path) -> Iterator[Site]:
    """Serve the documents behind a connection that can be cut."""
    from headwater_server.asgi_app import create_app
    from tests.browser.relay import Relay

    relay = Relay(serve(create_app(folder, drain_s=1)))
    loop.run(relay.open())
    url = f"http://127.0.0.1:{relay.port}"
    with httpx2.Client(base_url=url, timeout=40) as client:
        yield Site(url, client, lambda: loop.run(relay.cut()), lambda: loop.run(relay.open()))
    loop.run(relay.cut())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "chromium is not installed: apt-get install chromium, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Return a function that opens an address in a new window; nothing may be wrong in its console."""
    faults: list[str] = []
    contexts = []

    def open_page(
        address: str = "",
        *,
        width: int = 1280,
        height: int = 860,
        url: str = site.url,
        may_fail: bool = False,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        if not may_fail:
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{url}/{address}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture(autouse=True)
def _closed_gate() -> Iterator[None]:
    """Close the gate before each test, and open it after it, so that nothing runs on."""
    from tests.browser.pipelines import GATE

    GATE.allowed = 0
    yield
    GATE.allowed = 10**9


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core, which `make browser` installs from npm."""
    path = Path(os.environ.get("AXE", "build/axe/package/axe.min.js"))
    script = path.read_bytes()
    assert sha256(script).hexdigest() == AXE_SHA256, "this is not the axe-core that the tests were written with"
    return script.decode()
