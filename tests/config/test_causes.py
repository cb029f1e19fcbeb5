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


LINES = step("read source.lines", path="a.txt")
ROWS = step("rows source.csv", path="a.csv")

CAUSES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "params that send items to side ports which nothing reads": (
        of(
            step("read source.lines", path="a.txt", on_bad="reject"),
            step("find text.extract", pattern="(?P<a>a)", on_unmatched="reject"),
        ),
        [("unread-output", "$.steps[0].params.on_bad"), ("unread-output", "$.steps[1].params.on_unmatched")],
    ),
    "a policy for lines of an input that is split into chunks": (
        of(step("read source.stdin", split="chunks", on_bad="skip")),
        [("refused-value", "$.steps[0].params.on_bad")],
    ),
    "two fields that get one name": (
        of(step("name stream.rename", fields={"a": "c", "b": "c"})),
        [("refused-value", "$.steps[0].params.fields")],
    ),
    "a wrong param beside one that sends items to a side port": (
        of(step("rows source.csv", path="a.csv", on_bad="reject", delimiter=7)),
        [("wrong-type", "$.steps[0].params.delimiter")],
    ),
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
    # keys
    "no name": ({"steps": [LINES]}, [("missing-key", "$.name")]),
    "the name misspelled": ({"nmae": "x", "steps": [LINES]}, [("unknown-key", "$.nmae")]),
    "the steps misspelled": ({"name": "x", "setps": [LINES]}, [("unknown-key", "$.setps")]),
    "a kind misspelled in its key": (of({"id": "a", "knd": "text.upper"}), [("unknown-key", "$.steps[0].knd")]),
    "an end misspelled": (
        of("a text.words", "b text.upper", edges=[{"form": "a", "to": "b"}]),
        [("unknown-key", "$.edges[0].form")],
    ),
    "a key of a parameter misspelled": (
        of(step("read source.lines", path="${parameters.p}"), parameters={"p": {"type": "string", "defualt": "a.txt"}}),
        [("unknown-key", "$.parameters.p.defualt")],
    ),
    "a version of another type": (of(LINES, version=2), [("wrong-type", "$.version")]),
    "the same key as another program": (of(LINES, pipeline={}), [("unknown-key", "$.pipeline")]),
    # values
    "a string for a number": (of(step("a stream.take", n="3")), [("wrong-type", "$.steps[0].params.n")]),
    "a number out of range": (of(step("a stream.take", n=-1)), [("wrong-value", "$.steps[0].params.n")]),
    "a literal that is misspelled": (
        of(step("read source.lines", path="a", on_bad="sikp")),
        [("wrong-value", "$.steps[0].params.on_bad")],
    ),
    "params that are a list": (
        of({"id": "a", "kind": "text.upper", "params": []}),
        [("wrong-type", "$.steps[0].params")],
    ),
    "steps that are an object": ({"name": "x", "steps": {"a": "text.upper"}}, [("wrong-type", "$.steps")]),
    "edges that are a string": (of("a text.words", "b text.upper", edges="a -> b"), [("wrong-type", "$.edges")]),
    "an id with a space": (
        of({"id": "my step", "kind": "text.words"}, "b text.upper", edges=["my step -> b"]),
        [("wrong-value", "$.steps[0].id"), ("wrong-value", "$.edges[0]")],
    ),
    "an id that is taken": (of("a text.words", "a text.upper"), [("duplicate-id", "$.steps[1].id")]),
    "an id that is reserved": (of("input text.words", "b text.upper"), [("reserved-id", "$.steps[0].id")]),
    "an operator that is unknown": (
        of(step("a stream.filter", where={"field": "x", "equals": 3})),
        [("unknown-operator", "$.steps[0].params.where.equals")],
    ),
    # kinds, extras and permissions
    "a kind misspelled": (of(LINES, "b text.uper", "c stream.count"), [("unknown-kind", "$.steps[1].kind")]),
    "a kind misspelled between edges": (
        of(LINES, "b text.uper", "c stream.count", edges=["read -> b", "b -> c"]),
        [("unknown-kind", "$.steps[1].kind")],
    ),
    "a kind misspelled behind a port": (
        of(LINES, "b sink.jsnl", edges=["read.rejected -> b"], output="read"),
        [("unknown-kind", "$.steps[1].kind")],
    ),
    "two kinds that are unknown, and their edges": (
        of("a my.source", "b my.sink", "c stream.count", edges=["a -> b", "a -> c"], output=["c"]),
        [("unknown-kind", "$.steps[0].kind"), ("unknown-kind", "$.steps[1].kind")],
    ),
    "an unknown kind beside types that do not match": (
        of("a my.source", "n stream.count", "u text.upper", edges=["a -> n", "n -> u"]),
        [("unknown-kind", "$.steps[0].kind"), ("type-mismatch", "$.edges[1]")],
    ),
    "a permission that is missing": (
        of(step("a source.process", argv=["ls"]), "b stream.count"),
        [("not-allowed", "$.steps[0].kind")],
    ),
    "a permission that is missing beside types that do not match": (
        of(step("a source.process", argv=["ls"]), "b stream.sum"),
        [("not-allowed", "$.steps[0].kind"), ("type-mismatch", "$.steps[1]")],
    ),
    # parameters and templates
    "a parameter without a value": (
        of(step("a stream.take", n="${parameters.n}"), parameters={"n": {"type": "integer"}}),
        [("missing-parameter", "$.parameters.n")],
    ),
    "a parameter without a value beside a misspelled param": (
        of(step("a stream.take", n="${parameters.n}", m=1), parameters={"n": {"type": "integer"}}),
        [("unknown-param", "$.steps[0].params.m"), ("missing-parameter", "$.parameters.n")],
    ),
    "a parameter that is not declared": (
        of(step("a stream.take", n="${parameters.m}"), parameters={"n": {"type": "integer", "default": 1}}),
        [("unknown-parameter", "$.steps[0].params.n")],
    ),
    "a variable that is not set": (
        of(step("a stream.take", n="${env.MOST:integer}"), "b stream.count"),
        [("unknown-variable", "$.steps[0].params.n")],
    ),
    "a default of another type, used twice": (
        of(
            step("a stream.take", n="${parameters.n}"),
            step("b stream.skip", n="${parameters.n}"),
            parameters={"n": {"type": "integer", "default": "3"}},
        ),
        [("wrong-parameter", "$.parameters.n.default")],
    ),
    # edges
    "a step misspelled in an edge": (
        of(LINES, "count stream.count", edges=["read -> cuont"]),
        [("unknown-step", "$.edges[0]")],
    ),
    "a port misspelled in an edge": (
        of(LINES, step("w sink.jsonl", path="b"), edges=["read.rejeted -> w"], output="read"),
        [("unknown-port", "$.edges[0]")],
    ),
    "a step that no edge mentions": (
        of(LINES, "n stream.count", "u text.upper", edges=["read -> n"]),
        [("unused-step", "$.steps[2]")],
    ),
    "a cycle": (
        of("a text.upper", "b text.lower", "c stream.count", edges=["a -> b", "b -> a", "b -> c"]),
        [("cycle", "$.edges[1]")],
    ),
    "a step that feeds itself": (of("a text.upper", edges=["a -> a"]), [("self-loop", "$.edges[0]")]),
    "an edge twice": (
        of(LINES, "n stream.count", edges=["read -> n", "read -> n"]),
        [("duplicate-edge", "$.edges[1]")],
    ),
    "two edges without a policy": (
        of(LINES, step("more source.lines", path="b"), "n stream.count", edges=["read -> n", "more -> n"]),
        [("merge-missing", "$.edges[1]")],
    ),
    "an edge out of a step without inputs behind it": (
        of("n stream.count", LINES, edges=["n -> read"]),
        [("no-port", "$.edges[0]")],
    ),
    "an output that is unknown": (of(LINES, "n stream.count", output="m"), [("unknown-step", "$.output")]),
    # types
    "strings that are added": (of(LINES, "s stream.sum"), [("type-mismatch", "$.steps[1]")]),
    "rows that are added": (of(ROWS, "s stream.sum"), [("type-mismatch", "$.steps[1]")]),
    "a number in upper case": (of("n stream.count", "u text.upper"), [("type-mismatch", "$.steps[1]")]),
    "a mismatch, and steps behind it": (
        of("n stream.count", "u text.upper", "w text.words", "l text.lower"),
        [("type-mismatch", "$.steps[1]")],
    ),
    "two mismatches on two branches": (
        of("n stream.count", "u text.upper", "w text.words", edges=["n -> u", "n -> w"]),
        [("type-mismatch", "$.edges[0]"), ("type-mismatch", "$.edges[1]")],
    ),
    "a field of strings": (of(LINES, step("s stream.sort", by="town")), [("unknown-field", "$.steps[1].params.by")]),
    "a field that is misspelled": (
        of("s text.sentences", step("m stream.max", field="strat")),
        [("unknown-field", "$.steps[1].params.field")],
    ),
    "params by a misspelled name": (
        of({"id": "read", "kind": "source.lines", "parms": {"path": "a.txt"}}),
        [("unknown-key", "$.steps[0].parms")],
    ),
    "a stray key beside params that lack something": (
        of({"id": "read", "kind": "source.lines", "params": {"on_bad": "skip"}, "parms": {}}),
        [("missing-key", "$.steps[0].params.path"), ("unknown-key", "$.steps[0].parms")],
    ),
    "edges by a misspelled name": (
        of(LINES, "total stream.sum", "n stream.count", edgs=["read -> n"]),
        [("unknown-key", "$.edgs")],
    ),
    "parameters by a misspelled name": (
        of(
            step("read source.lines", path="${parameters.path}"), parmeters={"path": {"type": "string", "default": "a"}}
        ),
        [("unknown-key", "$.parmeters")],
    ),
    "edges that are not a list": (
        of(LINES, "total stream.sum", edges=5),
        [("wrong-type", "$.edges")],
    ),
    "a field of another type": (
        of("s text.sentences", step("m stream.max", field="text")),
        [("type-mismatch", "$.steps[1].params.field")],
    ),
    "strings into the files of a folder": (
        of(LINES, step("w sink.files", folder=".", by="town")),
        [("unknown-field", "$.steps[1].params.by")],
    ),
    "a condition on a field of strings": (
        of(LINES, "n stream.count", edges=[{"from": "read", "to": "n", "when": {"field": "town", "eq": "Oslo"}}]),
        [("unknown-field", "$.edges[0].when.field")],
    ),
    "concurrency of a step that reads a stream": (
        of(LINES, {"id": "n", "kind": "stream.count", "concurrency": 4}),
        [("no-concurrency", "$.steps[1].concurrency")],
    ),
    "branches of one source, one after the other": (
        of(
            LINES,
            "u text.upper",
            "l text.lower",
            {"id": "n", "kind": "stream.count", "merge": "concat"},
            edges=["read -> u", "read -> l", "u -> n", "l -> n"],
        ),
        [("deadlock-risk", "$.edges[3]")],
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


def test_value_for_a_parameter_by_a_misspelled_name_is_one_problem() -> None:
    """The parameter that was meant has a value, by another name; one that was not meant lacks it."""
    document = of(step("read source.lines", path="${parameters.path}"), parameters={"path": {"type": "string"}})
    for name, codes in (("pth", ["unknown-parameter"]), ("color", ["unknown-parameter", "missing-parameter"])):
        with pytest.raises(ConfigError) as caught:
            Pipeline.load(document, parameters={name: "a.txt"})
        assert [problem.code for problem in caught.value.problems] == codes


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        (step("a stream.sort", by="a..b"), "expected the path of a field, such as author.name", ""),
        (step("a stream.filter", where={"starts": "x"}), "unknown operator 'starts'", "did you mean 'starts_with'?"),
    ],
)
def test_problem_is_in_words(wrong: dict[str, Any], message: str, hint: str) -> None:
    """No pattern is shown for what has a name, and the first word of a name is enough for a hint."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(of(wrong))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.hint == hint
