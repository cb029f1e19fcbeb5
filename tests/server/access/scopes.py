"""ASGI scopes as servers make them, and a clock that stands still."""

from __future__ import annotations

from typing import Any

__all__ = ["Clock", "http", "websocket"]

ADDRESS = ("127.0.0.1", 50_000)
SERVER = ("127.0.0.1", 8000)


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def http(method: str = "GET", path: str = "/pipelines", query: str = "", **changes: Any) -> dict[str, Any]:
    """Return the scope of a request; header names are written with underscores."""
    return {"type": "http", "method": method, **_common(path, query, changes)}


def websocket(path: str = "/ws", query: str = "", **changes: Any) -> dict[str, Any]:
    """Return the scope of a WebSocket."""
    return {"type": "websocket", "subprotocols": [], **_common(path, query, changes)}


def _common(path: str, query: str, changes: dict[str, Any]) -> dict[str, Any]:
    known = {name: changes.pop(name) for name in ("client", "server", "scheme", "root_path") if name in changes}
    headers = {"host": "127.0.0.1:8000"} | {name.replace("_", "-"): value for name, value in changes.items()}
    return {
        "asgi": {"version": "3.0"},
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items() if value is not None],
        "client": ADDRESS,
        "server": SERVER,
        **known,
    }
