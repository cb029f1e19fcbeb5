"""The operations of the API: what each takes, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headwater import EventType
from headwater_server.openapi.schemas import STATES, ref

__all__ = ["operation", "parameter", "paths"]

_LINES: Final = "application/jsonl"
_SSE: Final = "text/event-stream"
_WIRE: Final = "application/vnd.headwater.stream"
_REASONS: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "The caller is not known.",
    403: "The caller may not do this.",
    404: "There is no such thing, or it belongs to another caller.",
    406: "The answer cannot have a form that is accepted.",
    409: "The state of what the request is about does not allow it.",
    410: "What is asked for is no longer kept.",
    413: "The body is too large.",
    415: "The body has another content type than expected.",
    422: "The request does not fit the pipeline, or the execution failed.",
    429: "Too many requests, executions or streams.",
    503: "The server does not take this at the moment.",
    504: "The execution took too long.",
}
_ALWAYS: Final = (400, 401, 403, 429, 503)


def parameter(
    name: str, where: str, text: str, schema: Mapping[str, Any] | None = None, *, required: bool = False
) -> dict[str, Any]:
    """Return a parameter of an operation."""
    found: dict[str, Any] = {"name": name, "in": where, "description": text, "schema": schema or {"type": "string"}}
    if required or where == "path":
        found["required"] = True
    return found


def operation(
    name: str,
    summary: str,
    answers: Mapping[int, Mapping[str, Any] | None],
    *,
    refused: Sequence[int] = (),
    parameters: Sequence[Mapping[str, Any]] = (),
    body: Mapping[str, Any] | None = None,
    required: bool = False,
    tag: str = "",
) -> dict[str, Any]:
    """Return an operation: its answers by status, each with its content by media type, and why it may be refused."""
    responses: dict[str, Any] = {}
    for status, content in answers.items():
        responses[str(status)] = {"description": "The answer."}
        if content is not None:
            responses[str(status)]["content"] = {media: {"schema": schema} for media, schema in content.items()}
    for status in sorted({*_ALWAYS, *refused}):
        problem = {"application/problem+json": {"schema": ref("Problem")}}
        responses[str(status)] = {"description": _REASONS[status], "content": problem}
    found: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses, "tags": [tag or "server"]}
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        content = {media: {"schema": schema} for media, schema in body.items()}
        found["requestBody"] = {"required": required, "content": content}
    return found


def _json(name: str) -> dict[str, Any]:
    return {"application/json": ref(name)}


_FRAMES: Final = {
    _LINES: {"description": "A frame; with frames=false, an item."},
    _SSE: {},
    _WIRE: {"type": "string", "format": "binary"},
}
_ID: Final = parameter("id", "path", "The id of the execution.")
_OUTPUT: Final = parameter("output", "path", "The name of the output.")
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 10**17}
_AFTER: Final = parameter("after", "query", "How many the client has already.", _NUMBER)
_FRAMED: Final = parameter("frames", "query", "false for the bare items, cut off when it breaks.", {"type": "boolean"})
_EVENT_TYPES: Final = "^({0})(,({0}))*$".format("|".join(EventType))
_FILTERS: Final = (
    parameter("types", "query", "Types of events, separated by commas.", {"type": "string", "pattern": _EVENT_TYPES}),
    parameter("steps", "query", "Ids of steps, separated by commas."),
    parameter("format", "query", "sse or jsonl.", {"enum": ["sse", "jsonl"]}),
    parameter("follow", "query", "false for the events that there are.", {"type": "boolean"}),
)
_LIST: Final = (
    parameter("pipeline", "query", "Only executions of this pipeline."),
    parameter("state", "query", "Only executions in this state.", {"enum": STATES}),
    parameter("limit", "query", "How many to list.", {"type": "integer", "minimum": 0, "maximum": 500}),
    parameter("before", "query", "Only executions that are older than this one."),
)


def paths() -> dict[str, Any]:
    """Return the operations that do not depend on which pipelines there are."""
    execution = "executions"
    return {
        "/pipelines": {
            "get": operation("listPipelines", "List the pipelines", {200: _json("Pipelines")}, tag="pipelines"),
            "post": operation(
                "uploadPipeline",
                "Add a document, where the operator allows it",
                {201: _json("Pipeline")},
                refused=(409, 413, 415, 422),
                body={"application/json": {"type": "object"}},
                required=True,
                tag="pipelines",
            ),
        },
        "/executions": {
            "get": operation(
                "listExecutions", "List your executions", {200: _json("Executions")}, parameters=_LIST, tag=execution
            )
        },
        "/executions/{id}": {
            "get": operation(
                "getExecution",
                "Show an execution and its steps",
                {200: _json("Execution")},
                refused=(404,),
                parameters=(_ID,),
                tag=execution,
            )
        },
        "/executions/{id}/events": {
            "get": operation(
                "readEvents",
                "Follow the events of an execution",
                {200: {_SSE: {}, _LINES: ref("Event")}, 204: None},
                refused=(404,),
                parameters=(_ID, _AFTER, *_FILTERS),
                tag=execution,
            )
        },
        "/events": {
            "get": operation(
                "readEventsOfSeveral",
                "Follow the events of several executions on one connection",
                {200: {_SSE: {}, _LINES: ref("Event")}, 204: None},
                refused=(404,),
                parameters=(
                    parameter("executions", "query", "Ids of executions, separated by commas.", required=True),
                    parameter("after", "query", "The last event of each that the client has, such as a:12,b:0."),
                    *_FILTERS,
                ),
                tag=execution,
            )
        },
        "/stream/pipeline/{id}": {
            "get": operation(
                "readPlainEvents",
                "Follow the events in the plain form: SSE with named events",
                {200: {_SSE: {}}, 204: None},
                refused=(404,),
                parameters=(_ID, _AFTER),
                tag=execution,
            )
        },
        "/executions/{id}/output": {"get": _output("readOutput", (_ID,))},
        "/executions/{id}/output/{output}": {"get": _output("readNamedOutput", (_ID, _OUTPUT))},
        "/executions/{id}/result": {
            "get": operation(
                "getResult",
                "Show the outcome; `Prefer: wait=30` waits for it",
                {200: _json("Result"), 202: _json("Execution")},
                refused=(404, 410),
                parameters=(_ID,),
                tag=execution,
            )
        },
        "/executions/{id}/cancel": {
            "post": operation(
                "cancelExecution",
                "Stop an execution",
                {202: _json("Execution")},
                refused=(404, 413, 415),
                parameters=(_ID,),
                body=_json("CancelRequest"),
                tag=execution,
            )
        },
        "/executions/{id}/input": {"post": _input()},
        "/tickets": {
            "post": operation(
                "createTicket",
                "Get a ticket for EventSource or WebSocket",
                {201: _json("Ticket")},
                refused=(413, 415, 422),
                body=_json("TicketRequest"),
                required=True,
                tag="access",
            )
        },
        "/healthz": {"get": operation("health", "Whether the server lives", {200: _json("Status")})},
        "/readyz": {"get": operation("readiness", "Whether it takes new work", {200: _json("Status")})},
        "/metrics": {"get": operation("metrics", "Metrics for Prometheus", {200: {"text/plain": {"type": "string"}}})},
    }


def _output(name: str, place: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return operation(
        name,
        "Read the items of an output, by number",
        {200: _FRAMES, 204: None},
        refused=(404, 406, 409, 410),
        parameters=(*place, _AFTER, _FRAMED),
        tag="executions",
    )


def _input() -> dict[str, Any]:
    return operation(
        "sendInput",
        "Send items of a streaming input, by number",
        {202: _json("Accepted")},
        refused=(404, 409, 413, 415),
        parameters=(
            _ID,
            parameter("from", "query", "The number of the first item in the body.", _NUMBER),
            parameter("end", "query", "true when these are the last items.", {"type": "boolean"}),
            _FRAMED,
        ),
        body={_LINES: {}, _WIRE: {"type": "string", "format": "binary"}},
        tag="executions",
    )
