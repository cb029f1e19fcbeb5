"""The errors that steps raise, and their messages."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite

from anyio import current_effective_deadline, get_cancelled_exc_class

from headwater.errors import StreamBrokenError
from headwater.running.groups import exceptions_in, interruption_of, leaves_in, unwrapped

__all__ = [
    "STEP_ERRORS",
    "as_text",
    "broken_by",
    "broken_stream_of",
    "comes_from_stop",
    "error_in",
    "exhausted",
    "interruption_in",
    "is_stopped",
    "message_of",
    "reason_of",
    "said_by",
    "seconds_said_by",
]

STEP_ERRORS = BaseException
"""What makes a step fail when its code raises it: anything, because a step has ended only when it has returned.

Code that waits asks `is_stopped` first; code in a worker thread lets `Released` pass.
"""

_CANCELLATIONS = {"CancelledError", "Cancelled"}  # of asyncio and of trio
_MOST_CHARS = 10_000
_MOST_ERRORS = 5


def is_stopped(error: BaseException) -> bool:
    """Return whether an error is a cancellation of the running task by a scope around it, and nothing besides."""
    if current_effective_deadline() != -inf:
        return False
    return all(isinstance(leaf, get_cancelled_exc_class()) for leaf in leaves_in(error))


def interruption_in(failure: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that made a step fail: it is for the program as well."""
    return interruption_of(failure) or interruption_of(failure.__cause__ or failure)


def error_in(error: BaseException) -> Exception:
    """Return the failure of a step that raised an error: what is inside nested groups of one; an error for an exit.

    Example:
        >>> error_in(SystemExit(3))
        RuntimeError('it called sys.exit(3), but a step cannot end the program; let it raise an error, or return')
    """
    inner = unwrapped(error)
    if isinstance(inner, Exception):
        return inner
    failure = RuntimeError(_unusual(inner))
    failure.__cause__ = inner
    return failure


def _unusual(error: BaseException) -> str:
    """Return the message for what a step raised that is not an `Exception`."""
    if isinstance(error, SystemExit):
        end = "but a step cannot end the program; let it raise an error, or return"
        return f"it called sys.exit({error.code!r}), {end}"
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted (KeyboardInterrupt)"
    if type(error).__name__ in _CANCELLATIONS:
        return f"it raised {type(error).__name__}, but nothing stopped it: something that it waited for was cancelled"
    return f"it raised {reason_of(error)}, which is not an Exception"


def comes_from_stop(error: BaseException) -> bool:
    """Return whether an error was raised while the code was cancelled, or a generator closed, as by its cleanup."""
    return _origin_of(error, (get_cancelled_exc_class(), GeneratorExit)) is not None


def broken_stream_of(error: BaseException, execution_id: str) -> StreamBrokenError | None:
    """Return the broken stream of an execution that led to an error, as when a step wraps it or cleans up."""
    origin = _origin_of(error, StreamBrokenError)
    return origin if isinstance(origin, StreamBrokenError) and origin.execution_id == execution_id else None


def _origin_of(
    error: BaseException, kind: type[BaseException] | tuple[type[BaseException], ...]
) -> BaseException | None:
    """Return the error of a kind that led to another one."""
    seen = set[int]()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        if isinstance(inner, kind):
            return inner
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__
    return None


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


def said_by(error: BaseException, name: str) -> object:
    """Return an attribute of an error; None where there is none, or where reading it fails."""
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001 - what an error says of itself must not replace it
        return None


def seconds_said_by(error: BaseException, name: str) -> float | None:
    """Return a time that an error carries, in seconds; None where it is not one."""
    said = said_by(error, name)
    try:
        seconds = float(said) if isinstance(said, int | float) else -1.0
    except OverflowError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def as_text(text: str) -> str:
    """Return a string without the halves of characters that cannot be written."""
    return text.encode("utf-8", "replace").decode("utf-8")


def message_of(error: BaseException, mask: Callable[[str], str] = str) -> str:
    """Return the message of an error, masked, then cut when it is long: a group has its parts, a file no number.

    Example:
        >>> message_of(FileNotFoundError(2, "No such file or directory", "notes.txt"))
        "No such file or directory: 'notes.txt'"
        >>> message_of(ExceptionGroup("two tasks failed", [ValueError("one"), KeyError()]))
        'two tasks failed (2 sub-exceptions): ValueError: one; KeyError'
    """
    message = mask(_text(error))
    if exceptions_in(error):
        leaves = list(leaves_in(error))
        more = [f"and {len(leaves) - _MOST_ERRORS} more"] if len(leaves) > _MOST_ERRORS else []
        message = f"{message}: {'; '.join([*(reason_of(leaf, mask) for leaf in leaves[:_MOST_ERRORS]), *more])}"
    if len(message) > _MOST_CHARS:
        message = f"{message[:_MOST_CHARS]} ... ({len(message):,} characters)"
    return as_text(message)


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        files = [repr(str(file)) for file in (error.filename, error.filename2) if file is not None]
        return f"{error.strerror}: {' -> '.join(files)}" if files else error.strerror
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - an error without a readable message is still reported
        return f"(no message: its __str__ raised {type(failure).__name__})"
