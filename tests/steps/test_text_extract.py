"""Records and finds that patterns take out of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater import ConfigError, ExecutionCancelled, Footer, Header, Pipeline, Runner, StepError, step
from headwater.testing import EventRecorder, endless_stream, verify_step
from headwater_steps.text.extraction import Extract, ExtractAll, Find

ACCESS = (
    r'(?P<client>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) (?P<protocol>\S+)" '
    r"(?P<status>\d{3}) (?:(?P<size>\d+)|-)"
)
LINE = '10.0.0.1 - - [21/Nov/2026:09:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512'
RECORD = {
    "client": "10.0.0.1",
    "time": "21/Nov/2026:09:00:00 +0000",
    "method": "GET",
    "path": "/a?b=c",
    "protocol": "HTTP/1.1",
    "status": "200",
    "size": "512",
}
PAIR = r"(?P<name>\w+)=(?P<value>\d+)"
BAD = ["a=1", "?", "b=2", "c=x"]


def loaded(kind: str, **params: Any) -> Pipeline:
    """Return a pipeline of one step, as a document gives it."""
    return Pipeline.load({"name": "extract", "steps": [{"id": "it", "kind": f"text.{kind}", "params": params}]})


# ---- one record


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, RECORD),
        ({"types": {"status": "integer", "size": "number"}}, {**RECORD, "status": 200, "size": 512.0}),
        ({"types": {"path": "text"}}, RECORD),
        ({"only": ["status", "path"]}, {"path": "/a?b=c", "status": "200"}),
        ({"only": ["status"], "types": {"status": "integer", "size": "integer"}}, {"status": 200}),
    ],
)
async def test_extract_makes_a_record_of_a_line(params: dict[str, Any], expected: dict[str, Any]) -> None:
    """A line of a log becomes an object with a field for each group, of the wanted types."""
    assert (await loaded("extract", pattern=ACCESS, **params).run(LINE)).output == expected


async def test_extract_gives_null_for_a_group_that_took_no_part() -> None:
    """What a line does not say is null, whatever its type."""
    line = LINE.replace("512", "-")
    result = await loaded("extract", pattern=ACCESS, types={"size": "integer"}, only=["size"]).run(line)
    assert result.output == {"size": None}


@pytest.mark.parametrize(
    ("find", "texts"),
    [("start", ["ab=1", "ab=1;"]), ("whole", ["ab=1"]), ("anywhere", ["ab=1", "ab=1;", " ab=1"])],
)
async def test_extract_looks_where_it_is_asked_to(find: str, texts: list[str]) -> None:
    """At the start, at the whole text, or at the first place anywhere."""
    pipeline = loaded("extract", pattern=r"\b" + PAIR, find=find, on_unmatched="skip")
    result = await pipeline.run(iter(["ab=1", "ab=1;", " ab=1", "ab="]))
    assert result.output == [{"name": "ab", "value": "1"}] * len(texts)


# ---- texts that do not match


@pytest.mark.parametrize("text", ["?", "c=x"])
@pytest.mark.parametrize("as_stream", [False, True])
async def test_extract_fails_at_a_text_that_does_not_match(text: str, *, as_stream: bool) -> None:
    """By default nothing is left out, and the message shows the text and what can be done."""
    pipeline = loaded("extract", pattern=r"(?P<name>\w+)=(?P<value>\w+)", types={"value": "integer"})
    with pytest.raises(StepError) as caught:
        await pipeline.run(iter(["a=1", text]) if as_stream else text)
    assert repr(text) in str(caught.value)
    assert "set on_unmatched to skip or reject" in str(caught.value)


async def test_extract_shows_only_the_start_of_a_long_text_that_does_not_match() -> None:
    """A message stays readable."""
    with pytest.raises(StepError) as caught:
        await loaded("extract", pattern=PAIR).run("?" * 10_000)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("number", ["nan", "inf", "1e999", "1__0", "9" * 5_000])
async def test_extract_takes_no_number_that_json_does_not_know(number: str) -> None:
    """What cannot be a number, or is too long to be read as one, does not match."""
    types = {"n": "integer" if number.isdecimal() else "number"}
    pipeline = loaded("extract", pattern=r"(?P<n>\w+)", types=types, on_unmatched="skip")
    assert (await pipeline.run(iter(["1", number]))).output == [{"n": 1}]


async def test_extract_skips_and_counts_what_does_not_match() -> None:
    """What is left out is told by the numbers of the step."""
    recorder = EventRecorder(types={"step_complete"})
    pipeline = loaded("extract", pattern=PAIR, on_unmatched="skip")
    result = await pipeline.run(iter(BAD), subscribers=[recorder])
    assert [record["name"] for record in result.output] == ["a", "b"]
    complete = recorder.of("step_complete")[0].data
    assert (complete.items_in, complete.items_out, complete.compensations) == (4, 2, 2)


@pytest.mark.parametrize("policy", [{}, {"on_unmatched": "reject"}])
async def test_extract_passes_what_does_not_match_to_its_side_port(policy: dict[str, str]) -> None:
    """The texts themselves go on where the document says, without being told."""
    document = {
        "name": "sides",
        "steps": [
            {"id": "it", "kind": "text.extract", "params": {"pattern": PAIR, **policy}},
            {"id": "upper", "kind": "text.upper"},
        ],
        "edges": ["it.unmatched -> upper"],
        "output": ["it.records", "upper"],
    }
    result = await Pipeline.load(document).run(iter(BAD))
    assert [record["name"] for record in result.output["it.records"]] == ["a", "b"]
    assert result.output["upper"] == ["?", "C=X"]


def test_extract_loses_nothing_to_a_side_port_that_is_not_connected() -> None:
    """A policy that sends strings to a port that nothing reads is refused."""
    with pytest.raises(ConfigError, match="on_unmatched is reject, but the port 'unmatched'"):
        loaded("extract", pattern=PAIR, on_unmatched="reject")


# ---- what a document may say


@pytest.mark.parametrize(
    ("kind", "params", "path", "message"),
    [
        ("extract", {}, "params.pattern", "missing"),
        ("extract", {"pattern": r"(\w+)"}, "params.pattern", "without named groups"),
        ("extract", {"pattern": "(?P<a>x"}, "params.pattern", "not a pattern"),
        ("extract", {"pattern": "(?P<a>(x+)+)y"}, "params.pattern", "adds nothing"),
        ("extract", {"pattern": PAIR, "types": {"nome": "integer"}}, "params.types", "no group 'nome'"),
        ("extract", {"pattern": PAIR, "types": {"name": "date"}}, "params.types.name", "expected 'text' or"),
        ("extract", {"pattern": PAIR, "only": ["nome"]}, "params.only", "its groups are name, value"),
        ("extract", {"pattern": PAIR, "only": []}, "params.only", "a list of 1 to 100"),
        ("extract", {"pattern": PAIR, "find": "anywhere"}, "params.find", "can begin again"),
        ("extract", {"pattern": PAIR, "find": "middle"}, "params.find", "expected 'start' or"),
        ("extract", {"pattern": PAIR, "on_unmatched": "drop"}, "params.on_unmatched", "expected 'fail' or"),
        (
            "extract",
            {"pattern": "(?P<a>x)(?P<b>y)[(?P<b>]", "only": ["a"]},
            "params.only",
            "looks like the start of a group",
        ),
        ("extract_all", {"pattern": PAIR}, "params.pattern", "can begin again"),
        ("find", {"pattern": r"#(\w)(\w)"}, "params.pattern", "2 groups"),
        ("find", {"pattern": "x*"}, "params.pattern", "matches the empty string"),
    ],
)
def test_refuses_wrong_params_when_a_document_is_loaded(
    kind: str, params: dict[str, Any], path: str, message: str
) -> None:
    """Nothing is found out only when data flows, and each problem is told at its place."""
    with pytest.raises(ConfigError) as caught:
        loaded(kind, **params)
    assert path in caught.value.problems[0].path
    assert message in str(caught.value)


def test_reports_only_the_pattern_when_it_is_what_is_wrong() -> None:
    """What follows from a wrong pattern is no problem of its own."""
    with pytest.raises(ValidationError) as caught:
        Extract.model_validate({"pattern": "(", "types": {"x": "integer"}, "only": ["y"], "find": "anywhere"})
    assert [error["loc"] for error in caught.value.errors()] == [("pattern",)]


# ---- all records, all finds


async def test_extract_all_makes_a_record_of_each_find() -> None:
    """Each text may give none, one or many."""
    pipeline = loaded("extract_all", pattern=r"\b" + PAIR, types={"value": "integer"}, only=["value"])
    result = await pipeline.run(iter(["a=1 b=2", "", "c=3"]))
    assert result.output == [{"value": 1}, {"value": 2}, {"value": 3}]


async def test_extract_all_fails_at_a_group_of_another_type() -> None:
    """There is no text to leave out, as the others of it are good."""
    pipeline = loaded("extract_all", pattern=r"\b(?P<n>\w+)", types={"n": "integer"})
    with pytest.raises(StepError, match="'x'"):
        await pipeline.run("1 x")


@given(st.text("a#_ \n1"))
def test_find_gives_what_python_finds(text: str) -> None:
    """The finds are those of `re`, whole or of the only group that took part."""
    assert list(Find(pattern=r"#\w+").run(text)) == re.findall(r"#\w+", text)
    assert list(Find(pattern=r"#(\w+)").run(text)) == re.findall(r"#(\w+)", text)
    assert list(Find(pattern=r"#(?:(a)|1)").run(text)) == [found for found in re.findall(r"#(a)|#1", text) if found]


# ---- what they have in common


@step("test_extract.framed")
def framed() -> Iterator[str | Header[int] | Footer[int]]:
    """Write texts between a header and a footer."""
    yield Header(1)
    yield from ["a=1", "b=2"]
    yield Footer(2)


@pytest.mark.parametrize("target", [Extract(pattern=PAIR), ExtractAll(pattern=r"\b" + PAIR), Find(pattern=r"\b\w+")])
async def test_leave_what_is_around_the_texts(target: Any) -> None:
    """Header and footer flow around steps of single items."""
    result = await Pipeline("framed", steps={"framed": framed, "it": target}).run()
    assert (result.header, result.footer, bool(result.output)) == (1, 2, True)


@pytest.mark.parametrize("target", [Extract(pattern=PAIR), ExtractAll(pattern=r"\b" + PAIR), Find(pattern=r"\b\w+")])
async def test_keep_their_declaration(target: Any) -> None:
    """They give the types that they declare, and the same each time."""
    await verify_step(target, ["a=1", "b=22 c=3", ["a=1", "b=2"]])


@pytest.mark.parametrize("kind", ["extract", "extract_all", "find"])
async def test_stop_in_the_middle_when_cancelled(kind: str) -> None:
    """A stream without an end is left at once."""
    texts = endless_stream(lambda number: execution.cancel() or f"n{number}=1" if number == 500 else f"n{number}=1")
    async with Runner().start(loaded(kind, pattern=r"\b(?P<name>\w+)=\d+"), texts) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert texts.closed
    assert texts.given < 2_000
