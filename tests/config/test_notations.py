"""Positions, YAML and the JSON Schema: three views of one document that have to agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.config.load import load
from headwater.config.notation.json_scanner import JsonPositions, find_faults
from headwater.config.notation.reading import read_text
from headwater.config.problems import Place, path_text
from headwater.config.schema import config_schema
from headwater.config.spec import EdgeSpec
from headwater.errors import ConfigError
from headwater.kinds import step
from headwater.kinds.registry import Registry


@step("notation.repeat")
def repeat(text: str, *, times: int = 2) -> str:
    """Repeat a text."""
    return text * times


KINDS = Registry(installed=list)
KINDS.add(repeat)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return every value with its path."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(one for key, item in entries for one in leaves(item, (*path, key)))]


@settings(max_examples=100, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans())
def test_points_at_each_value_when_positions_are_asked(value: Any, indent: int | None, ascii_only: bool) -> None:
    """What stands at the position of a path, read from there, is the value at that path."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    expected = leaves(value)
    found = JsonPositions(text).find({Place(path) for path, _ in expected})
    lines = text.split("\n")
    for path, item in expected:
        line, column = found[Place(path)]
        offset = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
        assert json.JSONDecoder().raw_decode(text, offset)[0] == item


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet='{}[]:,"\\ \nae1-.+0trufalsn', max_size=20))
def test_finds_a_fault_exactly_when_the_parser_does(text: str) -> None:
    """The scanner and the C parser accept the same texts."""
    try:
        json.loads(text, parse_constant=lambda _: 1 / 0)
        good = True
    except (ValueError, ZeroDivisionError):
        good = False
    found, _ = find_faults(text)
    faults = [fault for fault in found if fault.code not in {"duplicate-key", "number-too-large"}]
    assert (not faults) is good, faults


@pytest.mark.parametrize(
    ("path", "text"),
    [((), "$"), (("a", 1, "b-c"), "$.a[1].b-c"), (("a b",), '$["a b"]'), (("", "ä"), '$[""]["\\u00e4"]')],
)
def test_quotes_odd_keys_when_a_path_is_written(path: tuple[str | int, ...], text: str) -> None:
    """A path is plain where it can be."""
    assert path_text(path) == text


YAML = """\
name: words   # a comment
version: "1"
steps:
  - id: a
    kind: notation.repeat
    params: {times: 3}
  - {id: b, kind: notation.repeat}
edges:
  - a -> b
"""


def load_yaml(tmp_path: Path, text: str) -> Any:
    """Load a YAML document from a file."""
    path = tmp_path / "words.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path)
    loaded.problems.raise_if_any()
    return loaded


def test_reads_yaml_as_the_same_document(tmp_path: Path) -> None:
    """Notation makes no difference to the spec."""
    pytest.importorskip("yaml")
    loaded = load_yaml(tmp_path, YAML)
    assert loaded.spec == load(read_text(json.dumps(loaded.document))).spec
    assert loaded.spec.edges == [EdgeSpec("a", "b")]


def test_reads_scalars_by_the_core_schema_when_the_document_is_yaml(tmp_path: Path) -> None:
    """The surprises of YAML 1.1 are texts or decimal numbers."""
    pytest.importorskip("yaml")
    params = "{a: no, b: on, c: 010, d: 0x1F, e: 1_000, f: 1:30, g: ~, h: 'yes', i: 2026-11-21, j: 1e3, k: .5, l: 0o17}"
    loaded = load_yaml(tmp_path, YAML.replace("{times: 3}", params))
    assert loaded.spec.steps[0].params == {
        "a": "no", "b": "on", "c": 10, "d": 31, "e": "1_000", "f": "1:30", "g": None, "h": "yes", "i": "2026-11-21",
        "j": 1000.0, "k": 0.5, "l": 15,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("name: words", "nmae: words", "unknown-key", (1, 1)),
        ("params: {times: 3}", "concurrency: x", "wrong-type", (6, 18)),
        ("  - a -> b", "  - a - b", "bad-edge", (9, 5)),
        ("version:", "name:", "duplicate-key", (2, 1)),
        ("{times: 3}", "&x {times: 3}", "yaml-anchor", (6, 13)),
        ("{times: 3}", "*x", "yaml-anchor", (6, 13)),
        ("{times: 3}", "!!python/object/apply:os.system [ls]", "yaml-tag", (6, 13)),
        ("{times: 3}", "{times: .nan}", "not-a-number", (6, 21)),
        ("{times: 3}", "{times: }3}", "syntax", (6, 22)),
        ("{times: 3}", "[" * 99, "too-deep", (6, 74)),
        ("edges:", "---\nedges:", "yaml-documents", (8, 1)),
    ],
)
def test_reports_the_place_when_a_yaml_document_is_broken(
    tmp_path: Path, old: str, new: str, code: str, place: tuple[int, int]
) -> None:
    """The same problems as of JSON, and what YAML adds is refused."""
    pytest.importorskip("yaml")
    with pytest.raises(ConfigError) as caught:
        load_yaml(tmp_path, YAML.replace(old, new))
    found = {problem.code: (problem.line, problem.column) for problem in caught.value.problems}
    assert found.get(code) == place, caught.value


STEP = {"id": "a", "kind": "notation.repeat"}


@pytest.mark.parametrize(
    ("document", "good"),
    [
        ({"name": "x", "steps": [STEP]}, True),
        ({"name": "x", "steps": [{**STEP, "params": {"times": 3}}], "edges": ["input -> a"]}, True),
        ({"name": "x", "steps": [{**STEP, "params": {"times": "${parameters.n}"}, "concurrency": "${env.N}"}]}, True),
        ({"name": "x", "steps": [STEP], "edges": [{"from": "a", "to": "output", "when": {"not": {"ge": 1}}}]}, True),
        ({"name": "x", "steps": [STEP], "parameters": {"n": {"type": "integer"}}, "output": ["a"]}, True),
        ({"steps": [STEP]}, False),
        ({"name": "x", "steps": []}, False),
        ({"name": "x", "steps": [{**STEP, "parms": {}}]}, False),
        ({"name": "x", "steps": [{**STEP, "params": {"times": "3"}}]}, False),
        ({"name": "x", "steps": [{**STEP, "params": {"tmes": 3}}]}, False),
        ({"name": "x", "steps": [{**STEP, "concurrency": 0}]}, False),
        ({"name": "x", "steps": [STEP], "edges": ["a - b"]}, False),
        ({"name": "x", "steps": [STEP], "edges": [{"from": "a", "to": "b", "when": {"is": 1}}]}, False),
        ({"name": "x", "steps": [STEP], "streaming": {"emit_items": "most"}}, False),
    ],
)
def test_schema_agrees_with_the_loader(document: dict[str, Any], good: bool) -> None:
    """What an editor accepts is what loads, as far as a schema can tell."""
    validator = jsonschema.Draft202012Validator(config_schema(KINDS))
    assert validator.is_valid(document) is good


def test_schema_describes_every_kind_when_it_is_written() -> None:
    """The schema is a valid one, with the params of each kind, and without our own words."""
    schema = config_schema(KINDS)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["params of notation.repeat"]["properties"].keys() == {"times"}
    assert schema["$defs"]["StepSpec"]["properties"]["concurrency"]["description"].startswith("Items that")
    assert '"x-' not in json.dumps(schema)
