# ruff: noqa: D103 - most functions here are steps, the subject of the tests
"""From annotations to ports, for functions that are declared well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

from headwater.kinds import Call, Emits, Flavor, Outputs, Placement, Step, StepContext, To, step
from headwater.streams import Footer, Header, Stream, StreamType

Item = TypeVar("Item")
SNAPSHOT = StreamType(str, mode="snapshot", to_delta=lambda before, now: now)


class Head(BaseModel):
    name: str


class Tail(BaseModel):
    count: int


class Checked(Outputs):
    accepted: int
    rejected: Stream[str, Head]


class Sides(Outputs, Generic[Item]):
    left: Item
    right: list[Item]


@dataclass(frozen=True)
class Case:
    """A function, and what is to be read of it: ports as `name: type`, `*` for a stream, `?` for optional."""

    function: Callable[..., Any]
    call: Call
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    flavor: Flavor
    placement: Placement = Placement.INLINE

    def __str__(self) -> str:
        return self.function.__name__


def upper(text: str) -> str:
    return text


def source() -> int:
    return 1


def sink(text: str) -> None: ...


def plain_list(text: str) -> list[str]:
    return [text]


def returns_iterator(text: str) -> Iterator[str]:
    return iter(text)


def returns_async_iterator(texts: Stream[str]) -> AsyncIterator[str]:
    return aiter(texts)


def generator(text: str) -> Generator[str, None, None]:
    yield text


def blocking_lines(lines: Iterable[str]) -> Iterator[str | Header[Head] | Footer[Tail]]:
    yield from lines


async def coroutine(text: str) -> str:
    return text


async def count(words: Stream[str]) -> int:
    return 0


async def transcribe(audio: Stream[bytes, Head]) -> Emits[str, Head, Tail]:
    yield ""


async def wrapped(words: Stream[str]) -> Emits[str, Header[str]]:
    yield ""


async def join(left: Stream[str], right: int, extra: Stream[int] | None = None, note: str | None = None) -> str:
    return ""


async def keep(items: Stream[Item]) -> AsyncIterator[Item]:
    yield await anext(aiter(items))


async def check(items: Stream[int]) -> AsyncIterator[Checked]:
    yield To("accepted", 1)


def check_once(item: str) -> Sides[str]:
    return Sides(left=item, right=[item])


async def cumulative(text: str) -> Annotated[AsyncIterator[str], SNAPSHOT]:
    yield text


CASES = [
    Case(upper, Call.PLAIN, {"text": str}, {"out": str}, Flavor.UNARY_UNARY),
    Case(source, Call.PLAIN, {}, {"out": int}, Flavor.UNARY_UNARY),
    Case(sink, Call.PLAIN, {"text": str}, {"out": type(None)}, Flavor.UNARY_UNARY),
    Case(plain_list, Call.PLAIN, {"text": str}, {"out": list[str]}, Flavor.UNARY_UNARY),
    Case(returns_iterator, Call.GENERATOR, {"text": str}, {"out*": str}, Flavor.UNARY_STREAM),
    Case(returns_async_iterator, Call.ASYNC_GENERATOR, {"texts*": str}, {"out*": str}, Flavor.STREAM_STREAM),
    Case(generator, Call.GENERATOR, {"text": str}, {"out*": str}, Flavor.UNARY_STREAM),
    Case(
        blocking_lines,
        Call.GENERATOR,
        {"lines*": str},
        {"out*": StreamType(str, Head, Tail)},
        Flavor.STREAM_STREAM,
        Placement.THREAD,
    ),
    Case(coroutine, Call.COROUTINE, {"text": str}, {"out": str}, Flavor.UNARY_UNARY),
    Case(count, Call.COROUTINE, {"words*": str}, {"out": int}, Flavor.STREAM_UNARY),
    Case(
        transcribe,
        Call.ASYNC_GENERATOR,
        {"audio*": StreamType(bytes, Head)},
        {"out*": StreamType(str, Head, Tail)},
        Flavor.STREAM_STREAM,
    ),
    Case(wrapped, Call.ASYNC_GENERATOR, {"words*": str}, {"out*": StreamType(str, str)}, Flavor.STREAM_STREAM),
    Case(
        join,
        Call.COROUTINE,
        {"left*": str, "right": int, "extra*?": int, "note?": str | None},
        {"out": str},
        Flavor.STREAM_UNARY,
    ),
    Case(keep, Call.ASYNC_GENERATOR, {"items*": Item}, {"out*": Item}, Flavor.STREAM_STREAM),
    Case(
        check,
        Call.ASYNC_GENERATOR,
        {"items*": int},
        {"accepted*": int, "rejected*": StreamType(str, Head)},
        Flavor.STREAM_STREAM,
    ),
    Case(check_once, Call.PLAIN, {"item": str}, {"left": str, "right": list[str]}, Flavor.UNARY_UNARY),
    Case(cumulative, Call.ASYNC_GENERATOR, {"text": str}, {"out*": SNAPSHOT}, Flavor.UNARY_STREAM),
]


def as_table(ports: Iterable[Any]) -> dict[str, StreamType]:
    return {f"{port.name}{'*' if port.streaming else ''}{'' if port.required else '?'}": port.type for port in ports}


def types_of(table: dict[str, Any]) -> dict[str, StreamType]:
    return {name: type_ if isinstance(type_, StreamType) else StreamType(type_) for name, type_ in table.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reads_ports_from_annotations(case: Case) -> None:
    """The annotations say everything: ports, types, flavor, and how the function is called."""
    definition = step("test.signature")(case.function).definition
    (method,) = definition.methods
    assert as_table(method.inputs) == types_of(case.inputs)
    assert as_table(method.outputs) == types_of(case.outputs)
    assert (method.call, method.flavor, definition.placement) == (case.call, case.flavor, case.placement)


def context_first(ctx: StepContext, text: str) -> None: ...


def context_between(left: str, ctx: StepContext, right: str) -> None: ...


def context_last(text: str, context: StepContext) -> None: ...


def context_after_positional_only(text: str, /, ctx: StepContext) -> None: ...


def context_by_keyword(text: str, *, ctx: StepContext) -> None: ...


@pytest.mark.parametrize(
    ("function", "index"),
    [
        (context_first, 0),
        (context_between, 1),
        (context_last, 1),
        (context_after_positional_only, 1),
        (context_by_keyword, None),
    ],
)
def test_takes_the_context_anywhere(function: Callable[..., Any], index: int | None) -> None:
    """The context is found by its annotation, and is neither a port nor a param."""
    definition = step("test.context")(function).definition
    (method,) = definition.methods
    assert method.context in {"ctx", "context"}
    assert method.context_index == index
    assert {port.name for port in method.inputs} <= {"text", "left", "right"}
    assert definition.params_model.model_fields == {}


def test_finds_local_names() -> None:
    """Annotations may name what is local to the function around, although they are strings."""

    class Local(BaseModel):
        size: int

    class Kinds(Outputs):
        small: Local
        large: Stream[Local, Head]

    @step("test.local_function")
    async def sort(items: Stream[Local]) -> AsyncIterator[Kinds]:
        yield To("small", Local(size=1))

    class Sort(Step, kind="test.local_class"):
        async def run(self, items: Stream[Local]) -> AsyncIterator[Kinds]:
            yield To("small", Local(size=1))

        def other(self) -> Sort:
            return self

    for definition in (sort.definition, Sort.definition):
        assert definition.methods[0].inputs[0].type == StreamType(Local)
        assert [port.type for port in definition.methods[0].outputs] == [StreamType(Local), StreamType(Local, Head)]


def test_reads_through_a_wrapper() -> None:
    """A decorator that keeps the signature keeps the ports."""

    def traced(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @step("test.wrapped")
    @traced
    def shout(text: str, *, mark: str = "!") -> str:
        return text + mark

    assert [port.name for port in shout.definition.methods[0].inputs] == ["text"]
    assert list(shout.definition.params_model.model_fields) == ["mark"]
    assert shout.with_params(mark="?")("a") == "a?"
