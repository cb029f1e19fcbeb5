"""Mistakes of programs: each has a sentence that says what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ConfigError, Pipeline, Runner, run_sync
from headwater_steps.streams import count


def plain(text: str) -> str:
    """Return the string."""
    return text


class Other:
    """Has nothing to do with steps."""


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"a": plain}, "the function 'plain' is not a step; decorate it"),
        ({"a": lambda text: text}, "the function '<lambda>' is not a step"),
        ({"a": Other}, "the class 'Other' is not a step; derive it from headwater.Step"),
        ({"a": Other()}, "a Other is not a step; expected a function with @step, or a Step"),
        ({"a": "text.upper"}, "the string 'text.upper' is not a step; import the step"),
        ([count], "expected steps by their ids, such as {'shout': shout}, found a list"),
        ("text.upper", "expected steps by their ids, such as {'shout': shout}, found a str"),
    ],
)
def test_pipeline_says_what_is_not_a_step(steps: Any, message: str) -> None:
    """What is not a step never ends as a missing attribute."""
    with pytest.raises(TypeError) as error:
        Pipeline("mistake", steps=steps)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("x.json", "expected a Pipeline, found 'x.json'; load a document first: Pipeline.load(...)"),
        ({"name": "x"}, "expected a Pipeline, found a mapping; load a document first"),
        (count, "expected a Pipeline, found a StepFunction; make one of steps first"),
        (Pipeline, "expected a Pipeline, found a class"),
    ],
)
def test_runner_says_what_is_not_a_pipeline(pipeline: Any, message: str) -> None:
    """A path is not loaded in passing, as its parameters and permissions would be unknown."""
    for start in (run_sync, Runner().start):
        with pytest.raises(TypeError) as error:
            start(pipeline)
        assert message in str(error.value)


@pytest.mark.parametrize("text", ["steps:\n\t- id: a\n", "steps:\n  - id: a\n\tkind: b\n", "\tname: x\n"])
def test_yaml_calls_a_tab_a_tab(text: str, tmp_path: Any) -> None:
    """A tab cannot be seen, so its name is the whole message."""
    path = tmp_path / "tab.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="YAML allows no tab here"):
        Pipeline.load(path)
