"""The JSON Schemas that are published: what they accept loads, and what they refuse does not."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import ConfigError, HeadwaterError, Pipeline
from headwater.cli.event_schema import events_schema
from headwater.config.notation.reading import read_source
from headwater.config.schema import config_schema
from headwater.kinds.registry import Registry, load_steps
from tests.acceptance.agreement import BEYOND, NO_VALUE, disagreements
from tests.cli.test_mistakes import GOOD, TYPES, TYPO
from tests.config import fuzzer, kinds
from tests.config.test_messages import BROKEN, joined, problems_of, with_condition

assert kinds.repeat, "imported for its kinds, which the documents name"

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").glob("*.*") if path.suffix in {".json", ".yaml"})
OWN_STEPS = [load_steps(str(path)) for path in (ROOT / "configs").glob("*.py")]


@cache
def config_validator() -> Any:
    """Return what checks documents."""
    return jsonschema.Draft202012Validator(config_schema())


SHIPPED = Registry(lambda: entry_points(group="headwater.steps"))


@cache
def shipped_schema() -> dict[str, Any]:
    """Return the schema of documents that name nothing but what ships."""
    return config_schema(SHIPPED)


def accepts(text: str) -> bool:
    """Tell whether the schema accepts a document."""
    return bool(config_validator().is_valid(json.loads(text)))


def document_of(path: Path) -> dict[str, Any]:
    """Return a document that ships."""
    return read_source(path).document


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_schema_accepts_what_ships(path: Path) -> None:
    """An editor finds no fault with the pipelines that ship."""
    config_validator().validate(document_of(path))


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


# ---- broken documents

CLI_BROKEN = [TYPO, TYPES, {**GOOD, "stepps": 1}, {**GOOD, "name": "水水", "steps": []}]


@pytest.mark.parametrize("text", [one.values[0] for one in BROKEN], ids=[one.id for one in BROKEN])
def test_schema_and_loader_find_the_same_wrong_in_a_broken_document(text: Any) -> None:
    """Both agree on what is wrong and where, but for what a schema cannot know; and that it accepts."""
    problems = problems_of(text)
    codes = {problem.code for problem in problems}
    assert codes
    if codes.isdisjoint(NO_VALUE):
        assert disagreements(config_validator(), json.loads(text), problems) == []
        assert accepts(text) is (codes <= BEYOND.keys()), codes


@pytest.mark.parametrize("document", CLI_BROKEN)
def test_schema_and_loader_agree_on_what_the_command_line_is_tested_with(document: Any) -> None:
    """The documents of other tests are no exception."""
    problems = problems_of(json.dumps(document))
    assert problems
    assert disagreements(config_validator(), document, problems) == []


def test_table_lists_no_code_that_the_schema_can_express() -> None:
    """Each code of the table occurs in a document that has no other problem, and so is one that the schema accepts."""
    unproven = set(BEYOND)
    for parameter in BROKEN:
        codes = {problem.code for problem in problems_of(str(parameter.values[0]))}
        if codes <= BEYOND.keys():
            unproven -= codes
    assert unproven == set()


GOOD_DOCUMENTS = [json.loads(text) for text in VALID] + fuzzer.SEEDS + list(map(document_of, CONFIGS))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GOOD_DOCUMENTS), st.randoms(use_true_random=False), st.integers(1, 4))
def test_schema_and_loader_agree_on_documents_that_are_changed_at_random(
    document: Any, rng: random.Random, changes: int
) -> None:
    """Whatever becomes of a good document, both find the same wrong at the same places."""
    changed = copy.deepcopy(document)
    for _ in range(changes):
        fuzzer.mutate(changed, rng)
    problems = problems_of(json.dumps(changed))
    if NO_VALUE.isdisjoint(problem.code for problem in problems) and isinstance(changed, dict):
        assert disagreements(config_validator(), changed, problems) == []


KINDS = {kind: target.definition for kind in SHIPPED.kinds() if (target := SHIPPED.find(kind)) is not None}
PARAMS = sorted({name for kind in KINDS.values() for name in kind.params_schema().get("properties", {})})
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 1_000)
    | st.floats(0.1, 0.9)
    | st.sampled_from(["", "a", "a.b", "fail"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "field", "eq"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def steps_with_params(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a step of some kind, with values for some params of its own and perhaps one of another kind."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    own = sorted(KINDS[kind].params_schema().get("properties", {}))
    names = draw(st.sets(st.sampled_from(own or PARAMS))) | draw(st.sets(st.sampled_from(PARAMS), max_size=1))
    return {"id": "a", "kind": kind, "params": {name: draw(JSON) for name in sorted(names)}}


@settings(max_examples=150, deadline=None)
@given(steps_with_params())
def test_schema_and_loader_agree_on_random_params_of_every_kind(step: dict[str, Any]) -> None:
    """The schema of a kind's params is what they are checked with."""
    document = {"name": "x", "steps": [step]}
    problems = problems_of(json.dumps(document))
    if NO_VALUE.isdisjoint(problem.code for problem in problems):
        assert disagreements(config_validator(), document, problems) == []


KEYS = st.sampled_from(["buffer", "concurrency", "inline", "task", "merge", "params", "timeout", "on_error", "x"])
VALUES = st.one_of(
    st.integers(-1, 70_000),
    st.booleans(),
    st.none(),
    st.sampled_from(["", "a", "concat", "fail", "map", {"policy": "zip"}, {"policy": "zip", "pad": 1}, {"a": "zip"}]),
)


@settings(max_examples=200)
@given(options=st.dictionaries(KEYS, VALUES, max_size=3))
def test_schema_and_loader_agree_when_options_are_random(options: dict[str, Any]) -> None:
    """Whatever is written into a step, both accept it or both refuse it."""
    document = {"name": "x", "steps": [{"id": "a", "kind": "say.repeat", **options}]}
    problems = problems_of(json.dumps(document))
    assert disagreements(config_validator(), document, problems) == []


# ---- what editors show


def described(schema: dict[str, Any], path: str = "$") -> Iterator[tuple[str, str]]:
    """Yield each property of a schema with its description."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner.get("description", "") if isinstance(inner, dict) else "-"
    for name, inner in schema.get("$defs", {}).items():
        yield from described(inner, f"{path}.{name}")


def test_every_key_and_param_is_described() -> None:
    """An editor shows a line for whatever it offers."""
    assert [path for path, text in described(shipped_schema()) if not text] == []


def test_every_kind_is_offered_with_a_line_that_says_what_it_does() -> None:
    """The names of kinds are an enum, with as many descriptions."""
    kind = shipped_schema()["$defs"]["StepSpec"]["properties"]["kind"]
    assert kind["enum"] == SHIPPED.kinds()
    lines = dict(zip(kind["enum"], kind["enumDescriptions"], strict=True))
    assert lines["text.words"] == "Split a string into its words."
    assert all("\n" not in line for line in lines.values())


def test_a_kind_that_cannot_be_imported_is_offered_all_the_same() -> None:
    """One broken package does not take the schema of all others away."""
    broken = EntryPoint("broken.kind", "headwater.no_such_module:step", "headwater.steps")
    schema = config_schema(Registry(lambda: [broken]))
    assert schema["$defs"]["StepSpec"]["properties"]["kind"]["enumDescriptions"] == ["Cannot be imported."]
    jsonschema.Draft202012Validator(schema).validate({"name": "x", "steps": [{"id": "a", "kind": "broken.kind"}]})


def test_schema_is_one_and_refers_to_nothing_outside() -> None:
    """It is right by its own dialect, every definition is used, and every reference leads to one."""
    schema = shipped_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    used = {unquote(name) for name in re.findall(r'"#/\$defs/([^"]+)"', text)}
    assert used == schema["$defs"].keys()
    to_the_whole = text.count('"$ref": "#"')  # of a document in a document
    assert len(re.findall(r'"\$ref"', text)) == len(re.findall(r'"\$ref": "#/\$defs/', text)) + to_the_whole


OF_KEYS = 12_000 + 8_000
"""Characters for the keys of a document, and for those of its policies."""


def test_schema_stays_small_when_there_are_many_kinds() -> None:
    """It is read at every keystroke: the definitions that kinds share are there once."""
    schema = shipped_schema()
    assert len(json.dumps(schema)) < OF_KEYS + 3_000 * len(SHIPPED.kinds())
    assert [name for name in schema["$defs"] if name.endswith(".ConditionData")] == []


# ---- events


@pytest.mark.parametrize(("name", "file"), [("word-report", "README.md"), ("access-log", "configs/data/access.jsonl")])
async def test_event_schema_accepts_every_event_of_a_real_run(name: str, file: str, tmp_path: Path) -> None:
    """What subscribers get, written as JSON, is what the published schema describes."""
    document, data = document_of(ROOT / f"configs/{name}.json"), ROOT / file
    (tmp_path / "data").write_text("".join(data.read_text("utf-8").splitlines(keepends=True)[:20]), "utf-8")
    streaming = {"emit_items": "all", "flush_interval_ms": 0}
    pipeline = Pipeline.load({**document, "streaming": streaming}, {"path": str(tmp_path / "data")})
    events: list[Any] = []
    await pipeline.run(subscribers=[events.append])
    validator = jsonschema.Draft202012Validator(events_schema(), format_checker=jsonschema.FormatChecker())
    for event in events:
        validator.validate(json.loads(event.to_json()))
    assert {"pipeline_start", "step_complete", "pipeline_complete"} <= {event.event_type.value for event in events}


async def test_event_schema_accepts_every_event_when_a_run_fails() -> None:
    """The events of an end that is not good are described as well."""
    events: list[Any] = []
    pipeline = Pipeline.loads(joined("a double"))
    with pytest.raises(HeadwaterError):
        await pipeline.run([1, 2, "x"], subscribers=[events.append])
    validator = jsonschema.Draft202012Validator(events_schema())
    for event in events:
        validator.validate(json.loads(event.to_json()))
    assert events[-1].event_type.value == "pipeline_error"
