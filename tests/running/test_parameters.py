"""A pipeline is bound to its parameters, and gives another one for other values."""

from __future__ import annotations

import pytest

from headwater import ConfigError, Pipeline, step


@step("parameters.add")
def add(number: int, *, amount: int) -> int:
    """Add an amount."""
    return number + amount


DOCUMENT = {
    "name": "adding",
    "parameters": {"first": {"type": "integer"}, "second": {"type": "integer", "default": 10}},
    "steps": [
        {"id": "one", "kind": "parameters.add", "params": {"amount": "${parameters.first}"}},
        {"id": "two", "kind": "parameters.add", "params": {"amount": "${parameters.second}"}},
    ],
}


@step("parameters.shown")
def shown(number: int, *, around: dict[str, list[str]]) -> str:
    """Show a number among texts."""
    return f"{number} {around}"


async def test_takes_no_param_that_python_gives_for_a_template() -> None:
    """What a program says is meant as it is, and the document that it gives says the same."""
    pipeline = Pipeline("shown", steps={"shown": shown.with_params(around={"${x}": ["${y}", "$${z}", "${"]})})
    expected = "1 {'${x}': ['${y}', '$${z}', '${']}"
    assert (await pipeline.run(1)).output == expected
    assert (await Pipeline.loads(pipeline.to_json()).run(1)).output == expected


async def test_gives_another_pipeline_when_a_parameter_changes() -> None:
    """The others keep their values, and the pipeline it was made from stays as it was."""
    pipeline = Pipeline.load(DOCUMENT, {"first": 1})
    other = pipeline.with_parameters(second=20)
    assert dict(pipeline.parameters) == {"first": 1, "second": 10}
    assert dict(other.parameters) == {"first": 1, "second": 20}
    assert ((await pipeline.run(0)).output, (await other.run(0)).output) == (11, 21)
    assert other.to_json() == pipeline.to_json()


@pytest.mark.parametrize("wrong", [{"second": "20"}, {"third": 3}])
def test_refuses_a_parameter_that_is_unknown_or_of_another_type(wrong: dict[str, object]) -> None:
    """The checks are those of loading."""
    with pytest.raises(ConfigError):
        Pipeline.load(DOCUMENT, {"first": 1}).with_parameters(**wrong)
