"""Headers and footers of every kind of type are recognized by their class, or refused when the step is defined."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypedDict, TypeVar

import pytest
from pydantic import BaseModel

from headwater import Emits, Pipeline, StepDefinitionError, StepError, Stream, step

T = TypeVar("T")


class Model(BaseModel, Generic[T]):
    value: T


@dataclass
class Data(Generic[T]):
    value: T


class Named(BaseModel):
    name: str


class Record(TypedDict):
    name: str


FRAMES: list[tuple[Any, Any]] = [
    (Model[int], Model[int](value=1)),
    (Model[list[int]], Model[list[int]](value=[1])),
    (Data[int], Data(1)),
    (Named | Data[int], Named(name="a")),
    (Named | Data[int], Data(1)),
    (Named | None, None),
    (dict[str, int], {"a": 1}),
    (list[str], ["a"]),
    (Record, {"name": "a"}),
    (Literal["begin"], "begin"),
    (tuple[str, int], ("a", 1)),
]


def passing(declared: Any, header: Any = None, footer: Any = None, *, footed: bool = False) -> Any:
    """Return a step that passes on numbers between a header and a footer."""

    async def run(numbers: Stream[int]) -> AsyncIterator[Any]:
        if not footed:
            yield header
        async for number in numbers:
            yield number
        if footed:
            yield footer

    run.__annotations__["return"] = declared
    return step("frames.passing")(run)


@pytest.mark.parametrize(("declared", "frame"), FRAMES, ids=str)
async def test_recognizes_header_and_footer_by_their_class(declared: Any, frame: Any) -> None:
    """Also where more than the class has to be checked, as for a generic."""
    headed = Pipeline("headed", steps={"pass": passing(Emits[int, declared], frame)})
    result = await headed.run(iter([1, 2]))
    assert (result.header, result.output) == (frame, [1, 2])
    footed = Pipeline("footed", steps={"pass": passing(Emits[int, None, declared], footer=frame, footed=True)})
    result = await footed.run(iter([1, 2]))
    assert (result.output, result.footer) == ([1, 2], frame)


async def test_refuses_a_header_with_wrong_content() -> None:
    """What is a header by its class is checked as one."""
    with pytest.raises(StepError, match=r"header: expected dict\[str, int\]"):
        await Pipeline("wrong", steps={"wrong": passing(Emits[int, dict[str, int]], {"a": "b"})}).run(iter([1]))


def test_says_what_to_do_when_the_class_distinguishes_nothing() -> None:
    """Two parts of a stream with one class need a mark."""
    with pytest.raises(StepDefinitionError, match=r"declare it as Footer\[...\] and yield Footer\(value\)"):
        passing(Emits[Model[int], None, Model[str]])
