"""The parts of a stream and the declaration of its types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeGuard

from typing_extensions import TypeVar

from headwater.frozen import frozen

__all__ = ["Batch", "Footer", "Header", "Mode", "StreamType", "is_batch"]

HeaderT = TypeVar("HeaderT", default=Any)
FooterT = TypeVar("FooterT", default=Any)
Item = TypeVar("Item", default=Any)

Mode = Literal["delta", "snapshot", "line"]
"""How items relate: deltas concatenate, a snapshot replaces the one before, lines come without their ends."""


@frozen("a header", "yield another one: Header(...)")
@dataclass(frozen=True, slots=True)
class Header(Generic[HeaderT]):
    """Mark a value as the header of the stream, where its class alone is ambiguous.

    Args:
        value: The header itself.

    Example:
        >>> Header({"language": "en"}).value
        {'language': 'en'}
    """

    value: HeaderT


@frozen("a footer", "yield another one: Footer(...)")
@dataclass(frozen=True, slots=True)
class Footer(Generic[FooterT]):
    """Mark a value as the footer of the stream, where its class alone is ambiguous.

    Args:
        value: The footer itself.

    Example:
        >>> Footer({"words": 7}).value
        {'words': 7}
    """

    value: FooterT


@dataclass(frozen=True, slots=True)
class Batch(Generic[Item]):
    """Several items that a step yields at once, because it has them at once: a block of a file, a page of an answer.

    They flow on as if they were yielded one by one, and cost less. A step in a worker thread and an async generator may
    yield batches among single items. The list belongs to the stream from then on.

    Args:
        items: The items, in order; there may be none.

    Example:
        A step that reads pages::

            @step("example.pages", blocking=True)
            def pages(*, path: Path) -> Iterator[Batch[str]]:
                with path.open() as file:
                    while lines := file.readlines(65_536):
                        yield Batch(lines)
    """

    items: list[Item]


def is_batch(value: object) -> TypeGuard[Batch[Any]]:
    """Return whether a value that a step yielded is several items."""
    return isinstance(value, Batch)


@frozen("a stream type", "declare another one: StreamType(...)")
@dataclass(frozen=True, slots=True)
class StreamType:
    """The types of one stream: `header? item* footer?`.

    Args:
        item: Type of every item.
        header: Type of the header, or None when the stream has none.
        footer: Type of the footer, or None when the stream has none.
        mode: Whether items are deltas, snapshots, or lines of text; None when the stream does not say.
        to_delta: Rule `(previous snapshot or None, snapshot) -> delta`, for a stream of snapshots that may feed a
            reader of deltas.
        to_snapshot: Rule `(previous snapshot or None, delta) -> snapshot`, for a stream of deltas that may feed a
            reader of snapshots.

    Example:
        >>> StreamType(str, mode="delta").item
        <class 'str'>
    """

    item: Any
    header: Any = None
    footer: Any = None
    mode: Mode | None = None
    to_delta: Callable[[Any, Any], Any] | None = None
    to_snapshot: Callable[[Any, Any], Any] | None = None
