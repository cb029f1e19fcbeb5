"""Fields whose names have dots, and keys that are NaN: one rule for all kinds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from headwater import ConfigError, Pipeline, run_sync
from headwater.toolkit import key_finder

ROWS = [
    {"time": "1", "peer.host": "b", "peer.port": "80"},
    {"time": "2", "peer.host": "a", "peer.port": "443"},
    {"time": "3", "peer.host": "b", "peer.port": "80"},
]
FIRST, SECOND, THIRD = ROWS
WITHOUT = [{"time": row["time"], "peer.port": row["peer.port"]} for row in ROWS]
LOUD = [{**row, "peer.host": row["peer.host"].upper()} for row in ROWS]


def output(kind: str, items: list[Any], **params: Any) -> Any:
    """Return the output of one step."""
    pipeline = Pipeline.load({"name": "dots", "steps": [{"id": "step", "kind": kind, "params": params}]})
    return run_sync(pipeline, iter(items)).output


@pytest.mark.parametrize("path", ["peer.host", "'peer.host'", '"peer.host"'])
@pytest.mark.parametrize(
    ("kind", "param", "expected"),
    [
        ("stream.filter", lambda path: {"where": {"field": path, "eq": "b"}}, [FIRST, THIRD]),
        ("stream.filter", lambda path: {"where": {"not": {"field": path, "in": ["b"]}}}, [SECOND]),
        ("stream.sort", lambda path: {"by": path}, [SECOND, FIRST, THIRD]),
        ("stream.distinct", lambda path: {"by": path}, [FIRST, SECOND]),
        ("text.distinct", lambda path: {"by": path}, [FIRST, SECOND]),
        ("stream.pick", lambda path: {"fields": [path]}, [{"peer.host": host} for host in "bab"]),
        ("stream.drop", lambda path: {"fields": [path]}, WITHOUT),
        ("stream.set", lambda path: {"copies": {"host": path}}, [{**row, "host": row["peer.host"]} for row in ROWS]),
        ("stream.set", lambda path: {"values": {path: "c"}}, [{**row, "peer.host": "c"} for row in ROWS]),
        ("text.template", lambda path: {"template": f"$${{{path}}}!"}, ["b!", "a!", "b!"]),
        ("stream.augment", lambda path: {"using": {"kind": "text.upper"}, "field": path}, [*ROWS, *LOUD]),
    ],
)  # fmt: skip
def test_finds_a_field_whose_name_has_dots(kind: str, param: Any, expected: list[Any], path: str) -> None:
    """A column of a file such as `peer.host` is found by its name, quoted or not."""
    assert output(kind, ROWS, **param(path)) == expected


def test_counts_and_adds_by_a_name_with_dots() -> None:
    """Groups and figures find the same fields."""
    groups = output("stream.group_count", ROWS, by="peer.host")
    assert [(group.key, group.count) for group in groups] == [("b", 2), ("a", 1)]
    assert output("stream.sum", [{"n.sum": 1}, {"n": {"sum": 2}}], field="n.sum") == 3


def test_renames_in_place_when_names_have_dots() -> None:
    """A field keeps its place, also when two exchange their names; a quoted new name is one name."""
    (renamed,) = output("stream.rename", [FIRST], fields={"peer.host": "host", "peer.port": "'server.port'"})
    assert list(renamed.items()) == [("time", "1"), ("host", "b"), ("server.port", "80")]
    (exchanged,) = output("stream.rename", [FIRST], fields={"peer.host": "peer.port", "peer.port": "peer.host"})
    assert list(exchanged.items()) == [("time", "1"), ("peer.port", "b"), ("peer.host", "80")]


def test_joins_by_a_name_with_dots() -> None:
    """The key and the prefix may have dots, and the key of the table is left out."""
    document = {
        "name": "join",
        "steps": [{"id": "join", "kind": "stream.join_lookup", "params": {
            "key": "peer.host", "table_key": "host.id", "prefix": "host.", "how": "inner"}}],
        "edges": ["input -> join.items", "input.table -> join.table"],
    }  # fmt: skip
    table = [{"host.id": "a", "name": "Ada"}]
    inputs = {"join.items": iter(ROWS), "join.table": table}
    document["edges"] = []
    assert run_sync(Pipeline.load(document), inputs).output == [{**SECOND, "host.name": "Ada"}]


def test_refuses_paths_that_overlap_with_the_way_to_write_a_name() -> None:
    """Two fields `peer` and `peer.host` are possible, so the message says how to name them."""
    with pytest.raises(ConfigError, match="written in quotes"):
        output("stream.pick", ROWS, fields=["peer", "peer.host"])
    items = [{"peer": 1, "peer.host": "b", "x": 0}]
    assert output("stream.pick", items, fields=["peer", "'peer.host'"]) == [{"peer": 1, "peer.host": "b"}]


@pytest.mark.parametrize("by", [None, "n"])
def test_takes_every_nan_for_one_key(by: str | None) -> None:
    """NaN is not equal to itself, but one value to people, whichever object it is."""
    values = [math.nan, float("nan"), 1.0, float("nan")]
    items = values if by is None else [{"n": value} for value in values]
    params = {} if by is None else {"by": by}
    assert len(output("stream.distinct", items, **params)) == 2
    assert [group.count for group in output("stream.group_count", items, **params)] == [3, 1]
    assert len({key_finder(["n"])({"n": value}) for value in values}) == 2
    assert len(output("stream.distinct", [[float("nan")], [float("nan")]])) == 1
