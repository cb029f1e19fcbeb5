"""What is said of an error: its code, the values in it, the problems it lists, and the errors that led to it."""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from headwater.frozen import frozen
from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["OPAQUE", "Cause", "Problem", "causes_of", "code_of", "declared_code", "restored", "simple"]

RootT = TypeVar("RootT")

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
        causes.append(Cause(type(cause).__name__, describe(cause), declared_code(cause)))
        error = cause
    return tuple(causes)


def declared_code(error: BaseException) -> str | None:
    """Return the code that the class of an error declares; other libraries may mean something else by the name."""
    code: object = getattr(type(error), "code", None)
    return code if isinstance(code, str) else None


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


def restored(data: Mapping[str, Any] | str | bytes, root: type[RootT], by_code: Mapping[str, type[RootT]]) -> RootT:
    """Return the error that `HeadwaterError.to_json` was called on; raise `ValueError` for anything else."""
    found: Any = json.loads(data) if isinstance(data, str | bytes) else data
    about: Mapping[str, Any] = cast("Any", found) if isinstance(found, Mapping) else {}
    code, text, causes = about.get("code"), about.get("message"), _causes_in(about.get("causes", ()))
    if not (isinstance(code, str) and isinstance(text, str)):
        raise ValueError(f"an error is an object with a code and a message, found {found!r:.100}")  # noqa: TRY004 - data
    known = {"message", *dir(root)}
    values = {name: _value(value) for name, value in about.items() if name.isidentifier() and name not in known}
    error: Any = _made(by_code.get(code, root), text, values)
    if error.code != code:
        vars(error)["code"] = code
    error.causes = causes
    _chain(error, [_cause_of(cause, by_code) for cause in causes])
    return cast("RootT", error)


def _value(value: Any) -> Any:
    """Return a value of an error as its class has it, which are tuples in most cases."""
    if not is_list(value):
        return value
    if value and all(is_object(part) and part.keys() == set(Problem.__match_args__) for part in value):
        return tuple(Problem(**part) for part in value)
    return tuple(value)


def _causes_in(listed: Any) -> tuple[Cause, ...]:
    try:
        return tuple(Cause(str(one["type"]), str(one["message"]), one.get("code")) for one in listed[:_MOST_CAUSES])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the causes of an error are objects with a type and a message: {error!r}") from error


def _made(cls: type[Any], text: str, values: Mapping[str, Any]) -> Any:
    """Return an error of a class; where the class makes its message of what is not there, the message is fixed."""
    error = _new(cls, text, values)
    if _says(error, text):
        return error
    vars(error)["message"] = ""  # as a step error, which puts the step before it
    with suppress(Exception):
        vars(error)["message"] = text.removeprefix(str(error))
    if _says(error, text):
        return error
    names = ("__module__", "__qualname__", "__doc__", "code")
    fixed = {name: getattr(cls, name) for name in names if hasattr(cls, name)}

    def says(_self: BaseException) -> str:
        return text

    return _new(type(cls.__name__, (cls,), {**fixed, "__str__": says}), text, values)


def _new(cls: Any, text: str, values: Mapping[str, Any]) -> Any:
    error = cls.__new__(cls)
    error.args = (text,)
    for name, value in values.items():
        error.__dict__[name] = value
    return error


def _says(error: BaseException, text: str) -> bool:
    try:
        return str(error) == text
    except Exception:  # noqa: BLE001 - a class that lacks a value, of its module or of a program
        return False


def _cause_of(cause: Cause, by_code: Mapping[str, type[Any]]) -> BaseException:
    known = by_code.get(cause.code or "") or vars(builtins).get(cause.type)
    if isinstance(known, type) and issubclass(known, Exception):
        return cast("BaseException", _made(known, cause.message, {}))
    return Exception(f"{cause.type}: {cause.message}")


def _chain(error: BaseException, causes: Sequence[BaseException]) -> None:
    for cause in causes:
        error.__cause__ = cause
        error = cause
