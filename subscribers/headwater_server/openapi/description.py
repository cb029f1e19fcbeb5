"""The whole description: the operations, and those of each pipeline with its own types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from headwater import __version__
from headwater_server.catalog.entry import Entry
from headwater_server.openapi.operations import operation, parameter, paths
from headwater_server.openapi.schemas import SCHEMAS, obj, ref

__all__ = ["describe"]

_LINES, _SSE, _WIRE = "application/jsonl", "text/event-stream", "application/vnd.headwater.stream"
_BINARY: Mapping[str, Any] = {"type": "string", "format": "binary"}


def describe(entries: Iterable[Entry], root: str, *, is_protected: bool) -> dict[str, Any]:
    """Return the description of a server with some pipelines, below where it is mounted."""
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Headwater",
            "version": __version__,
            "description": "Typed streaming pipelines: start, watch, read and cancel executions.",
        },
        "servers": [{"url": root or "/"}],
        "paths": paths(),
        "components": {"schemas": dict(SCHEMAS)},
    }
    for entry in entries:
        found["paths"] |= _pipeline_paths(entry)
    if is_protected:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
        for path in ("/healthz", "/readyz"):
            found["paths"][path]["get"]["security"] = []
    return found


def _pipeline_paths(entry: Entry) -> dict[str, Any]:
    name, base = entry.name, f"/pipelines/{quote(entry.name, safe='')}"
    about = entry.described()
    body, start = _bodies(about)
    key = parameter(
        "Idempotency-Key",
        "header",
        "Makes a repeat of the request harmless.",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
    )
    return {
        base: {
            "get": operation(
                f"get {name}", f"Describe {name}", {200: {"application/json": ref("PipelineDetails")}}, tag=name
            ),
            "delete": operation(
                f"delete {name}", f"Remove {name}, if you uploaded it", {204: None}, refused=(404, 409), tag=name
            ),
        },
        f"{base}/executions": {
            "post": operation(
                f"start {name}",
                f"Start an execution: {entry.description or name}",
                {201: {"application/json": ref("Execution")}},
                refused=(404, 409, 413, 415, 422),
                parameters=(key,),
                body={"application/json": start},
                tag=name,
            )
        },
        f"{base}/run": {
            "post": operation(
                f"run {name}",
                f"Run and answer in one exchange; parameters of a stream are in the query, as set=name=value: {name}",
                {
                    200: {
                        "application/json": _result(about),
                        _LINES: ref("Frame"),
                        _SSE: {},
                        _WIRE: _BINARY,
                    }
                },
                refused=(404, 406, 409, 413, 415, 422, 504),
                body={"application/json": body, _LINES: {}, _WIRE: _BINARY},
                tag=name,
            )
        },
    }


def _bodies(about: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of the bodies that run a pipeline, and that start it."""
    parameters = {"parameters": about["parameters"]}
    needed = parameters if about["parameters"].get("required") else {}
    if not about["inputs"]:
        body = obj(needed, {**parameters, "input": {"type": "null"}}, more=False)
        return body, _with_reader(body)
    body = obj({"input": _input(about), **needed}, parameters, more=False)
    streamed = obj({"stream_input": {"const": True}, **needed}, parameters, more=False)
    return body, {"oneOf": [_with_reader(body), _with_reader(streamed)]}


def _with_reader(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "properties": {**body["properties"], "read_output": {"type": "boolean"}}}


def _input(about: Mapping[str, Any]) -> dict[str, Any]:
    inputs = about["inputs"]
    if len(inputs) == 1:
        return _either(next(iter(inputs.values())))
    return obj({name: _either(one) for name, one in inputs.items()}, more=False) if inputs else {"type": "null"}


def _either(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one value, or of several: each pipeline takes both."""
    item = form["item"]
    return {"anyOf": [{"type": "array", "items": item}, item]}


def _result(about: Mapping[str, Any]) -> dict[str, Any]:
    outputs = about["outputs"]
    if len(outputs) != 1:
        return ref("Result")
    form = next(iter(outputs.values()))
    return {"allOf": [ref("Result"), obj({"output": {"anyOf": [*_either(form)["anyOf"], {"type": "null"}]}})]}
