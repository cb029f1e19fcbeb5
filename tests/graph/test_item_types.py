"""What steps and conditions read of items, against the types that are declared to come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NotRequired

import pytest
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from headwater import ConfigError, Pipeline, Step, run_sync, step
from headwater.kinds.step import StepFunction
from headwater.toolkit import Reads
from headwater_steps.sinks import csv, files
from headwater_steps.sources import jsonl, lines
from headwater_steps.streams import (
    Pick,
    Rename,
    distinct,
    filter_items,
    group_count,
    largest,
    mean,
    smallest,
    sort,
    total,
)
from headwater_steps.text.field_templates import Template
from headwater_steps.text.near_duplicates import distinct as distinct_texts


class Gauge(BaseModel):
    river: str
    level_m: float


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    river: str


class Place(TypedDict):
    height_m: float


class Reading(TypedDict):
    level_m: float
    place: Place
    note: NotRequired[str]


@dataclass
class Tide:
    high_m: float
    harbor: str


class Pair(NamedTuple):
    left: int
    right: str


ITEMS: dict[str, Any] = {
    "text": str,
    "whole": int,
    "maybe": int | None,
    "either": int | str,
    "truth": bool,
    "gauge": Gauge,
    "open": Open,
    "reading": Reading,
    "tide": Tide,
    "pair": Pair,
    "row": dict[str, Any],
    "counts": dict[str, int],
    "list": list[int],
    "any": Any,
}


def writer(item: Any) -> StepFunction[..., Any]:
    """Return a step that writes items of a type, for plans only."""

    async def written() -> AsyncIterator[Any]:
        yield None

    written.__annotations__["return"] = AsyncIterator[item]
    return step("item_types.written")(written)


def problems(item: str, reader: Any) -> list[tuple[str, str]]:
    """Return the codes and places of the problems of a reader of items."""
    try:
        Pipeline("read", steps={"w": writer(ITEMS[item]), "r": reader})
    except ConfigError as error:
        return [(problem.code, problem.path.removeprefix("$.steps[1]")) for problem in error.problems]
    return []


TYPES = [("type-mismatch", "")]


def unknown(place: str) -> list[tuple[str, str]]:
    """Return the problem of a field that no item has."""
    return [("unknown-field", f".params.{place}")]


READERS: list[tuple[str, StepFunction[..., Any] | Step, list[tuple[str, str]]]] = [
    *[("text", kind, TYPES) for kind in (total, mean, smallest, largest)],
    *[("truth", kind, TYPES) for kind in (total, mean, smallest, largest)],
    *[(item, total, TYPES) for item in ("gauge", "reading", "tide", "pair", "row", "counts", "list")],
    *[(item, total, []) for item in ("whole", "maybe", "either", "any")],
    *[(item, total.with_params(field="q"), unknown("field")) for item in ("text", "whole", "maybe", "list", "gauge")],
    *[(item, total.with_params(field="q"), []) for item in ("open", "row", "counts", "any")],
    ("gauge", total.with_params(field="level_m"), []),
    ("gauge", total.with_params(field="river"), [("type-mismatch", ".params.field")]),
    ("reading", total.with_params(field="place.height_m"), []),
    ("reading", total.with_params(field="place.hight_m"), unknown("field")),
    ("reading", total.with_params(field="note"), [("type-mismatch", ".params.field")]),
    ("tide", total.with_params(field="high_m"), []),
    ("pair", total.with_params(field="right"), [("type-mismatch", ".params.field")]),
    ("list", total.with_params(field="0"), []),
    ("counts", total.with_params(field="a.b"), []),
    ("text", sort, []),
    ("truth", sort, []),
    ("row", sort, TYPES),
    ("gauge", sort, TYPES),
    ("text", sort.with_params(by="q"), unknown("by")),
    ("tide", sort.with_params(by=["high_m", "port"]), unknown("by[1]")),
    ("text", group_count, []),
    ("row", group_count, TYPES),
    ("text", group_count.with_params(by="q"), unknown("by")),
    ("row", distinct, []),
    ("whole", distinct.with_params(by="q"), unknown("by")),
    ("whole", distinct_texts, TYPES),
    ("gauge", distinct_texts.with_params(by="level_m"), [("type-mismatch", ".params.by")]),
    ("gauge", filter_items.with_params(where={"any": [{"field": "lvel_m", "gt": 1}]}), unknown("where.any[0].field")),
    ("text", filter_items.with_params(where={"not": {"field": "q", "eq": 1}}), unknown("where.not.field")),
    ("text", filter_items.with_params(where={"field": "q", "exists": False}), []),
    ("reading", Pick(fields=["level_m", "town"]), unknown("fields[1]")),
    ("reading", Pick(fields=["level_m", "town"], on_missing="null"), []),
    ("reading", Rename(fields={"town": "city"}), unknown("fields")),
    ("tide", Template(template="${harbor}: ${high}"), unknown("template")),
    *[(item, csv.with_params(path="o.csv"), TYPES) for item in ("text", "whole", "list", "pair")],
    *[(item, csv.with_params(path="o.csv"), []) for item in ("row", "gauge", "tide", "reading", "any")],
    ("text", files.with_params(folder=".", by="town"), unknown("by")),
    ("gauge", files.with_params(folder=".", by="river", write="level"), unknown("write")),
]


@pytest.mark.parametrize(
    ("item", "reader", "expected"), READERS, ids=[f"{item} -> {reader!r}" for item, reader, _ in READERS]
)
def test_refuses_what_no_item_can_have_when_a_step_reads_it(
    item: str, reader: Any, expected: list[tuple[str, str]]
) -> None:
    """The whole item, or a field of it, must be able to be what the kind works with; what is not known is accepted."""
    assert problems(item, reader) == expected


def test_names_the_field_that_was_meant_when_it_is_misspelled() -> None:
    """The declared fields are known, so the message suggests one."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("read", steps={"w": writer(Gauge), "r": total.with_params(field="levl_m")})
    (problem,) = caught.value.problems
    assert problem.message == "w.out writes items of type Gauge, which have no field 'levl_m'"
    assert problem.hint == "did you mean 'level_m'?"


def test_says_which_param_names_a_field_when_records_are_read_whole() -> None:
    """Rows of a table are not numbers, but their fields may be."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("read", steps={"w": writer(dict[str, Any]), "r": total})
    assert caught.value.problems[0].hint == "set the param 'field' of step 'r' to the field to read"


def test_refuses_a_condition_of_an_edge_when_no_item_has_its_field() -> None:
    """It could never be met."""
    edge = {"from": "w", "to": "r", "when": {"field": "town", "eq": "Oslo"}}
    with pytest.raises(ConfigError) as caught:
        Pipeline("read", steps={"w": writer(str), "r": group_count}, edges=[edge])
    assert [(one.code, one.path) for one in caught.value.problems] == [("unknown-field", "$.edges[0].when.field")]


def test_reads_nothing_of_the_data_from_outside_before_it_comes() -> None:
    """What a program gives is checked by the step itself."""
    assert run_sync(Pipeline("sum", steps={"sum": total.with_params(field="n")}), [{"n": 2}, {"n": 3}]).output == 5


def test_says_nothing_of_types_when_the_param_with_the_field_is_wrong() -> None:
    """Which field is read is not known then."""
    steps = [
        {"id": "w", "kind": "source.lines", "params": {"path": "a.txt"}},
        {"id": "r", "kind": "stream.sum", "params": {"field": 3}},
    ]
    with pytest.raises(ConfigError) as caught:
        Pipeline.load({"name": "read", "steps": steps})
    assert [problem.code for problem in caught.value.problems] == ["wrong-type"]


def test_steps_of_others_declare_what_they_read() -> None:
    """`Reads` is for every author, also for a port of one value."""

    @step("item_types.double")
    def double(row: Annotated[Any, Reads(int, at="field")], *, field: str) -> int:
        return int(row[field]) * 2

    @step("item_types.widest")
    def widest(rows: Annotated[Iterable[Any], Reads(str)]) -> int:
        return max(map(len, rows))

    assert problems("gauge", double.with_params(field="river")) == [("type-mismatch", ".params.field")]
    assert problems("whole", widest) == TYPES
    assert problems("either", widest) == []


def test_knows_no_type_of_json_lines() -> None:
    """The items of a file may be anything, so they are checked when they are read."""
    Pipeline("read", steps={"w": jsonl.with_params(path="a.jsonl"), "r": total})
    with pytest.raises(ConfigError):
        Pipeline("read", steps={"w": lines.with_params(path="a.txt"), "r": total})
