"""The kinds `stream.sum`, `mean`, `min` and `max`: one number from many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import fsum, isfinite
from typing import Annotated, Any, Literal, TypeAlias

from headwater import StepContext, Stream, step
from headwater.toolkit import MISSING, FieldPath, MissingFieldError, Reads, field_column, field_label, in_words

__all__ = ["largest", "mean", "smallest", "total"]

OnMissing: TypeAlias = Literal["fail", "skip"]
Number: TypeAlias = int | float
Figures: TypeAlias = Annotated[Stream[Any], Reads(Number, at="field")]

_INTEGERS: set[type] = {int}
_FLOATS: set[type] = {float}
_NUMBERS: set[type] = {int, float}


@step("stream.sum")
async def total(
    items: Figures, ctx: StepContext, *, field: FieldPath | None = None, on_missing: OnMissing = "fail"
) -> Number:
    """Add numbers.

    The sum is exact: integers of any size stay integers, and with fractions among them the sum is rounded once, at the
    end (the problem and its solution: https://docs.python.org/3/library/math.html#math.fsum).

    Args:
        items: Numbers; with `field`, objects that have it.
        ctx: Takes how many items were skipped.
        field: The field to add; the item itself by default.
        on_missing: What happens when an item lacks the field, or when it is null: `fail` is an error, `skip` leaves the
            item out and counts it as a compensation.

    Returns:
        The sum; 0 when there are no items.

    Raises:
        TypeError: Something is not a number; a boolean or a numeric string is not one either.
        ValueError: Something is NaN or infinite, or lacks the field.
        OverflowError: The sum has a fraction and is too large for a float.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("sum", steps={"sum": total}), [0.1, 0.2, 0.3]).output
        0.6
    """
    exact, numbers = _ExactSum(), _Numbers(field, on_missing, ctx)
    async for batch in items.batches():
        exact.add(numbers.of(batch))
    return exact.value


@step("stream.mean")
async def mean(
    items: Figures, ctx: StepContext, *, field: FieldPath | None = None, on_missing: OnMissing = "fail"
) -> float | None:
    """Return the arithmetic mean of numbers.

    The mean is exact, and rounded once.

    Args:
        items: Numbers; with `field`, objects that have it.
        ctx: Takes how many items were skipped.
        field: The field; the item itself by default.
        on_missing: What happens when an item lacks the field, or when it is null: `fail` is an error, `skip` leaves the
            item out and counts it as a compensation.

    Returns:
        The mean; null when there are no items.

    Raises:
        TypeError: Something is not a number; a boolean or a numeric string is not one either.
        ValueError: Something is NaN or infinite, or lacks the field.
        OverflowError: The mean is too large.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("mean", steps={"mean": mean}), [1, 2, 6]).output
        3.0
    """
    exact, numbers = _ExactSum(), _Numbers(field, on_missing, ctx)
    async for batch in items.batches():
        exact.add(numbers.of(batch))
    return _rounded(exact.fraction / numbers.found) if numbers.found else None


@step("stream.min")
async def smallest(
    items: Figures, ctx: StepContext, *, field: FieldPath | None = None, on_missing: OnMissing = "fail"
) -> Number | None:
    """Return the smallest of numbers.

    Args:
        items: Numbers; with `field`, objects that have it.
        ctx: Takes how many items were skipped.
        field: The field; the item itself by default.
        on_missing: What happens when an item lacks the field, or when it is null: `fail` is an error, `skip` leaves the
            item out and counts it as a compensation.

    Returns:
        The smallest number, the first of those that are equal; null when there are no items.

    Raises:
        TypeError: Something is not a number; a boolean or a numeric string is not one either.
        ValueError: Something is NaN or infinite, or lacks the field.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("least", steps={"least": smallest}), [3, 1, 2]).output
        1
    """
    return await _best(min, items, _Numbers(field, on_missing, ctx))


@step("stream.max")
async def largest(
    items: Figures, ctx: StepContext, *, field: FieldPath | None = None, on_missing: OnMissing = "fail"
) -> Number | None:
    """Return the largest of numbers.

    Args:
        items: Numbers; with `field`, objects that have it.
        ctx: Takes how many items were skipped.
        field: The field; the item itself by default.
        on_missing: What happens when an item lacks the field, or when it is null: `fail` is an error, `skip` leaves the
            item out and counts it as a compensation.

    Returns:
        The largest number, the first of those that are equal; null when there are no items.

    Raises:
        TypeError: Something is not a number; a boolean or a numeric string is not one either.
        ValueError: Something is NaN or infinite, or lacks the field.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("most", steps={"most": largest}), [3, 1, 2]).output
        3
    """
    return await _best(max, items, _Numbers(field, on_missing, ctx))


async def _best(choose: Callable[[list[Number]], Number], items: Stream[Any], numbers: _Numbers) -> Number | None:
    """Return the best of the numbers in a stream; None when there is none."""
    best: list[Number] = []
    async for batch in items.batches():
        found = [*best, *numbers.of(batch)]
        best = [choose(found)] if found else []
    return best[0] if best else None


class _Numbers:
    """Finds the numbers in items, and counts them."""

    __slots__ = ("_column", "_ctx", "_field", "_items", "_on_missing", "found")

    def __init__(self, field: str | None, on_missing: OnMissing, ctx: StepContext) -> None:
        self._field = field
        self._on_missing = on_missing
        self._ctx = ctx
        self._column = field_column(field)
        self._items = 0
        self.found = 0

    def of(self, items: list[Any]) -> Sequence[Number]:
        """Return the numbers in some items."""
        values = self._column(items)
        numbers = values if _are_plain(values) else self._checked(items, values)
        self._items += len(values)
        self.found += len(numbers)
        if len(numbers) < len(values):
            what = "null" if self._field is None else f"without the field {self._field!r}"
            message = f"skipped {self._items - self.found} items that are {what}"
            self._ctx.progress(message=message, compensations=len(values) - len(numbers))
        return numbers

    def _checked(self, items: Sequence[Any], values: Sequence[Any]) -> Sequence[Number]:
        """Return the numbers among values that are not all numbers; raise if that is an error."""
        numbers: list[Number] = []
        for number, (item, value) in enumerate(zip(items, values, strict=True), self._items + 1):
            if value is not None and value is not MISSING:
                numbers.append(_number(value, field_label(self._field, number)))
            elif self._on_missing == "fail":
                hint = "set on_missing to skip if that is right"
                if value is MISSING:
                    raise MissingFieldError(self._field or "", item, hint, number)
                raise ValueError(f"{field_label(self._field, number)} is null; {hint}")
        return numbers


def _are_plain(values: Sequence[Any]) -> bool:
    """Return whether all values are plain finite numbers."""
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return False
    floats = values if kinds == _FLOATS else [value for value in values if type(value) is float]
    return kinds == _INTEGERS or all(map(isfinite, floats))


def _number(value: Any, name: str) -> Number:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {in_words(value)}, not a number; convert it before, or filter such items out")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} is {value}, not a finite number; filter such items out")
    return value


class _ExactSum:
    """A sum of finite numbers without any error.

    It is an integer, plus floats where each is the rounded sum of what the ones before it leave (after Shewchuk 1997,
    https://doi.org/10.1007/PL00009321), plus a fraction for what no float can hold.
    """

    __slots__ = ("_floats", "_rest", "_whole")

    def __init__(self) -> None:
        self._whole = 0
        self._floats: list[float] = []
        self._rest: Fraction | None = None

    def add(self, numbers: Sequence[Number]) -> None:
        """Add finite numbers."""
        whole = [number for number in numbers if isinstance(number, int)]
        self._whole += sum(whole)
        if len(whole) < len(numbers):
            self._add_floats([number for number in numbers if not isinstance(number, int)] if whole else numbers)

    def _add_floats(self, numbers: Sequence[float]) -> None:
        """Add floats, and subtract the sum until nothing is left: together the sums are exact."""
        left = [*self._floats, *numbers]
        sums: list[float] = []
        try:
            while part := fsum(left):
                sums.append(part)
                left.append(-part)
        except OverflowError:
            self._rest = sum(map(Fraction, numbers), self._rest or Fraction())
        else:
            self._floats = sums or [0.0]

    @property
    def fraction(self) -> Fraction:
        """The sum."""
        return sum(map(Fraction, self._floats), self._whole + (self._rest or Fraction()))

    @property
    def value(self) -> Number:
        """The sum as a number: an integer if all its parts are, otherwise the nearest float."""
        return _rounded(self.fraction) if self._floats or self._rest is not None else self._whole


def _rounded(fraction: Fraction) -> float:
    try:
        return float(fraction)
    except OverflowError as error:
        raise OverflowError("the result is larger than 1.8e308, the largest number with a fraction") from error
