"""Steps that the tests of the command line name with `--steps`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from headwater import Outputs, SidePort, StepContext, Stream, To, step


def _mark(marker: str) -> None:
    if marker:
        Path(marker).touch()


@step("cli.numbers")
async def numbers(*, count: int = 3, marker: str = "", hang: bool = False) -> AsyncIterator[int]:
    """Count from zero.

    When it is asked to hang, it never ends; the marker is a file that is made when it is closed.

    Args:
        count: How many numbers to give.
        marker: File that is made at the end.
        hang: Whether to wait for ever after the last number.
    """
    try:
        for number in range(count):
            yield number
        if hang:
            await anyio.sleep_forever()
    finally:
        _mark(marker)


@step("cli.pair")
def pair(pair: tuple[int, int]) -> int:
    """Add two numbers."""
    return sum(pair)


@step("cli.named")
def named(number: int, *, name: str = "item") -> str:
    """Name a number."""
    return f"{name} {number}"


@step("cli.upper")
def upper(text: str) -> str:
    """Write a text in upper case."""
    return text.upper()


@step("cli.sum")
async def total(values: Stream[int]) -> int:
    """Add numbers."""
    return sum([value async for value in values])


@step("cli.all")
def everything(values: list[int]) -> int:
    """Count numbers that are held in a list."""
    return len(values)


@step("cli.same")
def same(value: Any) -> Any:
    """Give back what comes."""
    return value


@step("cli.strict")
def strict(number: int, ctx: StepContext) -> int:
    """Fail at three, and log before."""
    ctx.log.info("looking", number=number)
    if number == 3:
        message = "three is too much"
        raise ValueError(message)
    return number


@step("cli.odd")
def odd(number: int) -> slice:
    """Give what JSON cannot hold."""
    return slice(number)


@step("cli.launch", permission="launching")
def launch(text: str) -> str:
    """Launch what only an operator may."""
    return f"launched {text}"


class Sorted(Outputs):
    """Numbers that are even, and on the side those that are odd."""

    even: int
    odd: SidePort[int]


@step("cli.sort")
async def sort(numbers: Stream[int], ctx: StepContext) -> AsyncIterator[Sorted]:
    """Sort numbers.

    Args:
        numbers: Any numbers.
        ctx: Tells what is connected.

    Yields:
        Even numbers, and odd ones on the port `odd`.

    Raises:
        ValueError: Never.

    Example:
        >>> 1 + 1
        2
    """
    async for number in numbers:
        if number % 2 == 0:
            yield To("even", number)
        elif "odd" in ctx.connected:
            yield To("odd", number)


@step("cli.halved")
def halved(number: int) -> str:
    """Give half of a character, as UTF-16 has it."""
    return "\ud83d"


@step("cli.talkative")
def talkative(text: str) -> str:
    """Print what comes, and give it back."""
    print(f"seen: {text}")  # noqa: T201 - what it prints is the subject of a test
    return text


@step("cli.stuck")
def stuck(text: str) -> str:
    """Never give control back.

    Args:
        text: Tells when it has begun.
    """
    print(text, flush=True)  # noqa: T201 - tells the test that it has begun
    while True:
        pass


@step("cli.model", batched=True)
def model(records: list[dict[str, Any]]) -> list[int]:
    """Take batches."""
    return [len(record) for record in records]
