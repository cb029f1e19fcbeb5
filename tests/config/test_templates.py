"""Templates and parameters: native types, one substitution, no trace of secrets."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from headwater import Pipeline, run_sync
from headwater.cli.plan_text import plan_json, plan_text
from headwater.config.bound_steps import bind_steps
from headwater.config.load import Loaded, LoadOptions, load
from headwater.config.notation.value_texts import VALUE_PARSERS
from headwater.config.parameters import parse_parameter
from headwater.config.problems import Problems
from headwater.config.spec import ParameterSpec
from headwater.config.templates import Scope, fill, literal
from headwater.errors import ConfigError
from headwater.kinds import BoundStep, Step
from headwater.kinds.registry import Registry
from tests.config import kinds

assert kinds.repeat, "imported for its kinds, which the documents name"


class Account(BaseModel):
    token: SecretStr | None = None
    name: str = ""


class Login(Step, kind="login.test"):
    token: SecretStr
    account: Account = Account()
    more: dict[str, list[SecretStr]] = Field(default_factory=dict)
    anything: Any = None

    @field_validator("token")
    @classmethod
    def _check(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 4:
            message = f"too short: {value.get_secret_value()}"
            raise ValueError(message)
        return value

    def run(self, text: str) -> str:
        return text


KINDS = Registry(installed=list)
KINDS.add(Login)


def filled(value: Any, **parameters: Any) -> Any:
    """Return a param after its templates were replaced."""
    problems = Problems()
    scope = Scope(
        parameters, frozenset(), {"WHO": "${parameters.n}", "EMPTY": "", "PORT": "8080", "LIST": "[1, 2]"}, {}
    )
    document = fill({"steps": [{"params": {"p": value}}]}, scope, problems)
    problems.raise_if_any()
    return document["steps"][0]["params"]["p"]


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("${parameters.n}", 3),
        ("${parameters.t}", True),
        ("${parameters.l}", [1, {"a": 2}]),
        ("${parameters.z}", None),
        ("n=${parameters.n}!", "n=3!"),
        ("${parameters.n}${parameters.n}", "33"),
        ("${parameters.t} ${parameters.f}", "true 0.5"),
        ("$${parameters.n}", "${parameters.n}"),
        ("$$${parameters.n}", "$${parameters.n}"),
        ("$ {x} $x", "$ {x} $x"),
        ("${env.WHO}", "${parameters.n}"),
        ("a${env.WHO}", "a${parameters.n}"),
        ("${env.EMPTY}", ""),
        ("${env.PORT}", "8080"),
        ("${env.PORT:integer}", 8080),
        ("${env.PORT:int}", 8080),
        ("${env.PORT:number}", 8080),
        ("${env.PORT:float:-1}", 8080),
        ("${env.LIST:array}", [1, 2]),
        ("${env.NOBODY:-fallback}", "fallback"),
        ("${env.EMPTY:-a:b-c}", "a:b-c"),
        ("${env.NOBODY:-}", ""),
        ("${env.NOBODY:integer:-80}", 80),
        ("${env.NOBODY:integer:--1}", -1),
        ("${env.NOBODY:bool:-true}", True),
        ("${env.NOBODY:object:-{}}", {}),
        ('${env.NOBODY:array:-[{"a": 1}, {"b": 2}]}', [{"a": 1}, {"b": 2}]),
        ("<${env.NOBODY:-{name}}>", "<{name}>"),
        ("http://localhost:${env.PORT:int}/", "http://localhost:8080/"),
        ("$$5 and $5", "$$5 and $5"),
        ([{"deep": ["${parameters.n}"]}], [{"deep": [3]}]),
    ],
)
def test_replaces_templates_when_they_have_values(value: Any, result: Any) -> None:
    """One template alone keeps its type; what is inserted is never read again."""
    assert filled(value, n=3, t=True, f=0.5, l=[1, {"a": 2}], z=None) == result


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("${parameters.l} ", "template-type"),
        ("${parameters.q}", "unknown-parameter"),
        ("${parameters.}", "bad-template"),
        ("${n}", "bad-template"),
        ("${}", "bad-template"),
        ("${os.environ}", "bad-template"),
        ("${env.NOBODY}", "unknown-variable"),
        ("${env.NOBODY:integer}", "unknown-variable"),
        ("${env.WHO:integer}", "wrong-type"),
        ("${env.LIST:object}", "wrong-type"),
        ("${env.NOBODY:integer:-x}", "wrong-type"),
        ("${env.PORT:integr}", "bad-template"),
        ("${env.PORT:}", "bad-template"),
        ("${env.:-1}", "bad-template"),
        ("${env.NOBODY:-${env.PORT}}", "bad-template"),
        ("${{env.PORT}}", "bad-template"),
        ("${env.NOBODY:-{{}}}", "bad-template"),
        ("${secret.NOTHING}", "unknown-secret"),
        ("${parameters.n", "bad-template"),
    ],
)
def test_refuses_a_template_when_it_has_no_value(value: str, code: str) -> None:
    """Nothing unknown is left in a text, nor replaced by nothing."""
    with pytest.raises(ConfigError) as caught:
        filled(value, l=[1])
    assert [problem.code for problem in caught.value.problems] == [code]


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="${}ab.", max_size=12))
def test_a_literal_survives_when_it_is_escaped(text: str) -> None:
    """Writing `$${` for every `${` gives the text back, whatever it is."""
    assert filled(literal(text)) == text


def test_shares_what_has_no_templates_and_never_changes_its_input() -> None:
    """The document as written stays as it is."""
    document = {"steps": [{"params": {"a": ["${parameters.n}"], "b": {"c": 1}}}]}
    before = json.dumps(document)
    result = fill(document, Scope({"n": 1}, frozenset(), {}, {}), Problems())
    assert json.dumps(document) == before
    assert result["steps"][0]["params"]["b"] is document["steps"][0]["params"]["b"]  # type: ignore[index]  # a literal


PARAMETERS = {
    "n": {"type": "integer", "minimum": 1, "default": 2},
    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
    "path": {"type": "string"},
    "ratio": {"type": "number", "maximum": 1, "default": 0.5},
}


def codes_of(**given_values: Any) -> list[str]:
    """Return the codes of the problems when a document is loaded with these parameters."""
    source = {"name": "x", "parameters": PARAMETERS, "steps": [{"id": "a", "kind": "k"}]}
    return [problem.code for problem in load(source, LoadOptions(given_values)).problems.listed()]


@pytest.mark.parametrize(
    ("given_values", "codes"),
    [
        ({"path": "p"}, []),
        ({}, ["missing-parameter"]),
        ({"path": "p", "n": 0}, ["wrong-parameter"]),
        ({"path": "p", "n": "3"}, ["wrong-parameter"]),
        ({"path": "p", "n": True}, ["wrong-parameter"]),
        ({"path": "p", "n": None}, ["wrong-parameter"]),
        ({"path": "p", "mode": "c"}, ["wrong-parameter"]),
        ({"path": "p", "ratio": 2}, ["wrong-parameter"]),
        ({"path": "p", "ratio": 1}, []),
        ({"path": 3, "mod": "a"}, ["unknown-parameter", "wrong-parameter"]),
    ],
)
def test_checks_parameters_when_they_are_given(given_values: dict[str, Any], codes: list[str]) -> None:
    """Against type, enum and range; without conversion."""
    assert codes_of(**given_values) == codes


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", "3", "3"),
        ("integer", "-3", -3),
        ("number", "0.5", 0.5),
        ("boolean", "true", True),
        ("array", "[1]", [1]),
        ("object", '{"a": 1}', {"a": 1}),
        ("integer", "3.5", ConfigError),
        ("integer", "9" * 9_999, ConfigError),
        ("number", "NaN", ConfigError),
        ("number", "true", ConfigError),
        ("boolean", "yes", ConfigError),
        ("array", "[" * 9_999, ConfigError),
        ("object", "{", ConfigError),
        ("object", '{"a": 1, "a": 2}', ConfigError),
        ("array", '{"a": 1}', ConfigError),
        ("array", "[1e400]", ConfigError),
        ("array", "[NaN]", ConfigError),
        ("integer", "1_000", ConfigError),
        ("integer", "\u0661\u0662", ConfigError),
        ("number", "1e400", ConfigError),
        ("number", "1_000.5", ConfigError),
        ("number", " +.5 ", 0.5),
    ],
)
def test_parses_a_text_by_the_declared_type(type_: Any, text: str, value: Any) -> None:
    """The command line gives texts."""
    spec = ParameterSpec(type=type_)
    if value is ConfigError:
        with pytest.raises(ConfigError):
            parse_parameter(text, spec)
    else:
        assert parse_parameter(text, spec) == value


def test_says_how_to_give_a_variable_a_type() -> None:
    """A variable is text, which is the mistake when a number was expected; its default has a place of its own."""
    document: dict[str, Any] = {"name": "x", "steps": [{"id": "a", "kind": "text.pieces", "concurrency": "${env.N}"}]}
    problems = load(document, LoadOptions(env={"N": "2"})).problems.listed()
    assert [problem.hint for problem in problems] == ["a variable is text; write ${env.N:integer}"]
    document = {**document, "parameters": {"n": {"type": "integer", "default": "${env.N}"}}}
    del document["steps"][0]["concurrency"]
    (problem,) = load(document, LoadOptions(env={"N": "2"})).problems.listed()
    assert (problem.code, "${env.NAME:integer:-80}" in problem.hint) == ("template-misplaced", True)


def bound(params: dict[str, Any], canary: str) -> tuple[Loaded, dict[str, BoundStep]]:
    """Bind one step that takes secrets."""
    steps = [{"id": "a", "kind": "login.test", "params": params}]
    loaded = load(
        {"name": "x", "steps": steps}, LoadOptions(secrets={"KEY": canary}, env={"HEADWATER_SECRET_OTHER": canary})
    )
    return loaded, bind_steps(loaded, KINDS, loaded.problems)


def test_gives_the_secret_only_to_its_param_when_declared() -> None:
    """The text is there for the step, and in no representation of anything."""
    canary = secrets.token_hex(8)
    params = {"token": "${secret.KEY}", "account": {"token": "${secret.OTHER}"}, "more": {"x": ["${secret.KEY}"]}}
    loaded, steps = bound(params, canary)
    loaded.problems.raise_if_any()
    instance = steps["a"].instance
    assert instance.token.get_secret_value() == canary
    assert instance.account.token.get_secret_value() == canary
    assert instance.more["x"][0].get_secret_value() == canary
    assert canary not in repr(loaded) + repr(steps) + str(steps["a"].params)
    assert steps["a"].params == params


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"token": "${secret.KEY}", "account": {"name": "${secret.KEY}"}}, "secret-misplaced"),
        ({"token": "${secret.KEY}", "anything": ["${secret.KEY}"]}, "secret-misplaced"),
        ({"token": "${secret.KEY} "}, "secret-misplaced"),
        ({"token": "${env.HEADWATER_SECRET_OTHER}"}, "secret-misplaced"),
        ({"token": "written"}, "secret-literal"),
        ({"token": "${secret.KEY}", "more": {"x": ["written"]}}, "secret-literal"),
        ({"token": "${secret.KEY}", "${secret.KEY}": 1}, "unknown-param"),
        ({"token": ["${secret.KEY}"]}, "secret-misplaced"),
        ({"token": "${secret.KEY}", "account": "${secret.KEY}"}, "secret-misplaced"),
    ],
)
def test_refuses_without_showing_it_when_a_secret_is_misplaced(params: dict[str, Any], code: str) -> None:
    """No problem shows the canary."""
    canary = secrets.token_hex(8)
    loaded, _ = bound(params, canary)
    problems = loaded.problems.listed()
    assert code in {problem.code for problem in problems}
    assert canary not in repr(problems)


def test_redacts_the_message_when_a_validator_shows_the_secret() -> None:
    """What the code of a kind says about a secret is not repeated."""
    loaded, _ = bound({"token": "${secret.KEY}"}, "zq7")
    assert [problem.code for problem in loaded.problems.listed()] == ["refused-value"]
    assert "zq7" not in repr(loaded.problems.listed())


def test_refuses_a_secret_outside_of_params() -> None:
    """In a condition it would be shown by every drawing of the plan, and never match."""
    steps = [{"id": "a", "kind": "text.lower"}, {"id": "b", "kind": "text.lower"}]
    edges = [{"from": "a", "to": "b", "when": {"eq": "${secret.KEY}"}}]
    with pytest.raises(ConfigError) as caught:
        Pipeline.load({"name": "x", "steps": steps, "edges": edges}, secrets={"KEY": "canary-4711"})
    assert [(one.code, one.path) for one in caught.value.problems] == [("secret-misplaced", "$.edges[0].when.eq")]
    assert "canary-4711" not in str(caught.value)


def test_refuses_a_number_in_a_string_when_it_has_too_many_digits() -> None:
    """Python does not write it, and that is a problem of the document like any other."""
    document = {"name": "x", "parameters": {"n": {"type": "integer"}}, "steps": [{"id": "a", "kind": "text.lower"}]}
    document["output"] = "a${parameters.n}"
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document, parameters={"n": 10**5_000})
    assert "template-type" in {one.code for one in caught.value.problems}


def test_names_no_variable_when_another_is_misspelled() -> None:
    """The author of a document does not learn what the environment of the operator holds."""
    document = {"name": "x${env.AWS_KEZ}", "steps": [{"id": "a", "kind": "say.same"}], "output": "${env.AWS_KEZ}"}
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document, env={"AWS_KEY": "canary"})
    assert "AWS_KEY" not in str(caught.value)


OF_ENVIRONMENT: dict[str, Any] = {
    "name": "x",
    "steps": [{"id": "a", "kind": "login.test", "params": {"token": "${secret.KEY}", "anything": "${env.PORT:-80}"}}],
}


def test_gives_the_environment_only_to_documents_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file is the operator's; the author of text or data may be anyone, and gets what the program gives."""
    monkeypatch.setenv("HEADWATER_SECRET_KEY", "canary-4711")
    monkeypatch.setenv("PORT", "8080")
    path = tmp_path / "document.json"
    path.write_text(json.dumps(OF_ENVIRONMENT), "utf-8")
    assert bound_of(Pipeline.load(path)) == ("canary-4711", "8080")
    assert bound_of(Pipeline.load(str(path))) == ("canary-4711", "8080")
    for load_it in (Pipeline.load, lambda document, **given: Pipeline.loads(json.dumps(document), **given)):
        with pytest.raises(ConfigError) as caught:
            load_it(OF_ENVIRONMENT)
        assert [(one.code, "env=os.environ" in one.hint) for one in caught.value.problems] == [("unknown-secret", True)]
        given = load_it(OF_ENVIRONMENT, secrets={"KEY": "from the program"})
        assert bound_of(given) == ("from the program", "80")
        assert bound_of(given.with_parameters()) == ("from the program", "80")
        assert bound_of(load_it(OF_ENVIRONMENT, env=os.environ).with_parameters()) == ("canary-4711", "8080")


def bound_of(pipeline: Pipeline) -> tuple[str, Any]:
    """Return what a step was given."""
    instance: Any = pipeline.compiled.graph.steps["a"].instance
    return instance.token.get_secret_value(), instance.anything


def test_says_that_a_document_in_a_program_has_no_environment() -> None:
    """The variable may well be set, so the message does not say that it is not."""
    document = {"name": "x", "steps": [{"id": "a", "kind": "stream.take", "params": {"n": "${env.HOME:integer}"}}]}
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-variable"
    assert problem.message == "there is no environment variable 'HOME' for a document that is given as text or data"
    assert problem.hint == "load it with env=os.environ if its author may see your environment"


def test_takes_a_path_in_one_place_and_text_in_another(tmp_path: Path) -> None:
    """A program that loads what a stranger sent never opens a file that the stranger names."""
    path = tmp_path / "secret.json"
    path.write_text('{"name": "opened", "steps": [{"id": "a", "kind": "text.upper"}]}', "utf-8")
    for text in (str(path), "", "[1]", "\ufeff/etc/hostname", "- name: x"):
        with pytest.raises(ConfigError) as caught:
            Pipeline.loads(text)
        assert [one.code for one in caught.value.problems] == ["unreadable"]
        assert "Pipeline.load(path)" in caught.value.problems[0].hint
        assert not text or text not in str(caught.value)
    with pytest.raises(ConfigError, match="found text of several lines") as caught:
        Pipeline.load("name: nepenthe\nsteps: []\n")
    assert "nepenthe" not in str(caught.value)
    anything: Any = b"{}"
    with pytest.raises(ConfigError, match="expected JSON text, found a bytes"):
        Pipeline.loads(anything)
    assert Pipeline.loads('\ufeff {"name": "x", "steps": [{"id": "a", "kind": "text.upper"}]}').name == "x"


@pytest.mark.parametrize("mark", ["", " \n", "\ufeff"])
def test_text_of_an_object_is_never_a_path(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` takes text that begins with a brace as `loads` does: without the environment."""
    monkeypatch.setenv("X", "a")
    text = mark + '{"name": "x", "steps": [{"id": "a", "kind": "text.strip", "params": {"chars": "%s"}}]}'
    assert Pipeline.load(text % "x").name == "x"
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(text % "${env.X}")
    assert [one.code for one in caught.value.problems] == ["unknown-variable"]


OF_VARIABLES: list[dict[str, Any]] = [
    {"steps": [{"id": "a", "kind": "text.upper", "concurrency": "${env.X}"}]},
    {"steps": [{"id": "a", "kind": "text.upper", "task": "${env.X}"}]},
    {"steps": [{"id": "a", "kind": "text.upper", "merge": "see ${env.X}"}]},
    {"steps": [{"id": "a", "kind": "text.upper", "timeout": "${env.X:object}"}]},
    {"steps": [{"id": "a", "kind": "text.upper"}], "output": "${env.X}"},
    {"steps": [{"id": "a", "kind": "text.upper"}], "output": ["a", "${env.X}"]},
    {"steps": [{"id": "a", "kind": "stream.take", "params": {"n": "${env.X}"}}]},
    {"steps": [{"id": "a", "kind": "stream.take", "params": {"n": ["${env.X}"]}}]},
    {"steps": [{"id": "a", "kind": "stream.take", "params": "${env.X:object}"}]},
    {"steps": [{"id": "a", "kind": "stream.pick", "params": {"fields": ["${env.X}", "${env.X}"]}}]},
    {"steps": [{"id": "a", "kind": "stream.pick", "params": {"fields": "${env.X:array}"}}]},
    {"steps": [{"id": "a", "kind": "stream.rename", "params": {"fields": "${env.X:object}"}}]},
    {"steps": [{"id": "a", "kind": "text.find", "params": {"pattern": "(a+)+${env.X}("}}]},
    {"steps": [{"id": "a", "kind": "stream.filter", "params": {"where": {"matches": "(${env.X}"}}}]},
    {"steps": [{"id": "a", "kind": "stream.filter", "params": {"where": {"eq": {"x": "${env.X}"}}}}]},
    {"steps": [{"id": "a", "kind": "stream.filter", "params": {"where": "${env.X:object}"}}]},
    {"steps": [{"id": "a", "kind": "source.http", "params": {"url": "${env.X}", "hosts": ["${env.X}", "b"]}}]},
    {"steps": [{"id": "a", "kind": "variables.odd", "params": {"mode": "${env.X}"}}]},
    {"steps": [{"id": "a", "kind": "variables.odd", "params": {"modes": {"a": ["${env.X}"]}}}]},
]
WHENS: list[Any] = [
    {"eq": "${env.X}"},
    {"all": [{"field": "a", "in": ["b", "to ${env.X}"]}, {"not": {"eq": {"deep": ["${env.X}"]}}}]},
    {"eq": "${env.X:object}"},
    {"in": "${env.X:array}"},
    {"eq": "${parameters.p}", "matches": "${env.X}["},
]
OF_VARIABLES += [
    {
        "steps": [{"id": "a", "kind": "text.upper"}, {"id": "b", "kind": "text.upper"}],
        "edges": [{"from": "a", "to": "b", "when": when}],
        "parameters": {"p": {"type": "string", "default": "q"}},
    }
    for when in WHENS
]
VALUES = [
    ("canary-4711-nepenthe", ["canary", "4711", "nepenthe"]),
    ("https://user:canary4711@nepenthe.example:8443/path", ["canary", "nepenthe", "8443"]),
    ('["canary-1", "canary-2"]', ["canary"]),
    ('{"canary-1": "canary-2", "1": ["canary"]}', ["canary"]),
    ("47110815", ["4711"]),
    ("Canary\n4711 'nepenthe' \\x", ["anary", "nepenthe"]),
]


class Odd(Step, kind="variables.odd"):
    mode: str = ""
    modes: dict[str, list[str]] = Field(default_factory=dict)

    @field_validator("mode")
    @classmethod
    def _check(cls, mode: str) -> str:
        if mode:
            msg = f"the host {mode.partition('@')[2] or mode!r} of {mode.upper()[:9]}... is odd"
            raise ValueError(msg)
        return mode

    @model_validator(mode="after")
    def _check_all(self) -> Odd:
        for modes in self.modes.values():
            msg = f"odd: {modes}"
            raise ValueError(msg)
        return self

    def run(self, text: str) -> str:
        return text


@pytest.mark.parametrize(("value", "parts"), VALUES)
def test_shows_no_value_of_a_variable_whatever_is_wrong(value: str, parts: list[str]) -> None:
    """Problems, plans, drawings and representations have the template in its place, and no part of the value."""
    for part in OF_VARIABLES:
        try:
            pipeline = Pipeline.load({"name": "x", **part}, env={"X": value})
            plan = pipeline.plan()
            views = [repr((pipeline, plan, pipeline.compiled.loaded, pipeline.compiled.options)), plan_json(plan)]
            styles: tuple[Any, ...] = ("mermaid", "dot", "svg", "text")
            views += [pipeline.to_json(), plan_text(plan), *map(pipeline.draw, styles)]
        except ConfigError as error:
            views = [str(error), repr(error.problems)]
        shown = "\n".join(views)
        assert [found for found in parts if found.lower() in shown.lower()] == [], (part, shown)


def test_shows_the_template_instead_of_the_value_of_a_variable() -> None:
    """What is wrong can be understood without the value: which variable it is, and what was expected."""
    steps = [
        {"id": "a", "kind": "text.upper", "concurrency": "${env.MANY}"},
        {"id": "b", "kind": "text.upper", "description": "${env.MANY}"},
        {"id": "c", "kind": "variables.odd", "params": {"mode": "${env.MANY}"}},
    ]
    with pytest.raises(ConfigError) as caught:
        Pipeline.load({"name": "x", "steps": steps}, env={"MANY": "nepenthe"})
    first, second = caught.value.problems
    assert first.message == "expected a whole number from 1 to 1024, found the value of '${env.MANY}'"
    assert first.hint == "a variable is text; write ${env.MANY:integer}"
    assert second.message == "the host '${env.MANY}' of ${env.MANY}... is odd"
    edges = [{"from": "a", "to": "b", "when": {"eq": "${env.MANY}", "ne": "${parameters.p}"}}]
    plain_steps = [{"id": "a", "kind": "text.upper"}, {"id": "b", "kind": "text.upper"}]
    parameters = {"p": {"type": "string", "default": "q"}}
    document = {"name": "x", "parameters": parameters, "steps": plain_steps, "edges": edges}
    (edge,) = [one for one in Pipeline.load(document, env={"MANY": "nepenthe"}).plan().edges if one.condition]
    assert edge.condition_text == {"eq": "${env.MANY}", "ne": "q"}
    assert edge.condition is not None
    assert (edge.condition("nepenthe"), edge.condition("${env.MANY}")) == (True, False)


@pytest.mark.parametrize(
    "value", ["v" * 100_000, ["v" * 1_000] * 100, {"k" * 50_000: ["v"] * 50_000}], ids=["text", "list", "object"]
)
def test_refuses_values_that_would_make_a_small_document_huge(value: Any) -> None:
    """A hundred uses of a large value are within the limit of a document; a thousand would take gigabytes."""
    kind = {str: "string", list: "array", dict: "object"}[type(value)]
    uses = {f"k{number}": "${parameters.p}" for number in range(50_000)}
    if kind == "string":
        uses |= {"text": "more than ${parameters.p}"}
    steps = [{"id": "a", "kind": "stream.set", "params": {"values": uses}}]
    document = {"name": "x", "parameters": {"p": {"type": kind}}, "steps": steps}
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document, {"p": value})
    assert [problem.code for problem in caught.value.problems] == ["too-large"]
    steps[0]["params"] = {"values": dict(list(uses.items())[:80])}
    assert Pipeline.load(document, {"p": value}).name == "x"


def test_parses_a_variable_once_however_often_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long list in a variable is read once, also when it is wrong."""
    parsed: list[str] = []
    monkeypatch.setitem(VALUE_PARSERS, "array", lambda text: parsed.append(text) or json.loads(text))
    uses = ["${env.X:array}", "${env.Y:array}"] * 100
    steps = [{"id": "a", "kind": "stream.set", "params": {"values": {"k": uses}}}]
    with pytest.raises(ConfigError):
        Pipeline.load({"name": "x", "steps": steps}, env={"X": "[1]", "Y": "[1"})
    assert parsed == ["[1]", "[1"]


@pytest.mark.parametrize("where", ["edge", "param"])
def test_log_has_no_value_of_a_variable_that_cannot_be_compared(where: str) -> None:
    """A variable without a type is text, which a number is never equal to: the likeliest mistake of all."""
    condition = {"field": "n", "gt": "${env.LEAST}"}
    steps: list[dict[str, Any]] = [{"id": "a", "kind": "stream.take", "params": {"n": 9}}]
    edges: list[Any] = ["input -> a"]
    if where == "edge":
        steps += [{"id": "b", "kind": "stream.count"}]
        edges += [{"from": "a", "to": "b", "when": condition}]
    else:
        steps += [{"id": "b", "kind": "stream.filter", "params": {"where": condition}}]
        edges += ["a -> b"]
    pipeline = Pipeline.load({"name": "x", "steps": steps, "edges": edges}, env={"LEAST": "4711"})
    with structlog.testing.capture_logs() as logged:
        run_sync(pipeline, iter([{"n": 5}, {"n": 6}]))
    (entry,) = logged
    assert "is a number, which 'gt' cannot compare with a string" in entry["event"]
    assert "4711" not in str(entry)
