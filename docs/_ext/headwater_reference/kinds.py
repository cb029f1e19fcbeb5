"""A page for each family of kinds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.annotations import describe
from headwater.kinds.docstring import argument_descriptions, sections
from headwater.kinds.registry import registry
from headwater_reference.markdown import anchor, block, definitions, entries, fields, table

if TYPE_CHECKING:
    from headwater.kinds.definition import Method, Port, StepDefinition
    from headwater.streams.frames import StreamType

CONFIGS = Path(__file__).parents[3] / "configs"
PLACES = {"inline": "in the event loop", "thread": "in a worker thread", "process": "in a worker process"}


def shipped_kinds() -> list[str]:
    """Return the kinds that ship with Headwater."""
    return [kind for kind in registry.kinds() if definition_of(kind).origin.module.startswith("headwater_steps.")]


def definition_of(kind: str) -> StepDefinition:
    """Return the definition of a kind."""
    found = registry.find(kind)
    if found is None:
        raise LookupError(kind)
    return found.definition


def kind_pages() -> dict[str, str]:
    """Return the pages by their paths."""
    kinds = shipped_kinds()
    pages = {"kinds/index.md": _index(kinds)}
    for family, names in groupby(kinds, _family):
        members = [definition_of(kind) for kind in names]
        records = {record.__name__: record for member in members for record in _records(member)}
        parts = [f"# `{family}.*`\n", _summaries([member.kind for member in members]), *map(_kind, members)]
        if records:
            parts += ["## Items, headers and footers\n", *(_record(record) for _, record in sorted(records.items()))]
        pages[f"kinds/{family}.md"] = "\n".join(parts)
    return pages


def _family(kind: str) -> str:
    return kind.partition(".")[0]


def _index(kinds: Sequence[str]) -> str:
    families = list(dict.fromkeys(map(_family, kinds)))
    text = ["# Kinds of steps\n\nHeadwater ships these kinds. `headwater steps` lists them together with your own.\n"]
    for family in families:
        text += [f"## `{family}.*`\n", _summaries([kind for kind in kinds if _family(kind) == family])]
    text.append("```{toctree}\n:hidden:\n\n" + "\n".join(families) + "\n```\n")
    return "\n".join(text)


def _summaries(kinds: Sequence[str]) -> str:
    rows = [[f"[`{kind}`](#{anchor(kind)})", definition_of(kind).doc.partition("\n")[0]] for kind in kinds]
    return table(["kind", "what it does"], rows) + "\n"


def _kind(definition: StepDefinition) -> str:
    parts = sections(definition.doc)
    schema = definition.params_schema()
    text = [f"({anchor(definition.kind)})=\n## `{definition.kind}`\n", parts.get("", "") + "\n"]
    text += [_method(definition, method) for method in definition.methods]
    if definition.is_shaped:
        text.append("The params say which ports there are, and their types.\n")
    if schema.get("properties"):
        text += ["**Params**\n", definitions(fields(schema))]
    text += ["**In a document**\n", block("json", _usage(definition.kind, schema))]
    if "Example" in parts:
        text += ["**In Python**\n", block("pycon", parts["Example"])]
    if "Raises" in parts:
        text += ["**Fails with**\n", entries(parts["Raises"]) + "\n"]
    return "\n".join(text)


def _method(definition: StepDefinition, method: Method) -> str:
    reads, _, writes = method.flavor.name.lower().partition("_")
    facts = [f"{reads if method.inputs else 'source'} → {writes}", f"runs {PLACES[definition.placement.value]}"]
    if method.task is not None:
        facts.insert(0, f"task `{method.task.name}`")
    if definition.permission:
        facts.append(f"needs `--allow {definition.permission}`")
    ports = [
        *(_port("in", port, "optional") for port in method.inputs),
        *(_port("out", port, "side port, may stay unconnected") for port in method.outputs),
    ]
    return f"*{' · '.join(facts)}*\n\n" + "\n".join(ports) + "\n"


def _port(way: str, port: Port, when_optional: str) -> str:
    name = "" if port.name == way else f" `{port.name}`"
    note = "" if port.required else f" ({when_optional})"
    return f"- **{way}**{name}: {_carried(port.type, streaming=port.streaming)}{note}"


def _carried(type_: StreamType, *, streaming: bool) -> str:
    parts = [f"{'stream of ' if streaming else ''}{_type(type_.item)}"]
    frames = ((type_.header, "header"), (type_.footer, "footer"))
    parts += [f"{name} {_type(annotation)}" for annotation, name in frames if annotation is not None]
    return ", ".join([*parts, *([f"{type_.mode}s"] if type_.mode is not None else [])])


def _type(annotation: Any) -> str:
    text = f"`{describe(annotation)}`"
    return f"[{text}](#{annotation.__name__.lower()})" if _is_record(annotation) else text


def _is_record(annotation: Any) -> bool:
    return inspect.isclass(annotation) and annotation.__module__.startswith("headwater_steps")


def _records(definition: StepDefinition) -> Iterator[type]:
    """Yield the classes of `headwater_steps` that a step reads or writes."""
    for port in chain.from_iterable(method.inputs + method.outputs for method in definition.methods):
        for annotation in (port.type.item, port.type.header, port.type.footer):
            if _is_record(annotation):
                yield annotation


def _record(record: type) -> str:
    doc = inspect.getdoc(record) or ""
    meanings = argument_descriptions(doc)
    types: Mapping[str, Any] = {name: getattr(record, "__annotations__", {}).get(name, "") for name in meanings}
    rows = [(f"`{name}` — `{_written(types[name])}`", text) for name, text in meanings.items()]
    kind = "A dataclass." if is_dataclass(record) else ""
    summary = sections(doc).get("", "") or kind
    return f"### `{record.__name__}`\n\n{summary}\n\n{definitions(rows)}"


def _written(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else describe(annotation)


def _usage(kind: str, schema: Mapping[str, Any]) -> str:
    """Return the shortest step of this kind in `configs`, or one with only its required params."""
    found = sorted(_used().get(kind, ()), key=len)
    if found:
        return found[0]
    properties: Mapping[str, Any] = schema.get("properties", {})
    params = {name: _sample(properties.get(name, {})) for name in schema.get("required", ())}
    step = {"id": kind.rpartition(".")[2], "kind": kind}
    return json.dumps({**step, "params": params} if params else step, ensure_ascii=False)


@cache
def _used() -> dict[str, list[str]]:
    used: dict[str, list[str]] = {}
    for file in sorted(CONFIGS.glob("*.json")):
        for step in json.loads(file.read_text("utf-8"))["steps"]:
            used.setdefault(step["kind"], []).append(json.dumps(step, ensure_ascii=False))
    return used


def _sample(prop: Mapping[str, Any]) -> Any:
    """Return an example value for a schema."""
    for key in ("examples", "enum"):
        if prop.get(key):
            return prop[key][0]
    for key in ("anyOf", "oneOf"):
        if key in prop:
            return _sample(prop[key][0])
    name = prop.get("type", "object")
    if name == "array":
        return [_sample(prop.get("items", {"type": "string"}))]
    if name in {"integer", "number"}:
        return max(prop.get("minimum", 10), prop.get("exclusiveMinimum", 0) + 1)
    return {"boolean": True, "object": {}}.get(name, "...")
