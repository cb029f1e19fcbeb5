"""The pages for the document, conditions and events."""

from __future__ import annotations

import inspect

from headwater.cli.event_schema import events_schema
from headwater.config.conditions.operators import OPERATORS
from headwater.config.schema import config_schema
from headwater.events import data
from headwater.events.event import DATA_MODELS, EventType
from headwater.kinds.docstring import argument_descriptions, sections
from headwater_reference.markdown import TITLES, anchor, block, code, definitions, fields, schema_type, table

DOCUMENT = """\
A pipeline is one JSON object. With the extra `yaml`, it may also be written in YAML.
Keys that are not listed here are refused.
Most values may be templates: `${parameters.NAME}`, `${env.NAME}`, and `${secret.NAME}` for secret params.
`headwater schema config` prints the JSON Schema, with the params of every installed kind. Editors use it for \
completion and checks.
"""
CONDITIONS = """\
A condition is data that tests an item, such as the `when` of an edge or the `where` of `stream.filter`.
If an object has several operators, all of them must hold.
"""
CONDITION = "ConditionData"
COMBINERS = ("field", "all", "any", "not")


def document_page() -> str:
    """Return the page of the document, with every key of every object."""
    schema = config_schema()
    objects = schema["$defs"]
    objects["StepSpec"]["properties"]["kind"].pop("enum", None)  # they have pages of their own
    parts = [
        "# The document\n",
        DOCUMENT,
        definitions(fields(schema)),
    ]
    names: list[str] = [name for name, found in objects.items() if found.get("properties") and name.isidentifier()]
    for name in sorted({*names} - {CONDITION}, key=[*TITLES, *names].index):
        parts += [f"({anchor(name).lower()})=", f"## {TITLES.get(name, name).capitalize()}\n"]
        parts.append(objects[name].get("description", "") + "\n")
        parts.append(definitions(fields(objects[name])))
    parts.append("## A complete document\n\n" + block("json", _example()))
    return "\n".join(parts)


def _example() -> str:
    from headwater_reference.kinds import CONFIGS

    return (CONFIGS / "word-report.json").read_text("utf-8")


def conditions_page() -> str:
    """Return the page of conditions: their shape and their operators."""
    keys = config_schema()["$defs"][CONDITION]["properties"]
    rows = [
        [f"`{name}`", schema_type(keys[name]) if isinstance(keys[name], dict) else "any", found.meaning]
        for name, found in OPERATORS.items()
    ]
    examples = (
        {"field": "status", "ge": 500},
        {"length_at_least": 3},
        {"all": [{"field": "path", "starts_with": "/api/"}, {"not": {"field": "user", "exists": False}}]},
    )
    return "\n".join(
        [
            f"({CONDITION.lower()})=\n# Conditions\n",
            CONDITIONS,
            *(f"- {code(example)}" for example in examples),
            "\n## Keys\n",
            definitions((f"`{name}`", keys[name].get("description", "")) for name in COMBINERS),
            "## Operators\n",
            table(["operator", "operand", "true when"], rows),
            "",
        ]
    )


def events_page() -> str:
    """Return the page of events: the envelope, and the data of each type."""
    objects = events_schema()["$defs"]
    rows = [[f"[`{name}`](#event-{anchor(name)})", _doc(name)[0].partition("\n")[0]] for name in EventType]
    parts = [
        "# Events\n",
        "An event is a numbered fact about an execution; `headwater schema events` prints the JSON Schema.\n",
        table(["event", "meaning"], rows) + "\n",
        "## Every event\n",
        definitions(_envelope(objects)),
    ]
    for name in EventType:
        text, meanings = _doc(name)
        ends = " It ends the execution and is the last event." if name.terminal else ""
        parts.append(f"(event-{anchor(name)})=\n## `{name}`\n\n{text}{ends}\n")
        parts.append(definitions(fields(objects[DATA_MODELS[name].__name__], meanings)))
    shown = {*EventType, *(model.__name__ for model in DATA_MODELS.values())}
    for part in sorted(part for part, schema in objects.items() if part not in shown and "properties" in schema):
        parts.append(f"({anchor(part).lower()})=\n## `{part}`\n\n{objects[part].get('description', '')}\n")
        parts.append(
            definitions(fields(objects[part], argument_descriptions(inspect.getdoc(getattr(data, part)) or "")))
        )
    return "\n".join(parts)


def _envelope(objects: dict[str, dict[str, object]]) -> list[tuple[str, str]]:
    """Return the fields that all events have."""
    found = dict(fields(objects[EventType.STEP_START]))
    return [
        ("`event_type` — string, required", "One of the types below.")
        if "`event_type`" in term
        else ("`data` — object, required", "The data of the event, depending on its type.")
        if "`data`" in term
        else (term, text)
        for term, text in found.items()
    ]


def _doc(name: EventType) -> tuple[str, dict[str, str]]:
    doc = inspect.cleandoc(DATA_MODELS[name].__doc__ or "")
    meaning = sections(doc).get("", "").partition(": ")[2]
    return meaning[:1].upper() + meaning[1:], argument_descriptions(doc)
