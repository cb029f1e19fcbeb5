"""Write the reference pages from what is installed: kinds, subscribers, events, the document, the commands, the API.

A Sphinx extension. The pages are made before each build, under `reference/generated`, and are not kept.
"""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.cli.plans import type_text
from headwater.kinds.docstring import argument_descriptions, sections
from headwater.kinds.registry import registry

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from headwater.kinds.definition import Method, StepDefinition

FOLDER = Path("reference/generated")
CONTENTS = {
    "Tutorial": "tutorial/first-pipeline\ntutorial/first-step\ntutorial/first-subscriber\ntutorial/first-test",
    "How to": "how-to/*",
    "Reference": "reference/*\nreference/generated/*\nreference/generated/*/index\nglossary",
    "Explanation": "explanation/*\nexplanation/decisions/README",
}
"""What stands in the margin of every page: caption -> pages."""
PACKAGES = ("headwater", "headwater.testing", "headwater_subscribers")
PLACES = {"inline": "in the event loop", "thread": "in a worker thread", "process": "in a worker process"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Ask Sphinx to have the pages written before it reads."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER))
    app.connect("source-read", _add_contents)
    return {"parallel_read_safe": True}


def _add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the table of contents, which would only be in the way of those who read the Markdown itself."""
    if page == "index":
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{pages}\n```\n"
            for caption, pages in CONTENTS.items()
        )
    elif page == "explanation/decisions/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"


def write_pages(folder: Path) -> None:
    """Write every generated page."""
    pages = {
        **kind_pages(),
        "events.md": events_page(),
        "document.md": document_page(),
        "commands.md": commands_page(),
        **api_pages(),
    }
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


# ---- Markdown


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell would end it."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(value: object) -> str:
    """Return a value as JSON in code marks."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def block(language: str, text: str) -> str:
    """Return a code block."""
    return f"```{language}\n{text.strip()}\n```\n"


# ---- kinds


def kind_pages() -> dict[str, str]:
    """Return a page for each family of kinds."""
    kinds = [kind for kind in registry.kinds() if _definition(kind).origin.module.startswith("headwater_steps")]
    pages = {"kinds/index.md": _kinds_index(kinds)}
    for family, members in groupby(kinds, lambda kind: kind.partition(".")[0]):
        parts = [f"# `{family}.*`\n", *(_kind(_definition(kind)) for kind in members)]
        pages[f"kinds/{family}.md"] = "\n".join(parts)
    return pages


def _definition(kind: str) -> StepDefinition:
    found = registry.find(kind)
    if found is None:
        raise LookupError(kind)
    return found.definition


def _kinds_index(kinds: Sequence[str]) -> str:
    families = list(dict.fromkeys(kind.partition(".")[0] for kind in kinds))
    rows = [[f"[`{kind}`]({kind.partition('.')[0]}.md#{_anchor(kind)})", _summary(kind)] for kind in kinds]
    entries = "\n".join(families)
    return (
        "# Kinds of steps\n\n"
        "These come with Headwater; `headwater steps` lists them together with those of your own.\n\n"
        f"{table(['kind', 'what it does'], rows)}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    )


def _summary(kind: str) -> str:
    return _definition(kind).doc.partition("\n")[0]


def _anchor(kind: str) -> str:
    return kind.replace(".", "-").replace("_", "-")


def _kind(definition: StepDefinition) -> str:
    parts = sections(definition.doc)
    schema = definition.params_schema()
    text = [f"({_anchor(definition.kind)})=\n## `{definition.kind}`\n", parts.get("", "") + "\n"]
    text += [_ports(method) for method in definition.methods]
    if properties := schema.get("properties"):
        text.append(table(["param", "type", "default", ""], _params(schema, properties)))
    text.append(block("json", json.dumps(_example(definition.kind, schema), ensure_ascii=False)))
    text += [f"**{title}**\n\n{parts[title]}\n" for title in ("Raises",) if title in parts]
    if "Example" in parts:
        text.append(block("pycon", parts["Example"]))
    if definition.permission:
        text.append(f"It needs the permission `{definition.permission}`: `--allow {definition.permission}`.\n")
    text.append(f"It runs {PLACES[definition.placement.value]}.\n")
    return "\n".join(text)


def _ports(method: Method) -> str:
    flavor = method.flavor.name.lower().replace("_", " → ")
    rows = [["in", f"`{port.name}`", _type(port), "" if port.required else "optional"] for port in method.inputs]
    rows += [
        ["out", f"`{port.name}`", _type(port), "" if port.required else "on the side: may lead nowhere"]
        for port in method.outputs
    ]
    return table([flavor, "port", "carries", ""], rows)


def _type(port: Any) -> str:
    return f"{'stream of ' if port.streaming else ''}`{type_text(port.type)}`"


def _params(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[list[str]]:
    required = schema.get("required", ())
    for name, prop in properties.items():
        default = "required" if name in required else code(prop.get("default"))
        yield [f"`{name}`", schema_type(prop), default, prop.get("description", "")]


def schema_type(prop: Mapping[str, Any]) -> str:
    """Return the type that a JSON Schema describes, in a few words."""
    if "enum" in prop:
        return " or ".join(map(code, prop["enum"]))
    if "const" in prop:
        return code(prop["const"])
    for key in ("anyOf", "oneOf"):
        if key in prop:
            return " or ".join(dict.fromkeys(map(schema_type, prop[key])))
    if "$ref" in prop:
        return str(prop["$ref"]).rpartition("/")[2].replace("%20", " ")
    name = prop.get("type", "any")
    if isinstance(name, list):
        return " or ".join(name)
    items = prop.get("items")
    return f"{name} of {schema_type(items)}" if isinstance(items, dict) and items else str(name)


def _example(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    params = {name: f"<{schema_type(properties.get(name, {}))}>" for name in schema.get("required", ())}
    step = {"id": kind.rpartition(".")[2], "kind": kind}
    return {**step, "params": params} if params else step


# ---- events and documents


def events_page() -> str:
    """Return the page of events: the envelope, and the data of each type."""
    from headwater.events.event import DATA_MODELS, EventType
    from headwater.events.schema import events_schema

    schema = events_schema()
    definitions = schema["$defs"]
    parts = [
        "# Events\n",
        "An event is a numbered fact about an execution; `headwater schema events` publishes the JSON Schema.\n",
    ]
    for event_type in EventType:
        doc = inspect.cleandoc(DATA_MODELS[event_type].__doc__ or "")
        ends = " It ends the execution, and is the last event." if event_type.terminal else ""
        parts.append(f"## `{event_type}`\n\n{sections(doc).get('', '').strip()}{ends}\n")
        rows = list(_fields(definitions[DATA_MODELS[event_type].__name__], argument_descriptions(doc)))
        if rows:
            parts.append(table(["field of data", "type", ""], rows))
    return "\n".join(parts)


def _fields(model: Mapping[str, Any], descriptions: Mapping[str, str]) -> Iterator[list[str]]:
    for field, prop in model.get("properties", {}).items():
        yield [f"`{field}`", schema_type(prop), prop.get("description", descriptions.get(field, ""))]


def document_page() -> str:
    """Return the page of the document: every key of every object, and the operators of conditions."""
    from headwater.config.schema import config_schema

    schema = config_schema()
    parts = [
        "# The document\n",
        "`headwater schema config` publishes the JSON Schema, with the params of every installed kind.\n",
        "## The pipeline\n",
        _keys(schema),
    ]
    for name, definition in sorted(schema["$defs"].items()):
        if definition.get("properties") and not name.startswith(("params", "kind")):
            parts += [f"## {name}\n", definition.get("description", "") + "\n", _keys(definition)]
    return "\n".join(parts)


def _keys(definition: Mapping[str, Any]) -> str:
    required = definition.get("required", ())
    rows = [
        [
            f"`{name}`",
            schema_type(prop) if isinstance(prop, dict) else "any",
            "required" if name in required else code(prop["default"]) if "default" in prop else "",
            prop.get("description", ""),
        ]
        for name, prop in definition["properties"].items()
        if isinstance(prop, dict)
    ]
    return table(["key", "type", "default", ""], rows)


# ---- commands


def commands_page() -> str:
    """Return the help of every command."""
    import typer

    from headwater.cli.app import app

    group: Any = typer.main.get_command(app)
    parts = ["# Help of the commands\n", "What `headwater COMMAND --help` says.\n"]
    for name, command in group.commands.items():
        context = type(group).context_class(command, info_name=f"headwater {name}", max_content_width=90)
        parts.append(f"## `headwater {name}`\n\n{block('text', command.get_help(context))}")
    return "\n".join(parts)


# ---- the Python API


def api_pages() -> dict[str, str]:
    """Return a page for each package with public names."""
    pages = {f"api/{name}.md": _api(name) for name in PACKAGES}
    entries = "\n".join(PACKAGES)
    pages["api/index.md"] = f"# The Python API\n\n```{{toctree}}\n{entries}\n```\n"
    return pages


def _api(package: str) -> str:
    module = import_module(package)
    parts = [f"# `{package}`\n", inspect.cleandoc(module.__doc__ or "").replace("`", "`") + "\n", "```{eval-rst}"]
    for name in module.__all__:
        value = getattr(module, name)
        directive = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
        options = "   :members:\n   :inherited-members: BaseModel, Exception, str, Enum, Generic\n" * (
            directive == "autoclass"
        )
        parts.append(f".. {directive}:: {package}.{name}\n{options}")
    return "\n".join([*parts, "```", ""])


def subscriber_names() -> list[str]:
    """Return the names of the subscribers that entry points offer."""
    return sorted(entry.name for entry in entry_points(group="headwater.subscribers"))
