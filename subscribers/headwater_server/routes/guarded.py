"""Endpoints as ASGI apps: the caller is admitted, and whatever is raised becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request

from headwater import StreamBrokenError
from headwater.toolkit import notice
from headwater_server.access.scope_reading import invalid_token
from headwater_server.refusals import Refusal, problem_response
from headwater_server.streaming.asgi import abort, cut, remember_transport

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from headwater_server.access.principal import Principal
    from headwater_server.service import Service

__all__ = ["Call", "Guarded", "Handler", "single_error"]


class Call:
    """One request that was admitted."""

    def __init__(self, request: Request, principal: Principal, send: Send, headers: Mapping[str, str]) -> None:
        self.request = request
        self.principal = principal
        self.send = send
        self.headers = headers  # of every answer

    @property
    def root(self) -> str:
        """The path that the server is mounted at."""
        return str(self.request.scope.get("root_path", "")).rstrip("/")


Handler = Callable[[Call], "Awaitable[Response | None]"]
"""Answers a request; None when it has sent the answer itself."""


class Guarded:
    """An endpoint behind the gate."""

    def __init__(self, service: Service, handler: Handler, *, watches_rights: bool = False) -> None:
        self._service = service
        self._handler = handler
        self._watches_rights = watches_rights  # whether the handler itself ends when the caller loses its rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started = False
        remember_transport(scope, send)  # before `send` is wrapped

        def sending(message: Message) -> Awaitable[None]:  # not async: it is called for every event to every client
            nonlocal started
            started = True
            return send(message)

        request = Request(scope, receive)
        headers = self._service.gate.headers(scope)
        try:
            self._service.check_running()
            _check_query(request)
            async with self._service.gate.admit(scope) as principal:
                call = Call(request, principal, sending, headers)
                response, is_over = await self._handled(call)
            if is_over and started:
                abort(scope)
                await checkpoint()  # so that the server notices that the connection was lost
            elif is_over:
                raise invalid_token("the key or token has expired or was revoked")
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            error = single_error(error)
            if started:
                await _cut_off(scope, error)
                return
            response = _answer_for(error, request)
        if response is not None:
            for name, value in headers.items():
                response.headers.setdefault(name, value)
            await response(scope, receive, send)

    async def _handled(self, call: Call) -> tuple[Response | None, bool]:
        """Return the answer, and whether the caller lost its rights while it read; what runs for it goes on."""
        if call.request.method != "GET" or self._watches_rights:
            return await self._handler(call), False
        with anyio.CancelScope() as scope, self._service.watch.following(call.principal, scope.cancel):
            return await self._handler(call), False
        return None, True


def single_error(error: Exception) -> Exception:
    """Return the one error in groups of one."""
    inside: Sequence[Exception] = getattr(error, "exceptions", ())
    while len(inside) == 1:
        error = inside[0]
        inside = getattr(error, "exceptions", ())
    return error


def _check_query(request: Request) -> None:
    """Refuse a name that is in the query twice: one of its values would not count."""
    names = [name for name, _ in request.query_params.multi_items() if name != "set"]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal(400, "bad-query", f"{twice!r:.80} is in the query twice")


async def _cut_off(scope: Scope, error: Exception) -> None:
    """Cut off an answer that has begun, which the client sees as such; raise where only the server can do it."""
    if not isinstance(error, StreamBrokenError):
        notice("request_failed", path=scope["path"], error=f"{type(error).__name__}: {error}")
    if not cut(scope):
        raise error
    await checkpoint()  # so that the server notices that the connection was lost


def _answer_for(error: Exception, request: Request) -> Response:
    if isinstance(error, HTTPException):
        error = Refusal(error.status_code, "http", str(error.detail), headers=dict(error.headers or {}))
    try:
        return problem_response(error)
    except Exception:  # noqa: BLE001 - a fault of the server itself, whose details are for its operator
        notice("request_failed", path=request.url.path, error=f"{type(error).__name__}: {error}")
        return problem_response(Refusal(500, "internal", "the server failed; its log says why"))
