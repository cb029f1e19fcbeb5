# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Steps that the tests of the running layer share: one of every shape, as users write them."""

from collections.abc import AsyncIterator, Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from headwater import Emits, Outputs, Stream, To, step


class Opening(BaseModel):
    model_config = ConfigDict(frozen=True)
    language: str


class Closing(BaseModel):
    model_config = ConfigDict(frozen=True)
    items: int


# ---- one value in, one value out


@step("running.def_double")
def def_double(number: int) -> int:
    return 2 * number


@step("running.async_double")
async def async_double(number: int) -> int:
    return 2 * number


@step("running.thread_double", blocking=True)
def thread_double(number: int) -> int:
    return 2 * number


@step("running.process_double", cpu=True)
def process_double(number: int) -> int:
    return 2 * number


# ---- one value in, a stream out


@step("running.generator_count")
def generator_count(number: int) -> Iterator[int]:
    yield from range(number)


@step("running.async_count")
async def async_count(number: int) -> AsyncIterator[int]:
    for value in range(number):
        yield value


@step("running.thread_count", blocking=True)
def thread_count(number: int) -> Iterator[int]:
    yield from range(number)


# ---- a stream in, one value out


@step("running.async_sum")
async def async_sum(numbers: Stream[int]) -> int:
    return sum([number async for number in numbers])


@step("running.thread_sum", blocking=True)
def thread_sum(numbers: Iterable[int]) -> int:
    return sum(numbers)


@step("running.list_sum")
def list_sum(numbers: list[int]) -> int:
    return sum(numbers)


# ---- a stream in, a stream out


@step("running.async_pass")
async def async_pass(numbers: Stream[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number


@step("running.batch_pass")
async def batch_pass(numbers: Stream[int]) -> AsyncIterator[int]:
    async for batch in numbers.batches():
        for number in batch:
            yield number


@step("running.thread_pass", blocking=True)
def thread_pass(numbers: Iterable[int]) -> Iterator[int]:
    yield from numbers


# ---- headers, footers, several ports


@step("running.framed")
async def framed(number: int) -> Emits[int, Opening, Closing]:
    yield Opening(language="en")
    for value in range(number):
        yield value
    yield Closing(items=number)


class Sorted(Outputs):
    even: int
    odd: int


@step("running.sort_stream")
async def sort_stream(numbers: Stream[int]) -> AsyncIterator[Sorted]:
    async for number in numbers:
        yield To("odd" if number % 2 else "even", number)


@step("running.sort_one")
def sort_one(number: int) -> Sorted:
    return To("odd" if number % 2 else "even", number)


@step("running.take")
async def take(numbers: Stream[int], *, count: int = 3) -> AsyncIterator[int]:
    async for number in numbers:
        yield number
        count -= 1
        if not count:
            return


@step("running.add")
def add(left: int, right: int) -> int:
    return left + right
