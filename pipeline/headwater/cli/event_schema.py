"""The published JSON Schema of events."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from headwater.events.event import DATA_MODELS, SCHEMA_VERSION, EventType

__all__ = ["events_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF_TEMPLATE = "#/$defs/{model}"


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an event on the wire, with the data models in `$defs`.

    Example:
        >>> schema = events_schema()
        >>> schema["$defs"]["step_skipped"]["properties"]["data"]["anyOf"][0]
        {'$ref': '#/$defs/StepSkipped'}
    """
    references, definitions = TypeAdapter.json_schemas(
        [(event_type, "serialization", TypeAdapter(model)) for event_type, model in DATA_MODELS.items()],
        ref_template=_REF_TEMPLATE,
    )
    models: dict[str, Any] = definitions["$defs"]
    for model in models.values():
        model["description"] = model["description"].partition("\n")[0]  # the rest describes arguments in Python
        model["required"] = list(model["properties"])  # defaults are written, too
    envelopes = {str(kind): _envelope(kind, references[kind, "serialization"]) for kind in DATA_MODELS}
    return {
        "$schema": _DIALECT,
        "title": "StreamEvent",
        "description": "A numbered fact about an execution of a pipeline.",
        "oneOf": [{"$ref": _REF_TEMPLATE.format(model=name)} for name in envelopes],
        "discriminator": {
            "propertyName": "event_type",
            "mapping": {name: _REF_TEMPLATE.format(model=name) for name in envelopes},
        },
        "$defs": {**envelopes, **models},
    }


def _envelope(event_type: EventType, data: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "schema_version": {"const": SCHEMA_VERSION, "description": "Version of this format."},
        "seq": {"type": "integer", "minimum": 1, "description": "Number within the execution, without gaps."},
        "event_type": {"const": event_type.value},
        "execution_id": {"type": "string", "description": "The execution it is about."},
        "step_id": {"type": ["string", "null"], "description": "The step it is about, if any."},
        "attempt": {"type": "integer", "minimum": 1, "description": "The attempt of the step it is about."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
        "data": {"anyOf": [data, {"type": "null"}]},
        "metadata": {"type": ["object", "null"], "description": "Anything that the emitter adds."},
    }
    return {
        "type": "object",
        "title": event_type.value,
        "properties": properties,
        "required": list(properties),
    }
