"""Objects that never change: an attribute that a program sets is refused, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any, NoReturn, TypeVar

__all__ = ["frozen", "refusal"]

ClassT = TypeVar("ClassT", bound=type[Any])


def frozen(what: str, hint: str) -> Callable[[ClassT], ClassT]:
    """Return a decorator for frozen dataclasses, whose own refusal gives no hint (and fails for unknown names).

    Example:
        >>> from dataclasses import dataclass
        >>> @frozen("a point", "make another one")
        ... @dataclass(frozen=True, slots=True)
        ... class Point:
        ...     x: int
        >>> try:
        ...     Point(1).x = 2
        ... except AttributeError as error:
        ...     print(error)
        a point never changes, so its attribute 'x' can be neither set nor deleted: make another one
    """

    def refuse(self: object, name: str, *_value: object) -> NoReturn:
        raise refusal(self, name, what, hint)

    def decorate(cls: ClassT) -> ClassT:
        methods: Any = cls
        methods.__setattr__ = methods.__delattr__ = refuse
        return cls

    return decorate


def refusal(owner: object, name: str, what: str, hint: str) -> FrozenInstanceError:
    """Return the error for setting or deleting an attribute of something that never changes."""
    refused = f"so its attribute {name!r} can be neither set nor deleted"
    error = FrozenInstanceError(f"{what} never changes, {refused}: {hint}")
    error.name, error.obj = name, owner
    return error
