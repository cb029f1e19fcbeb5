"""The ASGI interface, as the thin endpoints of this package use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

__all__ = ["Message", "Receive", "Scope", "Send", "abort", "cut", "header", "remember_transport"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_TRANSPORT: Final = "headwater.transport"


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header of a request; several of one name are joined by commas."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    values = [value for key, value in headers if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def remember_transport(scope: Scope, send: Send) -> None:
    """Note the connection in the scope, before middleware wraps `send`, so that it can be cut later.

    ASGI cannot cut a connection whose client does not read: closing it waits for the client. Uvicorn's own function
    leads to the transport, which can; with other servers the operating system has to do it.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if hasattr(transport, "abort"):
        scope.setdefault(_TRANSPORT, transport)


def cut(scope: Scope) -> bool:
    """Close a connection after what was sent, without an end of the answer; return whether the server allows it."""
    transport = scope.get(_TRANSPORT)
    if transport is not None:
        transport.close()
    return transport is not None


def abort(scope: Scope) -> None:
    """Cut a connection without waiting for the client, where the server allows it."""
    transport = scope.get(_TRANSPORT)
    if transport is not None:
        transport.abort()
