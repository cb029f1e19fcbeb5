"""The server as a router of FastAPI, for applications that have endpoints of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route, WebSocketRoute

from headwater import MissingExtraError

try:
    from fastapi import APIRouter
except ImportError as _error:
    raise MissingExtraError("the router for FastAPI", "fastapi") from _error

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from headwater_server.asgi_app import Server

__all__ = ["router"]

_REST = "/{path:path}"


def router(server: Server) -> APIRouter:
    """Return a router with all endpoints of a server, which also runs the server as long as the application runs.

    Dependencies of the application do not apply to it: the server itself checks who may call.

    Args:
        server: The server, of `create_app`.

    Returns:
        The router, to be included under a prefix.

    Raises:
        MissingExtraError: FastAPI is not installed.

    Example:
        >>> from fastapi import FastAPI
        >>> from headwater_server import create_app
        >>> app = FastAPI()
        >>> app.include_router(router(create_app("configs/")), prefix="/headwater")
    """
    found = APIRouter(lifespan=server.lifespan)
    below = _Below(server)
    found.routes += [Route(_REST, below, include_in_schema=False), WebSocketRoute(_REST, below)]
    return found


class _Below:
    """A server below the path where the router was included."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest = scope["path_params"]["path"]
        root_path = scope["path"].removesuffix(f"/{rest}")
        await self._server({**scope, "root_path": root_path}, receive, send)
