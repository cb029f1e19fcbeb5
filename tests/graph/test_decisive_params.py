"""Params that decide what a step may reach or run: none of them gets its value from a parameter without notice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from headwater import ConfigError, Pipeline, step
from headwater.toolkit import Decisive, decided_by_parameters

HOSTS = {"hosts": "${parameters.hosts}", "url": "https://example.com/"}
GIVEN = {"hosts": ["example.com"], "host": "example.com", "program": "sort", "argv": ["sort"], "page": "a", "env": {}}
TYPES = {"hosts": "array", "host": "string", "program": "string", "argv": "array", "page": "string", "env": "object"}


@step("decisive.door")
def door(name: str, *, key: Annotated[str, Decisive()] = "", label: str = "") -> str:
    """Declare a param that decides."""
    return f"{name} {key} {label}"


def pipeline(steps: list[dict[str, Any]], given: dict[str, Any] | None = None) -> Pipeline:
    """Return a pipeline with parameters of every type."""
    parameters = {name: {"type": type_} for name, type_ in TYPES.items()}
    document = {"name": "decisive", "parameters": parameters, "steps": steps}
    return Pipeline.load(document, GIVEN | (given or {}), allow={"process"})


def found(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the places of what parameters decide, with the messages."""
    problems = decided_by_parameters(pipeline(steps))
    assert {problem.code for problem in problems} <= {"parameter-decides"}
    return [(problem.path, problem.message) for problem in problems]


def http(**params: Any) -> dict[str, Any]:
    """Return a step that sends a request."""
    return {"id": "get", "kind": "source.http", "params": {"hosts": ["example.com"], "url": "https://a.b/"} | params}


def program(**params: Any) -> dict[str, Any]:
    """Return a step that runs a program."""
    return {"id": "run", "kind": "process.run", "params": {"argv": ["sort"]} | params}


@pytest.mark.parametrize(
    ("written", "param"),
    [
        (http(url="https://example.com/${parameters.page}"), ""),
        (http(url="${parameters.page}", headers={"x": "${parameters.page}"}), ""),
        (http(hosts="${parameters.hosts}"), "hosts"),
        (http(hosts=["api.example.com", "${parameters.host}"]), "hosts"),
        (http(hosts=["*.${parameters.host}"]), "hosts"),
        (http(hosts=["example.com"], url="$${parameters.host}"), ""),
        (program(argv=["sort", "${parameters.page}"]), ""),
        (program(argv=["${parameters.program}"]), "argv"),
        (program(argv=["/usr/bin/${parameters.program}"]), "argv"),
        (program(argv="${parameters.argv}"), "argv"),
        (program(env={"LEVEL": "${parameters.page}"}), ""),
        (program(env="${parameters.env}"), "env"),
        (program(cwd="${parameters.page}"), "cwd"),
        (program(inherit_env=["${parameters.page}"]), "inherit_env"),
        ({"id": "d", "kind": "decisive.door", "params": {"label": "${parameters.page}"}}, ""),
        ({"id": "d", "kind": "decisive.door", "params": {"key": "a${parameters.page}b"}}, "key"),
    ],
)
def test_finds_the_param_when_a_parameter_decides(written: dict[str, Any], param: str) -> None:
    """Hosts, programs and their environment count wherever the template stands; other params do not."""
    places = [place for place, _ in found([written])]
    assert places == ([f"$.steps[0].params.{param}"] if param else [])


def test_names_the_parameter_and_the_step() -> None:
    """The message says who decides what."""
    ((_, message),) = found([http(hosts=["${parameters.host}", "${parameters.page}"])])
    assert message == "whoever gives the parameter 'host', 'page' decides hosts of the step 'get'"


def test_searches_steps_in_policies() -> None:
    """A fallback and a compensation are steps, too."""
    fallback = {"kind": "process.run", "params": {"argv": ["${parameters.program}"]}}
    steps = [{"id": "upper", "kind": "text.upper", "on_error": {"fallback": fallback}, "compensate": fallback}]
    assert [place for place, _ in found(steps)] == [
        "$.steps[0].on_error.fallback.params.argv",
        "$.steps[0].compensate.params.argv",
    ]


def nested(given: Any, inner: dict[str, Any]) -> dict[str, Any]:
    """Return a step with a pipeline inside."""
    document = {"name": "inner", "parameters": {"h": {"type": "array"}, "p": {"type": "string"}}, "steps": [inner]}
    return {"id": "in", "kind": "control.pipeline", "params": {"pipeline": document, "parameters": given}}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"h": "${parameters.hosts}", "p": "a"}, "$.steps[0].params.parameters.h"),
        ({"h": ["${parameters.host}"], "p": "a"}, "$.steps[0].params.parameters.h"),
        ({"h": ["example.com"], "p": "${parameters.page}"}, ""),
    ],
)
def test_follows_parameters_into_nested_pipelines(given: Any, place: str) -> None:
    """What counts is whether a parameter of the outer document reaches the param."""
    inner = http(hosts="${parameters.h}", url="https://example.com/${parameters.p}")
    places = [found_place for found_place, _ in found([nested(given, inner)])]
    assert places == ([place] if place else [])


def test_follows_parameters_given_as_a_whole() -> None:
    """An object with all parameters of a nested pipeline decides whatever they decide."""
    inner = http(hosts="${parameters.h}")
    steps = [nested("${parameters.env}", inner)]
    problems = decided_by_parameters(pipeline(steps, {"env": {"h": ["example.com"], "p": "a"}}))
    assert [problem.path for problem in problems] == ["$.steps[0].params.parameters"]


def test_finds_a_pipeline_that_a_parameter_gives() -> None:
    """A document that comes as a parameter would run with the permissions of the one around it."""
    steps = [{"id": "in", "kind": "control.pipeline", "params": {"pipeline": "${parameters.env}"}}]
    inner = {"name": "any", "steps": [{"id": "n", "kind": "stream.count"}]}
    (problem,) = decided_by_parameters(pipeline(steps, {"env": inner}))
    assert (problem.path, problem.code) == ("$.steps[0].params.pipeline", "parameter-decides")
    assert "which pipeline the step 'in' runs" in problem.message


def test_has_the_line_when_the_document_is_a_file(tmp_path: Path) -> None:
    """A problem of a file has line and column."""
    file = tmp_path / "get.json"
    document = {"name": "get", "parameters": {"hosts": {"type": "array"}}, "steps": [http(hosts="${parameters.hosts}")]}
    file.write_text(json.dumps(document, indent=1))
    (problem,) = decided_by_parameters(Pipeline.load(file, {"hosts": ["example.com"]}))
    assert problem.line is not None
    assert '"hosts": "${parameters.hosts}"' in file.read_text().splitlines()[problem.line - 1]


def test_finds_nothing_in_a_pipeline_that_is_written_in_python() -> None:
    """A program gives values, not templates."""
    assert decided_by_parameters(Pipeline("doors", steps={"door": door.with_params(key="${parameters.x}")})) == []


@pytest.mark.parametrize(
    "policy",
    [
        {"on_error": "${parameters.env}"},
        {"on_error": {"fallback": "${parameters.env}"}},
        {"compensate": "${parameters.env}"},
    ],
)
def test_refuses_a_step_that_a_template_gives(policy: dict[str, Any]) -> None:
    """The kind of a step is written in the document, also in a policy."""
    kind = {"kind": "process.run", "params": {"argv": ["id"]}}
    value = {"fallback": kind} if policy.get("on_error") == "${parameters.env}" else kind
    with pytest.raises(ConfigError) as caught:
        pipeline([{"id": "upper", "kind": "text.upper", **policy}], {"env": value})
    assert [problem.code for problem in caught.value.problems] == ["template-misplaced"]


def test_a_policy_that_is_not_a_step_may_be_a_template() -> None:
    """What happens on an error may be chosen by a parameter."""
    steps = [{"id": "upper", "kind": "text.upper", "on_error": "${parameters.page}"}]
    assert pipeline(steps, {"page": "skip_item"}).name == "decisive"
    steps = [{"id": "upper", "kind": "text.upper", "on_error": "${parameters.env}"}]
    assert pipeline(steps, {"env": {"value": "x"}}).name == "decisive"
