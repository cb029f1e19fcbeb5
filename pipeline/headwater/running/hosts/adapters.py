"""Sources made of another source or of plain values, for the declared rules of a plan."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.graph.plan import Adapter
from headwater.running.failures import STEP_ERRORS, is_stopped
from headwater.streams.ends import NOTHING, ChannelStatistics
from headwater.streams.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from headwater.streams.ends import Source

__all__ = ["Converted", "Given", "gather"]

_BATCH_ITEMS = 256


class Given:
    """A source of items that already exist, such as those that a `split` rule makes of one value."""

    __slots__ = ("_closed", "_done_items", "_footer", "_header", "_read_items", "_values")

    def __init__(self, values: Iterable[Any], header: Any = NOTHING, footer: Any = NOTHING) -> None:
        self._values = iter(values)
        self._header = header
        self._footer = footer
        self._read_items = 0
        self._done_items = 0
        self._closed = False

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items."""
        if not ahead:
            self._done_items = self._read_items
        await checkpoint()
        if self._closed:
            return []
        batch = list(islice(self._values, _BATCH_ITEMS))
        self._read_items += len(batch)
        return batch

    async def header(self) -> Any:
        """Return the header, or `NOTHING`."""
        await checkpoint()
        return self._header

    def acknowledge(self, items: int | None = None) -> None:
        """Count the oldest items that were taken as done; None for all of them."""
        self._done_items = self._read_items if items is None else self._done_items + items

    async def branch_taken(self) -> bool:
        """Return True: the items exist."""
        await checkpoint()
        return True

    @property
    def footer(self) -> Any:
        """The footer, or `NOTHING`."""
        return self._footer

    def close(self) -> None:
        """Read no further."""
        self._closed = True

    def statistics(self) -> ChannelStatistics:
        """Return what was read so far."""
        read = self._read_items
        return ChannelStatistics(0, _BATCH_ITEMS, read, read, self._done_items, 0.0, 0.0, ended=self._closed)


class Converted(Wrapped):
    """Another source whose items pass a rule `(previous snapshot or None, item) -> item`."""

    __slots__ = ("_convert", "_error", "_rule", "_snapshot")

    def __init__(self, source: Source, rule: Callable[[Any, Any], Any], adapter: Adapter) -> None:
        super().__init__(source)
        self._rule = rule
        self._snapshot: Any = None
        self._error: BaseException | None = None
        self._convert = self._to_delta if adapter is Adapter.TO_DELTA else self._to_snapshot

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items, converted; what the rule raises comes after them, and again for each further read."""
        if self._error is not None:
            raise self._error
        converted: list[Any] = []
        try:
            for item in await self._source.take(ahead=ahead):
                converted.append(self._convert(item))  # noqa: PERF401 - those before one that fails are kept
        except STEP_ERRORS as error:
            if is_stopped(error):
                raise
            self._error = error
            if not converted:
                raise
        return converted

    def _to_delta(self, snapshot: Any) -> Any:
        delta = self._rule(self._snapshot, snapshot)
        self._snapshot = snapshot
        return delta

    def _to_snapshot(self, delta: Any) -> Any:
        self._snapshot = self._rule(self._snapshot, delta)
        return self._snapshot


async def gather(source: Source) -> list[Any]:
    """Return all the items of a source."""
    items: list[Any] = []
    while batch := await source.take():
        items += batch
    return items
