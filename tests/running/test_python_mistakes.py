"""Mistakes of programs: each has a sentence that says what was expected."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from headwater import (
    ConfigError,
    EventType,
    Footer,
    Header,
    Pipeline,
    Problem,
    Runner,
    Step,
    StepContext,
    StepError,
    StreamingContext,
    StreamType,
    Task,
    run_sync,
    step,
)
from headwater_steps.streams import count, distinct
from headwater_subscribers import CallbackSubscriber


def plain(text: str) -> str:
    """Return the string."""
    return text


class Other:
    """Has nothing to do with steps."""


class Cut(Step, kind="mistakes.cut"):
    """Has a param that must be given."""

    size: int

    def run(self, text: str) -> str:
        return text[: self.size]


@step("mistakes.repeat")
def repeat(text: str, *, times: int, mark: str) -> str:
    """Have two params that must be given."""
    return text * times + mark


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"a": plain}, "the function 'plain' is not a step; decorate it"),
        ({"a": lambda text: text}, "the function '<lambda>' is not a step"),
        ({"a": Other}, "the class 'Other' is not a step; derive it from headwater.Step"),
        ({"a": Other()}, "an object of the class 'Other' is not a step; expected a function with @step, or a Step"),
        ({"a": "text.upper"}, "the string 'text.upper' is not a step; import the step"),
        ([count], "expected steps by their ids, such as {'shout': shout}, found a list"),
        ("text.upper", "expected steps by their ids, such as {'shout': shout}, found a str"),
    ],
)
def test_pipeline_says_what_is_not_a_step(steps: Any, message: str) -> None:
    """What is not a step never ends as a missing attribute."""
    with pytest.raises(TypeError) as error:
        Pipeline("mistake", steps=steps)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("x.json", "expected a Pipeline, found 'x.json'; load a document first: Pipeline.load(...)"),
        ({"name": "x"}, "expected a Pipeline, found a mapping; load a document first"),
        (count, "expected a Pipeline, found a StepFunction; make one of steps first"),
        (Pipeline, "expected a Pipeline, found a class"),
    ],
)
def test_runner_says_what_is_not_a_pipeline(pipeline: Any, message: str) -> None:
    """A path is not loaded in passing, as its parameters and permissions would be unknown."""
    for start in (run_sync, Runner().start):
        with pytest.raises(TypeError) as error:
            start(pipeline)
        assert message in str(error.value)


@pytest.mark.parametrize("name", ["streaming_context", "subscribers", "name", "compiled"])
def test_pipeline_refuses_attributes_that_would_do_nothing(name: str) -> None:
    """What a program sets on a pipeline would be ignored, so it is an error with a hint."""
    pipeline: Any = Pipeline("count", steps={"count": count})
    with pytest.raises(AttributeError, match=f"a pipeline never changes, so its attribute '{name}' can be neither set"):
        setattr(pipeline, name, [])
    with pytest.raises(AttributeError, match="make another pipeline"):
        delattr(pipeline, name)
    assert run_sync(pipeline, [1, 2]).output == 2


@pytest.mark.parametrize(
    ("frozen", "name", "hint"),
    [
        (Pipeline("count", steps={"count": count}).plan(), "name", "change the pipeline, and plan that"),
        (Pipeline("count", steps={"count": count}).plan(), "other", "change the pipeline, and plan that"),
        (run_sync(Pipeline("count", steps={"count": count}), [1]), "output", r"dataclasses.replace\(result"),
        (run_sync(Pipeline("count", steps={"count": count}), [1]), "other", r"dataclasses.replace\(result"),
        (Problem("a-code", "what"), "code", r"dataclasses.replace\(problem"),
        (Header(1), "value", r"yield another one: Header\("),
        (Footer(1), "other", r"yield another one: Footer\("),
        (StreamType(int), "item", r"declare another one: StreamType\("),
        (Task("count", unary_input=int, unary_output=int), "name", r"declare another one: Task\("),
        (count, "kind", r"with_params\("),
        (count, "other", r"with_params\("),
        (Runner(), "subscribers", r"make another one: Runner\("),
    ],
)
def test_what_never_changes_refuses_attributes_with_a_hint(frozen: Any, name: str, hint: str) -> None:
    """Whether it has the attribute or not: what a program sets would be ignored, or found by others."""
    with pytest.raises(AttributeError, match=f"never changes, so its attribute '{name}' can be .*: .*{hint}"):
        setattr(frozen, name, 1)


@pytest.mark.parametrize("name", ["times", "other"])
def test_step_with_params_refuses_attributes_with_a_hint(name: str) -> None:
    """By the error of pydantic, as for every model that never changes."""

    class Repeat(Step, kind=f"mistakes.repeat_{name}"):
        times: int = 2

        def run(self, text: str) -> str:
            return text * self.times

    with pytest.raises(ValidationError, match="a step never changes: make another one"):
        setattr(Repeat(), name, 3)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copy_of_what_never_changes_is_itself(copied: Callable[[Any], Any]) -> None:
    """A pipeline, also within other data, and a step."""
    pipeline = Pipeline("count", steps={"count": count})
    assert copied(pipeline) is pipeline
    assert copied((pipeline, count))[0] is pipeline
    assert copied(count) is count
    assert copied(distinct.with_params(by="x")).bound.params == {"by": "x"}


def test_pipeline_says_what_to_do_instead_of_pickling_it() -> None:
    """Its steps are code, which is not sent; a step is found by its name, as a function is."""
    pipeline = Pipeline("count", steps={"count": count})
    with pytest.raises(TypeError, match=r"pipeline 'count' cannot be pickled, .* send to_json\(\) and load that"):
        pickle.dumps(pipeline)
    with pytest.raises(TypeError, match=r"the step 'stream\.distinct' with params cannot be pickled"):
        pickle.dumps(distinct.with_params(by="x"))
    assert pickle.loads(pickle.dumps(count)) is count  # noqa: S301 - bytes of our own
    assert run_sync(Pipeline.loads(pipeline.to_json()), [1]).output == 1


@pytest.mark.parametrize("enabled", [True, False])
async def test_context_says_what_is_not_an_event_type(enabled: bool) -> None:
    """The name of a type is not the type; what is refused leaves nothing in the log."""
    wrong: list[tuple[Any, type[Exception], str]] = [
        ("step_progress", TypeError, r"expected an event type, found 'step_progress'; write EventType\.STEP_PROGRESS"),
        ("pipeline_complete", TypeError, r"write EventType\.PIPELINE_COMPLETE"),
        ("my_event", ValueError, r"there is no event type 'my_event'; choose one of: pipeline_start"),
        (None, TypeError, r"expected an event type, found None; choose one of EventType: pipeline_start"),
    ]
    async with StreamingContext("e1", enabled=enabled) as context:
        for _ in range(3):  # also when events were emitted before
            for event_type, error, message in wrong:
                with pytest.raises(error, match=message):
                    context.emit(event_type, "count")
            context.emit(EventType.STEP_SKIPPED, "count")
    events = [event async for event in context.events()]
    assert [event.seq for event in events] == list(range(1, 5 if enabled else 2))
    assert {event.event_type for event in events} <= {EventType.STEP_SKIPPED, EventType.PIPELINE_COMPLETE}
    with pytest.raises(RuntimeError, match="so 'step_progress' cannot follow"):
        wrong_context: Any = context
        wrong_context.log.append("step_progress")


@pytest.mark.parametrize("text", ["steps:\n\t- id: a\n", "steps:\n  - id: a\n\tkind: b\n", "\tname: x\n"])
def test_yaml_calls_a_tab_a_tab(text: str, tmp_path: Any) -> None:
    """A tab cannot be seen, so its name is the whole message."""
    path = tmp_path / "tab.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="YAML allows no tab here"):
        Pipeline.load(path)


@pytest.mark.parametrize(
    ("target", "names", "hint"),
    [
        (Cut, ["size"], "write Cut(size=...)"),
        (repeat, ["times", "mark"], "write repeat.with_params(times=..., mark=...)"),
    ],
)
def test_pipeline_says_which_params_a_step_lacks(target: Any, names: list[str], hint: str) -> None:
    """The problem has the step, the param and how to give it; pydantic would name only a model."""
    with pytest.raises(ConfigError) as error:
        Pipeline("mistake", steps={"first": count, "a": target})
    problems = error.value.problems
    assert [problem.path for problem in problems] == [f"$.steps[1].params.{name}" for name in names]
    assert {problem.hint for problem in problems} == {hint}
    assert problems[0].message.startswith(f"step 'a': the param {names[0]!r} of kind 'mistakes.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([3], "expected options as a mapping, such as {'fetch': {'concurrency': 8}}, found a list"),
        ({"a": 3}, "expected the options of step 'a' as a mapping, such as {'concurrency': 8}, found a int"),
        ({"a": {"params": {"n": 1}}}, "the options of step 'a' cannot have 'params'; give params to the step itself"),
        ({"a": {"kind": "text.upper"}}, "the options of step 'a' cannot have 'kind'"),
    ],
)
def test_pipeline_says_what_are_not_options(options: Any, message: str) -> None:
    """Options are further keys of steps, and say nothing that a step itself says."""
    with pytest.raises(TypeError) as error:
        Pipeline("mistake", steps={"a": count}, options=options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("subscribers", "message"),
    [
        (CallbackSubscriber(print), "expected a list of subscribers, such as [subscriber], found a CallbackSubscriber"),
        ("console", "expected a list of subscribers, such as [subscriber], found the string 'console'"),
        (["console"], "expected a StreamSubscriber or a function of one event, found the string 'console'"),
        ([CallbackSubscriber], "expected a subscriber, found the class CallbackSubscriber; make one"),
        ([None], "expected a StreamSubscriber or a function of one event, found a NoneType"),
    ],
)
def test_runner_says_what_is_not_a_subscriber(subscribers: Any, message: str) -> None:
    """It would be lost at its first event, with a warning only."""
    pipeline = Pipeline("mistake", steps={"a": count})
    for start in (Runner, lambda given: run_sync(pipeline, ["x"], subscribers=given)):
        with pytest.raises(TypeError) as error:
            start(subscribers)
        assert message in str(error.value)


def test_callback_subscriber_says_what_is_not_a_function() -> None:
    """It is found where it is made."""
    with pytest.raises(TypeError, match="expected a function of one event, found str"):
        CallbackSubscriber("print")  # type: ignore[call-overload]


def test_step_says_that_it_needs_a_kind_when_it_is_written_without_parentheses() -> None:
    """It would make a decorator of the function, which fails only where it is used."""
    with pytest.raises(TypeError, match=r"write @step\('example.plain'\) above 'plain'"):
        step(plain)  # type: ignore[arg-type]


@step("mistakes.hurry")
def hurry(text: str, ctx: StepContext) -> str:
    """Report progress by position, as many libraries have it."""
    message: Any = "half done"
    ctx.progress(message)
    return text


def test_progress_says_where_a_message_goes() -> None:
    """The first argument is the fraction."""
    with pytest.raises(StepError, match="fraction is the string 'half done'; write message='half done'"):
        run_sync(Pipeline("hurry", steps={"hurry": hurry}), "x")


@pytest.mark.parametrize("key", ["output", "edges"])
@pytest.mark.parametrize("value", [3, [3]])
def test_pipeline_says_what_a_key_of_a_document_cannot_be(key: str, value: Any) -> None:
    """What is neither several values nor an object is checked as in a document."""
    with pytest.raises(ConfigError) as caught:
        Pipeline("mistake", steps={"count": count}, **{key: value})
    (problem,) = caught.value.problems
    assert problem.code == "wrong-type"
    assert "found the number 3" in problem.message
