"""How long plain code may run before other tasks get a turn, found without a look at the clock for each item."""

from __future__ import annotations

from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headwater.streams.meter import SLICE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Slicer", "WholeUnits", "close_iterator"]

_TRUST = 7
_LONG_S = 50 * SLICE_S


class Slicer:
    """The number of items to work on before other tasks get a turn, adapted to about one slice of time.

    Between two looks at the clock there are `stride` items: one for every 128 that were quick before, so that a
    step whose first items were quick holds the others for a few slow ones at most.
    """

    __slots__ = ("_most", "_quick_items", "size", "stride")

    def __init__(self, most: int) -> None:
        self.size: int = 1
        self.stride: int = 1
        self._most = max(most, 1)
        self._quick_items = 0

    def adapt(self, elapsed_s: float, items: int = 0) -> None:
        """Note how long the last slice took, and how many items it had."""
        if elapsed_s > SLICE_S:
            self.size = max(int(self.size * SLICE_S / elapsed_s), 1)
            self._slow_down(elapsed_s)
            return
        self._quick_items += items
        self.stride = max(self._quick_items >> _TRUST, 1)
        if elapsed_s < SLICE_S / 2:
            self.size = min(self.size * 2, self._most)

    def fill(self, part: list[Any], values: Iterator[Any], most: int) -> bool:
        """Append values until there are `most`, or a slice has passed; return whether they have ended."""
        started = perf_counter()
        while (missing := most - len(part)) > 0:
            wanted = len(part) + min(self.stride, missing)
            part.extend(islice(values, wanted - len(part)))
            if len(part) < wanted:
                return True
            if self.is_over(started):
                break
        return False

    def is_over(self, started: float) -> bool:
        """Return whether a slice has passed, and start anew with single items when it was a long one."""
        elapsed_s = perf_counter() - started
        if elapsed_s > SLICE_S:
            self._slow_down(elapsed_s)
            return True
        return False

    def _slow_down(self, elapsed_s: float) -> None:
        if elapsed_s > _LONG_S:  # a shorter delay is that of the machine
            self._quick_items, self.stride = 0, 1


class WholeUnits(Slicer):
    """A number of items that stays the same, for functions that wait or take several items at a time."""

    __slots__ = ()

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size

    def adapt(self, elapsed_s: float, items: int = 0) -> None:
        """Keep the size."""


def close_iterator(values: object) -> None:
    """Close a generator that is left before its end; other iterators need not be closed."""
    if (close := getattr(values, "close", None)) is not None:
        close()
