"""What strings of the old documents refer to: parameters, outputs of steps, the input of the pipeline."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from headwater.config.templates import literal
from headwater.shapes import is_list, is_object

__all__ = ["Reference", "UnknownReferenceError", "converted", "parameters_in", "references_in"]

_BRACES = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}|\{\s*([A-Za-z_][\w-]*(?:\.[\w\[\]-]+)*)\s*\}")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_INPUT = {"pipeline_input", "input", "inputs", "initial_data", "initial"}


class UnknownReferenceError(Exception):
    """Internal: a string refers to something that has no counterpart; the message says to what."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a pair of braces refers to: a parameter, a field of a step's output, or of the pipeline's input."""

    to: Literal["parameter", "env", "secret", "step", "input"]
    name: str
    path: str = ""


def references_in(text: str, steps: Collection[str], *, bare: bool = False) -> list[Reference] | None:
    """Return the references of a string that is nothing else, with `|` between alternatives; None for other strings.

    `bare` is for sources, which may be written without braces, as `draft.text`.
    """
    parts = [part.strip() for part in re.split(r"\|(?![^{]*\})", text)]
    found: list[Reference] = []
    for part in parts:
        match = _BRACES.fullmatch(part)
        inner = (match[1] or match[2]) if match is not None else part if bare and _is_bare(part, steps) else None
        if inner is None:
            return None
        reference = _reference(inner, steps, strict=match is not None and match[1] is not None)
        if reference is None:
            return None
        found.append(reference)
    return found


def _is_bare(part: str, steps: Collection[str]) -> bool:
    root = part.partition(".")[0]
    return root in steps or root in {"parameters", "steps", *_INPUT}


def _reference(inner: str, steps: Collection[str], *, strict: bool) -> Reference | None:
    """Return what is referred to; None for text in single braces that only looks like a reference."""
    root, _, rest = inner.partition(".")
    if root in {"parameters", "params", "parameter"} and _NAME.fullmatch(rest):
        return Reference("parameter", rest)
    if root == "env" and _NAME.fullmatch(rest):
        return Reference("env", rest)
    if root in {"secrets", "secret"} and _NAME.fullmatch(rest):
        return Reference("secret", rest)
    if root == "steps":
        root, _, rest = rest.partition(".")
        if root not in steps:
            raise UnknownReferenceError(f"{inner!r} refers to the step {root!r}, but there is no such step")
    if root in steps:
        first, _, deeper = rest.partition(".")
        path = deeper if first in {"output", "outputs", "result", "results"} else rest
        return Reference("step", root, path)
    if root in _INPUT:
        return Reference("input", "input", rest)
    if strict:
        raise UnknownReferenceError(f"{inner!r} is not a parameter, a step or an input")
    return None


def parameters_in(text: str) -> Iterator[str]:
    """Yield the names of the parameters that a string refers to."""
    for match in _BRACES.finditer(text):
        root, _, rest = (match[1] or match[2] or "").partition(".")
        if root in {"parameters", "params", "parameter"} and _NAME.fullmatch(rest):
            yield rest


def converted(value: Any, steps: Collection[str]) -> Any:
    """Return a value with its references as templates; raise for one that has no form as a template."""
    if is_object(value):
        return {key: converted(inner, steps) for key, inner in value.items()}
    if is_list(value):
        return [converted(inner, steps) for inner in value]
    if not isinstance(value, str):
        return value
    parts: list[str] = []
    end = 0
    for match in _BRACES.finditer(value):
        reference = _reference(match[1] or match[2] or "", steps, strict=match[1] is not None)
        if reference is None:
            continue
        parts += [literal(value[end : match.start()]), _template(reference)]
        end = match.end()
    return "".join([*parts, literal(value[end:])])


def _template(reference: Reference) -> str:
    if reference.to in {"step", "input"}:
        what = f"the output of step {reference.name!r}" if reference.to == "step" else "the pipeline's input"
        raise UnknownReferenceError(f"{what} stands inside of a value; make it an input of the step")
    roots = {"parameter": "parameters", "env": "env", "secret": "secret"}
    return f"${{{roots[reference.to]}.{reference.name}}}"
