"""Text as people read it: one line, shortened, in columns, with numbers and times in the units that matter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from unicodedata import combining, east_asian_width

__all__ = [
    "cells",
    "columns",
    "countdown",
    "duration",
    "escaped",
    "json_line",
    "json_printable",
    "one_line",
    "plural",
    "printable",
    "quantity",
    "shorten",
]

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def cells(text: str) -> int:
    r"""Return how many cells text takes, where all characters stand in cells: on a terminal, or in one font.

    The width of a character is its East Asian width (Unicode, UAX 11); a combining mark takes no cell.

    Example:
        >>> cells("ab"), cells("水"), cells("e\N{COMBINING ACUTE ACCENT}")
        (2, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in "WF") for char in text)


def shorten(text: str, limit: int) -> str:
    """Return text of at most `limit` characters: what is too long ends with an ellipsis.

    Example:
        >>> shorten("water", 5), shorten("waterfall", 6)
        ('water', 'water…')
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = 200) -> str:
    r"""Return a message as one line of at most `limit` characters that cannot disturb a terminal.

    Example:
        >>> one_line("no file \x1b[31m\n  at all", limit=16)
        'no file [31m at…'
    """
    text = text[: 4 * limit]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return shorten(" ".join(text.split()), limit)


def printable(text: str) -> str:
    r"""Return text that cannot disturb a terminal, one character for each.

    Example:
        >>> printable("a\tb\x1b[31m")
        'a b\ufffd[31m'
    """
    if text.isprintable():
        return text
    return "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in text)


def escaped(text: str) -> str:
    r"""Return text that cannot disturb a terminal, with the escapes of Python for what cannot be printed.

    Example:
        >>> print(escaped("a\nb\x1b[31m"))
        a\nb\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def json_line(value: Any) -> str:
    r"""Return JSON data as one line that cannot disturb a terminal.

    Example:
        >>> print(json_line({"eq": "\x9b31m"}))
        {"eq": "\u009b31m"}
    """
    return json_printable(json.dumps(value, ensure_ascii=False))


def json_printable(text: str) -> str:
    """Return the same JSON with escapes for what cannot be printed, apart from its line ends."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, which is given in the singular.

    Example:
        >>> plural(1, "step"), plural(1200, "edge")
        ('1 step', '1,200 edges')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def quantity(count: float) -> str:
    """Return a number from 0 in about five characters: from ten thousand on, three digits and a unit.

    Example:
        >>> [quantity(count) for count in (7, 9_999, 12_345, 1_234_567)]
        ['7', '9,999', '12.3k', '1.23M']
    """
    if count < 9_999.5:
        return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"
    scale, unit = next((scale, unit) for scale, unit in _UNITS if count >= scale * 0.9995)
    value = count / scale
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"


def duration(seconds: float) -> str:
    """Return a time span from 0 with the one or two units that matter.

    Example:
        >>> [duration(seconds) for seconds in (0.0123, 3.14, 125, 6000)]
        ['12 ms', '3.1 s', '2 min 05 s', '1 h 40 min']
    """
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def countdown(seconds: float) -> str:
    """Return an estimate of the time that is left, no more exact than an estimate can be.

    Example:
        >>> [countdown(seconds) for seconds in (0.2, 11.6, 125)]
        ['1 s left', '12 s left', '2 min 05 s left']
    """
    return f"{max(round(seconds), 1)} s left" if seconds < 59.5 else f"{duration(max(seconds, 60))} left"


def columns(rows: Sequence[Sequence[str]], *, indent: str = "", right: Collection[int] = ()) -> Iterator[str]:
    """Yield the lines of a table, each column as wide as its widest cell; columns in `right` are aligned there.

    Example:
        >>> list(columns([["a", "1"], ["bcd", "20"]], right={1}))
        ['a     1', 'bcd  20']
    """
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded: list[str] = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cells(cell))
            padded.append(space + cell if place in right else cell + space)
        yield f"{indent}{'  '.join(padded)}".rstrip()
