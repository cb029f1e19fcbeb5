"""Several edges that bring one tuple of an item of each in every round."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from headwater.display import plural
from headwater.errors import StreamError
from headwater.streams.ends import NOTHING, ChannelStatistics
from headwater.streams.merging.merged import Merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.streams.ends import EdgeSource
    from headwater.streams.waiter import Waiter

__all__ = ["Zipped"]


class Zipped(Merged):
    """Tuples of an item of each edge, in the order of the edges.

    The items of an edge are taken when those taken before are used up, so an edge that is ahead fills and then waits.
    """

    __slots__ = ("_ended", "_names", "_pad", "_read_rounds", "_taken", "_undone", "_unequal")

    def __init__(
        self, sources: Sequence[EdgeSource], reader: Waiter, names: Sequence[str], unequal: str, pad: Any = None
    ) -> None:
        super().__init__(sources, reader)
        self._names = tuple(names)
        self._unequal = unequal
        self._pad = pad
        self._taken: list[list[Any]] = [[] for _ in sources]  # taken from its edge, and not yet in a tuple
        self._undone: deque[tuple[int, Sequence[EdgeSource]]] = deque()  # rounds in the reader's hands, and their edges
        self._read_rounds = 0
        self._ended = False

    async def take(self, *, ahead: bool = False) -> list[Any]:
        """Return a tuple for every round that is complete."""
        if not ahead and self._undone:
            self.acknowledge()
        while not self._ended:
            self._refill()
            if rounds := self._rounds():
                return rounds
            if self._is_at_end():
                self._ended = True
            else:
                await self._sleep()
        return []

    def acknowledge(self, items: int | None = None) -> None:
        """Count the items of the oldest rounds as done, each at its own edge; None for all rounds."""
        left = sum(rounds for rounds, _ in self._undone) if items is None else items
        while left:
            rounds, sources = self._undone.popleft()
            done = min(left, rounds)
            for source in sources:
                source.acknowledge(done)
            left -= done
            if done < rounds:
                self._undone.appendleft((rounds - done, sources))

    async def branch_taken(self) -> bool:
        """Wait for the first frame of any edge or the end of all, and return whether there may be a round."""
        return await (self._all_taken() if self._unequal == "shortest" else super().branch_taken())

    @property
    def footer(self) -> Any:
        """The one footer among the edges, or `NOTHING`; none where the shortest edge ends all."""
        return NOTHING if self._unequal == "shortest" else super().footer

    def close(self) -> None:
        """Leave all the edges."""
        self._taken = [[] for _ in self._sources]
        super().close()

    def statistics(self) -> ChannelStatistics:
        """Return the sums over the edges, with the items read and done counted as rounds."""
        sums = super().statistics()
        undone = sum(rounds for rounds, _ in self._undone)
        return sums._replace(
            buffered_items=sums.buffered_items + sum(map(len, self._taken)),
            read_items=self._read_rounds,
            done_items=self._read_rounds - undone,
        )

    def _refill(self) -> None:
        for place, source in enumerate(self._sources):
            if not self._taken[place] and source.buffer:
                self._taken[place] = source.take_nowait()

    def _rounds(self) -> list[Any]:
        """Return the rounds that are complete; the places of edges that have ended may be padded."""
        taken = self._taken
        bringing = [place for place in range(len(taken)) if taken[place] or not self._has_ended(place)]
        if not bringing or (len(bringing) < len(taken) and self._unequal != "pad"):
            return []
        size = min(len(taken[place]) for place in bringing)
        if not size:
            return []
        columns: list[list[Any]] = []
        for place, items in enumerate(taken):
            columns.append(items[:size] or [self._pad] * size)
            del items[:size]
            if place in bringing and not items:
                taken[place] = []
        self._read_rounds += size
        self._undone.append((size, [self._sources[place] for place in bringing]))
        return list(zip(*columns, strict=True))

    def _has_ended(self, place: int) -> bool:
        source = self._sources[place]
        return source.ended and source.error is None and not source.buffer

    def _is_at_end(self) -> bool:
        """Return whether there are no more rounds; raises when an edge has broken, or ended before another."""
        lacking = [place for place, items in enumerate(self._taken) if not items]
        for place in lacking:
            if (error := self._sources[place].error) is not None:
                raise error
        ended = [place for place in lacking if self._has_ended(place)]
        if ended and self._unequal == "shortest":
            super().close()
            return True
        if ended and self._unequal == "fail" and len(lacking) < len(self._taken):
            longer = next(place for place, items in enumerate(self._taken) if items)
            raise StreamError(self._difference(ended[0], longer))
        return len(ended) == len(self._taken)

    def _difference(self, shorter: int, longer: int) -> str:
        return (
            f"zip: {self._names[shorter]!r} ended after {plural(self._read_rounds, 'item')},"
            f' but {self._names[longer]!r} has more; set "unequal" to "shortest" or "pad" if that is right'
        )

    async def _sleep(self) -> None:
        for source, items in zip(self._sources, self._taken, strict=True):
            if not items:
                source.ask()
        await self._reader.sleep()
