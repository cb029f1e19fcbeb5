"""How Schemathesis writes and reads the media types of streams."""

# pyright: reportMissingImports=false
# Schemathesis is in an environment of its own.

from __future__ import annotations

import json
from typing import Any

import schemathesis

from headwater.wire import StreamWriter


@schemathesis.hook
def map_query(_context: Any, query: Any) -> Any:
    """Leave out what cuts off the connection of an execution that failed, as it is meant to."""
    return {name: value for name, value in (query or {}).items() if name != "frames"} or query


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@schemathesis.serializer("application/jsonl")
def lines(_context: Any, value: Any) -> bytes:
    """Return items as lines of JSON."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in _items(value))


@schemathesis.serializer("application/vnd.headwater.stream")
def typed_stream(_context: Any, value: Any) -> bytes:
    """Return items as a typed stream; what is not one stays as it is."""
    if isinstance(value, bytes):
        return value
    writer = StreamWriter[Any, Any, Any]()
    return writer.write_items(_items(value)) + writer.write_end()


@schemathesis.deserializer("application/jsonl")
def first_line(_context: Any, response: Any) -> Any:
    """Return the first line of an answer, which the schema describes."""
    return json.loads(response.content.split(b"\n")[0] or b'{"end": {}}')
