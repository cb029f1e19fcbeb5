"""Printing: messages for people, in color where the terminal has it, and results for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, TextIO, TypeAlias

from headwater.errors import HeadwaterError

__all__ = [
    "STANDARD_OUTPUT",
    "Style",
    "encodable",
    "flush",
    "is_colored",
    "say",
    "show",
    "styled",
    "terminal_cells",
]

Style: TypeAlias = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

STANDARD_OUTPUT = 1
"""The descriptor of standard output."""

_MANY_CELLS = 10_000
_ASCII = str.maketrans("│├┤┼╰╯┴╮┬─┄●○", "|++++++++--*o")
_CODES: dict[Style, int] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def is_colored(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colors, and `NO_COLOR` (https://no-color.org) is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, *styles: Style, stream: TextIO | None = None) -> str:
    """Return text in a style, if the stream shows colors; the stream is standard error by default."""
    if not styles or not is_colored(stream or sys.stderr):
        return text
    codes = ";".join(str(_CODES[style]) for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr)  # noqa: T201 - this is the place where the command line prints


def show(text: str) -> None:
    """Print a result on standard output, unless it is empty."""
    if text:
        with _reporting_failure():
            print(text)  # noqa: T201 - as above


def flush() -> None:
    """Flush standard output."""
    with _reporting_failure():
        sys.stdout.flush()


@contextmanager
def _reporting_failure() -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise HeadwaterError(f"standard output cannot be written: {error.strerror}") from error


def terminal_cells(stream: TextIO) -> int:
    """Return how many cells a line of a terminal has; very many if the stream is not a terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _MANY_CELLS
    except (OSError, ValueError):  # not a terminal, or not even a file
        return _MANY_CELLS


def encodable(text: str, stream: TextIO) -> str:
    """Return a drawing in ASCII where the encoding of the stream lacks its characters.

    Example:
        >>> from io import BytesIO, TextIOWrapper
        >>> encodable("├─● a", TextIOWrapper(BytesIO(), "ascii"))
        '+-* a'
    """
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
        return text.encode(stream.encoding, "replace").decode(stream.encoding)
    return text
