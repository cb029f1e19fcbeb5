"""How steps are written: `@step` for a function, `Step` for a class that holds a resource."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, Self, TypeVar, Unpack, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from headwater.frozen import refusal
from headwater.kinds.declaration import Options, class_definition, function_definition
from headwater.kinds.definition import BoundStep, Resume, StepDefinition
from headwater.kinds.params import CONFIG, arguments_of, as_document
from headwater.kinds.registry import registry
from headwater.kinds.task import Task

__all__ = ["Step", "StepFunction", "step"]

Params = ParamSpec("Params")
Result = TypeVar("Result")


class StepFunction(Generic[Params, Result]):
    """A function that is a step; it is called as what it is.

    Args:
        function: The function itself.
        bound: Its definition, with the params that were given so far.
    """

    __wrapped__: Callable[Params, Result]
    __name__: str

    def __init__(self, function: Callable[Params, Result], bound: BoundStep) -> None:
        update_wrapper(self, function)
        self._bound = bound
        configured = partial(function, **bound.arguments) if bound.arguments else function
        self._call = cast("Callable[Params, Result]", configured)
        fields = bound.definition.params_model.model_fields.values()
        self._complete = bool(bound.arguments) or not any(field.is_required() for field in fields)

    if not TYPE_CHECKING:  # type checkers would take it for a sign that there are more attributes

        def __setattr__(self, name: str, value: Any) -> None:
            if "_complete" in self.__dict__ and not name.startswith("__"):
                raise refusal(self, name, f"the step {self.kind!r}", "configure another one with with_params(...)")
            super().__setattr__(name, value)

    def __call__(self, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        """Call the function with the params given so far.

        Args:
            *args: What the function takes by position.
            **kwargs: What it takes by name; a param given here counts for this call only, and is not validated.

        Returns:
            What the function returns.
        """
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        params = "".join(f" {name}={value!r}" for name, value in self._bound.params.items())
        return f"<step {self.kind!r}{params}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> str:
        if self._bound.arguments:
            hint = "send the params, and give them to the step there"
            raise TypeError(f"the step {self.kind!r} with params cannot be pickled: {hint}")
        return self.__wrapped__.__qualname__  # like a function, by its name

    @property
    def kind(self) -> str:
        """The name of the step in documents."""
        return self._bound.definition.kind

    @property
    def definition(self) -> StepDefinition:
        """Everything that is known of the step: ports, params, origin."""
        return self._bound.definition

    @property
    def bound(self) -> BoundStep:
        """The definition with the params given so far."""
        return self._bound

    @property
    def complete(self) -> bool:
        """Whether no param is missing."""
        return self._complete

    def with_params(self, **params: Any) -> StepFunction[..., Result]:
        """Configure the step.

        Args:
            **params: Params by name; they replace those given before.

        Returns:
            A configured copy, whose arguments are no longer known to type checkers; this one stays as it is.

        Raises:
            pydantic.ValidationError: A param is unknown, missing or of another type.

        Example:
            >>> @step("example.repeat")
            ... def repeat(text: str, *, times: int = 2) -> str:
            ...     return text * times
            >>> repeat.with_params(times=3)("ha")
            'hahaha'
        """
        given = self.definition.params_model.model_validate({**self._bound.arguments, **params})
        return StepFunction(self.__wrapped__, bound_function(self.definition, given))


def bound_function(
    definition: StepDefinition, params: BaseModel, document: Mapping[str, Any] | None = None
) -> BoundStep:
    """Join the definition of a function with validated params; `document` has them as a document does."""
    arguments = arguments_of(params)
    given = as_document(params) if document is None else document
    return BoundStep(definition.with_params(arguments), None, arguments, given)


def step(
    kind: str,
    *,
    blocking: bool = False,
    cpu: bool = False,
    task: Task | None = None,
    permission: str = "",
    resume: Resume = None,
    batched: bool = False,
) -> Callable[[Callable[Params, Result]], StepFunction[Params, Result]]:
    """Make a function a step: its positional arguments are ports, its keyword-only arguments are params.

    Args:
        kind: The name of the step in documents: dotted lower-case words.
        blocking: Run a plain `def` in a worker thread, because it waits.
        cpu: Run a plain `def` in a worker process, because it computes for long.
        task: The task that the function implements, in the flavor that its annotations say.
        permission: What the operator must allow, such as `process`, for a pipeline that has such a step; a document
            cannot.
        resume: `replay` when the function gives the same items for the same input, so that an attempt that follows a
            failed one can go on after the items that were written.
        batched: Give the function, which takes one list and returns a list, several items at a time; its ports are
            those of the items. It returns one result for each, or `Failed(error)` where there is none.

    Returns:
        A decorator.

    Raises:
        StepDefinitionError: When decorating: the function cannot be a step; lists everything that is wrong.

    Example:
        >>> @step("example.upper")
        ... def upper(text: str, *, suffix: str = "") -> str:
        ...     return text.upper() + suffix
        >>> upper("hello"), upper.kind, [port.name for port in upper.definition.methods[0].inputs]
        ('HELLO', 'example.upper', ['text'])
    """
    if callable(kind):  # `@step` without parentheses
        name = getattr(kind, "__name__", "function")
        msg = f"@step needs the name of the kind: write @step('example.{name}') above {name!r}"
        raise TypeError(msg)

    def decorate(function: Callable[Params, Result]) -> StepFunction[Params, Result]:
        definition = function_definition(function, Options(kind, blocking, cpu, permission, resume, batched), task)
        decorated = StepFunction(function, BoundStep(definition))
        registry.add(decorated)
        return decorated

    return decorate


class Step(BaseModel):
    """The base of steps that are classes; the fields are the params.

    A subclass names its kind, and defines `run` or methods of tasks. It may name `blocking=True` or `cpu=True` for
    its plain methods, and a `permission`, as `step` does. What `lifespan` acquires lives in private attributes, the
    only ones that are ever set.

    Example:
        >>> class Repeat(Step, kind="example.repeated"):
        ...     times: int = 2
        ...
        ...     def run(self, text: str) -> str:
        ...         return text * self.times
        >>> Repeat(times=3).run("ha"), Repeat.kind
        ('hahaha', 'example.repeated')
    """

    model_config = CONFIG

    kind: ClassVar[str] = ""
    definition: ClassVar[StepDefinition]
    _options: ClassVar[Options] = Options("")

    def __init_subclass__(
        cls,
        *,
        kind: str = "",
        blocking: bool = False,
        cpu: bool = False,
        permission: str = "",
        resume: Resume = None,
        batched: bool = False,
        **kwargs: Unpack[ConfigDict],
    ) -> None:
        """Define a step.

        Args:
            kind: The name of the step in documents; a class without is a base for others, or stands for its own base.
            blocking: Run its plain methods in a worker thread.
            cpu: Run its plain methods in a worker process.
            permission: What the operator must allow.
            resume: `replay` when it gives the same items for the same input.
            batched: Give its methods, which take one list and return a list, several items at a time.
            **kwargs: Configuration of the pydantic model.
        """
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        kind: str = "",
        blocking: bool = False,
        cpu: bool = False,
        permission: str = "",
        resume: Resume = None,
        batched: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        inherited = cls._options
        cls._options = Options(
            kind,
            blocking=blocking or inherited.blocking,
            cpu=cpu or inherited.cpu,
            permission=permission or inherited.permission,
            resume=resume or inherited.resume,
            batched=batched or inherited.batched,
        )
        definition = class_definition(cls, cls._options, has_lifespan=cls.lifespan is not Step.lifespan)
        if definition is not None:
            cls.kind, cls.definition = kind, definition
            registry.add(cls)

    if not TYPE_CHECKING:  # type checkers would take it for a sign that there are more attributes

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_"):
                hint = "a step never changes: make another one; what it acquires goes into private attributes"
                error = {"type": PydanticCustomError("frozen_instance", hint), "loc": (name,), "input": value}
                raise ValidationError.from_exception_data(type(self).__name__, [error], hide_input=True)
            super().__setattr__(name, value)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Acquire what the step needs, yield, release it.

        It is entered once per pipeline in a process, and shared by all its executions.

        Yields:
            None, once; until then no execution starts.
        """
        yield
