"""What is written exactly comes back equal, with every type as it was; what cannot is refused."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Generic, NamedTuple, Optional, Self, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import AnyUrl, BaseModel, PrivateAttr, SecretStr, TypeAdapter

from headwater.streams.exact.exact_json import ExactJson, NotExactError, inexact_type

T = TypeVar("T")


class Salt(BaseModel):
    name: str
    grams: float = 1.0
    _seen: int = PrivateAttr(default=0)


class SeaSalt(Salt):
    sea: str = "north"


class Loose(BaseModel, extra="allow"):
    name: str


class Box(BaseModel, Generic[T]):
    content: T


@dataclass(frozen=True)
class Grain:
    size: float
    more: tuple[int, ...] = ()


@dataclass(slots=True)
class SlimGrain:
    size: float
    _hidden: int = field(default=3)


@dataclass
class Wrapped(Generic[T]):
    content: T


class Point(NamedTuple):
    x: int
    y: int


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    YES = "yes"


class Right(Flag):
    READ = 1
    WRITE = 2


class Name(str):
    __slots__ = ("origin",)
    origin: str


class Rows(list[int]):
    pass


class Length(int):
    def __new__(cls, value: int) -> Self:
        made = super().__new__(cls, value)
        made.unit = "m"
        return made

    unit: str


class Plain:
    pass


def named(text: str) -> Name:
    """Return a string with an attribute."""
    name = Name(text)
    name.origin = "here"
    return name


def with_private() -> Salt:
    """Return a model with a private attribute."""
    salt = Salt(name="x")
    salt._seen = 7
    return salt


def shape(value: Any) -> Any:
    """Return a value with the types of all its parts."""
    if isinstance(value, dict):
        return type(value), [(shape(key), shape(part)) for key, part in value.items()]
    if isinstance(value, list | tuple | deque):
        return type(value), [shape(part) for part in value]
    return type(value), repr(value)


VALUES: list[Any] = [
    None,
    True,
    -7,
    10**4000,
    -0.0,
    math.inf,
    -math.inf,
    "tide",
    "\ud800 lone",
    "\ud83d\ude00",
    "",
    b"\x00\xff",
    bytearray(b"ab"),
    1 + 2j,
    (1, (2, [3])),
    (),
    {1, 2},
    frozenset({"a"}),
    [1, [2, {"a": (3,)}]],
    {"$": 1},
    {"$": ["tuple", []]},
    {1: "a", None: "b", False: "c", (1, 2): "d", 2.5: "e"},
    {"a": {"b": [None, {"c": {1}}]}},
    OrderedDict(b=1, a=2),
    Counter("tide"),
    defaultdict(list, {"a": [1]}),
    deque([1, 2], maxlen=3),
    range(2, 9, 3),
    datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - without a zone is one of the cases
    datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    datetime(2024, 1, 2, tzinfo=UTC),
    datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2), "X")),
    TypeAdapter(datetime).validate_python("2024-01-02T03:04:05+02:00"),
    date(2024, 1, 2),
    time(1, 2, 3, 4),
    timedelta(-1, 2, 3),
    Decimal("1.10"),
    Decimal("NaN"),
    Fraction(1, 3),
    UUID(int=5),
    Path("a/b"),
    ip_address("::1"),
    re.compile("a+", re.IGNORECASE),
    AnyUrl("http://localhost/x"),
    SecretStr("s"),
    Color.RED,
    Level.HIGH,
    Word.YES,
    Right.READ | Right.WRITE,
    Point(1, 2),
    Rows([1, 2]),
    Salt(name="a"),
    SeaSalt(name="a", sea="south"),
    Loose.model_validate({"name": "a", "other": (1, 2)}),
    Box[int](content=3),
    Box[list[SeaSalt]](content=[SeaSalt(name="b")]),
    Box[int | None](content=None),
    Box[Optional[int]](content=None),  # noqa: UP045 - a class of its own
    Grain(math.inf, (1, 2)),
    SlimGrain(1.5),
    Wrapped[int](3),
]


def again(value: Any) -> Any:
    """Return a value that was written and read."""
    exact = ExactJson()
    return exact.load(exact.dump(value))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_values_come_back_as_they_were(value: Any) -> None:
    """Equal, with the same types inside, alone and among others."""
    assert shape(again(value)) == shape(value)
    assert shape(again([value, {"in": value}])) == shape([value, {"in": value}])


def test_nan_comes_back() -> None:
    """NaN is no null."""
    assert math.isnan(again(math.nan))
    assert math.isnan(again({"a": [math.nan]})["a"][0])


def test_classes_of_values_keep_what_they_add() -> None:
    """Attributes, private ones and the set of given fields cross, and no validator runs."""
    name, length = again(named("a")), again(Length(3))
    assert (type(name), name, name.origin) == (Name, "a", "here")
    assert (type(length), length, length.unit) == (Length, 3, "m")
    assert again(with_private())._seen == 7
    assert again(Salt(name="a")).model_fields_set == {"name"}
    assert again(Salt.model_construct(name=3)).name == 3  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize(
    ("value", "named_type"),
    [
        (threading.Event(), "threading.Event"),
        (Plain(), "tests.streams.test_exact.Plain"),
        ({"a": [Plain()]}, "tests.streams.test_exact.Plain"),
        (len, "builtin_function_or_method"),
        (int, "type"),
        (memoryview(b""), "memoryview"),
        (ValueError("x"), "ValueError"),
    ],
)
def test_values_without_an_exact_form_are_refused(value: Any, named_type: str) -> None:
    """The error names the type, and what to do."""
    with pytest.raises(NotExactError) as caught:
        again(value)
    expected = f"a value of type {named_type} has no exact form; make it a dataclass or a pydantic model"
    assert str(caught.value) == expected


def test_classes_that_cannot_be_found_are_refused() -> None:
    """What is local to a function has no name that another process knows."""

    @dataclass
    class Local:
        size: int

    with pytest.raises(NotExactError, match="define it at the top level of a module"):
        again(Local(1))


def test_values_that_contain_themselves_are_refused() -> None:
    """A cycle is an error, not a hang."""
    inside: list[Any] = []
    inside.append(inside)
    with pytest.raises(NotExactError, match="contains itself"):
        again(inside)


def test_reading_looks_up_loaded_classes_alone() -> None:
    """Data cannot have a module imported, nor make an instance of what is no class of data."""
    for reference, expected in [("antigravity:X", "not known here"), ("subprocess:Popen", "not a class of data")]:
        data = f'{{"$":["instance","{reference}",null,{{}},{{}},null]}}'.encode()
        with pytest.raises(NotExactError, match=expected):
            ExactJson().load(data)


@pytest.mark.parametrize(
    ("annotation", "refused"),
    [
        (int, None),
        (Any, None),
        (object, None),
        (list[Salt | None], None),
        (dict[tuple[int, str], Grain], None),
        (Point, None),
        (Color, None),
        (Plain, Plain),
        (list[Plain], Plain),
        (dict[str, threading.Event | None], threading.Event),
        (Wrapped[Plain], Plain),
    ],
)
def test_types_without_an_exact_form_are_found(annotation: Any, refused: type | None) -> None:
    """A declared type shows already that its values cannot be written."""
    assert inexact_type(annotation) is refused
