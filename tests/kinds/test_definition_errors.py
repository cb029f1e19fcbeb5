# ruff: noqa: D103 - most functions here are steps, the subject of the tests
# pyright: basic, reportReturnType=false, reportGeneralTypeIssues=false, reportUndefinedVariable=false
# pyright: reportInvalidTypeForm=false, reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false
"""Steps that are declared wrongly: each mistake has a code, a place and a hint, and all are told at once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any

import pytest

from headwater.errors import Problem, StepDefinitionError
from headwater.kinds import Emits, Flavor, Outputs, Step, StepContext, Task, To, step
from headwater.streams import Footer, Header, Stream, StreamType

TASK = Task("echo", unary_input=str, stream_input=str, unary_output=str, stream_output=StreamType(str, int))


class Empty(Outputs): ...


class Defaulted(Outputs):
    accepted: int
    rejected: int = 3


class Headed(Outputs):
    accepted: int
    rejected: Stream[str, float]


class Iterated(Outputs):
    accepted: Iterator[int]


class Confused(Outputs):
    accepted: Stream[str, str]


class Unknown(Outputs):
    accepted: Nowhere  # noqa: F821 - the mistake under test


# ---------------------------------------------------------------- functions, by the codes they are refused with


def no_return(text: str): ...  # noqa: ANN201 - the mistake under test
def no_annotation(text, *, limit) -> str: ...  # noqa: ANN001 - the mistake under test
def unresolved(text: Nowhere, *, limit: Missing) -> Gone: ...  # noqa: F821 - the mistake under test
def no_type(text: any) -> [int]: ...
def variadic(*texts: str, **params: int) -> str: ...
def underscored(text: str, *, _limit: int = 3) -> str: ...
def taken_by_pydantic(text: str, *, model_config: int, model_fields: int) -> str: ...
def stream_as_param(text: str, *, other: Stream[str]) -> str: ...
def unknown_param(text: str, *, other: StepDefinitionError) -> str: ...
def two_contexts(text: str, one: StepContext, *, other: StepContext) -> str: ...
def context_without_name(ctx: StepContext, text: str, /) -> str: ...
def optional_without_name(text: str = "", /) -> str: ...
def größe(größe: str) -> str: ...  # noqa: PLC2401 - the mistake under test
def taken_by_merge(policy: str) -> str: ...
def returns_stream(text: str) -> Stream[str]: ...
def sync_stream(words: Stream[str]) -> int: ...
def sync_async_iterator(words: AsyncIterator[str]) -> int: ...
def nested(words: list[Stream[str]]) -> int: ...
def disagrees(text: str) -> Annotated[Iterator[str], StreamType(int)]: ...
def bare_outputs(text: str) -> Outputs: ...
def empty_outputs(text: str) -> Empty: ...
def defaulted_outputs(text: str) -> Defaulted: ...
def headed_outputs(text: str) -> Headed: ...
def iterated_outputs(text: str) -> Iterated: ...
def unknown_outputs(text: str) -> Unknown: ...


def generator_of_value(text: str) -> str:
    yield text


def generator_of_async(text: str) -> Emits[str]:
    yield text


async def coroutine_of_iterator(text: str) -> AsyncIterator[str]: ...
async def async_iterable(words: Iterable[str]) -> int: ...


async def stream_returned(text: str) -> Stream[str]:
    yield text


async def async_generator_of_value(text: str) -> list[str]:
    yield text


async def async_generator_of_iterator(text: str) -> Iterator[str]:
    yield text


async def same_header(text: str) -> Emits[str, str]:
    yield text


async def same_footer(text: str) -> Emits[str, int, int]:
    yield text


async def same_frames(text: str) -> Emits[str, str, str]:
    yield text


async def header_of_outputs(text: str) -> Emits[Headed, int]:
    yield To("accepted", 1)


async def confused_outputs(text: str) -> AsyncIterator[Confused]:
    yield To("accepted", "")


async def many(text, *others: str, limit: Missing, ctx: list[Stream[int]]):  # noqa: ANN001, ANN201, F821 - all the mistakes under test
    yield text


FUNCTIONS: list[tuple[Callable[..., Any], list[str]]] = [
    (no_return, ["missing-return"]),
    (no_annotation, ["missing-annotation", "missing-annotation"]),
    (unresolved, ["unknown-annotation", "unknown-annotation", "unknown-annotation"]),
    (no_type, ["unknown-annotation", "unknown-annotation"]),
    (variadic, ["variadic-parameter", "variadic-parameter"]),
    (underscored, ["param-name"]),
    (taken_by_pydantic, ["param-name", "param-name"]),
    (stream_as_param, ["stream-param"]),
    (unknown_param, ["param-type"]),
    (two_contexts, ["duplicate-context"]),
    (context_without_name, ["positional-only"]),
    (optional_without_name, ["positional-only"]),
    (größe, ["port-name"]),
    (taken_by_merge, ["port-name"]),
    (returns_stream, ["returned-stream"]),
    (sync_stream, ["sync-stream"]),
    (sync_async_iterator, ["async-iterable"]),
    (nested, ["nested-stream"]),
    (disagrees, ["stream-type"]),
    (bare_outputs, ["empty-outputs"]),
    (empty_outputs, ["empty-outputs"]),
    (defaulted_outputs, ["output-default"]),
    (headed_outputs, ["unary-outputs"]),
    (iterated_outputs, ["wrong-output"]),
    (unknown_outputs, ["unknown-annotation"]),
    (generator_of_value, ["wrong-return"]),
    (generator_of_async, ["wrong-return"]),
    (coroutine_of_iterator, ["wrong-return"]),
    (async_iterable, ["async-iterable"]),
    (stream_returned, ["returned-stream"]),
    (async_generator_of_value, ["wrong-return"]),
    (async_generator_of_iterator, ["wrong-return"]),
    (same_header, ["ambiguous-header"]),
    (same_footer, ["ambiguous-footer"]),
    (same_frames, ["ambiguous-footer", "ambiguous-header"]),
    (header_of_outputs, ["outputs-header"]),
    (confused_outputs, ["ambiguous-header"]),
    (many, ["missing-annotation", "missing-return", "stream-param", "unknown-annotation", "variadic-parameter"]),
]


def problems_of(define: Callable[[], Any]) -> tuple[Problem, ...]:
    with pytest.raises(StepDefinitionError) as caught:
        define()
    return caught.value.problems


def assert_complete(problems: tuple[Problem, ...], line: int) -> None:
    for problem in problems:
        assert problem.file == __file__
        assert problem.line == line
        assert problem.message.startswith("step '")
        assert problem.hint


@pytest.mark.parametrize(("function", "codes"), FUNCTIONS, ids=lambda case: getattr(case, "__name__", None))
def test_refuses_a_function_that_cannot_be_a_step(function: Callable[..., Any], codes: list[str]) -> None:
    """Every mistake of a function is told, with its code, its line and what to write instead."""
    problems = problems_of(lambda: step("test.wrong")(function))
    assert sorted(problem.code for problem in problems) == codes
    assert_complete(problems, function.__code__.co_firstlineno)


def a_plain(text: str) -> str: ...
def a_reader(words: Iterable[str]) -> int: ...
async def an_async(text: str) -> str: ...


@pytest.mark.parametrize(
    ("function", "options", "codes"),
    [
        (an_async, {"blocking": True}, ["async-blocking"]),
        (an_async, {"cpu": True}, ["async-cpu"]),
        (a_plain, {"blocking": True, "cpu": True}, ["blocking-and-cpu"]),
        (a_plain, {"task": TASK}, []),
        (a_reader, {"task": TASK}, ["task-type"]),
    ],
)
def test_refuses_options_that_do_not_fit(function: Any, options: dict[str, Any], codes: list[str]) -> None:
    """What is said in the decorator must fit what is decorated."""
    if codes:
        problems = problems_of(lambda: step("test.wrong", **options)(function))
        assert [problem.code for problem in problems] == codes
        assert_complete(problems, function.__code__.co_firstlineno)
    else:
        assert step("test.right", **options)(function).definition.methods[0].function is function


def test_refuses_a_local_function_for_a_process() -> None:
    """A worker process could not find a function that is local to another one."""

    def local(text: str) -> str: ...

    for function in (local, lambda text: text):
        codes = {
            problem.code for problem in problems_of(lambda function=function: step("test.wrong", cpu=True)(function))
        }
        assert "local-cpu" in codes


def test_refuses_types_that_cannot_be_sent_to_a_process() -> None:
    """What a declared type shows is refused before any value comes."""

    def wait(events: list[threading.Event]) -> int: ...

    problem = problems_of(lambda: step("test.wrong", cpu=True)(wait))[-1]
    assert problem.code == "cpu-type"
    assert problem.message.endswith("port 'events': a Event cannot be sent to a worker process")
    assert step("test.right", blocking=True)(wait).definition.kind == "test.right"


@pytest.mark.parametrize("kind", ["", "Text.upper", "text upper", "text-upper", ".text", "text.", "3d", "téxt", "a..b"])
def test_refuses_a_kind_that_is_no_name(kind: str) -> None:
    """A kind is dotted lower-case words, in ASCII."""
    assert [problem.code for problem in problems_of(lambda: step(kind)(a_plain))] == ["bad-kind"]


@pytest.mark.parametrize("target", [partial(a_plain, "x"), len, "text", Empty])
def test_refuses_what_is_not_a_function(target: Any) -> None:
    """Only functions are decorated; other things are told how to become a step."""
    (problem,) = problems_of(lambda: step("test.wrong")(target))
    assert problem.code == "not-a-function"
    assert "Step" in problem.hint


# ---------------------------------------------------------------- classes


def nothing_to_run() -> None:
    class Wrong(Step, kind="test.wrong"): ...


def no_kind() -> None:
    class Wrong(Step):
        def run(self, text: str) -> str: ...


def wrong_kind() -> None:
    class Wrong(Step, kind="Wrong"):
        def run(self, text: str) -> str: ...


def static_run() -> None:
    class Wrong(Step, kind="test.wrong"):
        @staticmethod
        def run(text: str) -> str: ...


def param_and_port() -> None:
    class Wrong(Step, kind="test.wrong"):
        text: str

        def run(self, text: str) -> str: ...


def reserved_param() -> None:
    class Wrong(Step, kind="test.wrong"):
        lifespan: str

        def run(self, text: str) -> str: ...


def async_blocking() -> None:
    class Wrong(Step, kind="test.wrong", blocking=True):
        async def run(self, text: str) -> str: ...


def local_cpu() -> None:
    class Wrong(Step, kind="test.wrong", cpu=True):
        def run(self, text: str) -> str: ...


def duplicate_flavor() -> None:
    class Wrong(Step, kind="test.wrong"):
        @TASK.method(Flavor.UNARY_UNARY)
        def one(self, text: str) -> str: ...

        @TASK.method(Flavor.UNARY_UNARY)
        def other(self, text: str) -> str: ...


def run_and_task() -> None:
    class Wrong(Step, kind="test.wrong"):
        def run(self, text: str) -> str: ...

        @TASK.method(Flavor.UNARY_UNARY)
        def other(self, text: str) -> str: ...


def other_flavor() -> None:
    class Wrong(Step, kind="test.wrong"):
        @TASK.method(Flavor.UNARY_STREAM)
        def other(self, text: str) -> str: ...


def other_types() -> None:
    class Wrong(Step, kind="test.wrong"):
        @TASK.method(Flavor.STREAM_STREAM)
        async def other(self, numbers: Stream[int]) -> AsyncIterator[str]:
            yield ""


def two_inputs() -> None:
    class Wrong(Step, kind="test.wrong"):
        @TASK.method(Flavor.UNARY_UNARY)
        def other(self, left: str, right: str) -> str: ...


def everything() -> None:
    class Wrong(Step, kind="Wrong"):
        text: str

        @TASK.method(Flavor.UNARY_UNARY)
        def one(self, text) -> str: ...  # noqa: ANN001 - the mistake under test

        @TASK.method(Flavor.STREAM_UNARY)
        def two(self, texts: Stream[str]): ...  # noqa: ANN202 - the mistake under test


@pytest.mark.filterwarnings("ignore:Field name .* shadows:UserWarning")  # pydantic's own word on a reserved param
@pytest.mark.parametrize(
    ("define", "codes"),
    [
        (nothing_to_run, ["no-method"]),
        (no_kind, ["missing-kind"]),
        (wrong_kind, ["bad-kind"]),
        (static_run, ["not-a-method"]),
        (param_and_port, ["param-is-port"]),
        (reserved_param, ["reserved-param"]),
        (async_blocking, ["async-blocking"]),
        (local_cpu, ["local-cpu"]),
        (duplicate_flavor, ["duplicate-flavor"]),
        (run_and_task, ["run-and-tasks"]),
        (other_flavor, ["task-flavor"]),
        (other_types, ["task-type", "task-type"]),
        (two_inputs, ["task-ports"]),
        (
            everything,
            ["bad-kind", "missing-annotation", "missing-return", "param-is-port", "sync-stream"],
        ),
    ],
    ids=lambda case: getattr(case, "__name__", None),
)
def test_refuses_a_class_that_cannot_be_a_step(define: Callable[[], None], codes: list[str]) -> None:
    """Every mistake of a class and of all its methods is told at once, each at its own line."""
    problems = problems_of(define)
    assert sorted(problem.code for problem in problems) == codes
    lines, first = inspect.getsourcelines(define)
    for problem in problems:
        assert problem.file == __file__
        assert first < (problem.line or 0) < first + len(lines)
        assert problem.message.startswith("step '")
        assert problem.hint


def test_names_the_method_that_is_wrong() -> None:
    """A problem of one method names the method and stands at its line, not at that of the class."""
    problems = problems_of(everything)
    lines = {problem.line for problem in problems if "method 'two'" in problem.message}
    assert len(lines) == 1
    assert lines.isdisjoint(problem.line for problem in problems if "method 'one'" in problem.message)


def test_refuses_to_mark_what_is_not_a_method() -> None:
    """A task's mark is put on a function, below other decorators."""
    (problem,) = problems_of(lambda: TASK.method(Flavor.UNARY_UNARY)(len))
    assert problem.code == "not-a-method"


def test_reports_again_what_was_wrong_before() -> None:
    """An annotation that could not be resolved is not remembered as resolved."""
    for _ in range(2):
        assert {problem.code for problem in problems_of(lambda: step("test.wrong")(unresolved))} == {
            "unknown-annotation"
        }


def test_accepts_wrapped_frames() -> None:
    """Equal classes are no mistake when they are declared wrapped."""

    @step("test.wrapped")
    async def echo(text: str) -> Emits[str, Header[str], Footer[str]]:
        yield Header(text)
        yield text
        yield Footer(text)

    assert echo.definition.methods[0].outputs[0].type == StreamType(str, str, str)
