"""The columns of a CSV file: their names and the types of their cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater_steps.files.cells import CellType, converter
from headwater_steps.files.models import BadLineError

__all__ = ["checked_names", "converters", "renamed"]


def checked_names(names: Sequence[str], path: Path | str, line: int, *, renames: bool) -> tuple[str, ...]:
    """Return the names of the columns, or refuse those that are empty or there twice."""
    if renames:
        return renamed(names)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if "" in names or twice:
        fault = f"several columns are called {twice[0]!r}" if twice and twice[0] else "a column has no name"
        hint = "correct the first row, or remove it and set names, or set headers to rename"
        raise BadLineError(path, line, f"{fault}; {hint}")
    return tuple(names)


def renamed(names: Sequence[str]) -> tuple[str, ...]:
    """Return names with numbers where one is missing or was there before.

    Example:
        >>> renamed(["id", "", "id", "id_2", ""])
        ('id', 'column_2', 'id_3', 'id_2', 'column_5')
    """
    given = set(names)
    counts: dict[str, int] = {}
    unlike: list[str] = []
    for number, name in enumerate(names, 1):
        base = name or f"column_{number}"
        candidate = base
        is_taken = base in counts if name else base in given
        while is_taken:
            counts[base] = counts.get(base, 1) + 1
            candidate = f"{base}_{counts[base]}"
            is_taken = candidate in given or candidate in counts
        counts.setdefault(candidate, 1)
        unlike.append(candidate)
    return tuple(unlike)


def converters(
    names: Sequence[str], types: Mapping[str, CellType], path: Path | str, decimal: str
) -> list[tuple[int, Callable[[str], Any]]]:
    """Return what converts the cells of a row, with their places; columns of text need nothing."""
    unknown = [name for name in types if name not in names]
    if unknown:
        found = ", ".join(map(repr, names))
        raise ValueError(f"{path}: types has {unknown[0]!r}, but the columns are {found}")
    return [
        (index, converter(types[name], decimal))
        for index, name in enumerate(names)
        if types.get(name, "text") != "text"
    ]
