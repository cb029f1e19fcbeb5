"""Identifiers: what a name in a document may look like, which one was meant, and ids for executions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from difflib import SequenceMatcher

__all__ = ["KIND_PATTERN", "NAME_PATTERN", "closest", "new_execution_id"]

NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
"""What the id of a step, the name of a port or a parameter looks like (ASCII, at most 128 characters)."""

KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
"""What the kind of a step looks like: dotted lower-case words, such as `text.words`."""


_ALIKE = 0.6


def closest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the names that a misspelled one resembles (Ratcliff and Metzener, "Pattern matching", 1988).

    Names of as many dotted parts are alike when each of the parts is: what kinds of one family share does not make
    them alike.

    Args:
        name: What was written.
        known: What could have been meant.
        most: Most names to return.

    Returns:
        The names that are close, the closest first.

    Example:
        >>> closest("source.cvs", ["source.lines", "source.csv", "text.words"]), closest("stream.x", ["stream.max"])
        (['source.csv'], [])
    """
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
    """Return how alike two texts are, 0 for those that are not; the bounds are far cheaper than the ratio."""
    matcher.set_seq1(other)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0


def new_execution_id() -> str:
    """Return a new id that no other execution has.

    Returns:
        32 hexadecimal digits of random bits (a version 4 UUID, RFC 9562).

    Example:
        >>> len(new_execution_id())
        32
    """
    return uuid.uuid4().hex
