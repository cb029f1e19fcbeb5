"""A table of broken documents: each with all its problems, and for each problem code, place and hint."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from headwater.config.binding import bind_steps
from headwater.config.conditions import Condition
from headwater.config.load import load
from headwater.errors import ConfigError, Problem
from headwater.step import Step, step
from headwater.step.registry import Registry


@step("say.repeat")
def repeat(text: str, *, times: int = 2, mark: str = "") -> str:
    """A step that is a function."""
    return text * times + mark


class Keep(Step, kind="say.keep"):
    where: Condition
    token: SecretStr = SecretStr("")

    def run(self, text: str) -> str:
        return text


KINDS = Registry(installed=list)
KINDS.add(repeat)
KINDS.add(Keep)


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of a document: the one place that says what loads it."""
    try:
        loaded = load(text, env={"HOME_PAGE": "x", "HEADWATER_SECRET_KEY": "canary-0815"})
        bind_steps(loaded, KINDS, loaded.problems)
        loaded.problems.raise_if_any()
    except ConfigError as error:
        return error.problems
    return ()


def document(steps: str, rest: str = "") -> str:
    """Return a document with its steps on the second line and the rest on the third."""
    return f'{{"name": "x",\n"steps": [{steps}]{"," if rest else ""}\n{rest}}}'


def of_step(rest: str) -> str:
    """Return a document with one step, the given text in it at column 43 of line 2."""
    return document(f'{{"id": "a", "kind": "say.repeat", {rest}}}')


def with_condition(condition: str) -> str:
    """Return a document with one condition, at column 59 of line 2."""
    return document(f'{{"id": "a", "kind": "say.keep", "params": {{"where": {condition}}}}}')


GOOD = '{"id": "a", "kind": "say.repeat"}'

BROKEN = [
    # what is no JSON
    pytest.param('{"name": "x",}', ["1:13 $.name syntax !"], id="trailing comma"),
    pytest.param("{'name': 1}", ["1:2 $ syntax !"], id="single quotes"),
    pytest.param('{\n// note\n"name": 1}', ["2:1 $ syntax !"], id="comment"),
    pytest.param('{"name": "x', ["1:10 $.name syntax !"], id="unclosed text"),
    pytest.param('{"name": [1, 2}', ["1:15 $.name[1] syntax"], id="wrong bracket"),
    pytest.param('{"name": [1, 2', ["1:15 $.name[1] syntax !"], id="unclosed bracket"),
    pytest.param('{"name": "a" "b": 1}', ["1:14 $.name syntax !"], id="missing comma"),
    pytest.param('{"name" "a"}', ["1:9 $.name syntax !"], id="missing colon"),
    pytest.param('{"name": True}', ["1:10 $.name syntax !"], id="word of Python"),
    pytest.param('{"name": "a\\x"}', ["1:12 $.name syntax !"], id="bad escape"),
    pytest.param('{"name": 1} 2', ["1:13 $ syntax !"], id="text after the end"),
    pytest.param('{"name": 01}', ["1:10 $.name syntax !"], id="leading zero"),
    pytest.param("{name: 1}", ["1:2 $ syntax !"], id="key without quotes"),
    pytest.param('{"a":' + "[" * 70 + "]" * 70 + "}", ["1:69 too-deep"], id="too deep"),
    pytest.param('{"n": ' + "9" * 5_000 + "}", ["1:7 $.n number-too-large"], id="too many digits"),
    # what is JSON, but not a value that can be used
    pytest.param(
        document(GOOD, '"name": "y", "version": NaN'),
        ["3:1 $.name duplicate-key !", "3:25 $.version not-a-number !"],
        id="duplicate key and NaN",
    ),
    pytest.param(
        document(GOOD, '"timeout": {"total_s": 1e999}'), ["3:24 $.timeout.total_s number-too-large !"], id="infinite"
    ),
    pytest.param(document(GOOD, '"version": "\\ud800"'), ["3:12 $.version bad-text !"], id="half a surrogate pair"),
    # keys
    pytest.param("{}", ["1:1 $.name missing-key !", "1:1 $.steps missing-key !"], id="empty"),
    pytest.param(
        document(GOOD, '"conections": [], "zzz": 1'),
        ["3:1 $.conections unknown-key", "3:19 $.zzz unknown-key"],
        id="unknown keys of the document",
    ),
    pytest.param(of_step('"parms": {}'), ["2:45 $.steps[0].parms unknown-key !params"], id="misspelled key of a step"),
    pytest.param(document('{"kind": "say.repeat"}'), ["2:11 $.steps[0].id missing-key !"], id="step without id"),
    pytest.param(document('{"id": "a"}'), ["2:11 $.steps[0].kind missing-key !"], id="step without kind"),
    pytest.param(of_step('"retry": {}'), ["2:45 $.steps[0].retry not-supported !"], id="key of a later version"),
    pytest.param(
        document(GOOD, '"timeout": {"idle_s": 3, "totl_s": 1}'),
        ["3:13 $.timeout.idle_s not-supported !", "3:26 $.timeout.totl_s unknown-key !total_s"],
        id="keys of a timeout",
    ),
    pytest.param(
        of_step('"on_error": "skip_item"'),
        ["2:57 $.steps[0].on_error not-supported !fail"],
        id="value of a later version",
    ),
    pytest.param(
        of_step('"merge": {"text": "zip"}'),
        ["2:63 $.steps[0].merge.text not-supported !"],
        id="merge of a later version",
    ),
    # values
    pytest.param('{"name": "x", "steps": {}}', ["1:24 $.steps wrong-type"], id="steps that are no list"),
    pytest.param('{"name": "x", "steps": []}', ["1:24 $.steps wrong-value"], id="no steps"),
    pytest.param(document(GOOD + ", 7"), ["2:46 $.steps[1] wrong-type"], id="step that is a number"),
    pytest.param(of_step('"concurrency": "3"'), ["2:60 $.steps[0].concurrency wrong-type"], id="number as text"),
    pytest.param(of_step('"concurrency": true'), ["2:60 $.steps[0].concurrency wrong-type"], id="number as boolean"),
    pytest.param(of_step('"concurrency": 0'), ["2:60 $.steps[0].concurrency wrong-value"], id="number out of range"),
    pytest.param(of_step('"inline": 1'), ["2:55 $.steps[0].inline wrong-type"], id="boolean as number"),
    pytest.param(document('{"id": "a b", "kind": "say.repeat"}'), ["2:18 $.steps[0].id wrong-value"], id="odd id"),
    pytest.param(
        document(GOOD, '"streaming": {"emit_items": "al", "history": 0.5}'),
        ["3:29 $.streaming.emit_items wrong-value", "3:46 $.streaming.history wrong-type"],
        id="streaming",
    ),
    pytest.param(document(GOOD, '"output": []'), ["3:11 $.output wrong-value"], id="no output at all"),
    # edges
    pytest.param(document(GOOD, '"edges": ["a - a"]'), ["3:11 $.edges[0] bad-edge"], id="edge without arrow"),
    pytest.param(document(GOOD, '"edges": ["a->a->a"]'), ["3:11 $.edges[0] bad-edge !each arrow"], id="two arrows"),
    pytest.param(document(GOOD, '"edges": ["a -> "]'), ["3:11 $.edges[0] wrong-value"], id="edge to nowhere"),
    pytest.param(
        document(GOOD, '"edges": [{"from": "a", "too": "a", "buffer": 0}]'),
        [
            "3:11 $.edges[0].to missing-key !",
            "3:25 $.edges[0].too unknown-key !to",
            "3:47 $.edges[0].buffer wrong-value",
        ],
        id="three problems of one edge",
    ),
    # kinds and params
    pytest.param(
        document('{"id": "a", "kind": "say.repaet"}'), ["2:31 $.steps[0].kind unknown-kind !say.repeat"], id="kind"
    ),
    pytest.param(
        document('{"id": "a", "kind": "os.system"}'), ["2:31 $.steps[0].kind unknown-kind !--steps"], id="odd"
    ),
    pytest.param(
        of_step('"params": {"times": "3", "marc": "!"}'),
        ["2:65 $.steps[0].params.times wrong-type", "2:70 $.steps[0].params.marc unknown-param !mark"],
        id="params of a function",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep"}'),
        ["2:11 $.steps[0].params.where missing-key !where"],
        id="missing param",
    ),
    # conditions
    pytest.param(
        with_condition('{"gee": 1}'), ["2:64 $.steps[0].params.where.gee unknown-operator !ge"], id="unknown operator"
    ),
    pytest.param(
        with_condition('{"all": [{"ge": true}, {"field": "a..b", "eq": 1}, {}]}'),
        [
            "2:79 $.steps[0].params.where.all[0].ge bad-operand",
            "2:96 $.steps[0].params.where.all[1].field bad-field",
            "2:114 $.steps[0].params.where.all[2] bad-condition !",
        ],
        id="three problems of one condition",
    ),
    pytest.param(
        with_condition('{"matches": "(a"}'), ["2:75 $.steps[0].params.where.matches bad-operand"], id="bad pattern"
    ),
    pytest.param(
        with_condition('{"matches": "((a{99}){99}){99}"}'),
        ["2:75 $.steps[0].params.where.matches bad-operand"],
        id="huge pattern",
    ),
    pytest.param(
        document(GOOD, '"edges": [{"from": "a", "to": "b", "when": {"is": 1}}]'),
        ["3:45 $.edges[0].when.is unknown-operator"],
        id="condition of an edge",
    ),
    # templates, parameters and secrets
    pytest.param(
        of_step('"params": {"mark": "${parameters.z}"}'),
        ["2:64 $.steps[0].params.mark unknown-parameter !"],
        id="unknown parameter",
    ),
    pytest.param(
        of_step('"params": {"mark": "${env.HOME_PAG}"}'),
        ["2:64 $.steps[0].params.mark unknown-variable !HOME_PAGE"],
        id="unknown variable",
    ),
    pytest.param(
        of_step('"params": {"mark": "${1 + 1}"}'), ["2:64 $.steps[0].params.mark bad-template !"], id="expression"
    ),
    pytest.param(of_step('"params": {"mark": "a ${b"}'), ["2:64 $.steps[0].params.mark bad-template !"], id="unclosed"),
    pytest.param(
        document('{"id": "${env.HOME_PAGE}", "kind": "say.repeat"}'),
        ["2:18 $.steps[0].id template-misplaced !"],
        id="template in an id",
    ),
    pytest.param(
        document(GOOD, '"parameters": {"n": {"type": "integer", "default": "3"}, "m": {"type": "integer"}}'),
        ["3:52 $.parameters.n.default wrong-parameter", "3:63 $.parameters.m missing-parameter !--set"],
        id="parameters",
    ),
    pytest.param(
        document(GOOD, '"parameters": {"n": {"type": "int"}}'), ["3:30 $.parameters.n.type wrong-value"], id="type"
    ),
    pytest.param(
        of_step('"params": {"mark": "${secret.KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !"],
        id="secret for a text",
    ),
    pytest.param(
        of_step('"params": {"mark": "key ${secret.KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !"],
        id="secret within a text",
    ),
    pytest.param(
        of_step('"params": {"mark": "${env.HEADWATER_SECRET_KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !${secret.KEY}"],
        id="secret as a variable",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep", "params": {"where": {"eq": 1}, "token": "open"}}'),
        ["2:83 $.steps[0].params.token secret-literal !"],
        id="secret in the document",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep", "params": {"where": {"eq": 1}, "token": "${secret.KEYY}"}}'),
        ["2:83 $.steps[0].params.token unknown-secret !KEY"],
        id="unknown secret",
    ),
    # many at once
    pytest.param(
        '{"nmae": "x",\n "steps": [{"id": "a", "kind": "say.repeat", "params": {"times": null}},\n'
        '  {"id": 2, "kind": "say.what", "inline": "no"}],\n "edges": ["a -> b", 5]}',
        [
            "1:1 $.name missing-key !",
            "1:2 $.nmae unknown-key !name",
            "2:66 $.steps[0].params.times wrong-type",
            "3:10 $.steps[1].id wrong-type",
            "3:21 $.steps[1].kind unknown-kind !",
            "3:43 $.steps[1].inline wrong-type",
            "4:22 $.edges[1] wrong-type",
        ],
        id="all phases at once",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_tells_every_problem_with_its_place_when_a_document_is_broken(text: str, expected: list[str]) -> None:
    """Each line says position, path, code, and after `!` a part of the hint, in the order of the document."""
    found = problems_of(text)
    summary = [f"{one.line}:{one.column} {one.path} {one.code} !{one.hint}" for one in found]
    wanted = [line.split(" ") for line in expected]
    assert len(summary) == len(wanted), "\n".join(summary)
    for line, problem, parts in zip(expected, found, wanted, strict=True):
        assert f"{problem.line}:{problem.column}" == parts[0], (line, str(problem))
        assert problem.code in parts, (line, str(problem))
        assert len(parts) == 2 or parts[1] in {problem.path, problem.code}, (line, str(problem))
        if "!" in line:
            hint = line.partition("!")[2]
            assert problem.hint
            assert hint in problem.hint, (line, str(problem))


def test_has_no_problem_when_a_document_is_good() -> None:
    """The table's building blocks load, so that each of its problems is the one meant."""
    assert problems_of(document(GOOD, '"edges": ["input -> a", "a -> output"], "output": "a"')) == ()
    assert problems_of(with_condition('{"field": "a.b", "ge": 1}')) == ()


def test_messages_say_what_was_expected_and_found_when_a_value_is_wrong() -> None:
    """The words come from the declaration: its range, its alternatives."""
    assert problems_of(of_step('"concurrency": "x"'))[0].message == (
        "expected a whole number from 1 to 1024, found the text 'x'"
    )
    assert problems_of(document(GOOD, '"streaming": {"emit_items": 3}'))[0].message == (
        "expected 'none' or 'first' or 'sample' or 'all', found the number 3"
    )


def test_table_is_large_enough() -> None:
    """At least 40 different documents, none of them twice."""
    texts = [parameter.values[0] for parameter in BROKEN]
    assert len(set(map(str, texts))) == len(texts) >= 40
