"""Records joined with what a table has for their key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from headwater import ConfigError, Pipeline, StepError, run_sync, step
from headwater_steps.streams.joining import JoinLookup, LookupFooter

ITEMS: list[Any] = [{"gauge": "I", "m": 2}, {"gauge": "S", "m": 3}, {"gauge": "X", "m": 1}, {"m": 0}]
TABLE: list[Any] = [{"gauge": "I", "river": "Ilm", "km": 7}, {"gauge": "S", "river": "Saale"}]


class River(BaseModel):
    gauge: str
    river: str


def joined(params: dict[str, Any], table: list[Any], *, missed: bool = False) -> Pipeline:
    """Return a pipeline that joins its input with a table."""

    @step("test_joining.rows")
    async def rows() -> AsyncIterator[Any]:
        for row in table:
            yield row

    output = ["join", "join.missed"] if missed else "join"
    edges = ["rows -> join.table", "input -> join.items"]
    return Pipeline("joined", steps={"rows": rows, "join": JoinLookup(**params)}, edges=edges, output=output)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"how": "inner"}, [{"gauge": "I", "m": 2, "river": "Ilm", "km": 7}, {"gauge": "S", "m": 3, "river": "Saale"}]),
        ({"how": "inner", "prefix": "r_"},
         [{"gauge": "I", "m": 2, "r_river": "Ilm", "r_km": 7}, {"gauge": "S", "m": 3, "r_river": "Saale"}]),
        ({"how": "inner", "into": "at"},
         [{"gauge": "I", "m": 2, "at": TABLE[0]}, {"gauge": "S", "m": 3, "at": TABLE[1]}]),
        ({"how": "inner", "into": "x.at"},
         [{"gauge": "I", "m": 2, "x": {"at": TABLE[0]}}, {"gauge": "S", "m": 3, "x": {"at": TABLE[1]}}]),
        ({}, [
            {"gauge": "I", "m": 2, "river": "Ilm", "km": 7},
            {"gauge": "S", "m": 3, "river": "Saale"},
            {"gauge": "X", "m": 1, "river": None, "km": None},
            {"m": 0, "river": None, "km": None},
        ]),
        ({"into": "at"}, [
            {"gauge": "I", "m": 2, "at": TABLE[0]},
            {"gauge": "S", "m": 3, "at": TABLE[1]},
            {"gauge": "X", "m": 1, "at": None},
            {"m": 0, "at": None},
        ]),
    ],
)  # fmt: skip
async def test_adds_what_the_table_has_for_the_key(params: dict[str, Any], expected: list[Any]) -> None:
    """Found rows go among the fields or into one; the footer counts, on every event loop."""
    result = await joined({"key": "gauge", **params}, TABLE).run(iter(ITEMS))
    assert result.output == expected
    assert result.footer == LookupFooter(items=4, found=2, missed=2, rows=2, duplicates=0)
    assert ITEMS[0] == {"gauge": "I", "m": 2}


@pytest.mark.parametrize("how", ["left", "inner"])
async def test_gives_items_that_nothing_is_found_for_on_the_side_when_that_leads_somewhere(how: str) -> None:
    """The side port gets them as they came, whether or not they go on."""
    result = await joined({"key": "gauge", "how": how}, TABLE, missed=True).run(iter(ITEMS))
    assert result.output["join.missed"] == ITEMS[2:]
    assert len(result.output["join.out"]) == (4 if how == "left" else 2)


@pytest.mark.parametrize(
    ("params", "items", "table", "found"),
    [
        ({"key": "n"}, [{"n": 1}, {"n": 1.0}, {"n": True}, {"n": "1"}], [{"n": 1, "x": "a"}],
         [True, True, False, False]),
        ({"key": "n"}, [{"n": 1}, {"n": True}, {"n": None}], [{"n": True, "x": "a"}], [False, True, False]),
        ({"key": "a.b", "table_key": "c"}, [{"a": {"b": 1}}, {"a": 1}], [{"c": 1, "x": "a"}], [True, False]),
        ({"key": "t.0", "table_key": "c.d"}, [{"t": [7, 8]}], [{"c": {"d": 7}, "x": "a"}], [True]),
        ({"key": ["a", "b"]}, [{"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": 1}], [{"a": 1, "b": 2, "x": "a"}],
         [True, False, False]),
        ({"key": ["a", "b"], "table_key": ["b", "a"]}, [{"a": 1, "b": 2}, {"a": 2, "b": 1}],
         [{"a": 1, "b": 2, "x": "a"}], [False, True]),
    ],
)  # fmt: skip
def test_compares_keys_by_value_and_type(
    params: dict[str, Any], items: list[Any], table: list[Any], found: list[bool]
) -> None:
    """Numbers are compared with numbers, texts with texts; null and what is not there is equal to nothing."""
    result = run_sync(joined({"into": "row", **params}, table), iter(items))
    assert [item["row"] is not None for item in result.output] == found


def test_takes_models_on_both_sides() -> None:
    """Models are records of their fields."""
    item, row = River(gauge="I", river="?"), River(gauge="I", river="Ilm")
    result = run_sync(joined({"key": "gauge", "prefix": "the_"}, [row]), iter([item]))
    assert result.output == [{"gauge": "I", "river": "?", "the_river": "Ilm"}]
    result = run_sync(joined({"key": "gauge", "into": "at"}, [row]), iter([item]))
    assert result.output == [{"gauge": "I", "river": "?", "at": {"gauge": "I", "river": "Ilm"}}]


@pytest.mark.parametrize(("on_duplicate", "river"), [("first", "Ilm"), ("last", "Saale")])
def test_keeps_the_row_that_is_asked_for_when_keys_are_not_unique(on_duplicate: str, river: str) -> None:
    """The footer counts the rows that cannot be found."""
    table = [{"gauge": "I", "river": "Ilm"}, {"gauge": "I", "river": "Elbe"}, {"gauge": "I", "river": "Saale"}]
    result = run_sync(joined({"key": "gauge", "on_duplicate": on_duplicate}, table), iter(ITEMS[:1]))
    assert result.output == [{"gauge": "I", "m": 2, "river": river}]
    assert (result.footer.rows, result.footer.duplicates) == (1, 2)


@pytest.mark.parametrize(
    ("params", "table", "message"),
    [
        ({}, [*TABLE, TABLE[0]], "row 3 of the table has the same 'gauge' as one before; set on_duplicate"),
        ({}, [*TABLE, {"river": "Elbe"}], "row 3 of the table has no value for its key 'gauge'"),
        ({}, [{"gauge": None}], "row 1 of the table has no value for its key 'gauge'"),
        ({"key": ["gauge", "river"]}, [{"gauge": "I"}], "no value for its key 'gauge' and 'river'"),
        ({}, [{"gauge": ["I"]}], "the key 'gauge' is a list, expected a string or a number"),
        ({"max_rows": 1}, TABLE, "the table has 2 rows, more than 1; raise max_rows"),
        ({}, [{"gauge": "I", "m": 0}], "both have a field 'm'; set prefix, or into"),
        ({}, ["text"], "port 'table': expected list[dict"),
    ],
)  # fmt: skip
async def test_fails_rather_than_lose_something(params: dict[str, Any], table: list[Any], message: str) -> None:
    """What would be ambiguous, replaced or too large is an error that says what to do."""
    with pytest.raises(StepError) as error:
        await joined({"key": "gauge", **params}, table).run(iter(ITEMS))
    assert message in str(error.value)


def test_fails_when_the_key_of_an_item_is_a_list() -> None:
    """It cannot be looked up, so that the document is most likely wrong."""
    with pytest.raises(StepError, match="the key 'gauge' is a list"):
        run_sync(joined({"key": "gauge"}, TABLE), iter([{"gauge": []}]))


@pytest.mark.parametrize(
    "params",
    [
        {"key": []},
        {"key": "a..b"},
        {"key": "a", "into": "x", "prefix": "y"},
        {"key": "a", "table_key": ["a", "b"]},
        {"key": ["a", "b"], "table_key": "a"},
        {"key": "a", "how": "right"},
        {"key": "a", "max_rows": 0},
        {"key": "a", "prefix": "a" * 65},
    ],
)
def test_refuses_params_that_mean_nothing(params: dict[str, Any]) -> None:
    """Params are checked when they are given."""
    with pytest.raises(ValidationError):
        JoinLookup(**params)


DOCUMENT: dict[str, Any] = {
    "name": "levels",
    "steps": [
        {"id": "all", "kind": "source.jsonl", "params": {"path": "levels.jsonl"}},
        {"id": "join", "kind": "stream.join_lookup", "params": {"key": "gauge"}},
    ],
    "edges": ["all -> join.items", "all -> join.table"],
}


def test_refuses_one_source_for_items_and_table() -> None:
    """It would stand still for ever: the items wait for the table, whose source waits for room for the items."""
    with pytest.raises(ConfigError) as error:
        Pipeline.load(DOCUMENT)
    assert [(problem.code, problem.path) for problem in error.value.problems] == [("deadlock-risk", "$.edges[0]")]


async def test_reads_the_whole_table_before_the_first_item() -> None:
    """A table larger than any buffer joins more items than any buffer holds."""
    table = [{"n": number, "square": number**2} for number in range(3_000)]
    result = await joined({"key": "n", "how": "inner"}, table).run({"n": number} for number in range(0, 6_000, 2))
    assert result.output == [{"n": number, "square": number**2} for number in range(0, 3_000, 2)]
