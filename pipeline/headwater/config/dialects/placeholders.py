"""Steps that do not exist here, as Python code with the right ports, for a person to fill in."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import wrap

__all__ = ["Placeholder", "gathering", "kind_of", "port_name", "steps_module"]

_HEAD = '''"""{title}"""

from __future__ import annotations

from typing import Any

from headwater import step

Record = dict[str, Any]
Fields = dict[str, str | list[str]]


def taken(fields: Fields, **records: Any) -> Record:
    """Return the value of each input: a field of the record that came to its port."""
    return {{name: _field(record, fields.get(name, "")) for name, record in records.items()}}


def _field(record: Any, path: str | list[str]) -> Any:
    for option in [path] if isinstance(path, str) else path:
        found = record
        for part in option.split(".") if option else ():
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None'''


@dataclass(slots=True)
class Placeholder:
    """A kind that the translated document names."""

    kind: str
    cls: str
    module: str = ""
    about: str = ""
    ports: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    inputs: dict[str, None] = field(default_factory=dict[str, None])
    config: dict[str, None] = field(default_factory=dict[str, None])
    outputs: dict[str, None] = field(default_factory=dict[str, None])
    takes_fields: bool = False
    body: str = ""


def kind_of(cls: str, taken: Collection[str] = ()) -> str:
    """Return the name of the kind for a class, another one than those that are taken.

    Example:
        >>> kind_of("DataSplitterStep"), kind_of("RAGLLMStep"), kind_of("Step1", ["imported.step1"])
        ('imported.data_splitter', 'imported.ragllm', 'imported.step1_2')
    """
    bare = cls.rpartition(".")[2]
    bare = bare.removesuffix("Step") or bare
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bare).lower()
    words = re.sub(r"[^a-z0-9_]+", "_", words).strip("_")
    name = words if words[:1].isalpha() else f"step_{words}".rstrip("_")
    kind, number = f"imported.{name}", 2
    while kind in taken:
        kind, number = f"imported.{name}_{number}", number + 1
    return kind


def port_name(name: str, taken: Collection[str] = ()) -> str:
    """Return a name as Python and documents have it, another one than those that are taken."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "value"
    if not plain[0].isalpha() or keyword.iskeyword(plain) or plain in {"fields", "ctx"}:
        plain = f"{'' if plain[0].isalpha() else 'x_'}{plain}_".removesuffix("__")
    while plain in taken:
        plain += "_"
    return plain


def gathering(values: Mapping[str, str], ports: Iterable[str], *, takes_fields: bool) -> str:
    """Return code that makes one record of the inputs of some ports; `values` has the code of each of its values."""
    pairs = "".join(f"        {json.dumps(name)}: {value},\n" for name, value in values.items())
    record = f"    return {{\n{pairs}    }}"
    if not ports:
        return record
    given = "".join(f"        {port}={port},\n" for port in ports)
    return f"    found = taken(\n        {'fields' if takes_fields else '{}'},\n{given}    )\n{record}"


def steps_module(title: str, placeholders: Iterable[Placeholder]) -> str:
    """Return the text of a module with a step for each placeholder."""
    clean = title.replace("\\", "/").replace('"', "'")
    return "\n\n\n".join([_HEAD.format(title=clean), *(_step(one) for one in placeholders)]).rstrip() + "\n"


def _step(one: Placeholder) -> str:
    name = one.kind.rpartition(".")[2]
    name = f"{name}_" if keyword.iskeyword(name) or name in {"step", "taken"} else name
    ports = [f"{port}: Record | None = None" if port in one.optional else f"{port}: Record" for port in one.ports]
    ports.sort(key=lambda text: "=" in text)
    params = [f"{param}: Any = None" for param in {**one.inputs, **one.config} if param not in one.ports]
    params += ["fields: Fields"] if one.takes_fields else []
    signature = ", ".join([*ports, *(["*", *params] if params else [])])
    origin = f"{one.cls} of {one.module}" if one.module else one.cls
    lines = [f'@step("{one.kind}")', f"async def {name}({signature}) -> Record:"]
    if len(lines[1]) > 110:
        joined = "".join(f"    {part},\n" for part in [*ports, *(["*", *params] if params else [])])
        lines[1] = f"async def {name}(\n{joined}) -> Record:"
    about = (one.about or f"Do what {one.cls} did").rstrip(".").replace("\\", "/").replace('"', "'")
    lines += [f'    """{" ".join(about.split())}.', ""]
    if one.body:
        return "\n".join([*lines[:-2], f'{lines[-2]}"""', one.body])
    lines += [f"    {line}" for line in wrap(f"It stands for {origin}.".replace("\\", "/").replace('"', "'"), 100)]
    if one.outputs:
        lines += [f"    {line}" for line in wrap(f"Its result has the fields {', '.join(one.outputs)}.", 100)]
    lines.append('    """')
    extra = [param for param in one.inputs if param not in one.ports]
    if one.takes_fields:
        records = ", ".join(f"{port}={port}" for port in one.ports)
        given = f"taken(fields, {records})" + (f" | {{{_pairs(extra)}}}" if extra else "")
    else:
        given = f"{{{_pairs([*one.ports, *extra])}}}"
    lines.append(f"    inputs: Record = {given}")
    lines.append(f"    config: Record = {{{_pairs([param for param in one.config if param not in one.ports])}}}")
    lines.append(f'    raise NotImplementedError("write what {one.cls} did", inputs, config)')
    return "\n".join(lines)


def _pairs(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}": {name}' for name in names)
