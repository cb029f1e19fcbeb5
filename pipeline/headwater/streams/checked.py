"""A source whose frames are checked as they are read, where the plan could not prove the types equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.streams.ends import NOTHING
from headwater.streams.wrapped import Wrapped

if TYPE_CHECKING:
    from headwater.streams.ends import Source
    from headwater.streams.grammar import Checker

__all__ = ["Checked"]


class Checked(Wrapped):
    """Another source, with its frames checked; a wrong item raises after the right ones before it were taken."""

    __slots__ = ("_error", "_footer", "_header", "_item", "_items", "_label")

    def __init__(
        self,
        source: Source,
        label: str,
        items: Checker | None = None,
        header: Checker | None = None,
        footer: Checker | None = None,
    ) -> None:
        super().__init__(source)
        self._label = label
        self._items = items
        self._header = header
        self._footer = footer
        self._item = f"{label}: item"
        self._error: Exception | None = None

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return the next items, checked."""
        if self._error is not None:
            raise self._error
        batch = await self._source.take(ahead=ahead)
        if self._items is None:
            return batch
        checked, self._error = self._items.check_all(batch, self._item)
        if self._error is not None and not checked:
            raise self._error
        return checked

    async def header(self) -> Any:
        """Return the header, checked, or `NOTHING`."""
        header = await self._source.header()
        if header is NOTHING or self._header is None:
            return header
        return self._header.check(header, f"{self._label}: header")

    @property
    def footer(self) -> Any:
        """The footer, checked, or `NOTHING`."""
        footer = self._source.footer
        if footer is NOTHING or self._footer is None:
            return footer
        return self._footer.check(footer, f"{self._label}: footer")
