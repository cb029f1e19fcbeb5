"""What is printed: text for people with color where that is wanted, and results for programs."""

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
    "printable",
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
    """Return whether a stream is a terminal that shows colors, and the user wants them.

    Args:
        stream: Where text goes.

    Returns:
        False also when `NO_COLOR` (https://no-color.org) is set.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, *styles: Style, stream: TextIO | None = None) -> str:
    """Return a text in a style, where the stream shows styles.

    Args:
        text: The text.
        *styles: How it is to look.
        stream: Where it goes; standard error by default.

    Returns:
        The text, between escape sequences (ECMA-48, SGR) or as it is.
    """
    if not styles or not is_colored(stream or sys.stderr):
        return text
    codes = ";".join(str(_CODES[style]) for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Tell the user something, on standard error.

    Args:
        text: One or more lines.
    """
    print(text, file=sys.stderr)  # noqa: T201 - this is the place where the command line prints


def show(text: str) -> None:
    """Print a result on standard output.

    Args:
        text: One or more lines; nothing is printed for an empty text.
    """
    if text:
        with _telling_failure():
            print(text)  # noqa: T201 - as above


def flush() -> None:
    """Write what standard output still holds back, if there is a standard output.

    Raises:
        BrokenPipeError: Nobody reads any more.
        HeadwaterError: It cannot be written.
    """
    with _telling_failure():
        print(end="", flush=True)  # noqa: T201 - as above


@contextmanager
def _telling_failure() -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise HeadwaterError(f"standard output cannot be written: {error.strerror}") from error


def terminal_cells(stream: TextIO) -> int:
    """Return how many cells a line of a terminal has.

    Args:
        stream: Where text goes.

    Returns:
        Very many where that is no terminal.
    """
    try:
        return os.get_terminal_size(stream.fileno()).columns or _MANY_CELLS
    except (OSError, ValueError):  # no terminal, or no file at all
        return _MANY_CELLS


def encodable(text: str, stream: TextIO) -> str:
    """Return a drawing with signs that a stream can write.

    Args:
        text: A drawing with lines and circles.
        stream: Where it goes.

    Returns:
        The text as it is, or in ASCII where the encoding of the stream lacks the signs.

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


def printable(text: str) -> str:
    r"""Return a text that cannot disturb a terminal, with one character for each of its own.

    Args:
        text: Any text.

    Returns:
        The text with a space for each tab, and a sign for each other control character.

    Example:
        >>> printable("a\tb\x1b[31m")
        'a b\ufffd[31m'
    """
    return "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in text)
