"""The pace of a stream, measured without a clock reading per item."""

from __future__ import annotations

from time import perf_counter

__all__ = ["SLICE_S", "Meter", "Turn"]

SLICE_S = 0.001
"""How long a writer may work before others get a turn, and the resolution of all measures of pace, in seconds."""

MAX_STRIDE = 256
_TRUST = 7


class Turn:
    """The stretch in which a task has run since it was resumed."""

    __slots__ = ("began_s",)

    def __init__(self) -> None:
        self.began_s: float = perf_counter()


class Meter:
    """Note when items of one output were written, looking about once per slice.

    A look happens after `stride` items: one for every 128 that were quick before, so that slow writers are seen item by
    item and fast ones by the hundred, and one that was quick at first holds the others for a few slow items at most.
    """

    __slots__ = ("_quick_items", "_turn", "first_item_s", "largest_gap_s", "last_s", "started_s", "stride")

    def __init__(self, started_s: float, turn: Turn | None = None) -> None:
        self._turn = turn
        self.started_s: float = started_s
        self.last_s: float = started_s
        self.first_item_s: float | None = None
        self.largest_gap_s: float | None = None
        self.stride: int = 1
        self._quick_items = 0

    def look(self) -> bool:
        """Note that items were written since the last look."""
        now = perf_counter()
        if self.first_item_s is None:
            self.first_item_s = now - self.started_s
            self.last_s = now
            return False
        elapsed = now - self.last_s
        began_s = self.last_s if self._turn is None else self._turn.began_s
        worked_s = min(elapsed, now - began_s)  # without the time in which others ran
        self.last_s = now
        if self.largest_gap_s is None or elapsed > self.largest_gap_s:
            self.largest_gap_s = elapsed
        if worked_s < SLICE_S / 2:
            self._quick_items += self.stride
            self.stride = min(max(self._quick_items >> _TRUST, 1), MAX_STRIDE)
        elif worked_s > SLICE_S:
            self.stride = max(int(self.stride * SLICE_S / worked_s), 1)
            self._quick_items = self.stride << _TRUST
        return now - began_s > SLICE_S
