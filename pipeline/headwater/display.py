"""How wide a text is where all characters stand in cells: on a terminal, and in drawings with one font."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

__all__ = ["cells"]


def cells(text: str) -> int:
    """Return how many cells a text takes.

    Args:
        text: Printable text.

    Returns:
        The number of cells, by the East Asian width of each character (Unicode, UAX 11); a combining mark takes none.

    Example:
        >>> cells("ab"), cells("水"), cells("e\N{COMBINING ACUTE ACCENT}")
        (2, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in "WF") for char in text)
