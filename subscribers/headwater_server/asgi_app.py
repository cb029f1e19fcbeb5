"""The server as an ASGI app."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute

from headwater_server.access.gate import Auth, Gate
from headwater_server.access.origins import Origins
from headwater_server.access.rates import Rates
from headwater_server.catalog.pipeline_catalog import Catalog, Source
from headwater_server.monitor.page import monitor_routes
from headwater_server.refusals import Refusal, problem_response
from headwater_server.routes.api_description import ApiDescription
from headwater_server.routes.events import EventRoutes
from headwater_server.routes.execution_routes import ExecutionRoutes
from headwater_server.routes.guarded import Guarded, Handler
from headwater_server.routes.input_routes import Inputs
from headwater_server.routes.operator_routes import Operations
from headwater_server.routes.output_routes import Outputs
from headwater_server.routes.pipelines import Pipelines
from headwater_server.routes.run_socket import RunSocket
from headwater_server.routes.runs import Runs
from headwater_server.service import Service
from headwater_server.settings import Limits, Options
from headwater_server.streaming.asgi import remember_transport
from headwater_server.streaming.conversation import SocketEndpoint
from headwater_server.streaming.hub import Hub
from headwater_server.streaming.plain_socket import PlainSocket

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from headwater import Runner

__all__ = ["Server", "create_app"]

_PUBLIC: Final = frozenset({"/healthz", "/readyz"})


class Server:
    """The server: an ASGI app, which is served as it is or mounted in another one.

    Attributes:
        service: The inside of the server.
    """

    def __init__(self, service: Service) -> None:
        self.service: Service = service
        self._router = Router(_routes(service), redirect_slashes=False, default=_not_found)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncGenerator[None]:
        """Run the server in the block; an app that mounts it enters this in its own lifespan.

        Example:
            >>> app = FastAPI(lifespan=server.lifespan)  # doctest: +SKIP
        """
        async with self.service.running():
            yield

    def _methods_at(self, scope: Scope) -> list[str]:
        """Return the methods that a path can be requested with."""
        routes = [route for route in self._router.routes if isinstance(route, Route) and route.matches(scope)[0].value]
        return sorted({method for route in routes for method in route.methods or ()})

    async def stop(self) -> None:
        """Refuse new work, and wait until what runs has ended or its time is over."""
        await self.service.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(self, receive, send)
            return
        scope.setdefault("app", self)
        remember_transport(scope, send)
        try:
            if (headers := self.service.gate.preflight(scope)) is not None:
                await Response(status_code=204, headers=headers)(scope, receive, send)
                return
            await self._router(scope, receive, send)
        except Refusal as error:
            await problem_response(error)(scope, receive, send)
        except HTTPException as error:  # of the router, such as for another method
            headers = {**(error.headers or {}), "allow": ", ".join(self._methods_at(scope))}
            message = f"{scope['method']} is not possible here; use {headers['allow']}"
            refusal = Refusal(error.status_code, "wrong-method", message, headers=headers)
            await problem_response(refusal)(scope, receive, send)


def create_app(  # noqa: PLR0913 - each is a choice of the operator
    pipelines: Source,
    *,
    runner: Runner | None = None,
    limits: Limits | None = None,
    files: Collection[str | Path] = (),
    allow: Collection[str] = (),
    origins: Collection[str] = (),
    auth: Auth | None = None,
    insecure: bool = False,
    allow_documents: bool = False,
    drain_s: float = 30.0,
) -> Server:
    """Return a server as an ASGI app.

    Args:
        pipelines: A folder of documents, a document, a pipeline, or several of them.
        runner: What runs the executions, with its subscribers; the server enters its block.
        limits: What callers may ask of the server.
        files: Folders that steps may read from and write to.
        allow: Permissions that documents may use, such as `process`.
        origins: Origins of pages that may use the server, such as `https://example.org`.
        auth: How callers are identified: `ApiKeys`, `JwtTokens` or a function of a request that returns a `Principal`;
            without it, only this machine may use the server.
        insecure: Whether other machines may use the server without `auth`.
        allow_documents: Whether callers may upload documents.
        drain_s: How long executions may go on when the server stops, in seconds.

    Returns:
        The app.

    Raises:
        ValueError: An argument is out of its range, or a folder of `files` does not exist.

    Example:
        >>> from headwater import Pipeline, step
        >>> @step("example.length")
        ... def length(text: str) -> int:
        ...     return len(text)
        >>> server = create_app(Pipeline("length", steps={"length": length}))
    """
    options = Options(
        limits=limits or Limits(),
        files=tuple(Path(folder).resolve() for folder in files),
        allow=frozenset(allow),
        origins=tuple(origins),
        allow_documents=allow_documents,
        drain_s=drain_s,
    )
    if missing := [str(folder) for folder in options.files if not folder.is_dir()]:
        raise ValueError(f"files must be folders that exist, but these do not: {', '.join(missing)}")
    gate = Gate(
        auth,
        origins=Origins(options.origins),
        rates=Rates(options.limits.requests_per_minute),
        public=_PUBLIC,
        insecure=insecure,
    )
    return Server(Service(Catalog(pipelines, options.allow, options.files), gate, options, runner))


def _routes(service: Service) -> list[BaseRoute]:
    pipelines, executions = Pipelines(service), ExecutionRoutes(service)
    inputs, outputs, runs, events = Inputs(service), Outputs(service), Runs(service), EventRoutes(service)

    operations, description = Operations(service), ApiDescription(service)

    def route(method: str, path: str, handler: Handler) -> Route:
        return Route(path, Guarded(service, handler), methods=[method])

    def stream(path: str, handler: Handler) -> Route:
        return Route(path, Guarded(service, handler, watches_rights=True), methods=["GET"])

    return [
        *monitor_routes(),
        route("GET", "/openapi.json", description.document),
        route("GET", "/docs", description.page),
        route("GET", "/docs/style.css", description.style),
        route("GET", "/healthz", operations.health),
        route("GET", "/readyz", operations.readiness),
        route("GET", "/metrics", operations.metrics),
        route("GET", "/pipelines", pipelines.every),
        route("POST", "/pipelines", pipelines.upload),
        route("GET", "/pipelines/{name}", pipelines.one),
        route("DELETE", "/pipelines/{name}", pipelines.delete),
        route("POST", "/pipelines/{name}/executions", pipelines.start),
        route("POST", "/pipelines/{name}/run", runs.run),
        route("GET", "/executions", executions.every),
        route("GET", "/executions/{id}", executions.one),
        route("GET", "/executions/{id}/output", outputs.read),
        route("GET", "/executions/{id}/output/{output}", outputs.read),
        route("GET", "/executions/{id}/result", executions.result),
        route("POST", "/executions/{id}/cancel", executions.cancel),
        route("POST", "/executions/{id}/input", inputs.add),
        stream("/executions/{id}/events", events.of_one),
        route("POST", "/tickets", events.ticket),
        WebSocketRoute("/pipelines/{name}/run", RunSocket(service)),
        stream("/events", events.of_several),
        stream("/stream/pipeline/{id}", events.plain),
        WebSocketRoute("/ws/pipeline/{id}", SocketEndpoint(service, PlainSocket)),
        WebSocketRoute("/ws", SocketEndpoint(service, Hub)),
    ]


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    response = problem_response(Refusal(404, "unknown-path", "there is nothing at this path"))
    await response(scope, receive, send)


async def _serve_lifespan(server: Server, receive: Receive, send: Send) -> None:
    """Run the server between the two messages of the lifespan protocol."""
    await receive()
    try:
        async with server.lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await server.stop()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})
