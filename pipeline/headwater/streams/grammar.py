"""The order rules of a stream, `header? item* footer?`, and the checks of its frames' types; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeGuard

from headwater.errors import FrameTypeError, StreamOrderError
from headwater.streams.ends import NOTHING
from headwater.streams.frames import Footer, Header

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

__all__ = ["ANYTHING", "NOT_AN_ITEM", "Checker", "Classes", "Grammar", "all_instances"]

Classes = type | tuple[type, ...]
"""What the second argument of `isinstance` may be here."""

NOT_AN_ITEM: Any = object()
"""What `Grammar.admit` returns for a header or footer."""


@dataclass(frozen=True, slots=True)
class Checker:
    """The run-time check of one declared type: one `isinstance`, and validation only when that says no.

    A header or footer is known by its `classes`, also where more than its class has to be checked.
    """

    expected: Classes
    coerce: Callable[[Any], Any]
    classes: Classes = ()

    def check_all(self, values: list[Any], place: str) -> tuple[list[Any], Exception | None]:
        """Return the values before the first wrong one, as the declared type, and the error of that one or None."""
        if all_instances(values, self.expected):
            return values, None
        checked: list[Any] = []
        for value in values:
            try:
                checked.append(self.check(value, place))
            except Exception as error:  # noqa: BLE001 - counts only after the values before it
                return checked, error
        return checked, None

    def check(self, value: Any, place: str) -> Any:
        """Return the value as the declared type."""
        if isinstance(value, self.expected):
            return value
        try:
            return self.coerce(value)
        except FrameTypeError as error:
            msg = f"{place}: {error}"
            raise FrameTypeError(msg) from error.__cause__


_PLAIN = (dict, str, int, float, list, type(None))

ANYTHING = Checker(object, lambda value: value)
"""The check that every value passes."""


def all_instances(values: Iterable[object], expected: Classes) -> bool:
    """Return whether all values are instances of some classes, looking at each type among them once.

    Example:
        >>> all_instances([1, 2, True], int), all_instances([1, "2"], int)
        (True, False)
    """
    return expected is object or all(issubclass(cls, expected) for cls in set(map(type, values)))


def _is_header(value: object) -> TypeGuard[Header[Any]]:
    return isinstance(value, Header)


def _is_footer(value: object) -> TypeGuard[Footer[Any]]:
    return isinstance(value, Footer)


class _State(Enum):
    """Where in the order a stream is, and what is wrong with a frame that comes then."""

    BEFORE_HEADER = "a stream with a declared header starts with it, but {frame} came first"
    ITEMS = "the header comes once, before the items, but {frame} came among or after them"
    AFTER_FOOTER = "nothing follows the footer, but {frame} did"
    ENDED = "nothing follows the end, but {frame} did"


class Grammar:
    """The order of one stream that is being written.

    Hot loops let everything pass that is an instance of `expected` and ask `admit` about the rest; `expected` changes
    as the stream goes on, so it is read again after each call of `admit`.

    Example:
        >>> words = Grammar("words", Checker(str, str))
        >>> words.admit("hello")
        'hello'
        >>> words.end()
    """

    __slots__ = (
        "_fast",
        "_footer_check",
        "_footer_classes",
        "_header_check",
        "_header_classes",
        "_items",
        "_label",
        "_on_header",
        "_state",
        "expected",
        "footer",
    )

    def __init__(
        self,
        label: str,
        items: Checker,
        header: Checker | None = None,
        footer: Checker | None = None,
        *,
        on_header: Callable[[Any], None] | None = None,
        wrapped: Collection[str] = (),
    ) -> None:
        self._label = label
        self._items = items
        self._header_check = header
        self._footer_check = footer
        self._on_header = on_header
        self._header_classes: Classes = () if header is None or "header" in wrapped else _classes_of(header)
        self._footer_classes: Classes = () if footer is None or "footer" in wrapped else _classes_of(footer)
        self._fast: Classes = self._plain() if self._ambiguous() else items.expected
        self.begin_again()

    def begin_again(self) -> None:
        """Expect the whole stream, from its header on."""
        has_header = self._header_check is not None
        self._state = _State.BEFORE_HEADER if has_header else _State.ITEMS
        self.expected: Classes = () if has_header else self._fast
        self.footer: Any = NOTHING

    @property
    def declares_footer(self) -> bool:
        """Whether the stream itself ends with a footer."""
        return self._footer_check is not None

    def admit(self, value: Any) -> Any:
        """Take one frame that a step yielded."""
        if _is_header(value):
            return self._admit_header(value.value)
        if _is_footer(value):
            return self._admit_footer(value.value)
        if isinstance(value, self._header_classes):
            return self._admit_header(value)
        if isinstance(value, self._footer_classes):
            return self._admit_footer(value)
        if self._state is not _State.ITEMS:
            self._refuse("an item")
        return self._items.check(value, f"{self._label}: item")

    def admit_batch(self, values: list[Any]) -> list[Any]:
        """Take several items that a step yielded at once."""
        if values and self._state is not _State.ITEMS:
            self._refuse("an item")
        if all_instances(values, self._items.expected):
            return values
        return [self._items.check(value, f"{self._label}: item") for value in values]

    def end(self) -> None:
        """Note the end of the stream."""
        if self._state is _State.BEFORE_HEADER:
            self._refuse("the end")
        if self._footer_check is not None and self.footer is NOTHING:
            msg = (
                f"{self._label}: a stream with a declared footer ends with it, but the footer is missing; yield it last"
            )
            raise StreamOrderError(msg)
        self._state = _State.ENDED

    def _admit_header(self, header: Any) -> Any:
        if self._header_check is None:
            msg = (
                f"{self._label}: the stream declares no header, but one was written; declare its type, or leave it out"
            )
            raise StreamOrderError(msg)
        if self._state is not _State.BEFORE_HEADER:
            self._refuse("a header")
        header = self._header_check.check(header, f"{self._label}: header")
        self._state, self.expected = _State.ITEMS, self._fast
        if self._on_header is not None:
            self._on_header(header)
        return NOT_AN_ITEM

    def _admit_footer(self, footer: Any) -> Any:
        if self._footer_check is None:
            msg = (
                f"{self._label}: the stream declares no footer, but one was written; declare its type, or leave it out"
            )
            raise StreamOrderError(msg)
        if self._state is not _State.ITEMS:
            self._refuse("a footer")
        self.footer = self._footer_check.check(footer, f"{self._label}: footer")
        self._state, self.expected = _State.AFTER_FOOTER, ()
        return NOT_AN_ITEM

    def _refuse(self, frame: str) -> None:
        raise StreamOrderError(f"{self._label}: {self._state.value.format(frame=frame)}")

    def _plain(self) -> Classes:
        """Return what is surely an item among anything: plain data, where no header or footer is such."""
        frames = (*_flat(self._header_classes), *_flat(self._footer_classes))
        anything = object in _flat(self._items.expected)
        return tuple(cls for cls in _PLAIN if anything and not any(issubclass(frame, cls) for frame in frames))

    def _ambiguous(self) -> bool:
        """Whether an instance of the item's class could be a header or footer."""
        items = _flat(self._items.expected)
        if object in items:
            return True
        classes = (*_flat(self._header_classes), *_flat(self._footer_classes))
        return any(issubclass(cls, items) or issubclass(item, cls) for cls in classes for item in items)


def _classes_of(frame: Checker) -> Classes:
    return frame.classes or frame.expected


def _flat(classes: Classes) -> tuple[type, ...]:
    return classes if isinstance(classes, tuple) else (classes,)
