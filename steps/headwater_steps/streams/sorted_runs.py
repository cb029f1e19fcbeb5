"""An external merge sort: sorted runs of items in temporary files, which are merged.

The files have no names (https://docs.python.org/3/library/tempfile.html#tempfile.TemporaryFile), so they vanish with
the last handle, however a program ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from heapq import merge
from itertools import islice
from types import GenericAlias
from typing import IO, Any, Generic, Self, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from headwater import ExecutionCancelled

__all__ = ["Runs"]

Item = TypeVar("Item")

_JSON_TYPES: frozenset[type] = frozenset({dict, list, str, int, float, bool, type(None)})
_FAN = 32
_BLOCK_ITEMS = 256


class Runs(Generic[Item]):
    """Sorted runs of one stream of items, kept in temporary files as JSON.

    As soon as 32 runs are of one size, they are merged into a larger one, so that few files are open and few items are
    in memory, whatever the length of the stream.

    Example:
        >>> with Runs(key=abs, descending=False) as runs:
        ...     runs.add([1, -3])
        ...     runs.add([-1, 2])
        ...     list(runs.merged([0]))
        [0, 1, -1, 2, -3]
    """

    def __init__(
        self,
        *,
        key: Callable[[Item], Any],
        descending: bool,
        block_items: int = _BLOCK_ITEMS,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._key = key
        self._descending = descending
        self._block_items = max(1, min(block_items, _BLOCK_ITEMS))
        self._cancelled = cancelled
        self._levels: list[list[_Run[Item]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._oldest_first():
            run.close()

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def add(self, items: list[Item]) -> None:
        """Keep sorted items, which come after all those added before when they are equal."""
        self._add(items, level=0)

    def merged(self, last: Iterable[Item]) -> Iterator[Item]:
        """Return all items in order, with `last` as the last run; they are read as they are needed."""
        return self._merge([*self._oldest_first(), last])

    def _oldest_first(self) -> list[_Run[Item]]:
        return [run for level in reversed(self._levels) for run in level]

    def _merge(self, runs: Iterable[Iterable[Item]]) -> Iterator[Item]:
        return merge(*runs, key=self._key, reverse=self._descending)

    def _add(self, items: Iterable[Item], level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        run: _Run[Item] = _Run()
        runs.append(run)
        run.write(items, self._block_items, self._cancelled)
        if len(runs) == _FAN:
            self._add(self._merge(runs), level + 1)
            for merged in runs:
                merged.close()
            runs.clear()


class _Run(Generic[Item]):
    """A sorted run: blocks of items in a file, each a JSON array on a line of its own."""

    __slots__ = ("_file", "_kinds")

    def __init__(self) -> None:
        from tempfile import TemporaryFile

        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._kinds: list[type | None] = []

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, items: Iterable[Item], block_items: int, cancelled: Callable[[], bool]) -> None:
        """Write all items."""
        remaining = iter(items)
        while block := list(islice(remaining, block_items)):
            if cancelled():
                raise ExecutionCancelled
            kind = _kind_of(block)
            try:
                self._file.write(_encoded(block, kind) + b"\n")
            except OSError as error:
                raise _unwritable(error) from error
            self._kinds.append(kind)

    def __iter__(self) -> Iterator[Item]:
        try:
            self._file.seek(0)
        except OSError as error:  # buffered data is written only now
            raise _unwritable(error) from error
        for kind in self._kinds:
            yield from _decoded(self._file.readline(), kind)


def _kind_of(block: list[Any]) -> type | None:
    """Return the class of the items if all have one that JSON alone does not restore."""
    kinds = set(map(type, block))
    return None if len(kinds) > 1 or kinds <= _JSON_TYPES else kinds.pop()


def _encoded(block: list[Any], kind: type | None) -> bytes:
    """Return items as JSON; raise if they cannot be restored."""
    try:
        text = to_json(block, by_alias=False) if kind is None else _adapter(kind).dump_json(block, round_trip=True)
        if _decoded(text, kind) == block:
            return text
        reason = "is not restored from JSON as it was"
    except Exception as error:  # noqa: BLE001 - methods of a foreign class may raise anything
        reason = f"cannot be written as JSON: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    kinds = ", ".join(sorted({type(item).__name__ for item in block}))
    raise ValueError(
        f"there are more than max_items, but one of them (they are of the type {kinds}) {reason}; "
        "raise max_items, or sort plain data"
    )


def _decoded(text: bytes, kind: type | None) -> list[Any]:
    return from_json(text) if kind is None else _adapter(kind).validate_json(text)


@lru_cache(maxsize=64)
def _adapter(kind: type) -> TypeAdapter[list[Any]]:
    items: Any = GenericAlias(list, kind)
    return TypeAdapter[list[Any]](items)


def _unwritable(error: OSError) -> OSError:
    from tempfile import gettempdir

    place = f"sorted parts are kept in {gettempdir()}: free space there, or set TMPDIR to another folder"
    return OSError(error.errno, f"{error.strerror}; {place}")
