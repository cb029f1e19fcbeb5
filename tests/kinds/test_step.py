# ruff: noqa: D103 - most functions here are steps, the subject of the tests
"""Steps as their authors use them: functions that stay functions, classes whose fields are the params."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Generic, TypeVar

import pytest
from pydantic import Field, PrivateAttr, SecretStr, ValidationError

from headwater.errors import StepDefinitionError
from headwater.kinds import Call, Emits, Flavor, Placement, Step, StepContext, Task, registry, step
from headwater.streams import Stream, StreamType

Value = TypeVar("Value")
CANARY = "canary-4711"


class Style(Enum):
    LOUD = "loud"
    QUIET = "quiet"


@step("test_step.shout")
def shout(text: str, *, mark: str = "!", times: int = 1, style: Style = Style.LOUD) -> str:
    """Shout a text.

    Args:
        text: What to shout.
        mark: What stands
            behind it.
        times: How often the mark is written.
        style: How loud it is.
    """
    return f"{text if style is Style.QUIET else text.upper()}{mark * times}"


@step("test_step.words")
async def words(text: str, *, limit: int) -> AsyncIterator[str]:
    for word in text.split()[:limit]:
        yield word


class Log(Step, kind="test_step.log", blocking=True):
    """Write a log."""

    path: str = "log.txt"
    _opened: list[str] = PrivateAttr(default_factory=list)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self._opened.append(self.path)
        yield
        self._opened.clear()

    def run(self, line: str) -> str:
        return f"{self.path}: {line}"


def test_stays_callable_as_what_it_is() -> None:
    """A decorated function is called as before, and keeps its name, documentation and signature."""
    assert shout("hey") == "HEY!"
    assert shout("hey", mark="?") == "HEY?"
    assert shout.__name__ == "shout"
    assert (shout.__doc__ or "").startswith("Shout a text.")
    assert list(inspect.signature(shout).parameters) == ["text", "mark", "times", "style"]


async def test_stays_an_async_generator_when_it_is_one() -> None:
    """Calling a streaming step gives its stream."""
    assert [word async for word in words.with_params(limit=2)("one two three")] == ["one", "two"]


def test_gives_a_configured_copy() -> None:
    """Params are validated and joined with those given before; the original stays as it was."""
    loud = shout.with_params(times=3).with_params(mark="?")
    assert loud("hey") == "HEY???"
    assert shout.with_params(times="2", style="quiet")("hey") == "hey!!"
    assert shout("hey") == "HEY!"
    assert loud.definition is shout.definition
    assert loud.kind == "test_step.shout"
    assert repr(loud) == "<step 'test_step.shout' mark='?' times=3>"


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"tiems": 3}, {"tiems"}),
        ({"times": "many"}, {"times"}),
        ({"times": None, "style": "soft", "text": "x"}, {"times", "style", "text"}),
    ],
)
def test_refuses_wrong_params(params: dict[str, Any], fields: set[str]) -> None:
    """Everything that is wrong with params is told, by pydantic."""
    with pytest.raises(ValidationError) as caught:
        shout.with_params(**params)
    assert {error["loc"][0] for error in caught.value.errors()} == fields


@pytest.mark.parametrize("name", ["kind", "definition", "bound"])
def test_is_frozen(name: str) -> None:
    """What a step is cannot be changed afterwards."""
    with pytest.raises(AttributeError):
        setattr(shout, name, "other")


def test_describes_its_params() -> None:
    """The JSON Schema has types, defaults, and what the docstring says of each param."""
    properties = shout.definition.params_schema()["properties"]
    assert properties["mark"] == {
        "default": "!",
        "description": "What stands behind it.",
        "title": "Mark",
        "type": "string",
    }
    assert properties["times"]["description"] == "How often the mark is written."
    assert shout.definition.params_schema()["additionalProperties"] is False
    assert words.definition.params_schema()["required"] == ["limit"]


def test_takes_any_name_for_a_param() -> None:
    """A param may be called like a method of pydantic's models."""

    @step("test_step.names")
    def names(text: str, *, schema: str = "", copy: int = 0, model: str = "x", json: bool = False) -> str:
        return f"{text}{schema}{copy}"

    configured = names.with_params(schema="s", copy=3, json=True)
    assert configured("t") == "ts3"
    assert configured.bound.params == {"schema": "s", "copy": 3, "json": True}


def test_says_where_it_is_defined() -> None:
    """The origin leads to the source, for messages and for worker processes."""
    origin = shout.definition.origin
    assert (origin.file, origin.qualname, origin.module) == (__file__, "shout", __name__)
    assert origin.line == shout.__wrapped__.__code__.co_firstlineno
    line = inspect.getsourcelines(Log)[1]
    assert str(Log.definition.origin) == f"{__file__}:{line}"


@pytest.mark.parametrize(
    ("options", "placement"),
    [({}, Placement.INLINE), ({"blocking": True}, Placement.THREAD), ({"cpu": True}, Placement.PROCESS)],
)
def test_runs_where_its_options_say(options: dict[str, Any], placement: Placement) -> None:
    """Plain code runs inline, in a worker thread or in a worker process."""
    assert step("test_step.placed", **options)(module_level).definition.placement is placement


def module_level(text: str) -> str:
    return text


# ---------------------------------------------------------------- classes


def test_has_its_fields_as_params() -> None:
    """A class is configured by its constructor, frozen, and its params are its JSON Schema."""
    log = Log(path="other.txt")
    assert log.run("x") == "other.txt: x"
    with pytest.raises(ValidationError):
        log.path = "third.txt"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Log.model_validate({"paht": "x"})
    definition = Log.definition
    assert (Log.kind, definition.kind, definition.doc) == ("test_step.log", "test_step.log", "Write a log.")
    assert (definition.step_class, definition.params_model, definition.has_lifespan) == (Log, Log, True)
    assert list(definition.params_schema()["properties"]) == ["path"]
    assert definition.placement is Placement.THREAD


async def test_sets_private_attributes_in_its_lifespan() -> None:
    """What a lifespan acquires lives in private attributes, although the step is frozen."""
    log = Log()
    async with log.lifespan():
        assert log._opened == ["log.txt"]
    assert log._opened == []


async def test_needs_no_lifespan() -> None:
    """Without one there is nothing to acquire, and the engine knows."""

    class Plain(Step, kind="test_step.plain"):
        def run(self, text: str) -> str:
            return text

    assert not Plain.definition.has_lifespan
    async with Plain().lifespan() as acquired:
        assert acquired is None


def test_inherits_everything() -> None:
    """A subclass has the params, methods, options and signatures of its base."""

    class Base(Step, blocking=True):
        prefix: str = ">"

    class First(Base, kind="test_step.first"):
        def run(self, text: str, *, ctx: StepContext) -> list[str]:
            return [self.prefix, text]

    class Second(First, kind="test_step.second"):
        limit: int = 3

        def run(self, text, *, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - inherits its annotations
            return super().run(text, ctx=ctx)[: self.limit]

    class Third(Second, kind="test_step.third"):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            yield

    for cls, kind in ((First, "test_step.first"), (Second, "test_step.second"), (Third, "test_step.third")):
        definition = cls.definition
        (method,) = definition.methods
        assert (cls.kind, definition.kind, definition.placement) == (kind, kind, Placement.THREAD)
        assert [port.type for port in (*method.inputs, *method.outputs)] == [StreamType(str), StreamType(list[str])]
        assert method.context == "ctx"
        assert registry.find(kind) is cls
    assert Third(limit=1).run("x", ctx=StepContext("e", "s")) == [">"]
    assert not hasattr(Base, "definition")
    assert Third.definition.has_lifespan


def test_may_narrow_what_it_inherits() -> None:
    """Annotations of an override count before those of the base."""

    class Wide(Step, kind="test_step.wide"):
        async def run(self, items: Stream[Any]) -> Emits[Any]:
            yield await anext(aiter(items))

    class Narrow(Wide, kind="test_step.narrow"):
        async def run(self, items: Stream[int]) -> Emits[int, str]:
            yield await anext(aiter(items))

    (method,) = Narrow.definition.methods
    assert (method.inputs[0].type, method.outputs[0].type) == (StreamType(int), StreamType(int, str))


def test_stands_for_its_base_without_a_kind() -> None:
    """A subclass without a kind of its own is not registered, and takes nothing from its base's kind."""

    class Base(Step, Generic[Value], kind="test_step.generic"):
        start: Value

        def run(self, text: str) -> str:
            return f"{self.start}{text}"

    made = Base[int](start=3)
    assert made.run("x") == "3x"
    assert made.kind == "test_step.generic"
    assert registry.find("test_step.generic") is Base


def test_implements_tasks() -> None:
    """One class may implement several flavors of several tasks; overrides keep their place."""
    split = Task("split", unary_input=str, stream_input=str, unary_output=list[str], stream_output=str)
    measure = Task("measure", unary_input=str, stream_input=str, unary_output=int, stream_output=int)

    class Both(Step, kind="test_step.both"):
        @split.method(Flavor.UNARY_UNARY)
        def whole(self, text: str) -> list[str]:
            return text.split()

        @split.method(Flavor.STREAM_STREAM)
        async def live(self, texts: Stream[str]) -> AsyncIterator[str]:
            yield await anext(aiter(texts))

        @measure.method(Flavor.UNARY_UNARY)
        def size(self, text: str) -> int:
            return len(text)

    class More(Both, kind="test_step.more"):
        def whole(self, text: str) -> list[str]:
            return ["more", *super().whole(text)]

        @measure.method(Flavor.STREAM_UNARY)
        async def total(self, texts: Stream[str]) -> int:
            return sum(map(len, await texts.collect()))

    found = {(method.task, method.flavor): method.name for method in More.definition.methods}
    assert found == {
        (split, Flavor.UNARY_UNARY): "whole",
        (split, Flavor.STREAM_STREAM): "live",
        (measure, Flavor.UNARY_UNARY): "size",
        (measure, Flavor.STREAM_UNARY): "total",
    }
    assert [method.call for method in Both.definition.methods] == [Call.PLAIN, Call.ASYNC_GENERATOR, Call.PLAIN]


# ---------------------------------------------------------------- secrets


class Login(Step, kind="test_step.login"):
    token: SecretStr
    user: str = Field(default="me")

    def run(self, text: str) -> str:
        return f"{self.user}{len(self.token.get_secret_value())}"


@step("test_step.fetch")
def fetch(text: str, *, token: SecretStr, attempts: int = 1) -> str:
    return f"{text}{len(token.get_secret_value())}"


def test_hides_secrets() -> None:
    """A secret is in no representation of a step, of its params, or of what is wrong with them."""
    configured = fetch.with_params(token=CANARY)
    assert configured("x") == f"x{len(CANARY)}"
    shown = [
        repr(configured),
        repr(configured.bound),
        repr(Login(token=SecretStr(CANARY))),
        str(configured.bound.params),
    ]
    for call in (
        lambda: fetch.with_params(token=[CANARY], attempts=CANARY),
        lambda: Login.model_validate({"token": {"x": CANARY}, "user": [CANARY]}),
    ):
        with pytest.raises(ValidationError) as caught:
            call()
        shown += [str(caught.value), repr(caught.value)]
    assert all(CANARY not in text for text in shown)


def test_collects_problems_of_a_task_function() -> None:
    """A function may implement a task too, in the flavor that its annotations say."""
    measure = Task("measure", unary_input=str, stream_input=str, unary_output=int, stream_output=int)

    @step("test_step.measure", task=measure)
    async def size(texts: Stream[str]) -> AsyncIterator[int]:
        async for text in texts:
            yield len(text)

    (method,) = size.definition.methods
    assert (method.task, method.flavor) == (measure, Flavor.STREAM_STREAM)
    with pytest.raises(StepDefinitionError, match="the task declares int"):

        @step("test_step.wrong", task=measure)
        def wrong(text: str) -> str:
            return text
