"""The kind `control.switch`: one of several ways for each item."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ConfigError, Pipeline, StepError
from headwater.testing import EventRecorder
from headwater_steps.control import NoCaseError

pytestmark = pytest.mark.anyio

CASES = {"small": {"lt": 10}, "even": {"in": [10, 12, 14]}}


def switching(**params: Any) -> dict[str, Any]:
    """Return a document with a switch and a step for each of its ports."""
    steps = [
        {"id": "way", "kind": "control.switch", "params": {"cases": CASES, **params}},
        {"id": "s", "kind": "nesting.double"},
        {"id": "e", "kind": "nesting.double"},
    ]
    edges = ["input -> way", "way.small -> s", "way.even -> e"]
    if "default" in params:
        steps.append({"id": "d", "kind": "nesting.double"})
        edges.append(f"way.{params['default']} -> d")
    return {"name": "switching", "steps": steps, "edges": edges}


async def test_sends_each_item_to_its_case() -> None:
    """The first case that holds counts, and the default takes the rest."""
    result = await Pipeline.load(switching(default="rest")).run(iter([1, 10, 11, 2, 12]))
    assert result.output == {"s": [2, 4], "e": [20, 24], "d": [22]}


async def test_runs_one_branch_for_one_value() -> None:
    """The steps of the other ports are skipped."""
    recorder = EventRecorder()
    result = await Pipeline.load(switching(default="rest")).run(12, subscribers=[recorder])
    assert result.output == {"e": 24}
    assert {event.step_id for event in recorder.events if event.event_type == "step_skipped"} == {"s", "d"}


@pytest.mark.parametrize("data", [11, [1, 11]])
async def test_fails_for_an_item_without_a_case(data: Any) -> None:
    """Without a default, an item that meets no condition is an error, never lost."""
    with pytest.raises(StepError, match="the number 11 meets no case, and there is no default") as caught:
        await Pipeline.load(switching()).run(data if data == 11 else iter(data))
    assert isinstance(caught.value.__cause__, NoCaseError)


async def test_has_one_port_for_one_case() -> None:
    """A default may be the port of a case, so that everything goes there."""
    document = {
        "name": "one",
        "steps": [{"id": "way", "kind": "control.switch", "params": {"cases": {"all": {"lt": 3}}, "default": "all"}}],
    }
    assert (await Pipeline.load(document).run(iter([1, 5]))).output == [1, 5]


def test_passes_types_on() -> None:
    """What comes out of a port is what goes in."""
    document = switching(default="rest")
    document["steps"].append({"id": "text", "kind": "text.upper"})
    document["steps"].append({"id": "first", "kind": "nesting.double"})
    document["edges"][0] = "first -> way"
    document["edges"].append("way.rest -> text")
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document)
    assert [(one.code, one.path) for one in caught.value.problems] == [("type-mismatch", "$.edges[4]")]


def test_refuses_a_port_that_is_no_case() -> None:
    """An edge from a port that is neither a case nor the default is reported with the ports."""
    document = switching(default="rest")
    document["edges"][1] = "way.smal -> s"
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        Pipeline.load(document)


def test_reports_wrong_cases_alone() -> None:
    """A condition that is wrong is one problem; the edges from the ports are none."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(switching(cases={"small": {"less": 1}, "even": {"eq": 2}}))
    assert [one.path for one in caught.value.problems] == ["$.steps[0].params.cases.small.less"]


def test_has_no_port_that_is_not_read() -> None:
    """A port without an edge is an output of the pipeline, so that no item is lost."""
    document = switching(default="rest")
    document["edges"].pop()
    document["steps"].pop()
    assert set(Pipeline.load(document).plan().output_names) == {"way.rest", "s", "e"}


def test_checks_the_fields_of_conditions() -> None:
    """A condition on a field that no item has is a problem."""
    document = {
        "name": "fields",
        "steps": [
            {"id": "first", "kind": "nesting.double"},
            {
                "id": "way",
                "kind": "control.switch",
                "params": {"cases": {"a": {"field": "x", "eq": 1}}, "default": "b"},
            },
        ],
    }
    with pytest.raises(ConfigError, match="unknown-field"):
        Pipeline.load(document)
