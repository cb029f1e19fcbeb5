"""Serves the files of the monitor: the page at `/`, and what it loads below `/monitor/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from gzip import compress
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["CONTENT_SECURITY_POLICY", "StaticFile", "monitor_routes", "static_files"]

_SOURCES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "vue",
}
CONTENT_SECURITY_POLICY: Final = "; ".join(f"{name} {sources}" for name, sources in _SOURCES.items())
"""What the page may load and run: its own files only, without inline scripts, inline styles and strings as code."""

_INDEX: Final = "index.html"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}
_HEADERS: Final = {
    "cache-control": "no-cache",  # a browser asks again each time, and the ETag makes the answer short
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the page, with what its answer says about it."""

    content: bytes
    compressed: bytes
    content_type: str
    etag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files of the monitor by their paths, such as `view/graph-view.js`; they are read once."""
    found = _found(files("headwater_server.monitor") / "static", "")
    return {path: _read(file) for path, file in found if _ending(path) in _TYPES}


def _found(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _found(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, entry


def _ending(path: str) -> str:
    return path.rpartition(".")[2]


def _read(file: Traversable) -> StaticFile:
    content = file.read_bytes()
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    return StaticFile(content, compress(content, mtime=0), _TYPES[_ending(file.name)], etag)


def monitor_routes() -> list[Route]:
    """Return the routes of the page and of its files, to be placed before those of the resources."""
    return [Route("/", _index, name="monitor"), Route("/monitor/{path:path}", _file, name="monitor-file")]


async def _index(request: Request) -> Response:
    return _answer(request, _INDEX)


async def _file(request: Request) -> Response:
    path: str = request.path_params["path"]
    # Other people's pages load the component from here, and these files are the same for everyone.
    return _answer(request, path, {"access-control-allow-origin": "*"})


def _answer(request: Request, path: str, more: dict[str, str] | None = None) -> Response:
    found = static_files().get(path)
    if found is None:
        return PlainTextResponse("The monitor has no such file.\n", 404, headers=_HEADERS)
    # The tag is weak, as it is the same for the compressed file.
    headers = {**_HEADERS, **(more or {}), "etag": f"W/{found.etag}", "vary": "accept-encoding"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    content = found.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["content-encoding"] = found.compressed, "gzip"
    return Response(content, headers=headers, media_type=found.content_type)
