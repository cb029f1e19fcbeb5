"""Texts stripped, replaced, joined, and made of records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from headwater import (
    ConfigError,
    ExecutionCancelled,
    Flavor,
    Footer,
    Header,
    Pipeline,
    Runner,
    Step,
    StepError,
    StreamType,
    Task,
    step,
)
from headwater.testing import breaking_stream, endless_stream, verify_step
from headwater_steps.text.edits import Replace, Strip
from headwater_steps.text.field_templates import Template


def loaded(kind: str, **params: Any) -> Pipeline:
    """Return a pipeline of one step, as a document gives it."""
    return Pipeline.load({"name": "edit", "steps": [{"id": "it", "kind": f"text.{kind}", "params": params}]})


# ---- strip


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "salt."),
        ({"side": "start"}, "salt. \n"),
        ({"side": "end"}, " salt."),
        ({"chars": ".\n "}, "salt"),
        ({"chars": "x"}, " salt. \n"),
    ],
)
async def test_strip_takes_characters_from_the_ends(params: dict[str, Any], expected: str) -> None:
    """Spaces by default, and at both ends."""
    assert (await loaded("strip", **params).run(" salt. \n")).output == expected


# ---- replace


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"old": "a", "new": "b"}, "b.b.b"),
        ({"old": "a", "new": "b", "most": 1}, "b.a.a"),
        ({"old": ".", "new": ""}, "aaa"),
        ({"old": "a", "new": r"\1"}, r"\1.\1.\1"),
        ({"pattern": "(a)", "new": r"<\1>"}, "<a>.<a>.<a>"),
        ({"pattern": r"\.(?P<x>a)", "new": r"\g<x>", "most": 1}, "aa.a"),
        ({"pattern": ".", "new": r"\\"}, "\\" * 5),
    ],
)
async def test_replace_puts_new_for_old(params: dict[str, Any], expected: str) -> None:
    """What is replaced is a text or a pattern, each time or a number of times."""
    assert (await loaded("replace", **params).run("a.a.a")).output == expected


@given(st.text("ab."), st.text("ab.", min_size=1, max_size=2), st.text("ab.", max_size=2))
def test_replace_of_a_text_is_that_of_python(text: str, old: str, new: str) -> None:
    """Signs of patterns have no meaning in it."""
    assert Replace(old=old, new=new).run(text) == text.replace(old, new)


@pytest.mark.parametrize(
    ("params", "path", "message"),
    [
        ({"new": "b"}, "params", "expected either old or pattern"),
        ({"old": "a", "pattern": "a", "new": "b"}, "params", "expected either old or pattern"),
        ({"old": "a"}, "params.new", "missing"),
        ({"old": "", "new": "b"}, "params.old", "1 character"),
        ({"pattern": "a*", "new": "b"}, "params.pattern", "matches the empty string"),
        ({"pattern": r"\s+$", "new": ""}, "params.pattern", "can begin again"),
        ({"pattern": "a", "new": r"\1"}, "params.new", "invalid group reference 1"),
        ({"pattern": "a", "new": r"\g<x>"}, "params.new", "unknown group name 'x'"),
        ({"pattern": "a", "new": "\\"}, "params.new", "bad escape"),
        ({"old": "a", "new": "b", "most": 0}, "params.most", "1"),
    ],
)
def test_replace_refuses_wrong_params(params: dict[str, Any], path: str, message: str) -> None:
    """What could never work is told when the document is loaded."""
    with pytest.raises(ConfigError) as caught:
        loaded("replace", **params)
    assert path in caught.value.problems[0].path
    assert message in str(caught.value)


# ---- join


@pytest.mark.parametrize(
    ("params", "items", "expected"),
    [
        ({}, ["a", "", "b"], "ab"),
        ({"separator": ", "}, ["a", "b", "c"], "a, b, c"),
        ({"separator": ",", "prefix": "[", "suffix": "]"}, ["a", "b"], "[a,b]"),
        ({"separator": ",", "prefix": "[", "suffix": "]"}, [], "[]"),
        ({"separator": ","}, [str(number) for number in range(1_000)], ",".join(map(str, range(1_000)))),
    ],
)
async def test_join_makes_one_text(params: dict[str, Any], items: list[str], expected: str) -> None:
    """The texts stand in their order, with what is between and around them."""
    assert (await loaded("join", **params).run(iter(items))).output == expected


async def test_join_takes_one_text() -> None:
    """A single text is a stream of one."""
    assert (await loaded("join", separator=",").run("a")).output == "a"


growing = Task("growing", unary_input=int, stream_output=StreamType(str, mode="snapshot"))


class Grow(Step, kind="tests.growing_text"):
    @growing.method(Flavor.UNARY_STREAM)
    def parts(self, number: int) -> Iterator[str]:
        yield from ("it rises. " * end for end in range(1, number + 1))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text.join", "IT RISES. IT RISES. "),
        ("text.sentences", ["IT RISES.", "IT RISES."]),
        ("text.chunks", ["IT RISES. IT RISES. "]),
    ],
)
async def test_take_the_last_snapshot_of_a_text(kind: str, expected: Any) -> None:
    """A snapshot replaces those before, also behind steps that make one item of each or pass them on."""
    names = {"grow": "tests.growing_text", "up": "text.upper", "take": "stream.take", "end": kind}
    params = {"take": {"n": 9}}
    steps = [{"id": name, "kind": each, "params": params.get(name, {})} for name, each in names.items()]
    output = (await Pipeline.load({"name": "tide", "steps": steps}).run(2)).output
    assert (output if isinstance(output, str) else [part.text for part in output]) == (
        expected or ["IT RISES. IT RISES. "]
    )


@pytest.mark.parametrize(("most", "fits"), [(5, True), (4, False)])
async def test_join_is_bounded(most: int, *, fits: bool) -> None:
    """What would not fit into memory is an error that says what can be done."""
    pipeline = loaded("join", separator="--", suffix=".", max_chars=most)
    if fits:
        assert (await pipeline.run(iter("ab"))).output == "a--b."
    else:
        with pytest.raises(StepError, match="more than 4 characters; raise max_chars"):
            await pipeline.run(iter("ab"))


async def test_join_breaks_with_its_writer() -> None:
    """A stream that broke is not joined."""
    with pytest.raises(StepError, match="the sample stream broke"):
        await loaded("join").run(breaking_stream(["a", "b"]))


# ---- template


@dataclass
class Author:
    name: str
    _age: int = 3


class Book(BaseModel):
    title: str
    author: Author
    day: date


RECORD = {"name": "Ada", "age": 36, "tags": ["a", "b"], "more": {"x": None, "y": 1.5, "z": True}, "%s": "percent"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${name} is ${age}", "Ada is 36"),
        ("${more.x} ${more.y} ${more.z} ${tags.1}", "null 1.5 true b"),
        ("${tags}: ${more}", '["a","b"]: {"x":null,"y":1.5,"z":true}'),
        ("$$${name}$$", "$Ada$"),
        ("100 % of %s ${%s} %(x)", "100 % of %s percent %(x)"),
        ("nothing", "nothing"),
        ("", ""),
        ("${name}${name}\n", "AdaAda\n"),
    ],
)
def test_template_writes_the_fields_of_a_record(template: str, expected: str) -> None:
    """Texts stand as they are, everything else as JSON."""
    assert Template(template=template).run(RECORD) == expected


def test_template_reads_models_and_dataclasses() -> None:
    """Their declared fields are fields, and nothing else of them is."""
    book = Book(title="Notes", author=Author("Ada"), day=date(1843, 7, 10))
    assert Template(template="${author.name}: ${title}, ${day}").run(book) == 'Ada: Notes, "1843-07-10"'
    for path in ("author._age", "author.__class__", "title.upper", "model_fields"):
        with pytest.raises(ValueError, match="no field"):
            Template(template=f"${{{path}}}").run(book)


@given(st.text(), st.text())
def test_template_never_reads_what_it_inserts(before: str, value: str) -> None:
    """A value with the signs of a template is a text like any other."""
    template = before.replace("$", "$$") + "${value}"
    assert Template(template=template).run({"value": value}) == before + value


async def test_template_in_a_document_doubles_the_dollar() -> None:
    """As a document has templates of its own, a place for a field is written with two signs."""
    text = json.dumps(
        {
            "name": "letters",
            "parameters": {"greeting": {"type": "string"}},
            "steps": [
                {
                    "id": "letter",
                    "kind": "text.template",
                    "params": {"template": "${parameters.greeting} $${name}, you owe $$$${sum}"},
                }
            ],
        }
    )
    pipeline = Pipeline.load(text, {"greeting": "Dear"})
    assert (await pipeline.run({"name": "Ada", "sum": 3})).output == "Dear Ada, you owe $3"


@pytest.mark.parametrize("as_stream", [False, True])
async def test_template_fails_at_a_missing_field(*, as_stream: bool) -> None:
    """By default a text with a hole is an error that names the field."""
    pipeline = Pipeline("letters", steps={"letter": Template(template="${name} ${age}")})
    data = {"name": "Ada"}
    with pytest.raises(StepError, match=r"there is no field 'age' in an item .*; set on_missing to empty"):
        await pipeline.run(iter([data]) if as_stream else data)


def test_template_leaves_missing_fields_empty_when_asked() -> None:
    """The place of a field that is not there has nothing in it."""
    assert Template(template="<${name}>", on_missing="empty").run({}) == "<>"


@pytest.mark.parametrize("template", ["$name", "${", "${}", "${a..b}", "${a.}", "costs $", "${a{b}}", "${a$b}"])
def test_template_refuses_what_is_no_place(template: str) -> None:
    """A dollar sign without a place for a field is not guessed at."""
    with pytest.raises(ValueError, match="is not a field; write"):
        Template(template=template)


# ---- what they have in common


@step("test_edits.framed")
def framed() -> Iterator[str | Header[int] | Footer[int]]:
    """Write texts between a header and a footer."""
    yield Header(1)
    yield from [" a ", "b"]
    yield Footer(2)


MAPPED = [Strip(), Replace(old="a", new="b"), Replace(pattern="a", new="b")]


@pytest.mark.parametrize("target", MAPPED)
async def test_leave_what_is_around_the_texts(target: Any) -> None:
    """Header and footer flow around steps of single items."""
    result = await Pipeline("framed", steps={"framed": framed, "it": target}).run()
    assert (result.header, result.footer, len(result.output)) == (1, 2, 2)


@pytest.mark.parametrize("target", MAPPED)
async def test_keep_their_declaration(target: Any) -> None:
    """They give the types that they declare, and the same each time, for one text and for many."""
    await verify_step(target, ["", " a ", "ab", ["a", " "]])


@pytest.mark.parametrize("kind", ["strip", "replace", "join", "template"])
async def test_stop_in_the_middle_when_cancelled(kind: str) -> None:
    """A stream without an end is left at once."""
    params = {"replace": {"old": "a", "new": "b"}, "template": {"template": "$${0}"}}.get(kind, {})
    texts = endless_stream(lambda number: execution.cancel() or "a" if number == 500 else "a")
    items: Any = ([text] async for text in texts) if kind == "template" else texts
    async with Runner().start(loaded(kind, **params), items) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert texts.given < 2_000
