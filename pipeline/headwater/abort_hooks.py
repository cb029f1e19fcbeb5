"""What has to be done when a process is ended at once, without the cleanup of its executions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

__all__ = ["at_abort", "has_abort_hooks", "run_abort_hooks"]

_hooks: dict[object, Callable[[], None]] = {}


@contextmanager
def at_abort(hook: Callable[[], None]) -> Generator[None]:
    """Call a function if the process is ended at once within the block, as by a second Ctrl-C.

    It is called by a signal handler, so it must not wait, such as one that kills a program.

    Args:
        hook: The function.

    Yields:
        Nothing.

    Example:
        >>> with at_abort(lambda: None):
        ...     has_abort_hooks()
        True
    """
    key = object()
    _hooks[key] = hook
    try:
        yield
    finally:
        del _hooks[key]


def has_abort_hooks() -> bool:
    """Return whether anything has to be done when the process is ended at once."""
    return bool(_hooks)


def run_abort_hooks() -> None:
    """Call every hook, whatever the others raise."""
    for hook in list(_hooks.values()):
        with suppress(Exception):
            hook()
