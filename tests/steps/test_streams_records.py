"""Fields of records picked, renamed, set and dropped; the records themselves stay as they are."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from headwater import ConfigError, Pipeline, StepError, run_sync
from headwater.toolkit import MissingFieldError, field_finder, overlapping_paths, path_parts, remove_field
from headwater_steps.streams.records import Drop, Pick, Rename, Set


class Author(BaseModel):
    name: str
    born: int | None = None


class Book(BaseModel):
    title: str
    author: Author


BOOK: dict[str, Any] = {"title": "Rivers", "author": {"name": "Ida", "born": 1990}, "tags": ["a", "b"], "pages": 90}
MODEL = Book(title="Rivers", author=Author(name="Ida", born=1990))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # pick
        (Pick(fields=["pages", "title"]), {"pages": 90, "title": "Rivers"}),
        (Pick(fields=["author.name", "title"]), {"author": {"name": "Ida"}, "title": "Rivers"}),
        (Pick(fields=["author.name", "author.born"]), {"author": {"name": "Ida", "born": 1990}}),
        (Pick(fields=["tags.1"]), {"tags": {"1": "b"}}),
        (Pick(fields=["title", "price"], on_missing="ignore"), {"title": "Rivers"}),
        (Pick(fields=["title", "price"], on_missing="null"), {"title": "Rivers", "price": None}),
        (Pick(fields=["author.died"], on_missing="null"), {"author": {"died": None}}),
        (Pick(fields=["author.died", "title"], on_missing="ignore"), {"title": "Rivers"}),
        # drop
        (Drop(fields=["author", "tags"]), {"title": "Rivers", "pages": 90}),
        (Drop(fields=["author.born", "tags", "pages"]), {"title": "Rivers", "author": {"name": "Ida"}}),
        (Drop(fields=["author", "price", "a.b", "tags"], on_missing="ignore"), {"title": "Rivers", "pages": 90}),
        # rename
        (Rename(fields={"title": "name"}), {"name": "Rivers", **{key: BOOK[key] for key in list(BOOK)[1:]}}),
        (Rename(fields={"title": "pages", "pages": "title"}),
         {"pages": "Rivers", "author": BOOK["author"], "tags": BOOK["tags"], "title": 90}),
        (Rename(fields={"price": "cost"}, on_missing="ignore"), BOOK),
        (Rename(fields={"author.born": "year", "tags": "author.tags"}),
         {"title": "Rivers", "author": {"name": "Ida", "tags": ["a", "b"]}, "pages": 90, "year": 1990}),
        (Rename(fields={"author": "author.full"}),
         {"title": "Rivers", "tags": ["a", "b"], "pages": 90, "author": {"full": BOOK["author"]}}),
        # set
        (Set(values={"pages": 91, "seen": True}), {**BOOK, "pages": 91, "seen": True}),
        (Set(values={"author.died": None}), {**BOOK, "author": {"name": "Ida", "born": 1990, "died": None}}),
        (Set(values={"place.river": "Ilm"}), {**BOOK, "place": {"river": "Ilm"}}),
        (Set(copies={"tag": "tags.0", "by": "author.name"}), {**BOOK, "tag": "a", "by": "Ida"}),
        (Set(values={"title": "x"}, copies={"was": "title"}), {**BOOK, "title": "x", "was": "Rivers"}),
        (Set(copies={"title": "pages", "pages": "title"}), {**BOOK, "title": 90, "pages": "Rivers"}),
        (Set(copies={"cost": "price"}, on_missing="null"), {**BOOK, "cost": None}),
        (Set(copies={"pages": "price"}, on_missing="ignore"), BOOK),
    ],
)  # fmt: skip
def test_gives_a_new_record_and_leaves_the_old_one(target: Any, expected: dict[str, Any]) -> None:
    """Each step gives what its params say, its fields in order, and the item that others read too stays as it is."""
    before = copy.deepcopy(BOOK)
    assert list(target.run(BOOK).items()) == list(expected.items())
    assert before == BOOK


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Pick(fields=["title"]), {"title": "Rivers"}),
        (Pick(fields=["author.name"]), {"author": {"name": "Ida"}}),
        (Drop(fields=["author.born"]), {"title": "Rivers", "author": {"name": "Ida"}}),
        (Rename(fields={"title": "name"}), {"name": "Rivers", "author": MODEL.author}),
        (Rename(fields={"author.name": "by"}), {"title": "Rivers", "author": {"born": 1990}, "by": "Ida"}),
        (Set(values={"author.died": 2050}),
         {"title": "Rivers", "author": {"name": "Ida", "born": 1990, "died": 2050}}),
    ],
)  # fmt: skip
def test_takes_a_model_for_a_record_of_its_fields(target: Any, expected: dict[str, Any]) -> None:
    """Models come out as dictionaries, and models within them only where something in them changes."""
    assert target.run(MODEL) == expected
    assert MODEL.author.born == 1990


STEPS = [
    {"kind": "stream.pick", "params": {"fields": ["n", "m.k"]}},
    {"kind": "stream.rename", "params": {"fields": {"n": "number"}}},
    {"kind": "stream.set", "params": {"values": {"source": "gauge"}, "copies": {"again": "number"}}},
    {"kind": "stream.drop", "params": {"fields": ["m"]}},
]
CHAIN = {"name": "records", "steps": [{"id": f"s{number}", **step} for number, step in enumerate(STEPS)]}


async def test_changes_every_record_of_a_stream_and_a_single_one_likewise() -> None:
    """The steps are mapped over streams, on every event loop; alone they take one record."""
    pipeline = Pipeline.load(CHAIN)
    items = [{"n": number, "m": {"k": 1, "l": 2}} for number in range(1_000)]
    result = await pipeline.run(iter(items))
    assert result.output == [{"number": number, "source": "gauge", "again": number} for number in range(1_000)]
    assert (await pipeline.run({"n": 7, "m": {"k": 1}})).output == {"number": 7, "source": "gauge", "again": 7}


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (Pick(fields=["title", "price"]), "price"),
        (Pick(fields=["author.died"]), "author.died"),
        (Drop(fields=["price"]), "price"),
        (Drop(fields=["place.river"]), "place.river"),
        (Rename(fields={"price": "cost"}), "price"),
        (Rename(fields={"title": "name", "author.died": "died"}), "author.died"),
        (Set(copies={"cost": "price"}), "price"),
    ],
)
def test_names_the_field_that_is_missing(target: Any, field: str) -> None:
    """By default a record must have what the params name, and the error tells what it has instead."""
    with pytest.raises(MissingFieldError) as error:
        target.run(BOOK)
    assert error.value.path == field
    assert "'title', 'author', 'tags', 'pages'; set on_missing" in str(error.value)


def test_error_lists_some_names_when_a_record_has_many_fields() -> None:
    """The message stays readable whatever the record is."""
    with pytest.raises(MissingFieldError, match="'f11' and 88 more;"):
        Pick(fields=["x"]).run({f"f{number}": 1 for number in range(100)})


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Drop(fields=["tags.0"]), "the field 'tags' is a list"),
        (Drop(fields=["title.x"]), "the field 'title' is a str"),
        (Set(values={"pages.x": 1}), "the field 'pages' is a int"),
        (Rename(fields={"tags.0": "first"}), "the field 'tags' is a list"),
        (Rename(fields={"title": "pages"}), "the field 'pages' already exists and would be lost"),
        (Rename(fields={"author.name": "author.born"}), "the field 'author.born' already exists"),
        (Rename(fields={"title": "author.name"}), "the field 'author.name' already exists"),
    ],
)
def test_refuses_a_change_that_would_lose_something(target: Any, message: str) -> None:
    """Nothing is overwritten by a rename, and no list or text is taken for an object."""
    with pytest.raises((TypeError, ValueError), match=message):
        target.run(BOOK)


async def test_fails_the_step_when_a_field_is_missing() -> None:
    """The failure names the step and the field."""
    with pytest.raises(StepError, match=r"step 'pick' failed: .*there is no field 'a'"):
        await Pipeline("x", steps={"pick": Pick(fields=["a"])}).run(iter([{"a": 1}, {"b": 1}]))


def test_refuses_an_item_that_is_no_record() -> None:
    """A text has no fields; where the writer's type is known, that is told before anything runs."""
    words = [{"id": "words", "kind": "text.words"}, {"id": "pick", "kind": "stream.pick", "params": {"fields": ["a"]}}]
    with pytest.raises(ConfigError) as error:
        Pipeline.load({"name": "x", "steps": words})
    assert [problem.code for problem in error.value.problems] == ["type-mismatch"]
    with pytest.raises(StepError, match="expected dict"):
        run_sync(Pipeline("x", steps={"pick": Pick(fields=["a"])}), ["text"])


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        (Pick, {"fields": []}, "at least 1 item"),
        (Pick, {"fields": ["a", "b", "a"]}, "'a' occurs twice"),
        (Pick, {"fields": ["a.b", "a"]}, "'a.b' is a part of 'a'"),
        (Pick, {"fields": ["a..b"]}, "match pattern"),
        (Pick, {"fields": "a"}, "valid list"),
        (Pick, {"fields": ["a"], "on_missing": "skip"}, "'fail', 'ignore' or 'null'"),
        (Drop, {"fields": ["a", "a.b"]}, "'a.b' is a part of 'a'"),
        (Drop, {"fields": ["a"], "on_missing": "null"}, "'fail' or 'ignore'"),
        (Rename, {"fields": {}}, "at least 1 item"),
        (Rename, {"fields": {"a": "x", "b": "x"}}, "'x' occurs twice"),
        (Rename, {"fields": {"a": "x", "a.b": "y"}}, "'a.b' is a part of 'a'"),
        (Set, {}, "something to set"),
        (Set, {"values": {"a": 1}, "copies": {"a.b": "c"}}, "'a.b' is a part of 'a'"),
        (Set, {"values": {".": 1}}, "match pattern"),
    ],
)
def test_refuses_params_that_mean_nothing(kind: Any, params: dict[str, Any], message: str) -> None:
    """Params are checked when they are given, as a document is when it is loaded."""
    with pytest.raises(ValidationError, match=message):
        kind(**params)
    with pytest.raises(ConfigError):
        Pipeline.load({"name": "x", "steps": [{"id": "a", "kind": kind.kind, "params": params}]})


NAMES = st.sampled_from(["a", "b", "c", "0"])
VALUES = st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)


@given(RECORDS, st.lists(PATHS, min_size=1, max_size=4).filter(lambda paths: overlapping_paths(paths) is None))
def test_pick_keeps_what_each_path_leads_to(item: dict[str, Any], paths: list[str]) -> None:
    """A path leads to the same value before and afterwards, and nothing else is there."""
    picked = Pick(fields=paths, on_missing="ignore").run(item)
    for path in paths:
        assert field_finder(path)(picked) == field_finder(path)(item)
    rest = copy.deepcopy(picked)
    for path in paths:
        remove_field(rest, path_parts(path))
    assert _leaves(rest) == []


def _leaves(value: Any) -> list[Any]:
    """Return the values in an object that are no objects themselves."""
    if not isinstance(value, dict):
        return [value]
    return [leaf for inner in value.values() for leaf in _leaves(inner)]


@given(RECORDS, st.permutations(["a", "b", "c", "0"]))
def test_rename_there_and_back_changes_nothing(item: dict[str, Any], names: list[str]) -> None:
    """A renaming that loses nothing can be undone."""
    there = dict(zip(["a", "b", "c", "0"], names, strict=True))
    back = {new: old for old, new in there.items()}
    renamed = Rename(fields=there, on_missing="ignore").run(item)
    assert Rename(fields=back, on_missing="ignore").run(renamed) == item
