"""What `headwater steps` and `headwater schema` print: the list of kinds, one kind in full, and JSON Schemas."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from headwater.cli.plan_text import type_text
from headwater.cli.terminal import styled
from headwater.display import columns, printable
from headwater.errors import ConfigError, Problem, StepDefinitionError
from headwater.kinds.docstring import sections
from headwater.kinds.registry import registry

if TYPE_CHECKING:
    from headwater.kinds.definition import Method, Port, StepDefinition

__all__ = ["kind_text", "kinds_text", "schema_text"]

_WIDTH = 100
_TITLES = {
    "Returns": "returns",
    "Yields": "yields",
    "Raises": "fails with",
    "Example": "in Python",
    "Examples": "in Python",
}


def schema_text(subject: str) -> str:
    """Return the JSON Schema of `config`, of `events` or of the params of a kind, indented."""
    return to_json(_schema(subject), indent=2).decode()


def _schema(subject: str) -> dict[str, Any]:
    if subject == "config":
        from headwater.config.schema import config_schema

        return config_schema()
    if subject == "events":
        from headwater.cli.event_schema import events_schema

        return events_schema()
    return _definition(subject, also=("config", "events")).params_schema()


def _definition(kind: str, also: Iterable[str] = ()) -> StepDefinition:
    found = registry.find(kind)
    if found is None:
        near = registry.suggest(kind)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "`headwater steps` lists all kinds"
        expected = f"; expected a kind, {' or '.join(map(repr, also))}" if also else ""
        raise ConfigError(Problem("unknown-kind", f"no step of kind {kind!r} is known{expected}", hint=hint))
    return found.definition


def kinds_text() -> str:
    """Return all kinds by prefix, each with the first line of its description."""
    families = groupby(registry.kinds(), lambda kind: kind.partition(".")[0])
    return "\n\n".join("\n".join(_family(name, list(kinds))) for name, kinds in families)


def _family(name: str, kinds: list[str]) -> Iterator[str]:
    yield _bold(name)
    yield from columns([[kind, _summary(kind)] for kind in kinds], indent="  ")


def _summary(kind: str) -> str:
    """Return one line about a kind; a kind that cannot be imported must not hide the others."""
    try:
        return _definition(kind).doc.partition("\n")[0]
    except StepDefinitionError as error:
        return f"(broken: {printable(error.problems[0].message)})"


def _bold(text: str) -> str:
    return styled(text, "bold", stream=sys.stdout)


def kind_text(kind: str) -> str:
    """Return the description of a kind, its ports with types, its params, an example, and where it is defined."""
    definition = _definition(kind)
    return "\n".join(chain.from_iterable(_parts(definition)))


def _parts(definition: StepDefinition) -> Iterator[list[str]]:
    doc = sections(definition.doc)
    summary, _, rest = doc.pop("", "").partition("\n")
    yield [f"{_bold(definition.kind)}: {summary or 'no description'}"]
    if prose := rest.strip():
        yield ["", *_indented(prose, 2)]
    yield ["", *chain.from_iterable(map(_method, definition.methods))]
    if definition.is_shaped:
        yield ["    the params say which ports there are, and their types"]
    schema = definition.params_schema()
    if properties := schema.get("properties"):
        yield ["", "  params", *_params(schema, properties)]
    yield ["", "  in a document", f"    {_example(definition.kind, schema)}"]
    for title, text in doc.items():
        if title in _TITLES:
            yield ["", f"  {_TITLES[title]}", *_indented(text, 4)]
    if definition.permission:
        yield ["", f"  needs a permission: --allow {definition.permission}"]
    yield ["", f"  defined in {definition.origin}, runs {_place(definition)}"]


def _indented(text: str, width: int) -> list[str]:
    return [f"{' ' * width}{line}".rstrip() for line in text.splitlines()]


def _method(method: Method) -> Iterator[str]:
    task = f", task {method.task.name}" if method.task is not None else ""
    yield f"  {method.flavor.name.lower().replace('_', ' -> ')}{task}"
    ports = [["in", *_port(port, "optional")] for port in method.inputs]
    ports += [["out", *_port(port, "may stay unconnected")] for port in method.outputs]
    yield from columns(ports, indent="    ")


def _port(port: Port, unless_required: str) -> list[str]:
    return [
        port.name,
        f"{'stream of ' if port.streaming else ''}{type_text(port.type)}",
        "" if port.required else unless_required,
    ]


def _params(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[str]:
    required, models = schema.get("required", ()), schema.get("$defs", {})
    for name in sorted(properties, key=lambda name: name not in required):  # required ones first
        prop = properties[name]
        heading = f"{name}: {_type(prop, models)}, {'required' if name in required else _default(prop)}"
        first, *more = wrap(heading, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)
        yield first.replace(name, _bold(name), 1)
        yield from more
        yield from wrap(prop.get("description", ""), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _default(prop: Mapping[str, Any]) -> str:
    return f"default {_json(prop['default'])}" if "default" in prop else "optional"


def _type(prop: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """Return the type that a JSON Schema describes, in a few words."""
    if "enum" in prop:
        return "one of " + ", ".join(map(_json, prop["enum"]))
    if "anyOf" in prop:
        return " or ".join(_type(part, models) for part in prop["anyOf"])
    if "$ref" in prop:
        name = str(prop["$ref"]).rpartition("/")[2]
        return str(models.get(name, {}).get("title", name))
    name = str(prop.get("type", "any"))
    if not isinstance(prop.get("items"), dict):
        return name
    items = _type(prop["items"], models)
    return f"{name} of ({items})" if "anyOf" in prop["items"] else f"{name} of {items}"


def _example(kind: str, schema: Mapping[str, Any]) -> str:
    """Return a step of a document, with its required params."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    models = schema.get("$defs", {})
    params = {name: f"<{_type(properties.get(name, {}), models)}>" for name in schema.get("required", ())}
    step = {"id": kind.rpartition(".")[2], "kind": kind}
    return _json({**step, "params": params} if params else step)


def _place(definition: StepDefinition) -> str:
    places = {"inline": "in the event loop", "thread": "in a worker thread", "process": "in a worker process"}
    batches = ", with several items at a time" if any(method.batched for method in definition.methods) else ""
    return places[definition.placement.value] + batches


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
