"""Errors as messages and exit codes; problems with their place, the line with a caret, and a hint."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from headwater.cli.terminal import STANDARD_OUTPUT, flush, say, styled, terminal_cells
from headwater.display import cells, plural, printable
from headwater.errors import ConfigError, HeadwaterError, MissingExtraError, StepDefinitionError
from headwater.ids import closest
from headwater.masking import masker
from headwater.shapes import is_list

if TYPE_CHECKING:
    from headwater.cli.terminal import Style
    from headwater.errors import Problem

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "READER_LEFT",
    "WRONG",
    "describe_problem",
    "leave_quietly",
    "remember",
    "reporting",
    "say_error",
    "say_problems",
]

FAILED = 1
"""Exit code: the execution failed."""
WRONG = 2
"""Exit code: the document or the command line is wrong."""
INTERRUPTED = 130
"""Exit code: Ctrl-C; 128 + SIGINT, as shells have it."""
READER_LEFT = 141
"""Exit code: the reader of standard output left; 128 + SIGPIPE, as shells have it."""

_KEY = re.compile(r"""(?:^|["'{,\s])([A-Za-z]{4,7})["']?\s*:""", re.MULTILINE)
_KEYS_LIMIT = 10_000
_SHOWN_CELLS, _FEWEST_CELLS = 100, 16
_LARGEST_BYTES = 8 * 1024 * 1024


@contextmanager
def reporting(*, debug: bool) -> Generator[None]:
    """Turn an error of the block into a message and an exit code."""
    try:
        yield
        flush()
    except (typer.Exit, typer.BadParameter):
        raise
    except BrokenPipeError:
        leave_quietly()
        raise typer.Exit(READER_LEFT) from None
    except KeyboardInterrupt:
        say("headwater: interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - a user is to see a message, not a traceback
        if debug:
            say(_tidy(_masked(traceback.format_exc())).rstrip())
        raise typer.Exit(say_error(error)) from None


def leave_quietly() -> None:
    """Redirect standard output, whose reader left, so that the interpreter does not fail to flush it at its end."""
    # See the note on SIGPIPE in https://docs.python.org/3/library/signal.html.
    os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_OUTPUT)


def say_error(error: Exception) -> int:
    """Print an error, and return its exit code."""
    if isinstance(error, ConfigError | StepDefinitionError):
        if isinstance(error, StepDefinitionError):
            _modules.update(problem.file for problem in error.problems if problem.file is not None)
        say_problems(error.problems)
        return WRONG
    from headwater.running.failures import message_of, reason_of

    known = isinstance(error, HeadwaterError | OSError)
    text = message_of(error) if known else f"{reason_of(error)} (--debug shows where)"
    say(f"headwater: {styled('error:', 'bold', 'red')} {_tidy(_masked(text))}")
    for note in _short_notes(error):
        say(f"  {styled('note:', 'cyan')} {_tidy(_masked(note))}")
    return WRONG if isinstance(error, MissingExtraError) else FAILED


def _short_notes(error: Exception) -> Iterator[str]:
    """Yield what else is to be said of an error, and of what led to it; a traceback is not."""
    for one in (error, error.__cause__):
        notes: object = getattr(one, "__notes__", ())
        for note in notes if is_list(notes) else ():
            if isinstance(note, str) and "\n" not in note:
                yield note


def say_problems(problems: Iterable[Problem], *, noun: str = "problem", color: Style = "red") -> None:
    """Print problems, each with its line of the document, and how many there are."""
    listed = list(problems)
    say("\n\n".join("\n".join(describe_problem(problem, color=color)) for problem in listed))
    if len(listed) > 1:
        say(f"\n{styled(plural(len(listed), noun), 'bold', color)}")


def describe_problem(problem: Problem, *, color: Style = "red") -> Iterator[str]:
    """Yield the lines of a problem: place, message and code; the line with a caret; the path; the hint."""
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
    start = f"{styled(printable(place), 'bold')}: " if place else ""
    yield f"{start}{_tidy(problem.message)} {styled(f'[{problem.code}]', 'dim')}"
    if problem.file is not None and problem.line is not None:
        yield from _excerpt(problem.file, problem.line, problem.column, color)
    if problem.path not in {"", "$"}:
        yield f"  {styled('at', 'dim')} {_tidy(problem.path)}"
    if problem.hint:
        yield f"  {styled('hint:', 'cyan')} {_tidy(problem.hint)}"


def _excerpt(file: str, line: int, column: int | None, color: Style) -> Iterator[str]:
    lines = _lines(file)
    if line > len(lines):
        return
    text = printable(lines[line - 1])
    if column is None:
        column = len(text) - len(text.lstrip()) + 1
    margin = f"  {line} | "
    # A document without line breaks is one long line: only the part around the place is shown.
    most = max(_FEWEST_CELLS, min(_SHOWN_CELLS, terminal_cells(sys.stderr) - len(margin)))
    first = max(0, column - 1 - most // 2) if len(text) > most else 0
    shown = text[first : first + most]
    before = cells(text[first : column - 1])
    yield f"{styled(margin, 'dim')}{shown}"
    yield f"{styled(' ' * (len(margin) - 2) + '| ', 'dim')}{' ' * before}{styled('^', 'bold', color)}"


_remembered: dict[str, bytes] = {}
"""Documents that cannot be read a second time, by their names in problems."""


_modules: set[str] = set()
"""Modules of steps, which have run here, so that their lines may be shown."""


def remember(name: str, content: bytes) -> None:
    """Keep a document that cannot be read again, so that the lines of its problems can be shown."""
    _remembered[name] = content
    _lines.cache_clear()


@lru_cache(maxsize=8)
def _lines(file: str) -> list[str]:
    """Return the lines of a file with problems; none if it cannot be shown."""
    path = Path(file)
    try:
        if file not in _remembered and (not path.is_file() or path.stat().st_size > _LARGEST_BYTES):
            return []
        text = (_remembered.get(file) or path.read_bytes()).decode("utf-8-sig")
        is_shown = file in _modules or _is_document(text)
        return [line.removesuffix("\r") for line in text.split("\n")] if is_shown else []
    except (OSError, ValueError):
        return []


def _is_document(text: str) -> bool:
    """Return whether text has a key like `steps`; the lines of any other file, such as one of keys, are not shown."""
    keys = dict.fromkeys(match[1] for match in islice(_KEY.finditer(text), _KEYS_LIMIT))
    return any(closest(key, ("steps",)) for key in keys)


def _masked(text: str) -> str:
    """Return text without secrets, which a step may have put into the error that it raised."""
    from headwater.config.templates import SECRET_PREFIX

    return masker(value for name, value in os.environ.items() if name.startswith(SECRET_PREFIX))(text)


def _tidy(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
