"""Policies in documents: from JSON, from YAML and from Python, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from headwater import ConfigError, Pipeline, StepError, run_sync, step
from tests.policies import kinds
from tests.policies.documents import document

POLICIES: dict[str, Any] = {
    "retry": {
        "attempts": 4,
        "backoff_s": 0,
        "factor": 1.5,
        "max_s": 9.0,
        "jitter": 0.25,
        "on": ["OSError", "transient"],
    },
    "timeout": {"total_s": 90.0, "first_item_s": 5.0, "idle_s": 6.0, "attempt_s": 7.0},
    "on_error": {"fallback": {"kind": "policies.negative", "params": {}}},
    "compensate": {"kind": "policies.undo"},
}


@step("policies.keyed")
async def keyed(number: int, *, key: SecretStr) -> int:
    """Reveal a secret in an error."""
    raise ConnectionError(f"{number} with {key.get_secret_value()}")


def test_gives_the_same_document_back() -> None:
    """`to_json` has every key as it was written."""
    source = document({"id": "a", "kind": "policies.later", **POLICIES})
    pipeline = Pipeline.load(source)
    assert json.loads(pipeline.to_json()) == source
    assert json.loads(Pipeline.load(json.loads(pipeline.to_json())).to_json()) == source


def test_takes_steps_for_policies_in_python() -> None:
    """A fallback is given as the step itself, and named by its kind in the document."""
    options = {"a": {"on_error": {"fallback": kinds.negative}, "compensate": kinds.undo}}
    pipeline = Pipeline("python", steps={"a": kinds.later}, options=options)
    written = json.loads(pipeline.to_json())["steps"][0]
    assert written["on_error"] == {"fallback": {"kind": "policies.negative", "params": {}}}
    assert written["compensate"] == {"kind": "policies.undo", "params": {}}
    assert run_sync(pipeline.with_parameters(), 4).output == 40


def test_fills_templates_in() -> None:
    """Parameters of the document may set policies."""
    step_ = {
        "id": "a",
        "kind": "policies.later",
        "params": {"times": 9},
        "retry": {"attempts": "${parameters.attempts}", "backoff_s": 0},
        "on_error": {"value": "${parameters.value}"},
    }
    parameters = {"attempts": {"type": "integer"}, "value": {"type": "integer", "default": 5}}
    pipeline = Pipeline.load(document(step_, parameters=parameters), {"attempts": 3})
    assert run_sync(pipeline, [3]).output == [5]
    assert kinds.CALLS["a:3"] == 3


def test_asks_for_the_permission_of_a_fallback() -> None:
    """A step in a policy needs what the same step would need elsewhere."""

    @step("policies.dangerous", permission="process")
    def dangerous(number: int) -> int:
        return number

    source = document({"id": "a", "kind": "policies.later", "on_error": {"fallback": {"kind": "policies.dangerous"}}})
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(source)
    assert [(one.code, one.path) for one in caught.value.problems] == [
        ("not-allowed", "$.steps[0].on_error.fallback.kind")
    ]
    assert Pipeline.load(source, allow={"process"}).plan().step("a").policies is not None
    assert dangerous.kind == "policies.dangerous"


def test_masks_the_secrets_of_a_fallback() -> None:
    """Its params are secrets like those of any step."""
    fallback = {"kind": "policies.keyed", "params": {"key": "${secret.TOKEN}"}}
    step_ = {"id": "a", "kind": "policies.later", "params": {"times": 9}, "on_error": {"fallback": fallback}}
    pipeline = Pipeline.load(document(step_), secrets={"TOKEN": "swordfish"})
    events: list[Any] = []
    with pytest.raises(StepError) as caught:
        run_sync(pipeline, [3], subscribers=[events.append])
    shown = [str(caught.value), json.dumps(caught.value.to_json()), *(str(event.to_json()) for event in events)]
    assert not [text for text in shown if "swordfish" in text]
    assert "3 with" in shown[0]
