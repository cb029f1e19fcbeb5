"""Loads a document up to its spec: reads it, fills in templates, checks its shape, and collects every problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr, TypeAdapter, ValidationError

from headwater.config.notation.reading import Source, read_source
from headwater.config.notation.schema_words import Schema
from headwater.config.parameters import bind_parameters
from headwater.config.problems import JsonPath, Problems
from headwater.config.spec import EDGES_LIMIT, STEPS_LIMIT, PipelineSpec
from headwater.config.templates import Scope, fill
from headwater.config.validation_errors import Subject, add_faults
from headwater.limits.work_budget import work_budget
from headwater.shapes import has_part, is_list, is_object

__all__ = ["LoadOptions", "Loaded", "load"]

_BROKEN = "broken" * 10  # end of an edge that could not be read; too long to resemble an id
_LIMITS = {"steps": STEPS_LIMIT, "edges": EDGES_LIMIT}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document whose shape has been checked; its kinds have not."""

    document: Mapping[str, Any]
    spec: PipelineSpec = field(repr=False)  # it holds the values of variables
    file: str | None
    problems: Problems
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a program gives with a document: parameters, secrets, environment variables and permissions.

    Secrets come before those of the environment; without an environment, the document has no access to any variable.
    `folder` is that of the document, if it is a file. `is_literal` says whether an object that is a param of a kind is
    a document with templates of its own.
    """

    parameters: Mapping[str, Any] | None = None
    secrets: Mapping[str, str | SecretStr] | None = field(default=None, repr=False)
    env: Mapping[str, str] | None = field(default=None, repr=False)
    allowed: frozenset[str] = frozenset()
    folder: Path | None = None
    is_literal: Callable[[str, str], bool] = lambda _kind, _param: False


def load(source: Source | Path | str | Mapping[str, Any], options: LoadOptions | None = None) -> Loaded:
    """Load a document up to its spec; its problems are not raised yet, so that later phases can add theirs.

    A `ConfigError` is raised only when the document cannot be read, or too much of it is broken to continue.
    """
    options = options or LoadOptions()
    read = source if isinstance(source, Source) else read_source(source)
    problems = read.problems
    _check_limits(read.document, problems)
    values, without_value = bind_parameters(_declared(read.document, problems), options.parameters or {}, problems)
    scope = Scope(values, without_value, options.env, options.secrets or {})
    filled = fill(read.document, scope, problems, options.is_literal) if read.has_templates else read.document
    with work_budget():
        spec = _spec(filled, problems)
    if problems.variables.is_used:
        _hide_variables(spec, problems)
    return Loaded(read.document, spec, read.file, problems, values)


def _declared(document: Mapping[str, Any], problems: Problems) -> object:
    """Return the parameters that a document declares, also by a misspelled key, which is reported later."""
    if "parameters" in document:
        return document["parameters"]
    return document.get(problems.meant("parameters", document))


def _hide_variables(spec: PipelineSpec, problems: Problems) -> None:
    """Let plans and drawings show the templates of conditions instead of values of variables."""
    for index, edge in enumerate(spec.edges or ()):
        if edge.when is not None:
            edge.when.source = problems.variables.shown(edge.when.source, ("edges", index, "when"))


def _check_limits(document: Mapping[str, Any], problems: Problems) -> None:
    for key, limit in _LIMITS.items():
        entries = document.get(key)
        if is_list(entries) and len(entries) > limit:
            problems.add("too-many", f"{len(entries)} {key}; at most {limit} are allowed", (key,))
            problems.raise_if_any()


def _spec(filled: dict[str, Any], problems: Problems) -> PipelineSpec:
    try:
        return _adapter().validate_python(filled)
    except ValidationError as error:
        refused = add_faults(error, Subject(filled, _schema), problems)
        return _repaired(filled, refused, problems)


@cache
def _adapter() -> TypeAdapter[PipelineSpec]:
    """Return the validator of documents; made when it is needed, so that an import costs nothing."""
    return TypeAdapter(PipelineSpec)


@cache
def _schema() -> Schema:
    return _adapter().json_schema()


def _repaired(filled: dict[str, Any], refused: Iterable[JsonPath], problems: Problems) -> PipelineSpec:
    """Return the spec without what was refused, so that later phases can report their problems too."""
    document = _copied(filled)
    for path in refused:
        part = _smallest_part(path)
        problems.block(part)
        _repair(document, part)
    try:
        return _adapter().validate_python(document)
    except ValidationError:
        problems.raise_if_any()
        raise


def _copied(value: Any) -> Any:
    """Return a copy of a document; `copy.deepcopy` takes five times as long, as it checks for cycles."""
    if is_object(value):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if is_list(value) else value


def _smallest_part(path: JsonPath) -> JsonPath:
    """Return the smallest part to leave out so that the rest is valid: an edge with a wrong option keeps its ends."""
    match path:
        case ("output", *_):
            return path[:1]
        case ("parameters", *_) | ("edges", int(), "from" | "to", *_):
            return path[:2]
        case ("edges", *_):
            return path[:3]
        case _:
            return path


def _repair(document: dict[str, Any], path: JsonPath) -> None:
    """Remove what was refused, or replace it with something valid where it is required."""
    match path:
        case ("name",):
            document["name"] = "?"
        case ("edges", int(index)):
            document["edges"][index] = {"from": _BROKEN, "to": _BROKEN}
        case ("steps", int(index)):
            document["steps"][index] = {"id": f"broken_{index}", "kind": "unknown"}
        case ("steps", int(index), "id"):
            document["steps"][index]["id"] = f"unnamed_{index}"
        case ("steps", int(index), "kind"):
            document["steps"][index]["kind"] = "unknown"
        case ("steps", int(index), "merge", *inner):  # a missing policy would be another problem
            merge = document["steps"][index]["merge"]
            if inner and is_object(merge) and "policy" not in merge:
                merge[str(inner[0])] = "interleave"
            else:
                document["steps"][index]["merge"] = "interleave"
        case ("steps", int(index), "on_error", *_):  # an object without its only key would be another problem
            document["steps"][index].pop("on_error", None)
        case _:
            _remove(_parent(document, path), path[-1])


def _parent(document: Any, path: JsonPath) -> Any:
    for part in path[:-1]:
        document = document[part] if has_part(document, part) else {}
    return document


def _remove(container: Any, part: Any) -> None:
    if is_object(container):
        container.pop(part, None)
