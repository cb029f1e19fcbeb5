"""The endpoint of the events of an execution, and that of tickets for clients that cannot send headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from headwater.toolkit import event_filter
from headwater_server.bodies.request_bodies import Body, read_object
from headwater_server.refusals import Refusal
from headwater_server.routes.parsing import flag_in, number_in
from headwater_server.routes.pipelines import json_response
from headwater_server.streaming.client_stream import ClientStream
from headwater_server.streaming.event_endpoint import EventStream
from headwater_server.streaming.event_forms import JSON_LINES, SSE
from headwater_server.streaming.plain_paths import PLAIN_SSE
from headwater_server.streaming.several import SeveralEventStreams, Source, cursor_in

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.responses import Response

    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service
    from headwater_server.streaming.event_blocks import Wanted
    from headwater_server.streaming.event_forms import Form

__all__ = ["EventRoutes", "wanted_in"]

_MOST_EXECUTIONS: Final = 100


class EventRoutes:
    """Answers requests for events; a client that leaves cancels nothing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    # Not async, as each coroutine is memory that every open stream takes.

    def of_one(self, call: Call) -> Awaitable[None]:
        """Answer with the events of an execution: those that happened, then those to come, to the last one."""
        return self._stream(call, self._one(call, _form_in(call)))

    def plain(self, call: Call) -> Awaitable[None]:
        """Answer with the events of an execution as named events with simple data."""
        return self._stream(call, self._one(call, PLAIN_SSE))

    def of_several(self, call: Call) -> Awaitable[None]:
        """Answer with the events of several executions."""
        request = call.request
        names = _names(request.query_params.get("executions")) or []
        if not 0 < len(names) <= _MOST_EXECUTIONS:
            raise Refusal(400, "bad-query", f"executions names 1 to {_MOST_EXECUTIONS} executions, separated by commas")
        after = cursor_in(request.headers.get("last-event-id") or request.query_params.get("after"))
        every = [self._service.executions.of(call.principal, name) for name in dict.fromkeys(names)]
        sources = [Source(held.id, held.log, after.get(held.id, 0), held.steps) for held in every]
        stream = SeveralEventStreams(self._service.broadcast, sources, wanted=wanted_in(call), headers=call.headers)
        return self._stream(call, stream)

    def _one(self, call: Call, form: Form) -> EventStream:
        request = call.request
        held = self._service.executions.of(call.principal, request.path_params["id"])
        # An EventSource that connects again has the query of its first request, and in the header where it is now.
        after = max(number_in(call, "after", 0), last_event_id(request.headers.get("last-event-id")))
        return EventStream(
            self._service.broadcast,
            held.log,
            after=after,
            wanted=wanted_in(call),
            form=form,
            follow=flag_in(call, "follow") is not False,
            present=held.steps,
            headers=call.headers,
        )

    async def _stream(self, call: Call, stream: ClientStream) -> None:
        service, principal = self._service, call.principal
        with service.streams.take(principal.name), service.watch.following(principal, stream.shed):
            await stream(call.request.scope, call.request.receive, call.send)

    async def ticket(self, call: Call) -> Response:
        """Answer with a ticket for one path."""
        limits = self._service.limits
        given = await read_object(call.request, Body(call.request.receive, limits), limits)
        path, purpose = given.get("path"), given.get("for", "sse")
        if not isinstance(path, str) or purpose not in ("sse", "websocket"):
            raise Refusal(400, "bad-body", 'expected {"path": "/executions/ID/events", "for": "sse" or "websocket"}')
        ticket = self._service.gate.tickets.issue(call.principal, path, purpose, root_path=call.root)
        return json_response(ticket.to_json(), 201)


def wanted_in(call: Call) -> Wanted | None:
    """Return which events a query asks for, such as `?types=step_error&steps=words`."""
    query = call.request.query_params
    types, steps = query.get("types"), query.get("steps")
    try:
        return event_filter(_names(types), _names(steps))
    except ValueError as error:
        raise Refusal(400, "bad-query", str(error)) from None


def last_event_id(header: str | None) -> int:
    """Return the number in a `Last-Event-ID` header, or 0."""
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 18 else 0


def _names(text: str | None) -> list[str] | None:
    names = None if text is None else text.split(",")
    if names is not None and not all(names):
        raise Refusal(400, "bad-query", f"expected names between commas, found {text!r:.80}")
    return names


def _form_in(call: Call) -> Form:
    accept = call.request.headers.get("accept", "")
    form = call.request.query_params.get("format") or ("jsonl" if "jsonl" in accept or "ndjson" in accept else "sse")
    if form not in {"jsonl", "sse"}:
        raise Refusal(400, "bad-query", f"format is {form!r:.80}, but jsonl or sse is expected")
    return JSON_LINES if form == "jsonl" else SSE
