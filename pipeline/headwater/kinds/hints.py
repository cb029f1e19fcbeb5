"""Resolves the annotations of functions, also strings that name something local."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints

from headwater.annotations import is_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from headwater.kinds.report import Report

__all__ = ["Scope", "hints_of", "scope_of"]

_KNOWN = "__headwater_hints__"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where in a running program something is being defined: its local names, and the line, 0 when it is not known."""

    names: Mapping[str, Any]
    file: str
    line: int


def scope_of(module_globals: Mapping[str, Any]) -> Scope:
    """Return the innermost running code of a module, found by its globals."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals is not module_globals:
        frame = frame.f_back
    if frame is None:
        return Scope({}, module_globals.get("__file__", "?"), 0)
    return Scope(_local_names(frame), frame.f_code.co_filename, frame.f_lineno)


def _local_names(frame: FrameType | None) -> dict[str, Any]:
    bodies: list[dict[str, Any]] = []
    while frame is not None and frame.f_locals is not frame.f_globals:
        bodies.append(dict(frame.f_locals))
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # a function; a class body sees the names around it
            break
        frame = frame.f_back
    return {name: value for body in reversed(bodies) for name, value in body.items()}


def hints_of(function: Callable[..., Any], names: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return the annotations of a function as types, resolved once; what cannot be resolved is reported and `Any`."""
    known = vars(function).get(_KNOWN)
    if known is not None and known[0] is function:  # a wrapper has the attributes of what it wraps
        return known[1]  # type: ignore[no-any-return]  # set below
    hints = _resolve(inspect.unwrap(function), names, report)
    if report.clean:
        vars(function)[_KNOWN] = (function, hints)
    return hints


def _resolve(function: Any, names: Mapping[str, Any], report: Report) -> dict[str, Any]:
    names = {**names, **{parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}}
    hints: dict[str, Any] = {}
    for name, annotation in inspect.get_annotations(function).items():
        alone = SimpleNamespace(__annotations__={name: annotation})
        try:
            hints |= get_type_hints(alone, function.__globals__, dict(names), include_extras=True)
            if not is_type(hints[name]):
                raise TypeError(f"{hints[name]!r} is not a type")
        except Exception as error:  # noqa: BLE001 - evaluating an annotation can raise anything
            what = "return annotation" if name == "return" else f"annotation of {name!r}"
            report.add(
                "unknown-annotation",
                f"the {what} cannot be resolved: {error}",
                "define or import what it names above the step, at run time and not only for the type checker",
            )
            hints[name] = Any
    return hints
