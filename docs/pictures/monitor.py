"""Take pictures of the monitor, in Chromium, of pipelines that a real server runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

WIDTH = 1200


@dataclass(frozen=True)
class View:
    """One picture: the pipeline that is shown, or that runs with these parameters up to this progress."""

    name: str
    pipeline: str
    parameters: dict[str, str] | None = None
    left_s: float | None = None
    dark: bool = False
    height: int = 720


VIEWS = (
    View("monitor-form", "word-report", height=560),
    View("monitor-running", "access-log", {"path": "access.jsonl"}, left_s=4),
    View("monitor-failed", "slow-requests", dark=True),
)


def pictures(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures with these names, or all, with their names."""
    wanted = [view for view in VIEWS if not names or view.name in names]
    if not wanted:
        return
    with _serving(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for view in wanted:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": view.height}, color_scheme="dark" if view.dark else "light"
            )
            _open(page, url, view)
            yield view.name, page.screenshot()
            page.close()
        browser.close()


def _open(page: Page, url: str, view: View) -> None:
    """Show a view, and wait until it is as the picture wants it."""
    if view.name == "monitor-form":
        page.goto(f"{url}/#/pipelines/{view.pipeline}")
        expect(page.locator("[data-step]").first).to_be_visible()
        return
    page.goto(f"{url}/#/executions/{_start(url, view)}")
    if view.left_s is not None:
        page.wait_for_function(
            "(most) => Number(/About ([\\d.]+) s left/.exec(document.body.innerText)?.[1] ?? 99) <= most",
            arg=view.left_s,
            timeout=120_000,
        )
    else:
        expect(page.get_by_role("status").first).to_have_text("failed", timeout=120_000)


def _start(url: str, view: View) -> str:
    request = urllib.request.Request(  # noqa: S310 - the server of this module
        f"{url}/pipelines/{view.pipeline}/executions",
        json.dumps({"parameters": view.parameters or {}}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return json.load(answer)["id"]


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve the documents of a folder in the block; yield the address."""
    shutil.copy(folder / "slow-requests.json", folder / "configs")
    command = ["headwater", "serve", "configs", "--files", ".", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None  # noqa: S101 - as asked for above
        try:
            yield next(found[0] for line in server.stdout if (found := re.search(r"http://\S+[0-9]", line)))
        finally:
            server.terminate()
