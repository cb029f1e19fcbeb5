"""The kind `stream.sort`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, time
from itertools import islice
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Field

from headwater import Batch, StepContext, step
from headwater.toolkit import MISSING, FieldPath, MissingFieldError, Reads, field_finder, field_label, in_words
from headwater_steps.streams.sorted_runs import Runs

__all__ = ["sort"]

Item = TypeVar("Item")
Key: TypeAlias = tuple[Any, ...]

_BLOCK_ITEMS = 256
_NUMBERS: frozenset[type] = frozenset({int, float})
_CONTAINERS: frozenset[type] = frozenset({list, tuple, dict, set, frozenset})


class Ordered(ABC):  # noqa: B024 - the hook decides
    """What can be sorted: classes with an order, but no containers, which compare only in part."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        bases = other.__mro__[:-1]
        return cls is Ordered and _CONTAINERS.isdisjoint(bases) and any("__lt__" in vars(base) for base in bases)


@step("stream.sort", blocking=True)
def sort(
    items: Annotated[Iterable[Item], Reads(Ordered, at="by")],
    ctx: StepContext,
    *,
    by: FieldPath | Annotated[list[FieldPath], Field(min_length=1, max_length=100)] | None = None,
    descending: bool = False,
    on_missing: Literal["last", "first", "fail"] = "last",
    max_items: Annotated[int, Field(ge=1)] = 100_000,
) -> Iterator[Batch[Item]]:
    """Sort a stream of any length.

    Numbers are sorted by size, strings by the code points of their characters (`Z` before `a`), false before true.
    Equal items keep their order.

    The first item comes after all were read. Up to `max_items` are sorted in memory; sorted parts of a longer stream
    are kept in temporary files without names, which are gone when the step ends, however it ends. Then the items must
    be data that JSON restores (plain data without NaN), or all of one class that pydantic restores (models, dates);
    anything else is an error. Header and footer are not passed on.

    Args:
        items: Anything that can be ordered; with `by`, objects with or without the fields.
        ctx: Gets how many parts are on the disk.
        by: The field to sort by, or several of them, the most important first; the whole item by default.
        descending: Whether the largest comes first.
        on_missing: What happens to items that lack a field, or where it is null: they go `last` or `first`, also when
            descending; `fail` is an error.
        max_items: Most items to keep in memory.

    Yields:
        The items, in order.

    Raises:
        TypeError: Two values cannot be ordered, such as a string and a number.
        ValueError: A value is NaN, or missing, or the items cannot be kept on the disk.
        OSError: There is no space for temporary files.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> by_age = sort.with_params(by="age", descending=True)
        >>> people = [{"name": "Ida", "age": 7}, {"name": "Ole"}, {"name": "Eva", "age": 9}]
        >>> [person["name"] for person in run_sync(Pipeline("sort", steps={"sort": by_age}), iter(people)).output]
        ['Eva', 'Ida', 'Ole']
    """
    key = _key([by] if by is None or isinstance(by, str) else by, descending=descending, on_missing=on_missing)
    waiting: list[Item] = []
    with Runs[Item](
        key=key, descending=descending, block_items=max_items // 64, cancelled=lambda: ctx.cancelled
    ) as runs:
        for item in items:
            if len(waiting) == max_items:
                runs.add(_sorted(waiting, key, descending=descending))
                ctx.progress(None, f"{len(runs)} sorted parts on the disk", parts=len(runs))
                waiting.clear()
            waiting.append(item)
        merged = runs.merged(_sorted(waiting, key, descending=descending))
        while block := list(islice(merged, _BLOCK_ITEMS)):
            yield Batch(block)


def _sorted(items: list[Item], key: Callable[[Item], Key], *, descending: bool) -> list[Item]:
    items.sort(key=key, reverse=descending)
    return items


def _key(paths: Sequence[str | None], *, descending: bool, on_missing: str) -> Callable[[Any], Key]:
    """Return a function of an item that returns what to compare."""
    ranks = [_Rank(path, on_missing, missing_is_more=(on_missing == "last") is not descending) for path in paths]
    if len(ranks) == 1:
        return ranks[0]
    return lambda item: tuple([rank(item) for rank in ranks])


class _Rank:
    """Ranks items by one field; values that have no common order are refused."""

    __slots__ = ("_absent", "_family", "_find", "_is_aware", "_kinds", "_on_missing", "_path", "_present")

    def __init__(self, path: str | None, on_missing: str, *, missing_is_more: bool) -> None:
        self._path = path
        self._on_missing = on_missing
        self._find: Callable[[Any], Any] = _itself if path is None else field_finder(path)
        self._kinds: set[type] = set()
        self._family: frozenset[type] = frozenset()
        self._is_aware: bool | None = None
        self._absent = (int(missing_is_more),)
        self._present = int(not missing_is_more)

    def __call__(self, item: Any) -> Key:
        value = self._find(item)
        if type(value) not in self._kinds:
            if value is None or value is MISSING:
                return self._without(item, value)
            self._admit(value)
        if value != value:  # noqa: PLR0124 - only NaN is not equal to itself
            raise ValueError(f"{field_label(self._path)} is NaN, which cannot be ordered; filter such items out")
        return self._present, value

    def _without(self, item: Any, value: Any) -> Key:
        if self._on_missing == "fail":
            hint = "set on_missing to last or first if that is right"
            if value is MISSING:
                raise MissingFieldError(self._path or "", item, hint)
            raise ValueError(f"{field_label(self._path)} is null; {hint}")
        return self._absent

    def _admit(self, value: Any) -> None:
        """Accept a type that did not occur before."""
        kind: type[Any] = value.__class__
        if kind in _CONTAINERS or not _is_ordered(value):
            hint = "set by to a field that is a string or a number"
            raise TypeError(f"{field_label(self._path)} is {in_words(value)}, which cannot be ordered; {hint}")
        family = _NUMBERS if kind in _NUMBERS else frozenset({kind})
        if self._family and family != self._family:
            known = " or ".join(sorted(kind.__name__ for kind in self._kinds or self._family))
            message = f"{field_label(self._path)} is {in_words(value)}, but others are of the type {known}"
            raise TypeError(f"{message}: they have no common order; convert them to one type, or filter one out")
        self._family = family
        if isinstance(value, (datetime, time)):
            self._admit_moment(value)
        else:
            self._kinds.add(kind)

    def _admit_moment(self, value: datetime | time) -> None:
        """Accept a time if it has an offset as those before, or none as they; each is looked at."""
        is_aware = value.utcoffset() is not None
        if self._is_aware is not None and self._is_aware is not is_aware:
            has, others = ("a", "no") if is_aware else ("no", "a")
            message = f"{field_label(self._path)} is {value.isoformat()}, which has {has} time zone, but others have"
            hint = "write the offset of each, or filter such items out"
            raise TypeError(f"{message} {others} time zone: they have no common order; {hint}")
        self._is_aware = is_aware


def _is_ordered(value: Any) -> bool:
    try:
        _ = value < value  # noqa: PLR0124 - only whether it is supported
    except TypeError:
        return False
    return True


def _itself(item: Any) -> Any:
    return item
