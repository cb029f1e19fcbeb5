"""Fields of items by their paths."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from headwater.toolkit import (
    MISSING,
    FieldPath,
    MissingFieldError,
    field_column,
    field_finder,
    field_locator,
    overlapping_paths,
    path_parts,
    put_field,
    remove_field,
    replace_field,
)

NAMES = st.sampled_from(["a", "b", "c", "0"])
VALUES = st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)


class Model(BaseModel):
    a: Any = 1


@dataclass
class Plain:
    a: Any = 1


class Named(NamedTuple):
    a: Any = 1


@pytest.mark.parametrize("item", [{"a": 1}, Model(), Plain(), Named()])
def test_finds_a_field_in_whatever_has_fields(item: Any) -> None:
    """Objects, models, dataclasses and named tuples have fields; what is not declared is missing."""
    assert field_finder("a")(item) == 1
    assert field_finder("b")(item) is MISSING
    assert field_finder("__class__")(item) is MISSING


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a" * 257])
def test_refuses_a_path_when_it_has_no_parts(path: str) -> None:
    """A path has names between dots, and is not endless."""
    with pytest.raises(ValidationError):
        TypeAdapter[str](FieldPath).validate_python(path)


DOTTED = {
    "id.port": 80,
    "id": {"port": 81, "first.name": "Ida"},
    "a.b": {"c": 1},
    "a": {"b.c": 2, "b": {"c": 3}},
    "No.": 4,
}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("id.port", ("id.port",)),
        ("'id.port'", ("id.port",)),
        ("id.'port'", ("id", "port")),
        ("id.first.name", ("id", "first.name")),
        ('id."first.name"', ("id", "first.name")),
        ("a.b.c", ("a.b", "c")),
        ("'a'.b.c", ("a", "b", "c")),
        ("'No.'", ("No.",)),
        ("it's", ("it's",)),
    ],
)
def test_takes_a_name_with_dots_for_a_name(path: str, names: tuple[str, ...]) -> None:
    """The longest name that leads to a value counts, and a name in quotes is exact."""
    item = {**DOTTED, "it's": 5}
    value: Any = item
    for name in names:
        value = value[name]
    assert field_locator(path)(item) == names
    assert field_finder(path)(item) == value
    assert list(field_column(path)([item, item])) == [value, value]


def test_locates_a_missing_field_in_what_leads_to_it() -> None:
    """A field that is set goes into the object that exists; a quoted name becomes one field."""
    assert field_locator("geo.place.lat")({"geo.place": {}}) == ("geo.place", "lat")
    assert field_locator("geo.lat")({}) == ("geo", "lat")
    assert field_locator("'geo.lat'")({}) == ("geo.lat",)
    assert field_finder("'id.port'")({"id": {"port": 1}}) is MISSING


@given(st.lists(RECORDS, max_size=5), PATHS | st.none())
def test_column_finds_what_the_finder_finds(items: list[dict[str, Any]], path: str | None) -> None:
    """The field of a whole batch is the field of each item."""
    assert list(field_column(path)(items)) == list(map(field_finder(path), items))


@given(st.lists(PATHS, max_size=6))
def test_finds_paths_that_overlap(paths: list[str]) -> None:
    """Two paths overlap when one begins with the other."""
    pairs = [(one, two) for place, one in enumerate(paths) for two in paths[place + 1 :]]
    expected = any((one + ".").startswith(two + ".") or (two + ".").startswith(one + ".") for one, two in pairs)
    assert (overlapping_paths(paths) is not None) is expected


@given(RECORDS, PATHS, st.integers())
def test_removes_what_was_put(item: dict[str, Any], path: str, value: int) -> None:
    """What is put is found and taken out again, and the record that others read too never changes."""
    before = copy.deepcopy(item)
    fields = dict(item)
    try:
        put_field(fields, path_parts(path), value)
    except TypeError:
        return
    assert field_finder(path)(fields) == value
    assert remove_field(fields, path_parts(path)) == value
    assert field_finder(path)(fields) is MISSING
    assert item == before


@given(RECORDS, PATHS, st.integers())
def test_replaces_a_field_in_a_copy(item: dict[str, Any], path: str, value: int) -> None:
    """The copy has the value, and the item that others read stays as it is."""
    before = copy.deepcopy(item)
    if field_finder(path)(item) is not MISSING:
        assert field_finder(path)(replace_field(item, path_parts(path), value)) == value
    assert item == before


@pytest.mark.parametrize(
    ("item", "parts", "expected"),
    [
        ([1, 2], ["1"], [1, 9]),
        ((1, 2), ["0"], (9, 2)),
        (Model(), ["a"], Model(a=9)),
        (Plain(), ["a"], Plain(9)),
        ({"a": [Model()]}, ["a", "0", "a"], {"a": [Model(a=9)]}),
        ("anything", [], 9),
    ],
)
def test_replaces_a_field_in_the_type_that_an_item_has(item: Any, parts: Sequence[str], expected: Any) -> None:
    """A copy is of the same type as the item."""
    assert replace_field(item, parts, 9) == expected


def test_refuses_to_change_what_has_no_fields() -> None:
    """Text has no fields, and neither has a number on the way to one."""
    with pytest.raises(TypeError, match="has no field 'a' that can be replaced"):
        replace_field("text", ["a"], 1)
    with pytest.raises(TypeError, match="the field 'a' is a int, not an object"):
        put_field({"a": 1}, ["a", "b"], 2)


def test_names_the_fields_that_a_record_has_when_one_is_missing() -> None:
    """The message of a missing field lists those that exist, up to a number of them."""
    message = str(MissingFieldError("x", {f"f{number}": 0 for number in range(15)}, "set on_missing"))
    assert message.startswith("there is no field 'x' in an item with the fields 'f0', 'f1'")
    assert message.endswith("'f11' and 3 more; set on_missing")
    assert "(none)" in str(MissingFieldError("x", {}, "set on_missing"))
