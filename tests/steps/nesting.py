"""Steps and documents for the tests of control kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
from pydantic import BaseModel

from headwater import Emits, Stream, step

__all__ = ["Ending", "Opening", "chain", "nesting"]

closed: list[str] = []
"""What the cleanup of steps has noted."""


class Opening(BaseModel):
    """A header."""

    unit: str


class Ending(BaseModel):
    """A footer."""

    items: int


@step("nesting.double")
async def double(number: int) -> int:
    return 2 * number


@step("nesting.fail_at")
async def fail_at(number: int, *, bad: int = 3) -> int:
    if number == bad:
        raise ValueError(f"{number} is bad")
    return number


@step("nesting.numbers")
async def numbers(*, n: int) -> AsyncIterator[int]:
    try:
        for number in range(n):
            yield number
    finally:
        closed.append("numbers")


@step("nesting.repeat")
async def repeat(number: int) -> AsyncIterator[int]:
    try:
        for _ in range(number):
            yield number
    finally:
        closed.append("repeat")


@step("nesting.total")
async def total(items: Stream[int]) -> int:
    return sum([item async for item in items])


@step("nesting.running_total")
async def running_total(items: Stream[int, Opening, Ending]) -> Emits[int, Opening, Ending]:
    yield await items.header()
    so_far = 0
    async for item in items:
        so_far += item
        yield so_far
    yield await items.footer()


@step("nesting.other_header")
async def other_header(items: Stream[int, Ending]) -> int:
    return (await items.header()).items


@step("nesting.framed")
async def framed(*, n: int = 3) -> Emits[int, Opening, Ending]:
    yield Opening(unit="m")
    for number in range(n):
        yield number
    yield Ending(items=n)


@step("nesting.same")
async def same(value: object) -> object:
    return value


@step("nesting.wait")
async def wait(number: int) -> int:
    try:
        await anyio.sleep_forever()
    finally:
        closed.append("wait")
    return number


def chain(*kinds: str | dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return the document of a chain of steps, `s0` and so on."""
    given = [{"kind": kind} if isinstance(kind, str) else kind for kind in kinds]
    return {"name": "inner", "steps": [{"id": f"s{number}", **one} for number, one in enumerate(given)], **keys}


def nesting(
    document: Any,
    *after: dict[str, Any],
    kind: str = "control.pipeline",
    before: tuple[dict[str, Any], ...] = (),
    options: dict[str, Any] | None = None,
    **params: Any,
) -> dict[str, Any]:
    """Return a document with a step `nested` that runs another one."""
    step = {"id": "nested", "kind": kind, "params": {"pipeline": document, **params}, **(options or {})}
    return {"name": "outer", "steps": [*before, step, *after]}
