"""Names in documents, what a misspelled one may mean, and ids of executions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher

__all__ = [
    "KIND_PATTERN",
    "NAME_LIMIT",
    "NAME_PATTERN",
    "NAME_WORDS",
    "PATH_SEPARATOR",
    "checked_execution_id",
    "closest",
    "is_below",
    "new_execution_id",
]

NAME_LIMIT = 128
"""How long a name may be, and the longest that others are compared with."""

NAME_PATTERN = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{0,{NAME_LIMIT - 1}}}")
"""What the id of a step, the name of a port or a parameter looks like (ASCII, at most 128 characters)."""

NAME_WORDS = "a name (ASCII letters, digits, _ and -, starting with a letter or _, at most 128 characters)"
"""What a message expects where `NAME_PATTERN` does not match."""

KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
"""What the kind of a step looks like: dotted lower-case words, such as `text.words`."""

_EXECUTION_ID_PATTERN = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{NAME_LIMIT - 1}}}")
PATH_SEPARATOR = "/"
"""What stands between the id of a step and that of a step of its nested pipeline, as in `outer/inner`."""

_ALIKE = 0.6


def is_below(step_id: str, steps: Collection[str]) -> bool:
    """Return whether a step is inside the nested pipeline of one of some steps, near or far.

    Example:
        >>> is_below("outer/inner", {"outer"}), is_below("outer", {"outer"})
        (True, False)
    """
    end = step_id.rfind(PATH_SEPARATOR)
    while end > 0:
        if step_id[:end] in steps:
            return True
        end = step_id.rfind(PATH_SEPARATOR, 0, end)
    return False


def closest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return up to `most` names that a misspelled one resembles (Ratcliff and Metzener, "Pattern matching", 1988).

    Example:
        >>> closest("source.cvs", ["source.lines", "source.csv", "text.words"]), closest("stream.x", ["stream.max"])
        (['source.csv'], [])
    """
    # With the same number of dotted parts, each part must be alike: a family in common does not make two kinds alike.
    name = name[:NAME_LIMIT]
    whole = SequenceMatcher(b=name)
    parts = [SequenceMatcher(b=part) for part in name.split(".")]
    scored: list[tuple[float, str]] = []
    for other in known:
        others = other.split(".")
        ratio = min(map(_ratio, parts, others)) if len(others) == len(parts) else _ratio(whole, other)
        if ratio:
            scored.append((-ratio, other))
    return [other for _, other in sorted(scored)[:most]]


def _ratio(matcher: SequenceMatcher[str], other: str) -> float:
    """Return how alike two strings are, 0 for those that are not."""
    matcher.set_seq1(other)  # the bounds below are far cheaper than the ratio
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0


def new_execution_id() -> str:
    """Return 32 hexadecimal digits of random bits (a version 4 UUID, RFC 9562)."""
    return uuid.uuid4().hex


def checked_execution_id(given: object) -> str:
    """Return the id that a program gives to an execution; raise when it is anything else.

    Example:
        >>> checked_execution_id("order-17")
        'order-17'
    """
    expected = f"ASCII letters, digits, _ and -, not starting with -, at most {NAME_LIMIT} characters"
    if not isinstance(given, str):
        raise TypeError(f"execution_id is a {type(given).__name__}, but a string is expected ({expected})")
    if not _EXECUTION_ID_PATTERN.fullmatch(given):
        raise ValueError(f"execution_id is {given[:NAME_LIMIT]!r}, but an id is expected ({expected})")
    return given
