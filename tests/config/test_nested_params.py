"""Models within params: what they do not know is a problem of the document."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from headwater import ConfigError, Pipeline, Step
from headwater.kinds.registry import registry


class Limits(BaseModel):
    rounds: int = 1


class Labels(BaseModel):
    model_config = ConfigDict(extra="allow")


class Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Ask(Step, kind="nested.ask"):
    """Ask.

    Args:
        limits: Limits.
        several: More limits.
        labels: Any labels.
        loose: Whatever.
    """

    limits: Limits = Limits()
    several: dict[str, list[Limits]] = Field(default={})
    labels: Labels = Labels()
    loose: Loose = Loose()

    def run(self, text: str) -> str:
        """Return the string."""
        return text


@pytest.fixture(autouse=True)
def kind() -> None:
    """Register the kind under test."""
    registry.add(Ask)


def load(params: dict[str, Any]) -> Pipeline:
    """Load a pipeline of one step."""
    return Pipeline.load({"name": "x", "steps": [{"id": "a", "kind": "nested.ask", "params": params}]})


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"limits": {"ruonds": 5}}, "$.steps[0].params.limits.ruonds"),
        ({"several": {"x": [{"rounds": 1}, {"ruonds": 5}]}}, "$.steps[0].params.several.x[1].ruonds"),
    ],
)
def test_refuses_an_unknown_key_within_params(params: dict[str, Any], path: str) -> None:
    """A misspelled key is a problem at any depth; otherwise a default would count in silence."""
    with pytest.raises(ConfigError) as error:
        load(params)
    (problem,) = error.value.problems
    assert (problem.code, problem.path, problem.hint) == ("unknown-param", path, "did you mean 'rounds'?")


def test_takes_other_keys_where_a_model_says_so() -> None:
    """A model with a rule of its own keeps it, and the JSON Schema says the same."""
    pipeline = load({"limits": {"rounds": 2}, "labels": {"river": "Ilm"}, "loose": {"x": 1}})
    bound = pipeline.plan().steps[0].bound.instance
    assert isinstance(bound, Ask)
    assert type(bound.limits) is Limits
    assert (bound.limits.rounds, bound.labels.model_extra) == (2, {"river": "Ilm"})
    written = Ask.definition.params_schema()["$defs"]
    assert written["Limits"]["additionalProperties"] is False
    assert written["Labels"]["additionalProperties"] is True
    assert "additionalProperties" not in written["Loose"]
