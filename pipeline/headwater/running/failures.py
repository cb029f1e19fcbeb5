"""The errors that steps raise, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anyio import get_cancelled_exc_class

from headwater.errors import StreamBrokenError
from headwater.running.groups import exceptions_in, unwrapped

__all__ = ["STEP_ERRORS", "broken_by", "comes_from_cancellation", "error_in", "exhausted", "message_of", "reason_of"]

STEP_ERRORS = (Exception, SystemExit)
"""What makes a step fail when its code raises it; an exit as well, since no step may end the program that runs it."""

_MOST_CHARS = 10_000
_MOST_ERRORS = 5


def error_in(error: Exception | SystemExit) -> Exception:
    """Return the failure of a step that raised an error: what is inside nested groups of one; an error for an exit.

    Example:
        >>> error_in(SystemExit(3))
        RuntimeError('it called sys.exit(3), but a step cannot end the program; let it raise an error, or return')
    """
    if isinstance(error, SystemExit):
        msg = f"it called sys.exit({error.code!r}), but a step cannot end the program; let it raise an error, or return"
        failure = RuntimeError(msg)
        failure.__cause__ = error
        return failure
    inner = unwrapped(error)
    return inner if isinstance(inner, Exception) else error


def comes_from_cancellation(error: BaseException) -> bool:
    """Return whether an error was raised while a cancellation went through the code, as by its cleanup."""
    cancelled, seen = get_cancelled_exc_class(), set[int]()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        if isinstance(inner, cancelled):
            return True
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__
    return False


def exhausted() -> Exception:
    """Return the failure of a function that raised `StopIteration`, which the loop that called it took for an end."""
    return RuntimeError("it raised StopIteration, usually by calling next() without a default; give next() a default")


def broken_by(error: Exception) -> StreamBrokenError:
    """Return the error of a stream that does not end because the execution ended with an error."""
    broken = StreamBrokenError(str(error))
    broken.__cause__ = error
    return broken


def reason_of(error: BaseException, mask: Callable[[str], str] = str) -> str:
    """Return the class and the message of an error, with secrets masked.

    Example:
        >>> reason_of(ValueError("no number")), reason_of(KeyError())
        ('ValueError: no number', 'KeyError')
    """
    message = message_of(error, mask)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def message_of(error: BaseException, mask: Callable[[str], str] = str) -> str:
    """Return the message of an error, masked, then cut when it is long: a group has its parts, a file no number.

    Example:
        >>> message_of(FileNotFoundError(2, "No such file or directory", "notes.txt"))
        "No such file or directory: 'notes.txt'"
        >>> message_of(ExceptionGroup("two tasks failed", [ValueError("one"), KeyError()]))
        'two tasks failed (2 sub-exceptions): ValueError: one; KeyError'
    """
    message = mask(_text(error))
    if leaves := list(_leaves_in(error)):
        more = [f"and {len(leaves) - _MOST_ERRORS} more"] if len(leaves) > _MOST_ERRORS else []
        message = f"{message}: {'; '.join([*(reason_of(leaf, mask) for leaf in leaves[:_MOST_ERRORS]), *more])}"
    if len(message) > _MOST_CHARS:
        message = f"{message[:_MOST_CHARS]} ... ({len(message):,} characters)"
    return message


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        files = [repr(str(file)) for file in (error.filename, error.filename2) if file is not None]
        return f"{error.strerror}: {' -> '.join(files)}" if files else error.strerror
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - an error without a readable message is still reported
        return f"(no message: its __str__ raised {type(failure).__name__})"


def _leaves_in(group: BaseException) -> Iterator[BaseException]:
    for error in exceptions_in(group):
        if exceptions_in(error):
            yield from _leaves_in(error)
        else:
            yield error
