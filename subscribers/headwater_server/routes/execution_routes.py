"""The endpoints of executions: their list, one of them, its result and its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio

from headwater_server.bodies.frame_forms import result_form
from headwater_server.bodies.request_bodies import Body, read_object
from headwater_server.refusals import Refusal
from headwater_server.routes.parsing import member, number_in
from headwater_server.routes.pipelines import json_response
from headwater_server.service import links_of
from headwater_server.streaming.departure import watched

if TYPE_CHECKING:
    from starlette.responses import Response

    from headwater_server.executions.held import HeldExecution
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["ExecutionRoutes"]

_MOST_LISTED = 500
_STATES = ("running", "completed", "failed", "cancelled")
_LONGEST_WAIT_S = 300.0
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})")


class ExecutionRoutes:
    """Answers requests about executions."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def held(self, call: Call) -> HeldExecution:
        """Return the execution that a request is about, which must be the caller's own."""
        return self._service.executions.of(call.principal, call.request.path_params["id"])

    async def every(self, call: Call) -> Response:
        """Answer with the caller's own executions, the newest first."""
        query = call.request.query_params
        pipeline, state, before = query.get("pipeline"), query.get("state"), query.get("before")
        limit = number_in(call, "limit", 50)
        if limit > _MOST_LISTED:
            raise Refusal(400, "bad-query", f"limit is {limit}, but at most {_MOST_LISTED} are listed at once")
        if state not in {None, *_STATES}:
            raise Refusal(400, "bad-query", f"state is {state!r:.80}, but one of {', '.join(_STATES)} is expected")
        listed: list[HeldExecution] = []
        begun = before is None
        for held in self._service.executions.owned_by(call.principal):
            if begun and pipeline in {None, held.pipeline} and state in {None, held.status}:
                if len(listed) == limit:
                    break
                listed.append(held)
            begun = begun or held.id == before
        else:
            limit = 0
        more = {key: value for key, value in query.items() if key != "before"}
        next_url = (
            f"{call.root}/executions?{urlencode({**more, 'before': listed[-1].id})}" if limit and listed else None
        )
        forms = [held.to_json(links_of(call.request, held)) for held in listed]
        return json_response({"executions": forms, "next": next_url})

    async def one(self, call: Call) -> Response:
        """Answer with one execution and the state of its steps; `Prefer: wait=30` waits for its end."""
        held = self.held(call)
        await _wait_ended(call, held)
        return json_response(held.to_json(links_of(call.request, held), with_steps=True))

    async def cancel(self, call: Call) -> Response:
        """Stop an execution."""
        held = self.held(call)
        limits = self._service.limits
        given = await read_object(call.request, Body(call.request.receive, limits), limits)
        held.cancel(member(given, "reason", str, default="") or "a client cancelled it")
        return json_response(held.to_json(links_of(call.request, held)), 202)

    async def result(self, call: Call) -> Response:
        """Answer with the outcome, or with the state while it runs; `Prefer: wait=30` waits for the end."""
        held = self.held(call)
        await _wait_ended(call, held)
        links = links_of(call.request, held)
        if held.result is None:
            return json_response(held.to_json(links), 202, {"retry-after": "1"})
        outputs = held.outputs.values()
        for kept in outputs:
            if kept.first:
                message = (
                    f"only the items from {kept.first} on are kept of output {kept.name!r}; read {links['output']}"
                )
                raise Refusal(410, "items-not-kept", message, more={"first_item": kept.first, "items": kept.count})
        return json_response({**result_form(held.id, held.result, links), **held.output_values()})


async def _wait_ended(call: Call, held: HeldExecution) -> None:
    """Wait for the end of an execution, for as long as the client prefers."""
    if (prefer := _WAIT.search(call.request.headers.get("prefer", ""))) is None:
        return

    async def wait(_scope: object) -> None:
        with anyio.move_on_after(min(float(prefer[1]), _LONGEST_WAIT_S)):
            await held.done.wait()

    await watched(call.request.receive, wait)
