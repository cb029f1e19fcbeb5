"""Whether a JSON Schema and the loader find the same things wrong with a document, at the same places."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from headwater.config.problems import path_text
from headwater.errors import Problem

__all__ = ["BEYOND", "NO_VALUE", "disagreements"]

Path = tuple[str | int, ...]

NO_VALUE = {"syntax", "too-deep", "number-too-large", "not-a-number", "duplicate-key", "bad-text", "too-many-problems"}
"""The codes of problems of a text, of which a schema never hears: it is about values. The last one hides others."""

BEYOND = {
    "unknown-step": "no schema refers to other values of a document",
    "unknown-port": "as unknown-step",
    "no-port": "as unknown-step",
    "ambiguous-port": "as unknown-step",
    "misplaced-end": "as unknown-step: it depends on the side of an edge in a text",
    "duplicate-edge": "two ways of writing an edge are different values",
    "duplicate-id": "uniqueItems compares whole steps",
    "reserved-id": "an id is a name like any other",
    "cycle": "a schema knows no graph",
    "self-loop": "as cycle",
    "unused-step": "as cycle",
    "unread-output": "as cycle",
    "missing-input": "as cycle",
    "merge-missing": "as cycle",
    "merge-unused": "as cycle",
    "edge-option": "as type-mismatch; and what else the edge has",
    "merge-option": "the options of a policy depend on its other values",
    "deadlock-risk": "as cycle",
    "shared-file": "as cycle",
    "unfit-policy": "it depends on what feeds the step",
    "unfit-fallback": "as type-mismatch",
    "no-concurrency": "it depends on what feeds the step",
    "type-mismatch": "a schema knows no types of ports",
    "unknown-field": "as type-mismatch",
    "header-mismatch": "as type-mismatch",
    "merged-headers": "as type-mismatch",
    "mapped-header": "as type-mismatch",
    "mode-mismatch": "as type-mismatch",
    "several-mapped": "as type-mismatch",
    "no-adapter": "as type-mismatch",
    "ambiguous-adapter": "as type-mismatch",
    "cpu-streams": "as type-mismatch",
    "nested-path": "a schema does not look into files",
    "nested-too-deep": "as nested-path",
    "wrong-pipeline": "as type-mismatch",
    "not-allowed": "permissions are given when the document is loaded",
    "unknown-task": "as type-mismatch",
    "unknown-parameter": "no schema refers to other values of a document",
    "missing-parameter": "parameters are given when the document is loaded",
    "wrong-parameter": "a default is compared with a type beside it",
    "unknown-variable": "the environment is not in the document",
    "unknown-secret": "as unknown-variable",
    "bad-operand": "only for `matches`: whether a pattern is a good one, takes a parser of patterns",
    "bad-schema": "as bad-operand",
    "refused-value": "a check that is a function of Python",
    "bad-template": "a text with a dollar sign may be meant as it is",
    "secret-misplaced": "as bad-template",
}
"""The codes of problems that a JSON Schema cannot express, and why."""

_TEMPLATES = {"template-misplaced", "bad-template", "secret-misplaced"}
_VALUES = {"unknown-parameter", "unknown-variable", "unknown-secret", "missing-parameter", "wrong-parameter"}


def disagreements(validator: Any, document: Any, problems: Iterable[Problem]) -> list[str]:
    """Return what only one of the two finds.

    A key that is missing within params that are missing has the place of the params. What a template stands for is
    known to the loader alone; it does not look at what is around a template without a value. To a schema, 1.0 is a
    whole number, and no number is too large for a float. A misspelled key is one fault to the loader, but two to a
    schema.
    """
    problems = list(problems)
    places = _wrong_places(validator, document)
    templates = {path_text(path) for path, value in _walk(document) if isinstance(value, str) and "${" in value}
    numbers = {path_text(path) for path, value in _walk(document) if _is_odd_number(value)}
    only_loader = [
        f"loader: {problem}"
        for problem in problems
        if problem.code not in BEYOND
        and problem.path not in numbers
        and (problem.code in _TEMPLATES or not any(_is_within(problem.path, text) for text in templates))
        and not any(_same(problem, place) for place in places)
    ]
    unfilled = any(
        problem.code in _TEMPLATES | _VALUES or _is_within(problem.path, "$.parameters") for problem in problems
    )
    around = {place for place in places if unfilled and any(_is_within(text, place) for text in templates)}
    only_schema = [
        f"schema: {place}"
        for place in sorted(places - around)
        if not _is_unread(place, problems)
        if not any(_same(problem, place) or problem.path == place or _means(problem, place) for problem in problems)
    ]
    return only_loader + only_schema


def _is_unread(place: str, problems: Iterable[Problem]) -> bool:
    """Return whether a place is in the nested document of a step that is refused itself, for its id or its kind."""
    steps = [place[: found.start()] for found in re.finditer(r"\.params\.pipeline\b", place)]
    return any(problem.path in {step, f"{step}.id", f"{step}.kind"} for problem in problems for step in steps)


def _is_odd_number(value: Any) -> bool:
    return (
        value.is_integer() if isinstance(value, float) else isinstance(value, int) and abs(value) > sys.float_info.max
    )


def _same(problem: Problem, place: str) -> bool:
    if problem.code in {"missing-key", "template-misplaced"}:
        return _is_within(problem.path, place)
    if problem.code == "bad-condition":  # a key too many may be wrong inside as well
        return _is_within(place, problem.path)
    if problem.code in {"unknown-key", "unknown-param"}:  # the value of a key too many may be wrong inside as well
        return _is_within(place, problem.path)
    return problem.path == place


def _means(problem: Problem, place: str) -> bool:
    """Return whether a problem is a misspelled key, which stands for one that is missing to a schema."""
    parent, _, key = place.rpartition(".")
    return _is_within(problem.path, parent) and problem.hint.startswith("did you mean") and repr(key) in problem.hint


def _is_within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _walk(inner, (*path, key))


def _wrong_places(validator: Any, document: Any) -> set[str]:
    """Return the JSON path of everything that a schema finds wrong; a missing or unknown key has its own."""
    return set(
        map(path_text, _innermost({path for error in validator.iter_errors(document) for path in _places(error)}))
    )


def _innermost(paths: set[Path]) -> set[Path]:
    return paths - {path[:size] for path in paths for size in range(len(path))}


def _places(error: Any) -> Iterator[Path]:
    path: Path = tuple(error.absolute_path)
    if "propertyNames" in list(error.absolute_schema_path)[-2:-1]:
        yield (*path, error.instance)
        return
    match error.validator:
        case "required":
            yield from ((*path, name) for name in error.validator_value if name not in error.instance)
        case "additionalProperties":
            yield from ((*path, name) for name in error.instance if name not in error.schema.get("properties", {}))
        case "anyOf" | "oneOf" if error.context:
            yield from _nearest(error)
        case _:
            yield path


def _nearest(error: Any) -> set[Path]:
    """Return the places of the alternatives that were meant most likely: those that fail inside, if there are any."""
    own: Path = tuple(error.absolute_path)
    branches: dict[int, set[Path]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], set()).update(_places(inner))
    inside = [paths for paths in map(_innermost, branches.values()) if own not in paths]
    return set[Path]().union(*inside) if inside else {own}
