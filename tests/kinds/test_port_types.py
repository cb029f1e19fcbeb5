"""What one annotation says of the frames that flow there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import (
    Annotated,
    Any,
    Literal,
    Never,
    NewType,
    NoReturn,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.annotations import is_type, union
from headwater.kinds import Emits
from headwater.kinds.port_types import Form, Shape, contains_stream, form_of, wrapped_frames
from headwater.streams import Footer, Header, Stream, StreamType

Item = TypeVar("Item")
UserId = NewType("UserId", int)
GENERIC: Any = Stream[Item]  # pyright: ignore[reportGeneralTypeIssues] - what a generic step has in its annotations
UNION_WITH_NEVER: Any = union(int, Never)
SNAPSHOT = StreamType(str, mode="snapshot")


class Record(TypedDict):
    name: str


class Base: ...


class Derived(Base): ...


class Shaped(Protocol):
    size: int


@pytest.mark.parametrize(
    ("annotation", "shape", "type_"),
    [
        (int, Shape.VALUE, StreamType(int)),
        (Any, Shape.VALUE, StreamType(Any)),
        (list[int], Shape.VALUE, StreamType(list[int])),
        (int | None, Shape.VALUE, StreamType(int | None)),
        (Annotated[int, "positive"], Shape.VALUE, StreamType(Annotated[int, "positive"])),
        (Stream, Shape.STREAM, StreamType(Any)),
        (Stream[int], Shape.STREAM, StreamType(int)),
        (Stream[int, str], Shape.STREAM, StreamType(int, str)),
        (Stream[int, None, str], Shape.STREAM, StreamType(int, None, str)),
        (GENERIC, Shape.STREAM, StreamType(Item)),
        (Stream[int, Header[int]], Shape.STREAM, StreamType(int, int)),
        (
            Optional[Stream[int]],  # noqa: UP045 - the older notation is under test
            Shape.STREAM,
            StreamType(int),
        ),
        (
            Union[None, Iterable[int]],  # noqa: UP007 - the older notation is under test
            Shape.ITERABLE,
            StreamType(int),
        ),
        (Annotated[Stream[str], SNAPSHOT], Shape.STREAM, SNAPSHOT),
        (Annotated[Stream[str], "live"], Shape.STREAM, StreamType(str)),
        (Iterable[int], Shape.ITERABLE, StreamType(int)),
        (Iterator, Shape.ITERABLE, StreamType(Any)),
        (Generator[int, None, None], Shape.ITERABLE, StreamType(int)),
        (Iterator[int | str], Shape.ITERABLE, StreamType(int | str)),
        (Iterator[int | Header[str]], Shape.ITERABLE, StreamType(int, str)),
        (Iterator[int | str | Footer[str]], Shape.ITERABLE, StreamType(int | str, None, str)),
        (Iterator[int | Header[int] | Footer[str]], Shape.ITERABLE, StreamType(int, int, str)),
        (AsyncIterable[int], Shape.ASYNC_ITERABLE, StreamType(int)),
        (AsyncIterator[int], Shape.ASYNC_ITERABLE, StreamType(int)),
        (AsyncGenerator[int, None], Shape.ASYNC_ITERABLE, StreamType(int)),
        (Emits, Shape.ASYNC_ITERABLE, StreamType(Any)),
        (Emits[int], Shape.ASYNC_ITERABLE, StreamType(int)),
        (Emits[int, str], Shape.ASYNC_ITERABLE, StreamType(int, str)),
        (Emits[int, Never, str], Shape.ASYNC_ITERABLE, StreamType(int, None, str)),
        (Emits[int, NoReturn, str], Shape.ASYNC_ITERABLE, StreamType(int, None, str)),
        (Emits[int, None, str], Shape.ASYNC_ITERABLE, StreamType(int, None, str)),
        (Emits[int, str, Never], Shape.ASYNC_ITERABLE, StreamType(int, str)),
        (Emits[int, Never, Footer[int]], Shape.ASYNC_ITERABLE, StreamType(int, None, int)),
        (Emits[int, Header[Never], str], Shape.ASYNC_ITERABLE, StreamType(int, None, str)),
        (Stream[int, Never, str], Shape.STREAM, StreamType(int, None, str)),
        (AsyncIterator[UNION_WITH_NEVER], Shape.ASYNC_ITERABLE, StreamType(int)),
        (Emits[int, Header[int], Footer[int]], Shape.ASYNC_ITERABLE, StreamType(int, int, int)),
        (Annotated[AsyncIterator[str], SNAPSHOT], Shape.ASYNC_ITERABLE, SNAPSHOT),
    ],
)
def test_reads_shape_and_types(annotation: Any, shape: Shape, type_: StreamType) -> None:
    """Each way to write a port means one shape and one type of stream."""
    form = form_of(annotation)
    assert (form.shape, form.type, form.disagrees) == (shape, type_, False)


@pytest.mark.parametrize(
    ("annotation", "wrapped"),
    [
        (Emits[int, str, float], set()),
        (Emits[int, Header[str], float], {"header"}),
        (Emits[int, str, Footer[str]], {"footer"}),
        (AsyncIterator[int | Header[int] | Footer[int]], {"header", "footer"}),
    ],
)
def test_remembers_what_was_declared_wrapped(annotation: Any, wrapped: set[str]) -> None:
    """`Header[X]` in an annotation says that only `Header(x)` is the header."""
    assert form_of(annotation).wrapped == wrapped


@pytest.mark.parametrize(
    "annotation", [Annotated[Stream[int], SNAPSHOT], Annotated[Stream[str, int], SNAPSHOT], Annotated[str, SNAPSHOT]]
)
def test_sees_a_stream_type_that_disagrees(annotation: Any) -> None:
    """A `StreamType` may only add to what the annotation beside it says."""
    assert form_of(annotation).disagrees


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Stream, True),
        (list[Stream[int]], True),
        (dict[str, list[Stream]], True),
        (Annotated[Stream[int], "x"], True),
        (Callable[[Stream[int]], int], False),
        (list[int], False),
        (Literal["Stream"], False),
        (Any, False),
    ],
)
def test_finds_a_stream_inside_a_type(annotation: Any, expected: bool) -> None:
    """A stream inside another type is found, wherever it would be handed over."""
    assert contains_stream(annotation) is expected


@pytest.mark.parametrize("annotation", [any, print, 3, [int], (int, str), "text", lambda: None])
def test_refuses_what_is_no_type(annotation: Any) -> None:
    """What stands in an annotation by mistake is not taken for a type."""
    assert not is_type(annotation)


@pytest.mark.parametrize(
    ("type_", "wrapped"),
    [
        (StreamType(int), set()),
        (StreamType(int, str, float), set()),
        (StreamType(int, int), {"header"}),
        (StreamType(int, str, str), {"footer"}),
        (StreamType(int, int, int), {"header", "footer"}),
        (StreamType(bool, int), {"header"}),
        (StreamType(int, bool), set()),
        (StreamType(Base, Derived), set()),
        (StreamType(Derived, Base), {"header"}),
        (StreamType(int, None, Any), {"footer"}),
        (StreamType(Any, Derived), set()),
        (StreamType(Any, str), {"header"}),
        (StreamType(Any, Derived, dict[str, Any]), {"footer"}),
        (StreamType(int | str, str), {"header"}),
        (StreamType(Literal["a"], str), {"header"}),
        (StreamType(dict[str, int], Record), {"header"}),
        (StreamType(Annotated[int, "x"], UserId), {"header"}),
        (StreamType(Item, str), set()),
        (StreamType(int, Shaped), {"header"}),
    ],
)
def test_returns_the_frames_that_need_a_wrapper(type_: StreamType, wrapped: set[str]) -> None:
    """A frame needs a wrapper when another frame may be of its class; items of any type are mostly plain data."""
    assert wrapped_frames(type_) == wrapped


@given(st.sampled_from([int, str, list[int], Base, int | str]), st.sampled_from([None, float, Derived]))
def test_means_the_same_in_each_notation(item: Any, header: Any) -> None:
    """A header may be declared in `Emits` or in the union that `Emits` stands for."""
    plain = AsyncIterator[item | Header[header]] if header else AsyncIterator[item]  # type: ignore[valid-type]
    assert form_of(plain).type == form_of(Emits[item, header]).type  # type: ignore[valid-type]


def test_is_a_value() -> None:
    """A form is compared by what it says."""
    assert form_of(int) == Form(Shape.VALUE, StreamType(int))
