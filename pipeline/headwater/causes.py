"""What is said of an error: its code, the values in it, the problems it lists, and the errors that led to it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from headwater.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OPAQUE", "Cause", "Problem", "causes_of", "code_of", "simple"]

OPAQUE: Final = object()
"""What stands for a value that has no simple form."""

_MOST_CAUSES = 20


@frozen("a cause", "make a changed copy with dataclasses.replace(cause, ...)")
@dataclass(frozen=True, slots=True)
class Cause:
    """An error that led to another one.

    Args:
        type: The name of its class.
        message: Its message, with secrets masked.
        code: Its code, for an error of Headwater.
    """

    type: str
    message: str
    code: str | None = None


@frozen("a problem", "make a changed copy with dataclasses.replace(problem, ...)")
@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with its place and what to do about it.

    Args:
        code: Stable name of the kind of problem, in kebab case, such as `unknown-key`.
        message: What was found and what was expected, one sentence.
        path: JSON path of the place in the document, such as `$.steps[2].params.path`.
        file: File the place is in, when it came from a file.
        line: Line of the place, from 1.
        column: Column of the place, from 1, counted in characters.
        hint: What to do, one sentence; empty when the message says it all.

    Example:
        >>> print(Problem("unknown-key", "unknown key 'namw'", "$.namw", line=3, column=5, hint="did you mean 'name'?"))
        3:5: $.namw: unknown key 'namw' (did you mean 'name'?) [unknown-key]
    """

    code: str
    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        parts = [part for part in (place, self.path, self.message) if part]
        hint = f" ({self.hint})" if self.hint else ""
        return f"{': '.join(parts)}{hint} [{self.code}]"


def causes_of(error: BaseException, describe: Callable[[BaseException], str] = str) -> tuple[Cause, ...]:
    """Return what led to an error, the nearest first; `describe` returns the message, with secrets masked."""
    causes: list[Cause] = []
    seen = {id(error)}
    while (cause := error.__cause__) is not None and id(cause) not in seen and len(causes) < _MOST_CAUSES:
        seen.add(id(cause))
        causes.append(Cause(type(cause).__name__, describe(cause), getattr(type(cause), "code", None)))
        error = cause
    return tuple(causes)


def code_of(name: str) -> str:
    """Return the code of a class of errors: its name in kebab case.

    Example:
        >>> code_of("FrameTypeError"), code_of("ExecutionCancelled")
        ('frame-type', 'execution-cancelled')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.lstrip("_").removesuffix("Error")).lower()


def simple(value: object) -> Any:
    """Return a value as JSON has it, or `OPAQUE`."""
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "__fspath__"):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        parts = [simple(part) for part in cast("Iterable[object]", value)]
        return OPAQUE if OPAQUE in parts else parts
    return OPAQUE
