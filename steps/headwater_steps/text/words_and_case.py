"""The kinds `text.words`, `text.lower` and `text.upper`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from headwater import step

__all__ = ["lower", "upper", "words"]


def _marks() -> str:
    r"""Return the combining marks (Unicode category M) and joiners of the basic plane as ranges of a character class.

    Python's `\w` lacks them, which would cut words of Indic, Arabic and Hebrew scripts, and decomposed accents.
    """
    marks = [code for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M"]
    ranges: list[list[int]] = [[0x200C, 0x200D]]
    for code in marks:
        if code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_WORD = re.compile(rf"[^\W_]++(?:[{_marks()}]++[^\W_]*+|['\u2019][^\W_]++)*+")


@step("text.words")
def words(text: str, *, min_length: Annotated[int, Field(ge=1)] = 1) -> Iterator[str]:
    """Split a string into its words.

    A word is a run of letters and digits of any script, with the marks that belong to them, and with single apostrophes
    inside. Everything else is between words. A script without spaces is not segmented: a run of it is one word.

    Args:
        text: Any string.
        min_length: Shortest word that counts, in characters.

    Yields:
        The words in their order, as they are written.

    Example:
        >>> list(words("Don't count: 1, 2, déjà-vu!"))
        ["Don't", 'count', '1', '2', 'déjà', 'vu']
    """
    for match in _WORD.finditer(text):
        word = match[0]
        if len(word) >= min_length:
            yield word


@step("text.lower")
def lower(text: str) -> str:
    """Convert a string to lower case.

    Args:
        text: Any string.

    Returns:
        The string in lower case, by the rules of Unicode.

    Example:
        >>> lower("Déjà Vu")
        'déjà vu'
    """
    return text.lower()


@step("text.upper")
def upper(text: str) -> str:
    """Convert a string to upper case.

    Args:
        text: Any string.

    Returns:
        The string in upper case, by the rules of Unicode; it may be longer.

    Example:
        >>> upper("Déjà vu"), upper("Straße")
        ('DÉJÀ VU', 'STRASSE')
    """
    return text.upper()
