"""Kinds of steps that broken and hostile documents name: one for everything that can be wrong between two steps."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from headwater import Condition, Emits, Flavor, Outputs, Step, Stream, StreamType, Task, To, step
from headwater.toolkit import OutputPath

Item = TypeVar("Item")


class Title(BaseModel):
    model_config = ConfigDict(frozen=True)
    text: str


class Language(BaseModel):
    model_config = ConfigDict(frozen=True)
    code: str


class Checked(Outputs):
    good: str
    bad: str


# ---- values


@step("say.repeat")
def repeat(text: str, *, times: int = 2, mark: str = "") -> str:
    """Write a text several times."""
    return text * times + mark


@step("say.double")
def double(number: int) -> int:
    """Take a number for each number."""
    return 2 * number


@step("say.pair")
def pair(left: str, right: str) -> str:
    """Take two values."""
    return left + right


@step("say.save")
def save(text: str, *, path: OutputPath) -> str:
    """Write to a file."""
    path.write_text(text)
    return text


@step("say.longest")
def longest(texts: list[str]) -> int:
    """Take a list."""
    return max(map(len, texts))


@step("say.options")
def options(text: str, *, size: Annotated[int, Field(ge=1, le=9)] = 1, names: list[str] | None = None) -> str:
    """Take params with bounds and a list."""
    return text * size + "".join(names or ())


class Keep(Step, kind="say.keep"):
    """Have a condition and a secret for params."""

    where: Condition
    token: SecretStr = SecretStr("")

    def run(self, text: str) -> str:
        return text


# ---- streams


@step("say.texts")
async def texts(*, count: int = 3) -> AsyncIterator[str]:
    """Give texts from nowhere."""
    for number in range(count):
        yield str(number)


@step("say.numbers")
async def numbers() -> AsyncIterator[int]:
    """Give numbers from nowhere."""
    yield 1


@step("say.same")
async def same(items: Stream[Item]) -> AsyncIterator[Item]:
    """Pass on a stream of anything."""
    async for item in items:
        yield item


@step("say.sum")
async def total(values: Stream[int]) -> int:
    """Take a stream of numbers as a whole."""
    return sum([value async for value in values])


@step("say.zip")
async def zipped(left: Stream[str], right: Stream[str]) -> AsyncIterator[str]:
    """Take two streams."""
    async for one in left:
        yield one
    async for one in right:
        yield one


@step("say.sort")
async def sort(items: Stream[str]) -> AsyncIterator[Checked]:
    """Have two outputs."""
    async for item in items:
        yield To("good", item)


@step("say.crunch", cpu=True)
def crunch(values: Iterable[str]) -> str:
    """Take a stream in a process, which is not possible."""
    return "".join(values)


@step("say.count_pairs")
async def count_pairs(pairs: Stream[tuple[str, str]]) -> int:
    """Count pairs of texts."""
    return len(await pairs.collect())


@step("say.store")
async def store(items: Stream[str]) -> None:
    """Give nothing."""
    await items.collect()


# ---- headers and modes


@step("say.titled")
async def titled() -> Emits[str, Title]:
    """Give a stream with a header."""
    yield Title(text="a")
    yield "b"


@step("say.opened")
async def opened(text: str) -> Emits[str, Title]:
    """Give a stream with a header for one value."""
    yield Title(text=text)


@step("say.read_titled")
async def read_titled(items: Stream[str, Title]) -> str:
    """Need a header."""
    return (await items.header()).text


@step("say.read_language")
async def read_language(items: Stream[str, Language]) -> str:
    """Need a header that no step gives."""
    return (await items.header()).code


@step("say.snapshots")
async def snapshots() -> Annotated[AsyncIterator[str], StreamType(str, mode="snapshot")]:
    """Give texts that replace each other."""
    yield "a"


@step("say.read_deltas")
async def read_deltas(parts: Annotated[Stream[str], StreamType(str, mode="delta")]) -> str:
    """Take texts that follow each other."""
    return "".join([part async for part in parts])


READING = Task("reading", unary_input=str, stream_input=str, unary_output=str, stream_output=str, input_join="".join)


class Reader(Step, kind="say.reader"):
    """Do a task that has a rule to join its input."""

    @READING.method(Flavor.UNARY_UNARY)
    def run(self, text: str) -> str:
        return text
