"""Changed copies of items, by a function that a document names as a kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from headwater import ConfigError, Pipeline, Step, StepContext, StepError, run_sync, step
from headwater.testing import EventRecorder
from headwater_steps.streams import augment

VECTORS = json.loads(Path(__file__).parents[1].joinpath("data", "stream_vectors.json").read_text("utf-8"))


@step("aug.add")
def add(number: int, *, n: int = 5) -> int:
    """Add a number."""
    return number + n


@step("aug.add_to_some")
def add_to_some(number: int, *, n: int = 5) -> int | None:
    """Add a number to what is not zero."""
    return number + n if number else None


class Multiply(Step, kind="aug.multiply"):
    by: int

    def run(self, number: int) -> int:
        return number * self.by


@step("aug.secretive", permission="side-door")
def secretive(number: int) -> int:
    """Need a permission."""
    return number


@step("aug.blocking", blocking=True)
def blocking(number: int) -> int:
    """Wait."""
    return number


@step("aug.several")
def several(number: int) -> Iterator[int]:
    """Give several numbers."""
    yield number


@step("aug.waiting")
async def waiting(number: int) -> int:
    """Wait for something."""
    return number


@step("aug.told")
def reported(number: int, ctx: StepContext) -> int:
    """Need a context."""
    return number


@step("aug.two")
def two(left: int, right: int) -> int:
    """Take two numbers."""
    return left + right


class Sized(BaseModel, frozen=True):
    size: int
    name: str = ""


@dataclass(frozen=True)
class Box:
    inner: Sized


def output(items: Any, **params: Any) -> Any:
    """Return some items and what was added to them."""
    return run_sync(Pipeline("more", steps={"step": augment.with_params(**params)}), iter(items)).output


def loaded(using: Any) -> Pipeline:
    """Return a pipeline from a document."""
    return Pipeline.load(
        {"name": "more", "steps": [{"id": "it", "kind": "stream.augment", "params": {"using": using}}]}
    )


async def test_adds_what_other_programs_add() -> None:
    """Items without a result are left out of the copies when that is said."""
    case = VECTORS["augment"]["cases"][0]
    params = {"using": add_to_some, "cycles": case["cycles"], "produces_none": case["produces_none"]}
    pipeline = Pipeline("more", steps={"step": augment.with_params(**params)})
    assert (await pipeline.run(iter(case["in"]))).output == case["out"]


async def test_adds_what_other_programs_add_by_index() -> None:
    """A part of an item is replaced, and the rest stays with it."""
    case = VECTORS["augment"]["cases"][1]
    pipeline = Pipeline("more", steps={"step": augment.with_params(using=add, field=str(case["index"]))})
    assert (await pipeline.run(iter(case["in"]))).output == case["out"]


def test_goes_through_all_items_in_each_cycle() -> None:
    """Each cycle starts from the items as they were."""
    assert output([1, 2], using=add, cycles=3) == [1, 2, 6, 7, 6, 7, 6, 7]


@pytest.mark.parametrize(
    ("item", "field", "expected"),
    [
        ({"n": 1, "m": 2}, "n", {"n": 6, "m": 2}),
        ({"a": {"b": [{"n": 1}, 2]}}, "a.b.0.n", {"a": {"b": [{"n": 6}, 2]}}),
        ((1, "x"), "0", (6, "x")),
        (Sized(size=1, name="x"), "size", Sized(size=6, name="x")),
        (Box(Sized(size=1)), "inner.size", Box(Sized(size=6))),
    ],
)
def test_replaces_a_field_in_a_copy(item: Any, field: str, expected: Any) -> None:
    """The copy has the class of the item, which stays as it is."""
    before = repr(item)
    assert output([item], using=add, field=field) == [item, expected]
    assert repr(item) == before


def test_takes_null_for_a_result_when_nothing_else_is_said() -> None:
    """Only when results may be missing is null left out."""
    assert output([{"n": 0}], using={"kind": "aug.add_to_some"}, field="n") == [{"n": 0}, {"n": None}]


def test_reports_how_many_results_it_drops() -> None:
    """What is left out is counted in an event."""
    recorder = EventRecorder(types={"step_progress"})
    target = augment.with_params(using=add_to_some, produces_none=True, cycles=2)
    run_sync(Pipeline("more", steps={"step": target}), iter([0, 1, 0]), subscribers=[recorder])
    assert {"dropped_items": 4} in [event.data.data for event in recorder.events]


def test_document_names_the_function_by_its_kind() -> None:
    """A kind and its params are data, and come back when the document is written."""
    pipeline = loaded({"kind": "aug.add", "params": {"n": 1}})
    assert run_sync(pipeline, iter([1])).output == [1, 2]
    assert run_sync(Pipeline.loads(pipeline.to_json()), iter([1])).output == [1, 2]


def test_document_names_a_class() -> None:
    """A class is as good as a function."""
    assert run_sync(loaded({"kind": "aug.multiply", "params": {"by": 3}}), iter([2])).output == [2, 6]


def test_program_gives_the_step_itself() -> None:
    """What a program configures can be written as a document."""
    for target in (add.with_params(n=2), Multiply(by=2)):
        pipeline = Pipeline("more", steps={"step": augment.with_params(using=target)})
        again = Pipeline.loads(pipeline.to_json())
        assert run_sync(pipeline, iter([2])).output == run_sync(again, iter([2])).output == [2, 4]


@pytest.mark.parametrize(
    ("using", "path", "code", "message"),
    [
        ({"kind": "aug.ad"}, "using.kind", "unknown-kind", "no step of kind 'aug.ad' is known"),
        ({"params": {}}, "using.kind", "missing-key", "expected the kind of a step"),
        ({"kind": 3}, "using.kind", "wrong-type", "expected the kind of a step"),
        ({"kind": "aug.add", "prams": {}}, "using.prams", "unknown-key", "unknown key 'prams'"),
        ({"kind": "aug.add", "params": []}, "using.params", "wrong-type", "expected params: an object"),
        ({"kind": "aug.add", "params": {"n": "1"}}, "using.params.n", "wrong-value", "valid integer"),
        ({"kind": "aug.add", "params": {"m": 1}}, "using.params.m", "unknown-param", "unknown param 'm' in 'aug.add'"),
        ({"kind": "aug.multiply"}, "using.params", "missing-key", "the param 'by' of 'aug.multiply' is missing"),
        ({"kind": "aug.multiply", "params": {}}, "using.params.by", "missing-key", "the param 'by'"),
        ({"kind": "aug.several"}, "using.kind", "not-plain", "is not a plain function of one value"),
        ({"kind": "aug.waiting"}, "using.kind", "not-plain", "is not a plain function of one value"),
        ({"kind": "aug.blocking"}, "using.kind", "not-plain", "is not a plain function of one value"),
        ({"kind": "aug.told"}, "using.kind", "not-plain", "is not a plain function of one value"),
        ({"kind": "aug.two"}, "using.kind", "not-plain", "is not a plain function of one value"),
        ({"kind": "aug.secretive"}, "using.kind", "not-allowed", "needs the permission 'side-door'"),
        (
            {"kind": "stream.augment", "params": {"using": {"kind": "no"}}},
            "using.params.using.kind",
            "unknown-kind",
            "",
        ),
        ("aug.add", "using", "wrong-type", "expected the kind of a step"),
    ],
)
def test_refuses_what_is_no_plain_function(using: Any, path: str, code: str, message: str) -> None:
    """A document learns at load, and at the place, what is wrong with the function it names."""
    with pytest.raises(ConfigError) as error:
        loaded(using)
    (problem,) = error.value.problems
    assert (problem.code, problem.path) == (code, f"$.steps[0].params.{path}")
    assert message in problem.message


def test_permission_of_the_function_is_not_given_by_the_operator_either() -> None:
    """What needs a permission is a step of its own, so that the check of kinds sees it."""
    document = {
        "name": "x",
        "steps": [{"id": "it", "kind": "stream.augment", "params": {"using": {"kind": "aug.secretive"}}}],
    }
    with pytest.raises(ConfigError, match="use it as a step of its own"):
        Pipeline.load(document, allow={"side-door"})


def test_program_learns_to_decorate_its_function() -> None:
    """A bare function has no name that a document could hold."""
    with pytest.raises(ValidationError, match="expected the kind of a step"):
        augment.with_params(using=abs)


@pytest.mark.parametrize(
    ("items", "params", "message"),
    [
        (["a"], {"using": add}, "FrameTypeError: kind 'aug.add' port 'number': expected int, found 'a'"),
        (
            [{"m": 1}],
            {"using": add, "field": "n"},
            "there is no field 'n' in an item with the fields 'm'; filter",
        ),
        (range(4), {"using": add, "max_items": 3}, "more than 3 items, which are kept in memory for the cycles"),
    ],
)
def test_fails_when_items_do_not_fit(items: Any, params: dict[str, Any], message: str) -> None:
    """The error says what was expected of the items."""
    with pytest.raises(StepError) as error:
        output(items, **params)
    assert message in str(error.value)


@step("aug.texts")
async def texts() -> AsyncIterator[str]:
    """Write a text."""
    yield "a"


@step("aug.length")
def length(text: str) -> int:
    """Count characters."""
    return len(text)


def test_fails_when_a_result_is_of_another_type() -> None:
    """What is added is of the type that the stream declares."""
    pipeline = Pipeline("more", steps={"texts": texts, "step": augment.with_params(using=length)})
    with pytest.raises(StepError, match="FrameTypeError"):
        run_sync(pipeline)
