"""Numbers as strings write them: one rule for cells, patterns, parameters, variables and the command line.

Python also reads `1_000`, digits of other scripts, `nan` and `inf`, which are not numbers here.
"""

from __future__ import annotations

from math import isfinite

from headwater.display import shorten

__all__ = ["decimal_number", "whole_number"]

_SHOWN_CHARS = 40


def whole_number(text: str) -> int:
    """Return the integer that a string writes in decimal digits, such as `-12`; raise `ValueError` for another string.

    Example:
        >>> whole_number(" +12 ")
        12
    """
    try:
        if "_" not in text and text.isascii():
            return int(text)
    except ValueError:
        pass
    raise ValueError(f"{_shown(text)} is not a whole number")


def decimal_number(text: str) -> float:
    """Return the finite number that a string writes, such as `-1.5e3`; raise `ValueError` for another string.

    Example:
        >>> decimal_number("-1.5e3")
        -1500.0
    """
    try:
        if "_" not in text and text.isascii() and isfinite(value := float(text)):
            return value
    except ValueError:
        pass
    raise ValueError(f"{_shown(text)} is not a finite number")


def _shown(text: str) -> str:
    return repr(shorten(text, _SHOWN_CHARS))
