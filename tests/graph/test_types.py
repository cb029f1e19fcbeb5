"""May a value of one declared type be read as another, and does the run-time check agree."""

# Type variables are values in these tables.
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

import typing
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Protocol, TypeVar, runtime_checkable

import pytest
import typing_extensions
from annotated_types import Gt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, create_model
from typing_extensions import TypeAliasType, TypedDict

from headwater.errors import FrameTypeError
from headwater.types.fit import (
    Fit,
    check,
    checker,
    describe,
    needs_validation,
    runtime_class,
    substitute,
)
from headwater.types.value_checkers import input_checker

T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
Constrained = TypeVar("Constrained", int, str)
UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
OrderId = NewType("OrderId", int)
Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))
Numbers = TypeAliasType("Numbers", int | list[int])


class Row(BaseModel):
    number: int
    tags: list[str] = []


class WideRow(Row):
    more: str = ""


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclass
class Point:
    left: int
    right: int = 0


class Keyed(TypedDict):
    key: str
    size: NotRequired[int]


class OldKeyed(typing.TypedDict):
    key: str


class Tree(TypedDict):
    children: list[Tree]


class OtherTree(TypedDict):
    children: Sequence[OtherTree]


class Box(Generic[T]):
    pass


class IntBox(Box[int]):
    pass


class Rows(list[Row]):
    pass


class Closes(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Sizes(Protocol):
    def __len__(self) -> int: ...


class Door:
    def close(self) -> None: ...


class OddMeta(type):
    def __subclasscheck__(cls, subclass: type) -> bool:
        raise RuntimeError("odd")


class Odd(metaclass=OddMeta):
    pass


PROVEN = [
    (int, int),
    (bool, int),
    (int, float),
    (int, complex),
    (int, object),
    (object, Any),
    (Any, object),
    (None, None),
    (None, int | None),
    (int, int | None),
    (int, typing.Optional[int]),  # noqa: UP045 - the older spelling is what is tested
    (int | str, str | int | None),
    (Literal["a"], str),
    (Literal["a"], Literal["b", "a"]),
    (Literal["a", "b"], Literal["a"] | Literal["b"]),  # noqa: PYI030 - the union is what is tested
    (Annotated[int, Gt(3)], int),
    (Annotated[int, Gt(3)], Annotated[int, Gt(3)]),
    (int, Annotated[int, "metres"]),
    (UserId, int),
    (AdminId, UserId),
    (AdminId, int),
    (Pairs[int], list[tuple[int, int]]),
    (list[tuple[int, int]], Pairs[int]),
    (Tree, OtherTree),
    (list[int], Numbers),
    (list[int], Sequence[int]),
    (list[bool], list[int]),
    (list[int], list),
    (set[int], Collection[int]),
    (deque[str], Iterable[str]),
    (dict[str, int], Mapping[str, float]),
    (dict[str, int], Iterable[str]),
    (tuple[int, str], tuple[int, str]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, str], Sequence[int | str]),
    (tuple[()], tuple[int, ...]),
    (WideRow, Row),
    (IntBox, Box[int]),
    (Rows, Sequence[Row]),
    (Page[int], Page[int]),
    (Page[int], Page),
    (Keyed, Mapping[str, Any]),
    (Keyed, dict[str, int | str]),
    (list[int], Sizes),
    (type[bool], type[int]),
    (str, Sizes),
    (Callable[[int], str], Callable[[int], str]),
    (typing.NoReturn, int),
]

UNSURE = [
    (Any, int),
    (Any, list[int]),
    (object, int),
    (int | None, int),
    (int | str, str | None),
    (Row, WideRow),
    (int, bool),
    (str, Literal["a", "b"]),
    (int, Annotated[int, Gt(3)]),
    (int, UserId),
    (object, UserId),
    (UserId, AdminId),
    (Sequence[int], list[int]),
    (list, list[int]),
    (tuple[int, ...], tuple[int, int]),
    (dict, Row),
    (dict[str, Any], Point),
    (Mapping[str, object], Keyed),
    (object, Keyed),
    (Keyed, Row),
    (OldKeyed, Keyed),
    (Door, Closes),
    (int, "a forward reference"),
    (42, int),
    (int, Odd),
    (int, typing_extensions.TypeVarTuple("Many")),
]

NO = [
    (str, int),
    (float, int),
    (None, int),
    (int | str, list[int]),
    (str, list[str]),
    (str, Sequence[str]),
    (str, Iterable[str]),
    (bytes, Iterable[int]),
    (Iterable[str], str),
    (Literal["c"], Literal["a", "b"]),
    (int, Literal["a"]),
    (UserId, OrderId),
    (str, UserId),
    (list[int], list[str]),
    (list[int], set[int]),
    (dict[str, int], dict[int, int]),
    (dict[str, int], dict[str, str]),
    (dict[int, int], Row),
    (dict[int, int], Keyed),
    (Row, Point),
    (Row, dict),
    (int, Row),
    (IntBox, Box[str]),
    (Rows, Sequence[int]),
    (tuple[int], tuple[int, int]),
    (tuple[str, str], tuple[int, ...]),
    (tuple[str, ...], tuple[int, int]),
    (Keyed, dict[str, list[int]]),
    (int, Sizes),
    (type[str], type[int]),
]

CASES = [(Fit.PROVEN, PROVEN), (Fit.UNSURE, UNSURE), (Fit.NO, NO)]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        pytest.param(*pair, fit, id=f"{describe(pair[0])} to {describe(pair[1])}")
        for fit, pairs in CASES
        for pair in pairs
    ],
)
def test_check_answers_for_each_family_of_types(source: Any, target: Any, expected: Fit) -> None:
    """Each pair of types has the one right answer."""
    assert check(source, target) is expected


def test_check_binds_type_variable_when_first_met() -> None:
    """A variable of the reader stands for what is written."""
    bindings: dict[Any, Any] = {}
    assert check(list[int], Iterable[T], bindings) is Fit.PROVEN
    assert bindings == {T: int}


def test_check_widens_type_variable_when_met_again() -> None:
    """A second type that does not fit the first makes a union of both."""
    bindings: dict[Any, Any] = {}
    check(int, T, bindings)
    assert check(str, T, bindings) is Fit.PROVEN
    assert bindings == {T: int | str}
    assert check(bool, T, bindings) is Fit.PROVEN
    assert bindings == {T: int | str}


def test_check_binds_only_what_is_left_when_target_is_a_union() -> None:
    """The concrete members of a union come before its variable."""
    bindings: dict[Any, Any] = {}
    assert check(int | None, T | None, bindings) is Fit.PROVEN
    assert bindings == {T: int}


def test_check_leaves_bindings_when_types_do_not_fit() -> None:
    """A refused edge binds nothing."""
    bindings: dict[Any, Any] = {}
    assert check(dict[str, int], dict[T, str], bindings) is Fit.NO
    assert bindings == {}


@pytest.mark.parametrize(
    ("source", "variable", "expected", "bound"),
    [
        (bool, Bound, Fit.PROVEN, bool),
        (str, Bound, Fit.NO, None),
        (object, Bound, Fit.UNSURE, int),
        (Any, T, Fit.PROVEN, Any),
        (bool, Constrained, Fit.PROVEN, int),
        (float, Constrained, Fit.NO, None),
        (Any, Constrained, Fit.UNSURE, int | str),
    ],
)
def test_check_honours_bound_and_constraints(source: Any, variable: Any, expected: Fit, bound: Any) -> None:
    """A variable stands for no more than it is declared to."""
    bindings: dict[Any, Any] = {}
    assert check(source, variable, bindings) is expected
    assert bindings.get(variable) == bound


def test_check_reads_open_source_as_its_bound() -> None:
    """A variable that nobody bound may be all that its bound allows."""
    assert check(list[Bound], list[int]) is Fit.PROVEN
    assert check(T, int) is Fit.UNSURE


def test_check_refuses_second_type_when_variable_is_constrained() -> None:
    """Constraints are alternatives, not members of a union."""
    bindings: dict[Any, Any] = {Constrained: int}
    assert check(str, Constrained, bindings) is Fit.NO


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (T, int),
        (list[T], list[int]),
        (dict[str, T | None], dict[str, int | None]),
        (Callable[[T], T], Callable[[int], int]),
        (Annotated[list[T], "x"], Annotated[list[int], "x"]),
        (Pairs[T], Pairs[int]),
        (Page[T], Page[int]),
        (Box, Box),
        (str, str),
    ],
)
def test_substitute_replaces_bound_variables(annotation: Any, expected: Any) -> None:
    """Every known variable is replaced, wherever it stands."""
    assert substitute(annotation, {T: int}) == expected


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (None, "None"),
        (Row | None, "Row | None"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (tuple[()], "tuple[()]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Annotated[int, Gt(1)], "int"),
        (Callable[[int], str], "Callable[[int], str]"),
        (Any, "Any"),
        (T, "T"),
        (UserId, "UserId"),
        (Numbers, "Numbers"),
        ("later", "later"),
    ],
)
def test_describe_names_types_as_written(annotation: Any, name: str) -> None:
    """Messages show types without their modules."""
    assert describe(annotation) == name


def test_describe_cuts_names_when_long() -> None:
    """A message stays one readable line."""
    assert len(describe(tuple[(int,) * 100])) == 200


@pytest.mark.parametrize(
    ("annotation", "classes", "validated"),
    [
        (int, int, False),
        (float, (float, int), False),
        (Any, None, False),
        (object, None, False),
        (T, None, False),
        (Closes, None, False),
        (int | None, (int, type(None)), False),
        (int | Any, None, False),
        (list[Any], list, False),
        (list[int], list, True),
        (Literal["a", 1], (str, int), True),
        (Annotated[int, Gt(0)], int, True),
        (Annotated[int, "remark"], int, False),
        (UserId, int, False),
        (Keyed, dict, True),
        (Row, Row, False),
        (Sequence[str], Sequence, True),
        (Numbers, (int, list), True),
        (dict[str, Any], dict, False),
        (Mapping[str, Any], Mapping, False),
        (dict[str, int], dict, True),
        (dict[int, Any], dict, True),
    ],
)
def test_runtime_class_and_validation_say_what_isinstance_proves(
    annotation: Any, classes: Any, validated: bool
) -> None:
    """One `isinstance` is enough for plain classes; the rest says that it is not."""
    assert runtime_class(annotation) == classes
    assert needs_validation(annotation) is validated


@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        (Row, {"number": 1}, Row(number=1)),
        (list[Row], [{"number": 1}], [Row(number=1)]),
        (Point, {"left": 1}, Point(1)),
        (Keyed, {"key": "a"}, {"key": "a"}),
        (OldKeyed, {"key": "a"}, {"key": "a"}),
        (Box[int], box := IntBox(), box),
        (Iterable[int], (1, 2), (1, 2)),
        (Sequence[str], ["a"], ["a"]),
        (Closes, 1, 1),
    ],
)
def test_coerce_returns_value_when_it_can_be_read(annotation: Any, value: Any, result: Any) -> None:
    """A mapping becomes the record that is expected; what fits stays as it is."""
    assert checker(annotation).coerce(value) == result


class Lax(BaseModel, strict=False):
    number: int


class Reading(BaseModel):
    number: int
    at: date | None = None
    ratio: float = 0
    loose: int = Field(default=0, strict=False)


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: list[one], lambda one: dict[str, one]])
@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (int, [1, 10**30], [True, "1", 1.5, None]),
        (float, [1, 2.5], [True, "1"]),
        (int | None, [1, None], [True, "1"]),
        (int | bool, [1, True], ["1"]),
        (str, ["a"], [1, True]),
        (date, [date(2026, 3, 14)], [0, 1.5, True, "0", "1700000000", datetime(2026, 3, 14, 12, tzinfo=UTC)]),
        (datetime, [datetime(2026, 3, 14, tzinfo=UTC)], [0, 1e9, "1e9", "1700000000"]),
    ],
)
def test_input_has_the_same_types_in_every_container(
    wrap: Callable[[Any], Any], annotation: Any, good: list[Any], bad: list[Any]
) -> None:
    """What is not an integer or a date alone is none in a list, an object or the field of a model either."""
    check = input_checker(wrap(annotation)).check
    make = {0: lambda value: value, 1: lambda value: [value], 2: lambda value: {"x": value}}
    inside = make[[Any, list[Any], dict[str, Any]].index(wrap(Any))]
    model = input_checker(create_model("Made", x=(annotation, ...))).check
    for value in good:
        assert check(inside(value), "input") == inside(value)
        assert model({"x": value}, "input").x == value
    for value in bad:
        for checked, given_value in ((check, inside(value)), (model, {"x": value})):
            with pytest.raises(FrameTypeError):
                checked(given_value, "input")


def test_input_of_a_batch_is_checked_by_the_same_rule() -> None:
    """A boolean among integers is found in a batch too, and the values before it count."""
    values, error = input_checker(int).check_all([1, 2, True, 3], "input")
    assert (values, type(error)) == ([1, 2], FrameTypeError)


def test_model_that_says_strict_itself_keeps_its_rule() -> None:
    """Conversions are what an author may ask for, for a model or for one field."""
    assert input_checker(Lax).check({"number": "1"}, "input") == Lax(number=1)
    reading = input_checker(Reading).check({"number": 1, "at": "2026-03-14", "ratio": 1, "loose": "2"}, "input")
    assert reading == Reading(number=1, at=date(2026, 3, 14), ratio=1.0, loose=2)


def test_coerce_leaves_iterators_untouched() -> None:
    """Checking an iterator does not consume it."""
    numbers = iter([1, 2])
    assert checker(Iterator[int]).coerce(numbers) is numbers
    assert list(numbers) == [1, 2]


@pytest.mark.parametrize(
    ("annotation", "value", "parts"),
    [
        (int, "3", ["expected int", "found '3' of type str"]),
        (bool, 1, ["expected bool"]),
        (str, b"a", ["expected str"]),
        (list[int], (1,), ["expected list[int]"]),
        (list[Row], [{"number": 1}, {"number": "x"}], ["at [1].number"]),
        (Point, {"left": "1"}, ["at left", "found '1'"]),
        (dict[str, Point], {"a": {"right": 2}}, ["at a.left"]),
        (Keyed, {"size": 1}, ["at key"]),
        (OldKeyed, {"key": 1}, ["at key"]),
        (list[OldKeyed], [{"key": 1}], ["at [0].key"]),
        (Literal["a"], "b", ["expected Literal['a']"]),
        (Annotated[int, Gt(3)], 2, ["greater than 3"]),
        (Iterable[str], "abc", ["a string is not read"]),
        (Sequence[str], "abc", ["expected Sequence[str]"]),
        (Box[int], 1, ["expected Box[int]"]),
        (list[int], ["x"] * 10, ["and 7 more"]),
    ],
)
def test_coerce_says_where_and_what_when_value_is_wrong(annotation: Any, value: Any, parts: list[str]) -> None:
    """The message has the field, what was expected and what was found."""
    with pytest.raises(FrameTypeError) as caught:
        checker(annotation).coerce(value)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert caught.value.__context__ is None


def test_coerce_shows_short_values_and_no_secrets() -> None:
    """Neither a huge value nor a secret comes into a message."""
    with pytest.raises(FrameTypeError) as caught:
        checker(list[int]).coerce({"secret": SecretStr("canary"), "rest": "x" * 10_000})
    assert "canary" not in str(caught.value)
    assert len(str(caught.value)) < 700


SAMPLES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (str, st.text()),
    (float, st.floats(allow_nan=False)),
    (type(None), st.none()),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Row, st.builds(Row, number=st.integers())),
    (Keyed, st.fixed_dictionaries({"key": st.text()}, optional={"size": st.integers()})),
    (Any, st.one_of(st.integers(), st.text(), st.none())),
]

WRAPPERS: list[Callable[[Any, st.SearchStrategy[Any]], tuple[Any, st.SearchStrategy[Any]]]] = [
    lambda item, values: (list[item], st.lists(values, max_size=3)),
    lambda item, values: (Sequence[item], st.lists(values, max_size=3)),
    lambda item, values: (tuple[item, ...], st.lists(values, max_size=3).map(tuple)),
    lambda item, values: (dict[str, item], st.dictionaries(st.text(max_size=2), values, max_size=3)),
    lambda item, values: (item | None if item is not Any else Any, st.one_of(values, st.none())),
]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, st.SearchStrategy[Any]]:
    """Draw a type together with what draws its values."""
    typed = draw(st.sampled_from(SAMPLES))
    for wrap in draw(st.lists(st.sampled_from(WRAPPERS), max_size=2)):
        typed = wrap(*typed)
    return typed


@given(typed_values())
def test_check_proves_each_type_for_itself(typed: tuple[Any, Any]) -> None:
    """Whatever is written as a type can be read as that type."""
    assert check(typed[0], typed[0]) is Fit.PROVEN


@given(typed_values(), typed_values(), st.data())
def test_checker_accepts_values_when_types_are_proven(
    written: tuple[Any, Any], read: tuple[Any, Any], data: st.DataObject
) -> None:
    """What needs no check would pass it."""
    if check(written[0], read[0]) is Fit.PROVEN:
        value = data.draw(written[1])
        assert checker(read[0]).check(value, "here") == value


@given(typed_values(), typed_values(), typed_values())
def test_check_of_a_union_is_the_best_of_its_members(
    source: tuple[Any, Any], left: tuple[Any, Any], right: tuple[Any, Any]
) -> None:
    """A wider reader never takes less."""
    both = check(source[0], typing.Union[left[0], right[0]])  # noqa: UP007 - members may be `Any`
    assert both >= max(check(source[0], left[0]), check(source[0], right[0]))
