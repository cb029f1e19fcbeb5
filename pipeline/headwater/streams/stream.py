"""The typed handle through which a step, or a program, reads a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dis import opmap
from inspect import currentframe
from math import inf
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from headwater.errors import StreamConsumedError, StreamOrderError
from headwater.streams.ends import NOTHING
from headwater.streams.filled import Arrived, Filled, OneByOne

if TYPE_CHECKING:
    from types import FrameType

    from headwater.streams.ends import ChannelStatistics, Source
    from headwater.streams.frames import Mode

__all__ = ["Stream"]

Item = TypeVar("Item", default=Any)
HeaderT = TypeVar("HeaderT", default=None)
FooterT = TypeVar("FooterT", default=None)
_ASYNC_FOR = opmap["GET_AITER"]

Reading = TypeVar("Reading", bound=AsyncIterator[Any])


class Stream(Generic[Item, HeaderT, FooterT]):
    """A stream `header? item* footer?` that is read once, while it is being written.

    A program gets streams as `execution.output` and from `headwater.testing`; a step gets them as arguments.

    Args:
        source: Where the frames come from.
        label: What the stream is called in messages, such as `step 'words' port 'text'`.
        mode: How its items relate, where its writer declares that: deltas, snapshots or lines of text.

    Example:
        A step reads its input with `async for`::

            @step("text.count")
            async def count(words: Stream[str]) -> int:
                return len(await words.collect())
    """

    __slots__ = ("_ended", "_header", "_label", "_reading", "_source", "mode")

    def __init__(self, source: Source, label: str = "stream", mode: Mode | None = None) -> None:
        self.mode = mode
        self._source = source
        self._label = label
        self._header: Any = NOTHING
        self._ended = False
        self._reading: AsyncIterator[Any] | None = None

    def __repr__(self) -> str:
        return f"<Stream {self._label}>"

    async def header(self) -> HeaderT:
        """Return the header, waiting until it is there; it can also be read after items.

        Returns:
            The header, or None when the stream has none.

        Raises:
            StreamBrokenError: The writer failed before it gave the header.
            FrameTypeError: The header is of another type than declared.
        """
        if self._header is NOTHING:
            header = await self._source.header()
            if header is NOTHING:
                return None  # type: ignore[return-value]  # an undeclared header has the type None
            self._header = header
        return self._header  # type: ignore[no-any-return]  # checked by the source or proven by the plan

    def __aiter__(self) -> AsyncIterator[Item]:
        # The generator costs less, but is over after a cancelled wait, as the loop of an `async for` is as well.
        if (this := currentframe()) is not None and _is_loop(this.f_back):
            return self._begin(self._items())
        return self._begin(OneByOne(Arrived(self._more)))

    def batches(self, size: int | None = None, *, linger_s: float = inf) -> AsyncIterator[list[Item]]:
        """Iterate over the items in lists; faster where a step works on many at once.

        A wait for a list that is cancelled loses no item, so a step that waits for several things may give up this one
        and come back to it.

        Args:
            size: How many items make a list, from 1; the last list may have fewer. By default a list is whatever is
                there, so that no item waits for another.
            linger_s: Longest time, in seconds, that an item waits for its list to be full; then the list comes with
                fewer items.

        Returns:
            An iterator of lists with at least one item each.

        Raises:
            StreamConsumedError: The stream was read before.
        """
        if size is None:
            return self._begin(Arrived(self._more))
        return self._begin(Filled(self._more_ahead, self._source.acknowledge, size, linger_s))

    async def collect(self) -> list[Item]:
        """Read all the items.

        Returns:
            The items, in order.

        Raises:
            StreamConsumedError: The stream was read before.
            StreamBrokenError: The writer failed; use iteration to keep the items that arrived.
        """
        items: list[Item] = []
        async for batch in self.batches():
            items += batch
        return items

    async def footer(self) -> FooterT:
        """Return the footer, once all items were read.

        Returns:
            The footer, or None when the stream has none.

        Raises:
            StreamOrderError: There are items left to read.
            FrameTypeError: The footer is of another type than declared.
        """
        if not self._ended:
            msg = f"{self._label}: the footer comes after the items; read them to their end first"
            raise StreamOrderError(msg)
        footer = self._source.footer
        if footer is NOTHING:
            return None  # type: ignore[return-value]  # an undeclared footer has the type None
        return footer  # type: ignore[no-any-return]  # checked by the source or proven by the plan

    def statistics(self) -> ChannelStatistics:
        """Return what the stream's buffer holds and has seen.

        Returns:
            Counts of items and waiting times at this moment.
        """
        return self._source.statistics()

    async def aclose(self) -> None:
        """Stop reading, which stops the writer at its next item. Closing twice does no harm."""
        self._source.close()
        close = getattr(self._reading, "aclose", None)
        if close is not None:
            await close()

    def _begin(self, reading: Reading) -> Reading:
        if self._reading is not None:
            msg = f"{self._label}: a stream is read once, and this one was read already; keep its items in a list"
            raise StreamConsumedError(msg)
        self._reading = reading  # kept so that `aclose` closes it, not the garbage collector
        return reading

    async def _items(self) -> AsyncGenerator[Item, None]:
        take = self._source.take
        while batch := await take():
            for item in batch:
                yield item
        self._ended = True

    async def _more(self) -> list[Item]:
        batch = await self._source.take()
        self._ended = not batch
        return batch

    async def _more_ahead(self) -> list[Item]:
        batch = await self._source.take(ahead=True)
        self._ended = not batch
        return batch


def _is_loop(frame: FrameType | None) -> bool:
    """Return whether a frame is at the head of an `async for`, which keeps the iterator to itself."""
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == _ASYNC_FOR
