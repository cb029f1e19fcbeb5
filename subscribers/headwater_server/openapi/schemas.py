"""The JSON Schemas of what requests bring and answers carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["SCHEMAS", "array", "obj", "ref"]

STRING: Final[Mapping[str, Any]] = {"type": "string"}
NUMBER: Final[Mapping[str, Any]] = {"type": "number"}
COUNT: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 0}
BOOLEAN: Final[Mapping[str, Any]] = {"type": "boolean"}
ANY: Final[Mapping[str, Any]] = {}
LINKS: Final[Mapping[str, Any]] = {"type": "object", "additionalProperties": STRING}
STATES: Final = ["running", "completed", "failed", "cancelled"]


def ref(name: str) -> dict[str, Any]:
    """Return a reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def obj(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None, *, more: bool = True) -> dict[str, Any]:
    """Return the schema of an object, whose first properties are required."""
    schema: dict[str, Any] = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        schema["required"] = list(required)
    if not more:
        schema["additionalProperties"] = False
    return schema


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_PIPELINE: Final = {
    "name": STRING,
    "description": STRING,
    "state": {"enum": ["ready", "broken"]},
    "problems": array(ref("ConfigProblem")),
    "links": LINKS,
}
_EXECUTION: Final = {
    "id": STRING,
    "pipeline": STRING,
    "state": {"enum": STATES},
    "created": {"type": "string", "format": "date-time"},
    "duration_s": NUMBER,
    "parameters": {"type": "object"},
    "error": _nullable({"type": "object"}),
    "last_seq": COUNT,
    "outputs": {"type": "object", "additionalProperties": ref("OutputState")},
    "links": LINKS,
}

SCHEMAS: Final[Mapping[str, Any]] = {
    "Problem": obj(
        {"type": STRING, "title": STRING, "status": {"type": "integer"}, "detail": STRING, "code": STRING},
        {"problems": array(ref("ConfigProblem"))},
    ),
    "ConfigProblem": obj({"code": STRING, "message": STRING}),
    "Pipeline": obj(_PIPELINE),
    "PipelineDetails": obj(
        {
            **_PIPELINE,
            "document": {"type": "object"},
            "parameters": {"type": "object"},
            "inputs": {"type": "object"},
            "outputs": {"type": "object"},
            "steps": array(obj({"id": STRING, "kind": STRING, "flavor": STRING})),
            "drawing": _nullable({"type": "object"}),
        }
    ),
    "Pipelines": obj({"pipelines": array(ref("Pipeline"))}),
    "OutputState": obj({"streaming": BOOLEAN, "items": COUNT, "first_item": COUNT, "ended": BOOLEAN}),
    "Execution": obj(_EXECUTION, {"steps": array(ref("StepState"))}),
    "StepState": obj({"id": STRING, "kind": STRING, "state": STRING}),
    "Executions": obj({"executions": array(ref("Execution")), "next": _nullable(STRING)}),
    "Result": obj(
        {"id": STRING, "state": {"enum": STATES}, "output": ANY, "duration_s": NUMBER},
        {"header": ANY, "footer": ANY, "error": _nullable({"type": "object"}), "links": LINKS},
    ),
    "Frame": {
        "description": "One frame of an output, a line of JSON lines or the data of SSE.",
        "oneOf": [obj({key: ANY}) for key in ("header", "item", "footer", "end", "break")],
    },
    "Event": obj(
        {
            "schema_version": {"const": 1},
            "seq": {"type": "integer", "minimum": 1},
            "event_type": STRING,
            "execution_id": STRING,
            "step_id": _nullable(STRING),
            "attempt": {"type": "integer", "minimum": 1},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": _nullable({"type": "object"}),
            "metadata": _nullable({"type": "object"}),
        }
    ),
    "Accepted": obj({"accepted": COUNT, "ended": BOOLEAN}),
    "Ticket": obj({"ticket": STRING, "url": STRING, "expires_s": NUMBER}),
    "TicketRequest": obj(
        {"path": {"type": "string", "pattern": "^/[^/?#][^?#]*$", "maxLength": 2000}},
        {"for": {"enum": ["sse", "websocket"], "default": "sse"}},
    ),
    "CancelRequest": obj({}, {"reason": STRING}),
    "Status": obj({"status": STRING}),
}
"""The named schemas of the description."""
