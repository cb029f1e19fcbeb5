"""Conditions as data: what each operator answers, what is refused, and that testing never raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from headwater import Pipeline, run_sync
from headwater.config.conditions.condition import Condition
from headwater.config.conditions.operators import OPERATORS
from headwater.errors import ConfigError
from tests.effort import effort


class Author(BaseModel):
    name: str
    _secret: str = "hidden"

    @property
    def shout(self) -> str:
        return self.name.upper()


@dataclass
class Book:
    title: str
    authors: list[Author]


class Odd:
    """Refuses every comparison."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        return 1

    def __len__(self) -> int:
        raise RuntimeError


BOOK = Book("Tales", [Author(name="Ada"), Author(name="Bob")])

TABLE: list[tuple[dict[str, Any], Any, bool]] = [
    ({"eq": 1}, 1, True),
    ({"eq": 1}, 1.0, True),
    ({"eq": 1}, True, False),
    ({"eq": True}, 1, False),
    ({"eq": None}, None, True),
    ({"eq": "1"}, 1, False),
    ({"eq": [1, {"a": 2}]}, [1, {"a": 2}], True),
    ({"eq": [1]}, [True], False),
    ({"ne": 1}, "x", True),
    ({"ne": 1}, 1, False),
    ({"gt": 1}, 2, True),
    ({"gt": 1}, "2", False),
    ({"gt": 0}, True, False),
    ({"ge": "b"}, "b", True),
    ({"lt": 1}, None, False),
    ({"le": 1, "ge": 0}, 0.5, True),
    ({"le": 1, "ge": 0}, 2, False),
    ({"lt": 1}, float("nan"), False),
    ({"in": ["a", "b"]}, "a", True),
    ({"in": [1, "a"]}, True, False),
    ({"not_in": ["a"]}, "b", True),
    ({"not_in": ["a"]}, "a", False),
    ({"in": ["a"]}, ["a"], False),
    ({"contains": "bc"}, "abcd", True),
    ({"contains": 1}, [1, 2], True),
    ({"contains": 1}, "1", False),
    ({"contains": "k"}, {"k": 1}, True),
    ({"contains": [1]}, {"k": 1}, False),
    ({"starts_with": "a"}, "ab", True),
    ({"starts_with": "a"}, ["a"], False),
    ({"ends_with": "b"}, "ab", True),
    ({"matches": "^a+$"}, "aaa", True),
    ({"matches": "b"}, "abc", True),
    ({"matches": "^a"}, 5, False),
    ({"matches": "."}, b"x", False),
    ({"exists": True}, None, True),
    ({"length_at_least": 2}, "ab", True),
    ({"length_at_least": 2}, 5, False),
    ({"length_at_most": 1}, [1, 2], False),
    ({"field": "a.b", "eq": 1}, {"a": {"b": 1}}, True),
    ({"field": "a.b", "ne": 1}, {"a": {}}, False),
    ({"field": "a.b", "not_in": []}, {"a": 3}, False),
    ({"field": "a", "exists": False}, {}, True),
    ({"field": "a", "exists": False}, {"a": None}, False),
    ({"field": "a", "exists": True}, {}, False),
    ({"field": "authors.1.name", "eq": "Bob"}, BOOK, True),
    ({"field": "authors.2.name", "exists": False}, BOOK, True),
    ({"field": "authors.0.shout", "exists": False}, BOOK, True),
    ({"field": "authors.0._secret", "exists": False}, BOOK, True),
    ({"field": "__class__", "exists": False}, BOOK, True),
    ({"field": "upper", "exists": False}, "text", True),
    ({"field": "_id", "eq": 3}, {"_id": 3}, True),
    ({"all": [{"ge": 1}, {"le": 3}]}, 2, True),
    ({"any": [{"eq": 1}, {"eq": 2}]}, 3, False),
    ({"not": {"eq": 1}}, 2, True),
    ({"not": {"all": [{"ge": 1}, {"any": [{"eq": 5}]}]}}, 5, False),
]


@pytest.mark.parametrize(("source", "item", "answer"), TABLE)
def test_answers_as_documented_when_an_item_is_tested(source: dict[str, Any], item: Any, answer: bool) -> None:
    """Every operator, by itself, on fields and combined; unlike types are False."""
    assert Condition(source).test(item) is answer


def test_table_covers_every_operator() -> None:
    """No operator is left untested."""
    assert OPERATORS.keys() <= {key for source, _, _ in TABLE for key in source}


BAD: list[tuple[Any, str, str]] = [
    ({}, "bad-condition", "$"),
    ([], "wrong-type", "$"),
    ({"field": "a"}, "bad-condition", "$"),
    ({"field": "", "eq": 1}, "bad-field", "$.field"),
    ({"field": "a" * 300, "eq": 1}, "bad-field", "$.field"),
    ({"equals": 1}, "unknown-operator", "$.equals"),
    ({"gt": None}, "bad-operand", "$.gt"),
    ({"in": "abc"}, "bad-operand", "$.in"),
    ({"in": list(range(20_000))}, "bad-operand", "$.in"),
    ({"exists": 1}, "bad-operand", "$.exists"),
    ({"length_at_least": -1}, "bad-operand", "$.length_at_least"),
    ({"length_at_most": True}, "bad-operand", "$.length_at_most"),
    ({"matches": "(?=a)"}, "bad-operand", "$.matches"),
    ({"matches": "a" * 600}, "bad-operand", "$.matches"),
    ({"all": []}, "wrong-type", "$.all"),
    ({"any": {"eq": 1}}, "wrong-type", "$.any"),
    ({"all": [{"eq": 1}], "field": "a"}, "bad-condition", "$.field"),
    ({"not": 5}, "wrong-type", "$.not"),
    ({"any": [{"eq": 1}] * 2_000}, "too-large", "$.any[999]"),
]


@pytest.mark.parametrize(("source", "code", "path"), BAD)
def test_refuses_with_the_place_when_the_data_is_no_condition(source: Any, code: str, path: str) -> None:
    """Nothing unknown is ever taken for False."""
    with pytest.raises(ConfigError) as caught:
        Condition(source)
    assert (caught.value.problems[0].code, caught.value.problems[0].path) == (code, path)


HOSTILE_PATTERNS = [
    r"\w{100}", r"(\w{30}){30}", "(a{100}){100}", "((((a{10}){10}){10}){10}){10}", r"\w" * 250, r"\pL" * 166,
    "a{1000000}",
    "((?:){1000}){1000}", r"(?i)[\u{0}-\u{ffff}]" * 20, "(?x)(a {100}){ 100 }", r"[\w\d\s]{200}", "(a|b|c)*" * 60,
    r"[[\w]&&[^\d]]{90}", "[]a]{900}{900}", "(a{0,999}){0,999}", ".{5000}", "a" + "?" * 490,
]  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS)
def test_takes_little_work_when_a_pattern_is_hostile(pattern: str) -> None:
    """A pattern is refused, or both compiled and matched quickly, whatever the text."""
    suffixes = count()

    def compiled() -> Condition:
        try:
            return Condition({"matches": f"{pattern}b{next(suffixes)}"})  # each another one: none comes from a cache
        except ConfigError:
            return Condition({"eq": 1})

    compiling, condition = effort(compiled, limit=2)
    assert compiling < 2
    matching, _ = effort(lambda: condition.test("ab" * 10_000), limit=50)
    assert matching < 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(OPERATORS)), operand=JSON, item=JSON | st.builds(Odd) | st.binary(max_size=3))
def test_never_raises_when_any_item_is_tested(name: str, operand: Any, item: Any) -> None:
    """A condition that was accepted answers with a boolean, also for items that refuse to be compared."""
    try:
        condition = Condition({name: operand})
    except ConfigError:
        return
    assert condition.test(item) in {True, False}


@settings(max_examples=200, deadline=None)
@given(item=JSON, operand=JSON)
def test_equality_is_the_same_when_it_is_nested(item: Any, operand: Any) -> None:
    """Plain values are compared by a shorter way, with the same answer as inside of lists, and as members."""
    equal = Condition({"eq": operand}).test(item)
    assert Condition({"eq": [operand]}).test([item]) is equal
    assert Condition({"in": [operand, operand]}).test(item) is equal


@settings(max_examples=100, deadline=None)
@given(item=JSON, operand=JSON)
def test_negation_is_the_opposite_when_an_item_is_there(item: Any, operand: Any) -> None:
    """The laws of `ne` and `not`."""
    equal = Condition({"eq": operand}).test(item)
    assert Condition({"ne": operand}).test(item) is not equal
    assert Condition({"not": {"eq": operand}}).test(item) is not equal


PLAIN = st.integers(-2, 2) | st.sampled_from([0.0, 1.0, float("nan"), float("inf"), "", "a", "b"])
VALUES = PLAIN | st.none() | st.booleans() | st.lists(PLAIN, max_size=1) | st.builds(Odd)
RECORDS = st.fixed_dictionaries({"n": VALUES}) | st.fixed_dictionaries({"n": PLAIN}) | st.just({}) | st.just("n")


@given(
    name=st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "in", "not_in", "exists"]),
    operand=PLAIN | st.lists(VALUES, max_size=2),
    items=st.lists(RECORDS, max_size=4) | st.lists(st.fixed_dictionaries({"n": PLAIN}), max_size=4),
    more=st.sampled_from([{}, {"exists": True}, {"field": "n.0"}]),
)
def test_selects_what_meets_it_when_several_are_tested_at_once(
    name: str, operand: Any, items: list[Any], more: dict[str, Any]
) -> None:
    """The items that are selected from a batch are those that meet the condition one by one."""
    try:
        condition = Condition({"field": "n", name: operand, **more})
    except ConfigError:
        return
    selected = condition.select(items)
    assert list(map(id, selected)) == [id(item) for item in items if condition.test(item)]


def test_serves_as_a_param_when_a_model_declares_one() -> None:
    """Pydantic reads it from data or takes it ready-made, writes it back, and describes it."""
    adapter = TypeAdapter(Condition)
    condition = adapter.validate_python({"eq": 1})
    assert adapter.validate_python(condition) is condition
    assert adapter.dump_python(condition) == {"eq": 1}
    assert condition == Condition({"eq": 1})
    properties = adapter.json_schema()["$defs"]["ConditionData"]["properties"]
    assert properties.keys() == {*OPERATORS, "field", "all", "any", "not"}


class Color(Enum):
    """A value that no document can hold."""

    RED = "red"


NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ({"ge": "2026-03-14"}, NOON, True),
        ({"lt": "2026-03-14"}, NOON, False),
        ({"gt": "2026-03-14T12:30:00+01:00"}, NOON, True),
        ({"eq": "2026-03-14T12:00:00Z"}, NOON, True),
        ({"eq": "2026-03-14T12:00"}, NOON.replace(tzinfo=None), True),
        ({"ne": "2026-03-14T12:00:00"}, NOON, False),
        ({"in": ["2026-03-13", "2026-03-14T13:00+01:00"]}, NOON, True),
        ({"not_in": ["2026-03-13"]}, NOON, True),
        ({"eq": "2026-03-14"}, date(2026, 3, 14), True),
        ({"le": "2026-03-14T01:00"}, date(2026, 3, 14), True),
        ({"gt": "2026-03-14"}, date(2026, 3, 14), False),
        ({"lt": "12:30"}, time(12), True),
        ({"gt": 9}, Decimal("9.5"), True),
        ({"eq": 9.5}, Decimal("9.5"), True),
        ({"in": [1, 9.5]}, Decimal("9.5"), True),
        ({"lt": 9}, Decimal("NaN"), False),
        ({"le": 0.5}, Fraction(1, 3), True),
        ({"eq": "12:00"}, time(12), True),
        ({"ge": date(2026, 3, 14)}, NOON, True),
        ({"ge": NOON}, NOON, True),
        ({"ge": "today"}, NOON, False),
        ({"ge": 2026}, NOON, False),
        ({"eq": "2026-03-14T12:00:00Z"}, NOON.replace(tzinfo=None), False),
        ({"lt": "12:30"}, time(12, tzinfo=UTC), False),
    ],
)
def test_compares_dates_and_times_with_what_an_operand_writes(
    source: dict[str, Any], value: object, expected: bool
) -> None:
    """An operand in ISO 8601 is a date or a time for a field that is one; without an offset it is UTC."""
    condition = Condition({"field": "at", **source})
    assert condition.test({"at": value}) is expected
    assert condition.select([{"at": value}]) == ([{"at": value}] if expected else [])


@pytest.mark.parametrize(
    ("source", "values", "message"),
    [
        ({"gt": 9}, ["10", "100"], "the field 'n' of an item is a string, which 'gt' cannot compare with the number 9"),
        ({"le": "9"}, [10], "is a number, which 'le' cannot compare with the string '9'"),
        ({"eq": 10}, ["10"], "is a string, which 'eq' cannot compare with the number 10"),
        ({"ne": 10}, ["10"], "'ne' cannot compare"),
        ({"in": [10, 20]}, ["10"], "'in' cannot compare"),
        ({"ge": "today"}, [NOON], "is a datetime with a time zone, which 'ge' cannot compare with the string 'today'"),
        ({"eq": "2026-03-14T12:00Z"}, [NOON.replace(tzinfo=None)], "is a datetime without a time zone"),
        ({"eq": "2026-03-14T12:00Z"}, [date(2026, 3, 14)], "is a date, which 'eq' cannot compare"),
        ({"in": ["noon", "night"]}, [time(12)], "is a time without a time zone, which 'in' cannot compare"),
        ({"eq": "red"}, [Color.RED], "is a Color, which 'eq' cannot compare with the string 'red'"),
        ({"eq": "red"}, [b"red"], "is a bytes, which 'eq' cannot compare with the string 'red'"),
        ({"gt": 9}, [10, None, True, [1], 3], ""),
        ({"gt": 9}, [Decimal("9.5"), Fraction(1, 3)], ""),
        ({"eq": "2026-03-14T12:00Z"}, [NOON, NOON.replace(hour=13)], ""),
        ({"ne": "2026-03-14"}, [date(2026, 3, 14), date(2026, 3, 15)], ""),
        ({"in": ["2026-03-14", "2026-03-16"]}, [date(2026, 3, 14), date(2026, 3, 15)], ""),
        ({"eq": "a"}, [1, "b"], ""),
        ({"in": ["a"]}, [1, "b", None], ""),
    ],
)
@pytest.mark.parametrize("as_edge", [False, True])
def test_reports_once_what_an_operator_can_never_compare(
    source: dict[str, Any], values: list[Any], message: str, as_edge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells are strings until they have a type, so a condition with a number meets none of them: a mistake."""
    notices: list[str] = []
    monkeypatch.setattr("headwater.config.conditions.comparison_faults.notice", notices.append)
    condition = {"field": "n", **source}
    steps: list[dict[str, Any]] = [{"id": "kept", "kind": "stream.filter", "params": {"where": condition}}]
    document: dict[str, Any] = {"name": "x", "steps": steps}
    if as_edge:
        steps[0] = {"id": "kept", "kind": "stream.skip", "params": {"n": 0}}
        document["edges"] = ["input -> kept", {"from": "kept", "to": "output", "when": condition}]
    run_sync(Pipeline.load(document), iter([{"n": value} for value in values]))
    assert len(notices) == (1 if message else 0)
    for reported in notices:
        assert message in reported
        assert ("edge kept -> output" if as_edge else "step 'kept'") in reported
