"""From a spec to bound steps: kinds by the registry, params by their models, strictly."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import field_validator

from headwater.config.bound_steps import bind_steps
from headwater.config.load import Loaded, load
from headwater.config.problems import PROBLEMS_LIMIT, Problems
from headwater.kinds import BoundStep, Step, step
from headwater.kinds.registry import Registry
from tests.effort import calls


@step("bind.repeat")
def repeat(text: str, *, times: int = 2, path: Path = Path(), ratio: float = 0.5, pair: tuple[int, ...] = ()) -> str:
    """A step that is a function."""
    return text * times


class Fragile(Step, kind="bind.fragile"):
    size: int = 1

    @field_validator("size")
    @classmethod
    def _check(cls, value: int) -> int:
        if value > 1:
            raise KeyError(value)
        return value

    def run(self, text: str) -> str:
        return text


GONE = EntryPoint("bind.gone", "no_such_module_anywhere:step", "headwater.steps")
KINDS = Registry(installed=lambda: [GONE])
KINDS.add(repeat)
KINDS.add(Fragile)


class CountedKinds:
    """Kinds that count how often they are listed, and how many names are read from the lists."""

    def __init__(self, size: int) -> None:
        self.names = [f"family{number % 50}.kind{number}" for number in range(size)]
        self.lists = 0

    def find(self, kind: str) -> None:
        """Return no step: every kind is unknown."""

    def kinds(self) -> list[str]:
        """Return the names."""
        self.lists += 1
        return self.names


def bind(*steps: dict[str, Any]) -> tuple[Loaded, dict[str, BoundStep]]:
    """Bind the steps of a document."""
    loaded = load({"name": "x", "steps": list(steps), "parameters": {"n": {"type": "integer", "default": 7}}})
    return loaded, bind_steps(loaded, KINDS, loaded.problems)


def test_keeps_params_as_written_when_templates_were_filled_in() -> None:
    """The way back to the document is lossless, and the step has the value."""
    _, steps = bind({"id": "a", "kind": "bind.repeat", "params": {"times": "${parameters.n}"}})
    assert steps["a"].params == {"times": "${parameters.n}"}
    assert steps["a"].arguments == {"times": 7}


def test_reads_params_as_json_when_json_has_no_type_for_them() -> None:
    """A path is written as a text, a tuple as a list, a float may be a whole number."""
    params = {"path": "a/b", "ratio": 1, "pair": [1, 2]}
    loaded, steps = bind({"id": "a", "kind": "bind.repeat", "params": params})
    assert len(loaded.problems) == 0
    assert steps["a"].arguments == {"path": Path("a/b"), "ratio": 1.0, "pair": (1, 2)}


def test_shares_equal_functions_but_never_instances() -> None:
    """What a lifespan acquires belongs to one step of the document."""
    _, steps = bind(
        {"id": "a", "kind": "bind.repeat"},
        {"id": "b", "kind": "bind.repeat"},
        {"id": "c", "kind": "bind.fragile"},
        {"id": "d", "kind": "bind.fragile"},
    )
    assert steps["a"] is steps["b"]
    assert steps["c"].instance is not steps["d"].instance


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"kind": "bind.gone"}, "import-failed"),
        ({"kind": "bind.repaet"}, "unknown-kind"),
    ],
)
def test_binds_the_other_steps_when_a_kind_is_not_known(broken: dict[str, Any], code: str) -> None:
    """The step is reported, and left out."""
    loaded, steps = bind({"id": "a", **broken}, {"id": "b", "kind": "bind.repeat"})
    assert [problem.code for problem in loaded.problems.listed()] == [code]
    assert list(steps) == ["b"]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"kind": "bind.fragile", "params": {"size": 2}}, "params-failed"),
        ({"kind": "bind.repeat", "params": {"times": True}}, "wrong-type"),
    ],
)
def test_binds_a_step_without_its_params_when_they_are_wrong(broken: dict[str, Any], code: str) -> None:
    """The ports of the step are known, so that its edges are checked in the same round."""
    loaded, steps = bind({"id": "a", **broken}, {"id": "b", "kind": "bind.repeat"})
    assert [problem.code for problem in loaded.problems.listed()] == [code]
    assert [bound.definition.kind for bound in steps.values()] == [broken["kind"], "bind.repeat"]
    assert (steps["a"].instance, steps["a"].arguments) == (None, {})


def test_reports_how_many_more_when_there_are_too_many_problems() -> None:
    """A list that nobody reads to its end has an end."""
    loaded, _ = bind(*({"id": f"s{n}", "kind": "bind.none"} for n in range(PROBLEMS_LIMIT + 50)))
    problems = loaded.problems.listed()
    assert len(problems) == PROBLEMS_LIMIT + 1
    assert problems[-1].code == "too-many-problems"
    assert "50" in problems[-1].message


def test_takes_linear_work_when_a_document_is_large() -> None:
    """Ten times the steps take ten times the calls."""

    def work(count: int) -> int:
        steps = [{"id": f"s{n}", "kind": "bind.repeat", "params": {"times": n}} for n in range(count)]
        return calls(lambda: bind(*steps))

    assert work(5_000) < 10.5 * work(500)


def test_lists_the_registered_kinds_once_when_thousands_of_kinds_are_unknown() -> None:
    """Refusing unknown kinds takes time in proportion to the document plus the registry, not to their product."""
    kinds = CountedKinds(3_500)
    loaded = load({"name": "x", "steps": [{"id": f"s{n}", "kind": f"family.kin{n}"} for n in range(5_000)]})
    assert bind_steps(loaded, kinds, loaded.problems) == {}
    assert kinds.lists == 1
    assert len(loaded.problems) == PROBLEMS_LIMIT


def test_reads_no_more_names_when_the_comparisons_of_a_document_are_spent() -> None:
    """Suggestions for the first misspelled names are all that a document can make the loader work for."""
    problems, read = Problems(), 0

    def names() -> Iterator[str]:
        nonlocal read
        for number in range(3_500):
            read += 1
            yield f"name{number}"

    assert problems.did_you_mean("nam0", names())
    for number in range(5_000):
        problems.did_you_mean(f"nome{number}", names())
    assert read <= 30 * 3_500
