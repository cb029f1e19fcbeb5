# ruff: noqa: D103 - most functions here are steps, the subject of the tests
"""A step joined with its params, and the function that runs it with nothing but its inputs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import wraps
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from headwater.kinds import Step, StepContext, bind, callable_of, step


@step("binding.plain")
def plain(text: str) -> str:
    return text


@step("binding.repeat")
def repeat(text: str, *, times: int = 2, since: date | None = None, key: SecretStr | None = None) -> str:
    return text * times


@step("binding.required")
def required(text: str, *, times: int) -> str:
    return text * times


@step("binding.hook")
def hooked(text: str, *, hook: Callable[[str], str] = str.upper) -> str:
    return hook(text)


class Prefix(Step, kind="binding.prefix"):
    prefix: str
    path: Path = Path("x")

    def run(self, text: str) -> str:
        return self.prefix + text


def run(bound: Any, *inputs: Any, **options: Any) -> Any:
    return callable_of(bound, bound.definition.methods[0], **options)(*inputs)


def test_binds_a_function_without_params() -> None:
    """Without params there is nothing to make, and the function itself is run."""
    bound = bind(plain)
    assert bind(plain) is bound
    assert callable_of(bound, bound.definition.methods[0]) is plain.__wrapped__
    assert (bound.params, bound.arguments, bound.instance) == ({}, {}, None)


@pytest.mark.parametrize(
    ("target", "params", "result", "document"),
    [
        (repeat, {}, "aa", {}),
        (repeat, {"times": "3"}, "aaa", {"times": 3}),
        (repeat.with_params(times=3), None, "aaa", {"times": 3}),
        (repeat.with_params(times=3), {"since": "2026-11-21"}, "aaa", {"times": 3, "since": "2026-11-21"}),
        (repeat.with_params(times=3), {"times": 1}, "a", {"times": 1}),
        (repeat, {"key": "canary"}, "aa", {"key": "**********"}),
        (required.with_params(times=1), None, "a", {"times": 1}),
        (Prefix, {"prefix": ">"}, ">a", {"prefix": ">"}),
        (Prefix(prefix=">", path=Path("y")), None, ">a", {"prefix": ">", "path": "y"}),
    ],
)
def test_binds_params(target: Any, params: Any, result: str, document: dict[str, Any]) -> None:
    """Params are validated; what was given, and only that, is there again as a document would say it."""
    bound = bind(target, params)
    assert run(bound, "a") == result
    assert bound.params == document


def test_keeps_the_document_it_is_given() -> None:
    """A loader keeps the params as they were written, templates and all."""
    for target in (repeat, Prefix):
        params = {"times": 3} if target is repeat else {"prefix": ">"}
        assert bind(target, params, document={"key": "${secret.KEY}"}).params == {"key": "${secret.KEY}"}


def test_takes_params_that_no_document_can_say() -> None:
    """In Python a param may be anything; then there is no way back to JSON, and nothing pretends so."""
    bound = bind(hooked.with_params(hook=str.title))
    assert run(bound, "ab") == "Ab"
    assert bound.params == {"hook": str.title}


@pytest.mark.parametrize(
    ("target", "params"),
    [(required, {}), (required, None), (plain, {"x": 1}), (repeat, {"tiems": 1}), (Prefix, None), (Prefix, {"x": ""})],
)
def test_refuses_wrong_params(target: Any, params: Any) -> None:
    """Missing, unknown and wrong params are told by pydantic, for the caller to place them in its document."""
    with pytest.raises(ValidationError):
        bind(target, params)


def test_refuses_params_for_an_instance() -> None:
    """An instance has its params."""
    with pytest.raises(TypeError, match="Prefix already has its params; give path to its constructor"):
        bind(Prefix(prefix=">"), {"path": "y"})


def test_makes_an_instance_for_each_step() -> None:
    """Two steps of one class share no resource."""
    assert bind(Prefix, {"prefix": ">"}).instance is not bind(Prefix, {"prefix": ">"}).instance


@given(st.integers(0, 5), st.booleans())
def test_gives_back_what_it_took(times: int, with_date: bool) -> None:
    """Binding the params of a bound step again gives the same step."""
    given_params: dict[str, Any] = {"times": times}
    if with_date:
        given_params["since"] = date(2026, 1, 1) + timedelta(days=times)
    bound = bind(repeat, given_params)
    again = bind(repeat, dict(bound.params))
    assert (again.arguments, again.params) == (bound.arguments, bound.params)


# ---------------------------------------------------------------- inputs, context and params in any order


ANY_CONTEXT = StepContext("", "")


def context_first(ctx: StepContext, left: Any = None, right: Any = None, *, mark: str = "") -> Any:
    return ctx.step_id, left, right, mark


def context_between(left: Any, ctx: StepContext, right: Any = None, *, mark: str = "") -> Any:
    return ctx.step_id, left, right, mark


def context_last(left: Any, right: Any = None, ctx: StepContext = ANY_CONTEXT, *, mark: str = "") -> Any:
    return ctx.step_id, left, right, mark


def context_keyword(left: Any, right: Any = None, *, ctx: StepContext, mark: str = "") -> Any:
    return ctx.step_id, left, right, mark


FUNCTIONS: list[Any] = [context_first, context_between, context_last, context_keyword]
STEPS = [step(f"binding.{function.__name__}")(function) for function in FUNCTIONS]


class WithContext(Step, kind="binding.context_class"):
    mark: str = ""

    def run(self, left: Any, ctx: StepContext, right: Any = None) -> Any:
        return ctx.step_id, left, right, self.mark


@pytest.mark.parametrize("target", [*STEPS, WithContext], ids=lambda target: target.kind)
@pytest.mark.parametrize("mark", ["", "!"])
@pytest.mark.parametrize(
    ("ports", "inputs", "seen"),
    [
        (None, (1, 2), (1, 2)),
        (["left", "right"], (1, 2), (1, 2)),
        (["right", "left"], (1, 2), (2, 1)),
        (["left"], (1,), (1, None)),
    ],
)
def test_takes_the_inputs_by_position(target: Any, mark: str, ports: Any, inputs: Any, seen: Any) -> None:
    """Wherever the context stands and whichever ports are connected, the inputs are given by position."""
    context = StepContext("execution", "here")
    bound = bind(target, {"mark": mark} if mark else None)
    assert run(bound, *inputs, context=context, ports=ports) == ("here", *seen, mark)


def test_leaves_out_an_input_in_the_middle() -> None:
    """A port with a default that is not connected keeps its default, also before others that are."""

    @step("binding.three")
    def three(left: int, middle: int = 5, right: int = 7) -> list[int]:
        return [left, middle, right]

    assert run(bind(three), 1, 2, ports=["left", "right"]) == [1, 5, 2]


def test_calls_a_configured_function_as_fast_as_itself() -> None:
    """Params are defaults of a copy, so that a call passes nothing but the item; the function itself keeps its own."""
    bound = bind(repeat, {"times": 3})
    configured = callable_of(bound, bound.definition.methods[0])
    assert isinstance(configured, FunctionType)
    assert (configured("a"), repeat("a")) == ("aaa", "aa")


@pytest.mark.parametrize("target", [*STEPS, WithContext], ids=lambda target: target.kind)
def test_gives_the_context_as_fast_as_nothing(target: Any) -> None:
    """A context that comes last is a default of a copy too, also of a method; elsewhere it is given with each call."""
    context, bound = StepContext("execution", "here"), bind(target)
    method = bound.definition.methods[0]
    configured = callable_of(bound, method, context=context, ports=["left"])
    is_last = method.context_index in {None, 2}
    assert isinstance(configured, FunctionType | MethodType) is is_last
    assert configured(1) == ("here", 1, None, "")


def test_configures_a_function_that_another_one_wraps() -> None:
    """What takes any arguments gets its params by name."""

    def loud(function: Callable[..., str]) -> Callable[..., str]:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> str:
            return function(*args, **kwargs).upper()

        return wrapped

    @step("binding.wrapped")
    @loud
    def echo(text: str, *, times: int = 1) -> str:
        return text * times

    assert run(bind(echo, {"times": 2}), "a") == "AA"
