"""The files of the monitor, as a browser gets them."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from headwater_server.monitor.page import CONTENT_SECURITY_POLICY, monitor_routes, static_files
from tests.project.test_language import habits

STATIC = Path(__file__).parents[3] / "subscribers/headwater_server/monitor/static"
OWN_LINES = 350


@pytest.fixture
def client() -> httpx2.AsyncClient:
    """Return a client of an app that serves the monitor alone."""
    transport = httpx2.ASGITransport(app=Starlette(routes=monitor_routes()))
    return httpx2.AsyncClient(transport=transport, base_url="http://monitor")


def own_files(*ends: str) -> dict[str, str]:
    """Return the files that are ours, by path, with these ends."""
    files = {
        path: file.content
        for path, file in static_files().items()
        if path.endswith(ends or tuple("abcdefghijklmnopqrstuvwxyz"))
    }
    return {path: content.decode() for path, content in files.items() if not path.startswith("vendor/")}


async def test_page_is_served_with_a_strict_policy(client: httpx2.AsyncClient) -> None:
    """Only scripts and styles of the page's own files run, nothing inline, and no other page may frame it."""
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("vendor/vue.runtime.esm-browser.prod.js", "text/javascript; charset=utf-8"),
        ("styles/base.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("vendor/vendored.json", "application/json"),
        ("vendor/vue.LICENSE", "text/plain; charset=utf-8"),
    ],
)
async def test_file_has_its_type(client: httpx2.AsyncClient, path: str, content_type: str) -> None:
    """A browser runs a module only with the type of a script."""
    answer = await client.get(f"/monitor/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.content == (STATIC / path).read_bytes()


async def test_file_is_compressed_for_clients_that_accept_it(client: httpx2.AsyncClient) -> None:
    """A browser gets a fraction of the bytes, and others get the file as it is."""
    path = "/monitor/vendor/vue.runtime.esm-browser.prod.js"
    small = await client.get(path, headers={"accept-encoding": "gzip, br"})
    whole = await client.get(path, headers={"accept-encoding": "identity"})
    assert (small.headers["content-encoding"], whole.headers.get("content-encoding")) == ("gzip", None)
    assert small.content == whole.content
    assert int(small.headers["content-length"]) < int(whole.headers["content-length"]) / 2
    assert small.headers["vary"] == whole.headers["vary"] == "accept-encoding"


async def test_file_is_not_sent_again_when_it_is_known(client: httpx2.AsyncClient) -> None:
    """The answer to the ETag of the file is 304, with any of several tags, and a changed file is sent."""
    etag = (await client.get("/monitor/app.js")).headers["etag"]
    for known in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        answer = await client.get("/monitor/app.js", headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await client.get("/monitor/app.js", headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("path", ["missing.js", "%2e%2e/page.py", "static/app.js", "", "/etc/passwd"])
async def test_nothing_else_is_served(client: httpx2.AsyncClient, path: str) -> None:
    """Only files of the table are found, whatever the path is made of."""
    answer = await client.get(f"/monitor/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


async def test_head_is_answered(client: httpx2.AsyncClient) -> None:
    """A HEAD request gets the headers alone."""
    answer = await client.head("/monitor/app.js")
    assert (answer.status_code, answer.content) == (200, b"")


def test_every_file_of_the_folder_is_served() -> None:
    """No file has an end that the server does not know."""
    found = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()}
    assert found == static_files().keys()


def test_vendored_files_are_those_that_are_declared() -> None:
    """Each vendored file has its version, its license, and the hash of the file in its package."""
    declared = json.loads((STATIC / "vendor/vendored.json").read_text("utf-8"))
    for file in declared:
        assert sha256((STATIC / "vendor" / file["file"]).read_bytes()).hexdigest() == file["sha256"]
        assert (STATIC / "vendor" / file["license_file"]).stat().st_size > 500
        assert re.fullmatch(r"npm:[\w-]+", file["package"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", file["version"])
    named = {name for file in declared for name in (file["file"], file["license_file"])} | {"vendored.json"}
    assert named == {path.name for path in (STATIC / "vendor").iterdir()}


def test_page_loads_nothing_from_elsewhere() -> None:
    """No file of ours has an address of another server, but for names of standards and links in comments."""
    for path, text in own_files().items():
        code = re.sub(r"^\s*(//|/?\*).*$", "", text, flags=re.MULTILINE)
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)[\w.-]+", code), path


def test_page_has_nothing_inline() -> None:
    """The policy would block a script or a style within the page."""
    html = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)
    for path, text in own_files(".js").items():
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), path


def test_imports_lead_to_files() -> None:
    """Every module that another one imports is there, under the path that a browser resolves."""
    for path, text in own_files(".js").items():
        for target in re.findall(r'^(?:import|export)\b[^"]*?from "([^"]+)";', text, re.MULTILINE):
            assert target.startswith("."), (path, target)
            assert (STATIC / path).parent.joinpath(target).resolve().is_file(), (path, target)


def test_files_are_in_plain_english() -> None:
    """What readers of the page and of its code read has none of the habits that slow them down."""
    found = {path: list(habits(enumerate(text.split("\n"), 1))) for path, text in own_files(".js", ".html").items()}
    assert not {path: habit for path, habit in found.items() if habit}


def test_no_file_is_too_long() -> None:
    """A module of the page is as readable as one of the packages."""
    lengths = {path: len(text.splitlines()) for path, text in own_files(".js", ".css").items()}
    assert not {path for path, length in lengths.items() if length > OWN_LINES}
