"""Task groups that raise a single error as itself, not inside a group of one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import create_task_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from anyio.abc import TaskGroup

__all__ = ["exceptions_in", "interruption_of", "leaves_in", "open_group", "unwrapped"]


def unwrapped(error: BaseException) -> BaseException:
    """Return the one error inside nested groups of one, or the error itself.

    Example:
        >>> unwrapped(ExceptionGroup("", [ValueError("x")]))
        ValueError('x')
    """
    inside = exceptions_in(error)
    while len(inside) == 1:
        error = inside[0]
        inside = exceptions_in(error)
    return error


def exceptions_in(error: BaseException) -> Sequence[BaseException]:
    """Return the errors in an exception group; none for any other error."""
    return getattr(error, "exceptions", ()) if issubclass(type(error), BaseExceptionGroup) else ()


def leaves_in(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group and in the groups inside it; an error that is not a group is its own leaf."""
    inside = exceptions_in(error)
    for each in inside:
        yield from leaves_in(each)
    if not inside:
        yield error


def interruption_of(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt in an error: the program is to get it, whatever else was raised."""
    return next((leaf for leaf in leaves_in(error) if isinstance(leaf, KeyboardInterrupt)), None)


@asynccontextmanager
async def open_group() -> AsyncGenerator[TaskGroup, None]:
    """Open a task group that raises the one error of its tasks, or a group when several failed on their own."""
    error: BaseException | None = None
    try:
        async with create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = interruption_of(errors) or unwrapped(errors)
        if error is errors:
            raise
    if error is not None:  # raised here, or the group would be its context, and notebooks do not report such an error
        raise error from error.__cause__
