"""Broken documents, each with the exact list of its problems: one for each cause, and none for a consequence."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ConfigError, Pipeline


def of(*steps: str | dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a document of steps, each written as `id kind` or as an object."""
    written = [
        dict(zip(("id", "kind"), step.split(), strict=True)) if isinstance(step, str) else step for step in steps
    ]
    return {"name": "broken", "steps": written, **keys}


def step(text: str, /, **params: Any) -> dict[str, Any]:
    """Return a step that is written as `id kind`, with params."""
    step_id, kind = text.split()
    return {"id": step_id, "kind": kind} | ({"params": params} if params else {})


CAUSES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a param by another name": (
        of(step("read source.lines", file="a.txt")),
        [("unknown-param", "$.steps[0].params.file")],
    ),
    "both params by other names": (
        of("read source.jsonl", step("write sink.files", directory="out", key="town")),
        [
            ("missing-key", "$.steps[0].params.path"),
            ("unknown-param", "$.steps[1].params.directory"),
            ("unknown-param", "$.steps[1].params.key"),
        ],
    ),
    "a param that is misspelled beside one that is missing": (
        of(step("read source.lines", encodnig="latin-1")),
        [("missing-key", "$.steps[0].params.path"), ("unknown-param", "$.steps[0].params.encodnig")],
    ),
    "ends of an edge by other names": (
        of("a text.words", "b text.upper", edges=[{"source": "a", "target": "b"}]),
        [("unknown-key", "$.edges[0].source"), ("unknown-key", "$.edges[0].target")],
    ),
    "an id by another name": (
        of({"name": "a", "kind": "text.words"}, "b text.upper"),
        [("unknown-key", "$.steps[0].name")],
    ),
    "a wrong param and a wrong type of one step": (
        of("a stream.count", step("b text.upper", locale="nb")),
        [("type-mismatch", "$.steps[1]"), ("unknown-param", "$.steps[1].params.locale")],
    ),
    "a wrong param before a wrong type": (
        of(step("a stream.take", n="many"), "b stream.count", "c text.upper"),
        [("wrong-type", "$.steps[0].params.n"), ("type-mismatch", "$.steps[2]")],
    ),
    "misspelled keys whose values have no value": (
        of(
            step("read source.lines", path="a.txt", encodnig="${env.CODE}"),
            {"id": "up", "knid": "${env.KIND}"},
            parameters={"n": {"type": "integer", "minimun": 3}},
            stpes=[{"id": "${parameters.n}"}],
        ),
        [
            ("unknown-param", "$.steps[0].params.encodnig"),
            ("unknown-variable", "$.steps[0].params.encodnig"),
            ("unknown-key", "$.steps[1].knid"),
            ("unknown-variable", "$.steps[1].knid"),
            ("unknown-key", "$.parameters.n.minimun"),
            ("unknown-key", "$.stpes"),
        ],
    ),
    "permissions of two steps and a wrong param": (
        of(step("a source.process", argv=[]), step("b process.pipe", argv=["sort"])),
        [
            ("not-allowed", "$.steps[0].kind"),
            ("wrong-value", "$.steps[0].params.argv"),
            ("not-allowed", "$.steps[1].kind"),
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), CAUSES.values(), ids=CAUSES)
def test_reports_each_cause_once_when_a_document_is_broken(
    document: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Each cause is one problem with its code and place, whatever follows from it."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document, env={})
    assert [(problem.code, problem.path) for problem in caught.value.problems] == expected
