"""Build Markdown (MyST), and describe JSON Schemas in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_ENTRY = re.compile(r"^(\w[\w.]*): (.*(?:\n +.*)*)", re.MULTILINE)
_SIZES = {"string": ("Length", "characters"), "array": ("Items", "entries"), "object": ("Properties", "keys")}
_ONE = {"characters": "character", "entries": "entry", "keys": "key"}

TITLES = {
    "StepSpec": "a step",
    "EdgeSpec": "an edge",
    "ParameterSpec": "a parameter",
    "StreamingSpec": "streaming",
    "TimeoutSpec": "a timeout",
    "KindWithParams": "a kind with params",
    "ConditionData": "a condition",
}
"""Names of the objects of a document, by their models."""


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, with bars in cells escaped."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def definitions(entries: Iterable[tuple[str, str]]) -> str:
    """Return a definition list, which stays readable on a narrow screen."""
    return "\n".join(f"{one_line(term)}\n: {one_line(text) or '-'}\n" for term, text in entries)


def one_line(text: str) -> str:
    """Return text without line ends."""
    return " ".join(text.split())


def code(value: object) -> str:
    """Return a value as JSON in code marks."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def block(language: str, text: str) -> str:
    """Return a code block."""
    return f"```{language}\n{text.strip()}\n```\n"


def anchor(name: str) -> str:
    """Return the label for a name."""
    return name.replace(".", "-").replace("_", "-")


def entries(section: str) -> str:
    """Return a section such as `Raises` as a definition list, or unchanged if it is prose."""
    found = [(f"`{match[1]}`", match[2]) for match in _ENTRY.finditer(section)]
    return definitions(found) if found else section


def fields(schema: Mapping[str, Any], descriptions: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield each property of an object: its name, type, default and meaning."""
    required = schema.get("required", ())
    for name, prop in schema.get("properties", {}).items():
        if prop is False:
            continue
        described: Mapping[str, Any] = prop if isinstance(prop, dict) else {}
        facts = [schema_type(described)]
        if name in required:
            facts.append("required")
        elif described.get("default") is not None:
            facts.append(f"default {code(described['default'])}")
        else:
            facts.append("optional")
        text = described.get("description") or (descriptions or {}).get(name, "")
        yield f"`{name}` — {', '.join(facts)}", text


def schema_type(prop: Mapping[str, Any]) -> str:
    """Return the type of a JSON Schema in a few words, without templates."""
    if "enum" in prop:
        return _alternatives(map(code, prop["enum"]))
    if "const" in prop:
        return code(prop["const"])
    for key in ("anyOf", "oneOf"):
        if key in prop:
            return _alternatives(schema_type(given) for given in prop[key] if not _is_template(given))
    if "$ref" in prop:
        return _reference(str(prop["$ref"]).rpartition("/")[2].replace("%20", " "))
    names = prop.get("type", "any")
    if isinstance(names, str):
        return _described(names, prop)
    return _alternatives(_described(name, prop) for name in names if name != "string" or not _is_template(prop))


def _is_template(prop: Mapping[str, Any]) -> bool:
    """Return whether a schema only allows a template."""
    return "template" in prop.get("$ref", "") or "parameters|env" in prop.get("pattern", "")


def _alternatives(types: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(types))


def _reference(name: str) -> str:
    return f"[{TITLES.get(name, name)}](#{anchor(name).lower()})" if name.isidentifier() else name


def _described(name: str, prop: Mapping[str, Any]) -> str:
    of = prop.get("items") if name == "array" else prop.get("additionalProperties")
    if not of and name == "object":
        of = next(iter(prop.get("patternProperties", {}).values()), None)
    inner = f" of {schema_type(of)}" if name in {"array", "object"} and isinstance(of, dict) and of else ""
    bounds = ", ".join(filter(None, _bounds(name, prop)))
    return name + (f" ({bounds})" if bounds else "") + inner


def _bounds(name: str, prop: Mapping[str, Any]) -> Iterator[str]:
    if name in _SIZES:
        key, unit = _SIZES[name]
        least, most = prop.get(f"min{key}", 0), prop.get(f"max{key}")
        if least == most:
            yield f"exactly {least:,} {unit if least > 1 else _ONE[unit]}"
        else:
            yield from ["not empty"] if least == 1 else [f"at least {least:,} {unit}"] if least else []
            yield from [f"at most {most:,} {unit}"] if most is not None else []
    elif name in {"integer", "number"}:
        words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
        yield " ".join(f"{word} {prop[key]:,}" for key, word in words.items() if key in prop)
