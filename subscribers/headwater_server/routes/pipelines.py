"""The endpoints of pipelines: their list, one of them, and the start of executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from anyio import to_thread
from starlette.responses import Response

from headwater_server.bodies.frame_forms import encoded
from headwater_server.bodies.request_bodies import Body, parameters_in, read_object
from headwater_server.bodies.streamed_input import opening, typed_reader
from headwater_server.executions.executions import Start
from headwater_server.executions.input_feed import InputFeed
from headwater_server.executions.trace_context import trace_of
from headwater_server.refusals import Refusal
from headwater_server.routes.parsing import member
from headwater_server.service import links_of

if TYPE_CHECKING:
    from headwater_server.catalog.entry import Entry
    from headwater_server.executions.held import HeldExecution
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["Pipelines", "json_response"]

_KEYS = frozenset({"input", "parameters", "stream_input", "read_output"})


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of JSON."""
    return Response(
        encoded(value),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


class Pipelines:
    """Answers requests about pipelines."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def every(self, call: Call) -> Response:
        """Answer with the list of pipelines."""
        return json_response(
            {"pipelines": [_form(entry, call) for entry in self._service.catalog.visible_to(call.principal.name)]}
        )

    async def one(self, call: Call) -> Response:
        """Answer with one pipeline: its document, its types and its drawing."""
        entry = self._service.catalog.get(call.request.path_params["name"], call.principal.name)
        return json_response({**_form(entry, call), **await to_thread.run_sync(entry.described)})

    async def upload(self, call: Call) -> Response:
        """Add a document of the caller, where the operator allows it."""
        service = self._service
        if not service.options.allow_documents:
            message = "this server takes no documents; its operator can allow it with --allow-documents"
            raise Refusal(403, "documents-not-allowed", message)
        document = await read_object(call.request, Body(call.request.receive, service.limits), service.limits)
        most = service.limits.documents_per_caller
        entry = await service.catalog.upload(document, call.principal.name, most)
        form = _form(entry, call)
        return json_response(form, 201, {"location": form["links"]["self"]})

    async def delete(self, call: Call) -> Response:
        """Remove a document of the caller."""
        self._service.catalog.delete(call.request.path_params["name"], call.principal.name)
        return Response(status_code=204)

    async def start(self, call: Call) -> Response:
        """Start an execution that goes on by itself; with an `Idempotency-Key`, only the first time."""
        service, request = self._service, call.request
        name = request.path_params["name"]
        service.catalog.get(name, call.principal.name)
        given = await read_object(request, Body(request.receive, service.limits), service.limits)
        if unknown := given.keys() - _KEYS:
            raise Refusal(400, "unknown-key", f"unknown keys: {', '.join(sorted(unknown))}; known: {', '.join(_KEYS)}")
        if (key := request.headers.get("idempotency-key")) is None:
            return started(await self._start(call, name, given), call)
        repeats = service.executions.repeats
        async with repeats.turn(call.principal, key, {"pipeline": name, **given}) as repeat:
            if repeat.held is None:
                repeat.held = await self._start(call, name, given)
        return started(repeat.held, call)

    async def _start(self, call: Call, name: str, given: Mapping[str, Any]) -> HeldExecution:
        service = self._service
        parameters = parameters_in(given)
        pipeline = await service.catalog.bind(name, call.principal.name, parameters)
        data, feed = given.get("input"), None
        if member(given, "stream_input", bool, default=False):
            if data is not None:
                raise Refusal(400, "bad-body", "give either input or stream_input")
            feed = InputFeed(opening(), most=service.limits.input_items)
            data = typed_reader(feed.chunks(), pipeline.plan(stream_input=True))
        start = Start(
            call.principal,
            name,
            pipeline,
            parameters,
            data,
            feed=feed,
            awaits_reader=member(given, "read_output", bool, default=False),
        )
        try:
            with trace_of(call.request.headers):
                return await service.executions.start(start)
        except BaseException:
            if feed is not None:
                feed.close("the execution was not started")
            raise


def started(held: HeldExecution, call: Call) -> Response:
    """Return the answer for an execution that was started."""
    links = links_of(call.request, held)
    return json_response(held.to_json(links), 201, {"location": links["self"]})


def _form(entry: Entry, call: Call) -> dict[str, Any]:
    own = f"{call.root}/pipelines/{quote(entry.name, safe='')}"
    return {
        "name": entry.name,
        "description": entry.description,
        "state": entry.state,
        "problems": [asdict(problem) for problem in entry.problems],
        "links": {"self": own, "executions": f"{own}/executions", "run": f"{own}/run"},
    }
