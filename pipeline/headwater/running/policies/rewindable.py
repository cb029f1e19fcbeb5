"""A source that can be read from its beginning again, as long as another attempt may need that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio.lowlevel import checkpoint

from headwater.streams.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.streams.ends import Source

__all__ = ["KEPT_ITEMS", "Rewindable"]

KEPT_ITEMS = 65_536
"""Most items of an input that are kept for another attempt; a step that has read more is not tried again."""


class Rewindable(Wrapped):
    """Another source, which keeps what was read while `is_needed` says so."""

    __slots__ = ("_is_needed", "_kept", "_place")

    def __init__(self, source: Source, is_needed: Callable[[], bool]) -> None:
        super().__init__(source)
        self._is_needed = is_needed
        self._kept: list[Any] | None = []
        self._place = 0

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items: those that were read before, then new ones."""
        kept = self._kept
        if kept is not None and self._place < len(kept):
            await checkpoint()
            batch, self._place = kept[self._place :], len(kept)
            return batch
        if kept is not None and not self._is_needed():
            self._kept = kept = None
        batch = await self._source.take(ahead=ahead)
        if kept is not None:
            if len(kept) + len(batch) > KEPT_ITEMS:
                self._kept = None
            else:
                kept += batch
                self._place = len(kept)
        return batch

    @property
    def can_rewind(self) -> bool:
        """Whether everything that was read is still there."""
        return self._kept is not None

    def rewind(self) -> None:
        """Begin again with the first item."""
        self._place = 0

    def close(self) -> None:
        """Read no further."""
        self._kept = None
        super().close()
