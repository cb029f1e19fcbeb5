"""What is said of an error in JSON: its code, the values in it, and the errors that led to it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from headwater.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OPAQUE", "Cause", "causes_of", "code_of", "simple"]

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
