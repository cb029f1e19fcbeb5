"""Errors as JSON and back: every public error of every package is the same on the other side."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from headwater import (
    HeadwaterError,
    Pipeline,
    PipelineFailure,
    StepError,
    StreamBrokenError,
    StreamEvent,
    StreamReader,
    StreamWriter,
    errors,
    step,
)
from headwater.errors import Problem
from tests.project.test_errors import drawn

PROBLEM = Problem("unknown-key", "unknown key 'x'", "$.x", file="a.json", line=1, column=2, hint="remove it")

SAMPLES: dict[str, tuple[Any, ...]] = {
    "ConfigError": ([PROBLEM, PROBLEM],),
    "StepDefinitionError": (PROBLEM,),
    "StepError": ("fetch", "TimeoutError: no answer"),
    "ExecutionTimeoutError": (2.5, "the rest"),
    "MissingExtraError": ("a virtual clock", "testing"),
    "StepTimeoutError": ("attempt_s", 2.5),
    "CircuitOpenError": ("it is open", 12.5),
    "MissingFieldError": ("nmae", {"name": "Ida"}, "look", 3),
    "FileRefusedError": ("../a.txt", "steps may read no file here"),
    "BadLineError": (Path("a.csv"), 7, "expected a value", 3),
    "DamagedFileError": (Path("a.gz"), "it is cut"),
    "ProgramError": ("sort", "ended with code 2", 2),
    "ProgramTimeoutError": ("sort", "took too long"),
    "HttpError": ("GET https://example.com/", "the connection broke"),
    "HttpRefusedError": ("GET https://example.com/", "the host is not allowed"),
    "HttpStatusError": ("GET https://example.com/", 503, "later", 30.0),
    "HttpBrokenError": ("GET https://example.com/", "the connection broke"),
    "HttpTimeoutError": ("GET https://example.com/", "no answer"),
    "BadEventError": (Path("e.jsonl"), 7, "it is empty"),
    "LoopLimitError": (100, 2.5),
    "NoCaseError": ("the number 3",),
    "ServerUnreachableError": ("http://127.0.0.1:8000", 30.0, "connection refused"),
}
"""The arguments of errors that take more than a message."""


def sample(name: str, package: str) -> HeadwaterError:
    """Return an error of a class, with a chain of causes."""
    cls = getattr(import_module(package), name)
    if name == "InvalidItemError":
        validation = import_module("headwater_steps.streams.validation")
        violation = validation.Violation(path="$.age", message="-3 is less than 0")
        error = cls(validation.RejectedItem(number=7, item={"age": -3}, violations=(violation,)))
    elif name in {"RequestRefusedError", "UnknownExecutionError"}:
        error = cls("there is no such execution", status=404, reason="unknown-execution")
    else:
        error = cls(*SAMPLES.get(name, ("it happened",)))
    error.__cause__ = StreamBrokenError("it broke", step_id="fetch")
    error.__cause__.__cause__ = KeyError("no entry")
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(("name", "package"), [("HeadwaterError", "headwater"), *((n, p) for n, _, p in drawn())])
def test_error_is_the_same_when_it_was_json(name: str, package: str, as_text: bool) -> None:
    """Its class, message, values and causes: nothing of what was sent is lost."""
    error = sample(name, package)
    sent = json.dumps(error.to_json())
    read = HeadwaterError.from_json(sent if as_text else json.loads(sent))
    assert isinstance(read, type(error))
    assert type(read).__name__ == name
    assert (read.code, str(read)) == (error.code, str(error))
    assert json.loads(json.dumps(read.to_json())) == json.loads(sent)
    assert json.loads(json.dumps(HeadwaterError.from_json(read.to_json()).to_json())) == json.loads(sent)
    cause = read.__cause__
    assert isinstance(cause, StreamBrokenError)
    assert isinstance(cause.__cause__, KeyError)
    values = {key: value for key, value in vars(error).items() if isinstance(value, str | int | float)}
    assert {key: getattr(read, key) for key in values} == values


def test_error_of_an_unknown_class_keeps_its_code_and_values() -> None:
    """A program that has not imported a package, or another version, still learns what happened."""
    data = {"code": "acme-quota", "message": "too much", "limit": 7, "causes": []}
    error = HeadwaterError.from_json(data)
    assert type(error) is HeadwaterError
    assert (error.code, str(error), vars(error)["limit"]) == ("acme-quota", "too much", 7)
    assert error.to_json() == data
    assert HeadwaterError("other").code == "headwater"


def test_problems_and_paths_are_what_they_were() -> None:
    """They have their own classes, not those of JSON."""
    config = HeadwaterError.from_json(errors.ConfigError(PROBLEM).to_json())
    assert isinstance(config, errors.ConfigError)
    assert config.problems == (PROBLEM,)
    step = HeadwaterError.from_json(StepError("a", "b: c", attempt=2, path=["outer", "a"]).to_json())
    assert isinstance(step, StepError)
    assert (step.path, step.message, step.attempt) == (("outer", "a"), "b: c", 2)


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "7",
        "{",
        {},
        {"code": "step"},
        {"code": 7, "message": "x"},
        {"code": "x", "message": "y", "causes": [7]},
        {"code": "x", "message": "y", "causes": 7},
    ],
)
def test_anything_else_is_refused(data: Any) -> None:
    """With one class of errors, whatever is wrong."""
    with pytest.raises(ValueError, match=r"error|Expecting"):
        HeadwaterError.from_json(data)


@pytest.mark.parametrize("name", ["__class__", "args", "to_json", "with_traceback", "__cause__", "from_json", "a b"])
def test_values_cannot_replace_what_errors_have(name: str) -> None:
    """An error from elsewhere may be hostile."""
    error = HeadwaterError.from_json({"code": "step", "message": "x", name: "evil"})
    assert isinstance(error, StepError)
    assert "evil" not in vars(error).values()
    assert error.to_json()["message"] == "x"


@pytest.mark.parametrize(("name", "package"), [(n, p) for n, _, p in drawn()])
async def test_error_of_a_writer_is_the_cause_in_the_reader(name: str, package: str) -> None:
    """A break carries the error, with its values and causes."""
    error = sample(name, package)

    async def chunks() -> AsyncIterator[bytes]:
        yield StreamWriter().write_break(error)

    with pytest.raises(StreamBrokenError) as caught:
        await anext(aiter(StreamReader(chunks()).read_items()))
    cause = caught.value.__cause__
    assert isinstance(cause, type(error))
    sent = json.loads(json.dumps(error.to_json()))
    assert {key: value for key, value in cause.to_json().items() if key in sent} == sent


@step("errors.refuse")
async def refuse(number: int) -> int:
    """Raise an error with a cause."""
    raise errors.StreamConsumedError(f"number {number}") from KeyError("none")


async def test_error_is_the_same_through_every_door() -> None:
    """The program that ran it, its result, and the event that another program reads."""
    seen: list[bytes] = []
    with pytest.raises(StepError) as caught:
        pipeline = Pipeline("refuse", steps={"refuse": refuse})
        await pipeline.run(1, subscribers=[lambda event: seen.append(event.to_json())])
    error = caught.value
    failure = StreamEvent.from_json(seen[-1]).data
    assert isinstance(failure, PipelineFailure)
    assert failure.error is not None
    read = HeadwaterError.from_json(failure.error)
    assert read.to_json() == error.to_json() == error.result.error.to_json()
    assert isinstance(read, StepError)
    assert isinstance(read.__cause__, errors.StreamConsumedError)
    assert isinstance(read.__cause__.__cause__, KeyError)
