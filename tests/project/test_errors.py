"""The tree of errors in `headwater/errors.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from headwater import HeadwaterError, errors
from headwater_server import Refusal
from tests.project.sources import modules

PACKAGES = ("headwater", "headwater_steps", "headwater_subscribers", "headwater_server", "headwater_client")
STARTED = {"headwater.cli.__main__", "headwater.running.workers.process_main"}  # they run when they are imported
BRANCH = re.compile(r"(?P<indent>[│ ]*)[├└]── (?P<name>\w+)")


def drawn() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the parent and the package of each error of the drawing below its root."""
    package, parents = "headwater", ["HeadwaterError"]
    for line in (errors.__doc__ or "").splitlines():
        if (heading := re.fullmatch(r"│   (headwater[\w.]*)", line)) is not None:
            package = heading[1]
        elif (branch := BRANCH.match(line)) is not None:
            depth = len(branch["indent"]) // 4
            parents[depth + 1 :] = [branch["name"]]
            yield branch["name"], parents[depth], package


def classes(package: str) -> Iterator[type[BaseException]]:
    """Yield the exception classes of a package that other modules may import."""
    for name in modules(package).keys() - STARTED:
        for value in vars(import_module(name)).values():
            is_error = isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == name
            if is_error and not value.__name__.startswith("_"):
                yield value


def is_internal(error: type[BaseException]) -> bool:
    """Return whether a class is marked as one that never leaves its package."""
    return (error.__doc__ or "").startswith("Internal: ")


def parent(error: type[BaseException]) -> str:
    """Return the name of the class that an error stands below, private classes left out."""
    return next(base.__name__ for base in error.__mro__[1:] if not base.__name__.startswith("_"))


def test_drawing_equals_the_classes() -> None:
    """The tree in the docstring has every public error of every package below its parent, and no other."""
    public = [error for package in PACKAGES for error in classes(package) if not is_internal(error)]
    public.remove(Refusal)  # how a request is answered, which is no error of the program
    found = {(error.__name__, parent(error)) for error in public}
    assert {(name, above) for name, above, _ in drawn()} == found - {("HeadwaterError", "Exception")}


@pytest.mark.parametrize(("name", "package"), [(name, package) for name, _, package in drawn()])
def test_error_is_exported_when_it_is_drawn(name: str, package: str) -> None:
    """A program imports each error from the package under whose heading it is drawn."""
    face = import_module(package)
    assert name in face.__all__
    assert issubclass(getattr(face, name), HeadwaterError)


def test_every_error_has_a_code_of_its_own() -> None:
    """A program in any language distinguishes errors by their codes, which stay as they are."""
    codes = {error.__name__: getattr(error, "code", None) for package in PACKAGES for error in classes(package)}
    public = {name: codes[name] for name, _, _ in drawn()}
    assert len(set(public.values())) == len(public)
    assert all(isinstance(code, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in public.values())
    named = ("StepError", "ExecutionCancelled", "FrameTypeError", "HttpStatusError")
    assert [public[name] for name in named] == ["step", "execution-cancelled", "frame-type", "http-status"]


def test_error_becomes_json_with_its_values_and_causes() -> None:
    """What a program gets can be sent: attributes that are simple values, and the chain of causes."""
    try:
        try:
            raise KeyError("no entry")
        except KeyError as cause:
            raise errors.StreamBrokenError("it broke", step_id="fetch") from cause
    except errors.StreamBrokenError as raised:
        error = errors.StepError("join", "StreamBrokenError: it broke", attempt=2)
        error.__cause__ = raised
    assert json.loads(json.dumps(error.to_json())) == {
        "code": "step",
        "message": "step 'join' failed (attempt 2): StreamBrokenError: it broke",
        "step_id": "join",
        "attempt": 2,
        "path": ["join"],
        "causes": [
            {"type": "StreamBrokenError", "message": "it broke", "code": "stream-broken"},
            {"type": "KeyError", "message": "'no entry'", "code": None},
        ],
    }
    problems = errors.ConfigError(errors.Problem("unknown-key", "unknown key 'x'", "$.x", file="a.json", line=1))
    assert problems.to_json()["problems"][0]["code"] == "unknown-key"


def test_chain_of_causes_ends_when_it_is_a_circle() -> None:
    """An error that is its own cause is listed once."""
    first, second = errors.StreamError("first"), errors.StreamError("second")
    first.__cause__, second.__cause__ = second, first
    assert [cause["message"] for cause in first.to_json()["causes"]] == ["second"]
