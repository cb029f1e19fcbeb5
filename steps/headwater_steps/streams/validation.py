"""The kind `stream.validate`: items are checked by a JSON Schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated, Any, Final, Generic, TypeVar

from anyio.to_thread import run_sync as run_in_thread
from pydantic import BaseModel, Field

from headwater import Footer, HeadwaterError, Outputs, SidePort, StepContext, Stream, To, step
from headwater.toolkit import ItemFaults, NeededWhen, OnBad
from headwater_steps.json_schemas.json_schema import JsonSchema

__all__ = ["InvalidItemError", "RejectedItem", "Validated", "ValidationFooter", "Violation", "validate"]

Item = TypeVar("Item")

_QUICK_WORK: Final = 1_000
"""How often schemas may be applied to an item and its parts in the event loop."""
_MOST_WORK: Final = 200_000
"""How often they may be applied in all."""


class Violation(BaseModel, frozen=True):
    """Something that is wrong with an item.

    Args:
        path: JSON path of the place, such as `$.author.born`.
        message: What was found and what the schema expects.
    """

    path: str
    message: str


class RejectedItem(BaseModel, frozen=True):
    """An item that the schema does not allow.

    Args:
        number: Its place in the stream, from 1.
        item: The item.
        violations: What is wrong with it.
    """

    number: int
    item: Any
    violations: tuple[Violation, ...]


class ValidationFooter(BaseModel, frozen=True):
    """Counts of a validation.

    Args:
        items: Items that were read.
        good: Items that the schema allows.
        bad: Items that it does not allow.
        first_bad: Places of the first ten bad items in the stream, from 1.
    """

    items: int
    good: int
    bad: int
    first_bad: tuple[int, ...]


class Validated(Outputs, Generic[Item]):
    """The outputs of a validation: good items, and bad items on the side port."""

    out: Stream[Item, None, Footer[ValidationFooter]]
    rejected: Annotated[SidePort[RejectedItem], NeededWhen("on_bad", "reject")]


class InvalidItemError(HeadwaterError, ValueError):
    """The schema does not allow an item.

    Example:
        >>> violation = Violation(path="$.age", message="-3 is less than the minimum of 0")
        >>> print(InvalidItemError(RejectedItem(number=7, item={"age": -3}, violations=(violation,))))
        item 7 does not match the schema: $.age: -3 is less than the minimum of 0; correct it, or set on_bad
    """

    def __init__(self, rejected: RejectedItem) -> None:
        super().__init__(rejected)
        self.rejected = rejected

    def __str__(self) -> str:
        said = "; ".join(f"{violation.path}: {violation.message}" for violation in self.rejected.violations)
        return f"item {self.rejected.number} does not match the schema: {said}; correct it, or set on_bad"


@step("stream.validate")
async def validate(
    items: Stream[Item],
    ctx: StepContext,
    *,
    schema: JsonSchema | Path,
    on_bad: OnBad | None = None,
    max_violations: Annotated[int, Field(ge=1, le=1_000)] = 20,
) -> AsyncIterator[Validated[Item]]:
    """Check items by a JSON Schema.

    The schema is one of draft 2020-12 (https://json-schema.org/draft/2020-12), complete in itself: nothing that it
    refers to is fetched. It is stricter than the draft to find mistakes: a misspelled keyword is an error, and a
    pattern has the syntax of `matches` in conditions. As in the draft, `format` checks nothing.

    A footer has the counts. Needs the extra `schema`. Checking an item has a limit: one to which schemas are applied
    more than 200,000 times, as recursive alternatives in a schema may require, is a bad item.

    Args:
        items: Anything; what JSON has no type for is checked as it would be written, a model as an object. Good items
            pass as they are.
        ctx: Knows whether `rejected` is connected, and gets which items are bad.
        schema: The schema, or the path of a file with it, which is read when the step starts.
        on_bad: What happens to an item that the schema does not allow: `fail` is an error with all that is wrong with
            it, `skip` leaves it out and counts it, `reject` sends it to the port `rejected`. By default `reject` if
            that port is connected, otherwise `fail`.
        max_violations: Most violations that are listed for one item.

    Yields:
        The good items, the bad ones on the port `rejected` with what is wrong with them, the footer.

    Raises:
        InvalidItemError: The schema does not allow an item, and `on_bad` is `fail`.
        ValueError: `on_bad` is `reject`, and the port `rejected` is not connected.
        ConfigError: The file is not a schema, or cannot be read.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> adult = validate.with_params(schema={"properties": {"age": {"minimum": 18}}})
        >>> pipeline = Pipeline("adults", steps={"adult": adult}, output=["adult", "adult.rejected"])
        >>> output = run_sync(pipeline, [{"age": 30}, {"age": 3}]).output
        >>> output["adult.out"], output["adult.rejected"][0].violations
        ([{'age': 30}], (Violation(path='$.age', message='3 is less than the minimum of 18'),))
    """
    faults = ItemFaults(on_bad, ctx, noun="items")
    if isinstance(schema, Path):
        schema = await run_in_thread(JsonSchema, schema)
    from headwater_steps.json_schemas.checked_schema import TooMuchWorkError, is_large

    violations = schema.checked.violations
    number = 0
    async for item in items:
        number += 1
        try:
            found = None if is_large(item) else violations(item, max_violations, work=_QUICK_WORK)
        except TooMuchWorkError:
            found = None
        if found is None:
            found = await _checked_in_a_thread(schema, item, max_violations)
        if not found:
            yield To("out", item)
            continue
        listed = tuple(Violation(path=path, message=message) for path, message in found)
        rejected = RejectedItem(number=number, item=item, violations=listed)
        if faults.fails:
            raise InvalidItemError(rejected)
        faults.note(number, f"item {number}: {listed[0].path}: {listed[0].message}")
        if faults.rejects:
            yield To("rejected", rejected)
    faults.finish()
    counts = ValidationFooter(items=number, good=number - faults.count, bad=faults.count, first_bad=faults.first)
    yield To("out", Footer(counts))


async def _checked_in_a_thread(schema: JsonSchema, item: Any, most: int) -> list[tuple[str, str]]:
    """Check an item that takes long beside the event loop, so that other steps go on and time limits hold."""
    from headwater_steps.json_schemas.checked_schema import TooMuchWorkError

    left = Event()
    check = partial(schema.checked.violations, item, most, work=_MOST_WORK, stops=left.is_set)
    try:
        return await run_in_thread(check, abandon_on_cancel=True)
    except TooMuchWorkError:
        return [("$", f"checking it would apply schemas more than {_MOST_WORK:,} times; simplify the schema")]
    finally:
        left.set()
