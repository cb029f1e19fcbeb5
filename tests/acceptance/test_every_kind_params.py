"""The params of every kind that ships: what is wrong with them is told when a document is loaded, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ConfigError, Pipeline
from tests.acceptance.samples import ALLOW, SAMPLES, definition_of, document_of

KINDS = list(SAMPLES)


def problems_of(kind: str, params: dict[str, Any], *, without: str = "") -> list[tuple[str, str]]:
    """Return path and message of what is wrong with params of a kind."""
    document = document_of(kind, params)
    document["steps"][0]["params"].pop(without, None)
    with pytest.raises(ConfigError) as refusal:
        Pipeline.load(
            document,
            {"files": "files", "out": "out", "url": "http://127.0.0.1", "remote": "http://127.0.0.1"},
            allow=ALLOW,
        )
    return [(problem.path, problem.message) for problem in refusal.value.problems]


@pytest.mark.parametrize("kind", KINDS)
def test_refuses_wrong_params_when_loaded(kind: str) -> None:
    """A value that makes no sense is told with its place in the document."""
    params, end, message = SAMPLES[kind].bad_params
    ((path, reported),) = problems_of(kind, params)
    assert path == f"$.steps[0].params{end}"
    assert message in reported


@pytest.mark.parametrize("kind", KINDS)
def test_refuses_unknown_params(kind: str) -> None:
    """A misspelled param is told with its place, whatever else there is."""
    ((path, reported),) = problems_of(kind, {"no_such_param": 1})
    assert path == "$.steps[0].params.no_such_param"
    assert "unknown param 'no_such_param'" in reported


PARAMS = [(kind, name) for kind in KINDS for name in definition_of(kind).params_model.model_fields]


@pytest.mark.parametrize(("kind", "name"), PARAMS)
def test_refuses_a_param_of_another_type(kind: str, name: str) -> None:
    """Each param has a type, and what is not of it is told with its place."""
    found: list[str] = []
    for wrong in ({"\n": object.__name__}, [[None]], -0.5):
        try:
            problems = problems_of(kind, {name: wrong})
        except pytest.fail.Exception:
            continue
        found += [path for path, _ in problems]
    assert found
    assert all(path.startswith(f"$.steps[0].params.{name}") or path == "$.steps[0].params" for path in found)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, name in PARAMS if definition_of(kind).params_model.model_fields[name].is_required()],
)
def test_asks_for_params_that_are_missing(kind: str, name: str) -> None:
    """A param without a default has to be there, and the message names it."""
    problems = problems_of(kind, {}, without=name)
    assert [path for path, message in problems if name in message] == [f"$.steps[0].params.{name}"]
