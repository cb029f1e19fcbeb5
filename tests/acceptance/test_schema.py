"""The JSON Schemas that are published: what they accept loads, and what they refuse does not."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import ConfigError, HeadwaterError, Pipeline
from headwater.config.schema import config_schema
from headwater.events.schema import events_schema
from tests.config import kinds
from tests.config.test_messages import BROKEN, joined, problems_of, with_condition

assert kinds.repeat, "imported for its kinds, which the documents name"

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.json"))

NO_VALUE = {"syntax", "too-deep", "number-too-large", "not-a-number", "duplicate-key", "bad-text"}
"""The codes of problems of a text, of which a schema never hears: it is about values."""

BEYOND = {
    "unknown-kind": "kinds of the operator's --steps are unknown to it",
    "unknown-step": "no schema refers to other values of a document",
    "unknown-port": "as unknown-step",
    "no-port": "as unknown-step",
    "ambiguous-port": "as unknown-step",
    "misplaced-end": "as unknown-step: it depends on the side of an edge in a text",
    "duplicate-edge": "two ways of writing an edge are different values",
    "duplicate-id": "uniqueItems compares whole steps",
    "reserved-id": "an id is a name like any other",
    "cycle": "a schema knows no graph",
    "self-loop": "as cycle",
    "unused-step": "as cycle",
    "missing-input": "as cycle",
    "merge-missing": "as cycle",
    "merge-unused": "as cycle",
    "deadlock-risk": "as cycle",
    "type-mismatch": "a schema knows no types of ports",
    "header-mismatch": "as type-mismatch",
    "merged-headers": "as type-mismatch",
    "mapped-header": "as type-mismatch",
    "mode-mismatch": "as type-mismatch",
    "several-mapped": "as type-mismatch",
    "no-adapter": "as type-mismatch",
    "cpu-streams": "as type-mismatch",
    "unknown-task": "as type-mismatch",
    "unknown-parameter": "no schema refers to other values of a document",
    "missing-parameter": "parameters are given when the document is loaded",
    "wrong-parameter": "a default is compared with a type beside it",
    "unknown-variable": "the environment is not in the document",
    "bad-operand": "only for `matches`: whether a pattern is a good one, takes a parser of patterns",
    "unknown-secret": "as unknown-variable",
    "bad-template": "a text with a dollar sign may be meant as it is",
    "secret-misplaced": "as bad-template",
}
"""The codes of problems that a JSON Schema cannot express, and why."""


@cache
def config_validator() -> Any:
    """Return what checks documents."""
    return jsonschema.Draft202012Validator(config_schema())


def accepts(text: str) -> bool:
    """Tell whether the schema accepts a document."""
    return bool(config_validator().is_valid(json.loads(text)))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_schema_accepts_what_ships(path: Path) -> None:
    """An editor finds no fault with the pipelines that ship."""
    config_validator().validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("block", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_schema_accepts_what_the_documents_show(block: Path) -> None:
    """Each pipeline in the documents that loads is one that the schema accepts."""
    for text in re.findall(r"^```json\n(.*?)^```$", block.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        document = json.loads(text)
        if "steps" in document and loads(document):
            config_validator().validate(document)


def loads(document: dict[str, Any]) -> bool:
    """Tell whether a document loads."""
    try:
        Pipeline.load(document, dict.fromkeys(document.get("parameters", {}), "x"))
    except ConfigError:
        return False
    return True


VALID = [
    joined("a texts; b same; c repeat"),
    joined('a texts; b texts; c zip "merge": {"left": "concat"}', '"a -> c.left", "b -> c.left", "b -> c.right"'),
    joined("a sort", None, '"output": ["a.good", "a.bad"], "timeout": {"total_s": 0.5}, "version": "1"'),
    joined('a options "params": {"size": 9, "names": []}, "inline": true, "concurrency": 1024, "on_error": "fail"'),
    joined("a same; b same", '"a->b", {"from": "input", "to": "a", "buffer": 1, "when": {"not": {"exists": false}}}'),
    joined(
        'a repeat "params": {"times": "${parameters.n}"}, "concurrency": "${parameters.n}"',
        None,
        '"parameters": {"n": {"type": "integer", "default": 3, "minimum": 1, "maximum": 5, "enum": [3, 4]}}',
    ),
    joined('a texts; b reader "task": "reading"', '{"from": "a", "to": "b", "adapt": "join"}'),
    with_condition('{"all": [{"field": "a.0.b", "ge": 1}, {"any": [{"matches": "^a"}, {"in": [1, "x", null]}]}]}'),
    with_condition('{"field": "a", "ge": 1}, "token": "${secret.KEY}"'),
    joined("a texts", None, '"streaming": {"enabled": false, "emit_items": "sample", "flush_interval_ms": 0}'),
]


@pytest.mark.parametrize("text", VALID)
def test_schema_accepts_what_loads(text: str) -> None:
    """A document without problems has none for an editor either."""
    assert problems_of(text) == ()
    config_validator().validate(json.loads(text))


@pytest.mark.parametrize("text", [one.values[0] for one in BROKEN], ids=[one.id for one in BROKEN])
def test_schema_refuses_what_is_broken_unless_it_cannot_know(text: Any) -> None:
    """Both agree on what is wrong, but for what the table above lists."""
    codes = {problem.code for problem in problems_of(text)}
    assert codes
    if codes.isdisjoint(NO_VALUE):
        assert accepts(text) is (codes <= BEYOND.keys()), codes


def test_table_lists_no_code_that_the_schema_can_express() -> None:
    """Each code of the table occurs in a document that has no other problem, and so is one that the schema accepts."""
    unproven = set(BEYOND)
    for parameter in BROKEN:
        codes = {problem.code for problem in problems_of(str(parameter.values[0]))}
        if codes <= BEYOND.keys():
            unproven -= codes
    assert unproven == set()


KEYS = st.sampled_from(["buffer", "concurrency", "inline", "task", "merge", "params", "timeout", "on_error", "x"])
VALUES = st.one_of(
    st.integers(-1, 70_000), st.booleans(), st.none(), st.sampled_from(["", "a", "concat", "fail", "map"])
)


@settings(max_examples=200)
@given(options=st.dictionaries(KEYS, VALUES, max_size=3))
def test_schema_and_loader_agree_when_options_are_random(options: dict[str, Any]) -> None:
    """Whatever is written into a step, both accept it or both refuse it."""
    document = {"name": "x", "steps": [{"id": "a", "kind": "say.repeat", **options}]}
    text = json.dumps(document)
    codes = {problem.code for problem in problems_of(text)}
    assert accepts(text) is (codes <= BEYOND.keys()), codes


def document_of(path: Path) -> dict[str, Any]:
    """Return a document that ships."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
async def test_event_schema_accepts_every_event_of_a_real_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What subscribers get, written as JSON, is what the published schema describes."""
    monkeypatch.chdir(ROOT)
    document = document_of(path)
    values = {"path": "README.md"} if path.name == "word-report.json" else {}
    pipeline = Pipeline.load({**document, "streaming": {"emit_items": "all", "flush_interval_ms": 0}}, values)
    events: list[Any] = []
    await pipeline.run(subscribers=[events.append])
    validator = jsonschema.Draft202012Validator(events_schema(), format_checker=jsonschema.FormatChecker())
    for event in events:
        validator.validate(json.loads(event.to_json()))
    assert {"pipeline_start", "step_complete", "pipeline_complete"} <= {event.event_type.value for event in events}


async def test_event_schema_accepts_every_event_when_a_run_fails() -> None:
    """The events of an end that is not good are described as well."""
    events: list[Any] = []
    pipeline = Pipeline.load(joined("a double"))
    with pytest.raises(HeadwaterError):
        await pipeline.run([1, 2, "x"], subscribers=[events.append])
    validator = jsonschema.Draft202012Validator(events_schema())
    for event in events:
        validator.validate(json.loads(event.to_json()))
    assert events[-1].event_type.value == "pipeline_error"
