"""Tasks: logical operations with their types, which several steps may implement in several flavors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import FunctionType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from headwater.errors import Problem, StepDefinitionError
from headwater.frozen import frozen
from headwater.ids import NAME_PATTERN
from headwater.kinds.port_types import Shape, form_of
from headwater.streams.ends import NOTHING
from headwater.streams.frames import StreamType

__all__ = ["Flavor", "Mark", "Task", "marks_of"]

Join = Callable[[list[Any]], Any]
Split = Callable[[Any], Iterable[Any]]
Function = TypeVar("Function", bound=Callable[..., Any])
_SIDES = ("input", "output")


class Flavor(Enum):
    """Unary or stream in, unary or stream out.

    Example:
        >>> Flavor.STREAM_UNARY.streams_in, Flavor.STREAM_UNARY.streams_out
        (True, False)
    """

    UNARY_UNARY = (False, False)
    UNARY_STREAM = (False, True)
    STREAM_UNARY = (True, False)
    STREAM_STREAM = (True, True)

    @property
    def streams_in(self) -> bool:
        """Whether the input is a stream."""
        return self.value[0]

    @property
    def streams_out(self) -> bool:
        """Whether the output is a stream."""
        return self.value[1]


class TaskInput(NamedTuple):
    """One of the inputs of a task that has several."""

    name: str
    type: StreamType
    streaming: bool


@frozen("a task", "declare another one: Task(...)")
@dataclass(frozen=True, slots=True, init=False, eq=False)
class Task:
    """A logical operation: what goes in and out, as one value and as a stream.

    A step implements some of the flavors; the others are derived from those by the rules given here alone. A task may
    leave out what it does not have: one without `stream_input` has only flavors that take a value. Two tasks are the
    same only when they are one object.

    Args:
        name: What the operation is called in messages, and in documents that choose between the tasks of a step.
        unary_input: Type of the input as one value.
        stream_input: Type of an item of the input as a stream, or a `StreamType`.
        unary_output: Type of the output as one value.
        stream_output: Type of an item of the output as a stream, or a `StreamType`.
        inputs: Several inputs by their names instead, each `Stream[...]` for a stream or the type of one value. Every
            method has all of them.
        input_join: Makes the one input value of all the items.
        input_split: Makes the items of the one input value.
        output_join: Makes the one output value of all the items.
        output_split: Makes the items of the one output value.

    Raises:
        StepDefinitionError: An input or output is missing, or a rule has no types to convert between.

    Example:
        >>> from headwater.kinds import Step
        >>> split = Task(
        ...     "split",
        ...     unary_input=str,
        ...     stream_input=str,
        ...     unary_output=list[str],
        ...     stream_output=str,
        ...     input_join="".join,
        ...     output_join=list,
        ... )
        >>> class Words(Step, kind="example.words"):
        ...     @split.method(Flavor.UNARY_UNARY)
        ...     def whole(self, text: str) -> list[str]:
        ...         return text.split()
        >>> Words.definition.methods[0].flavor
        <Flavor.UNARY_UNARY: (False, False)>
    """

    name: str
    unary_input: StreamType | None
    stream_input: StreamType | None
    unary_output: StreamType | None
    stream_output: StreamType | None
    inputs: tuple[TaskInput, ...]
    input_join: Join | None
    input_split: Split | None
    output_join: Join | None
    output_split: Split | None

    def __init__(  # noqa: PLR0913 - a declaration names every part
        self,
        name: str,
        *,
        unary_input: Any = NOTHING,
        stream_input: Any = NOTHING,
        unary_output: Any = NOTHING,
        stream_output: Any = NOTHING,
        inputs: Mapping[str, Any] | None = None,
        input_join: Join | None = None,
        input_split: Split | None = None,
        output_join: Join | None = None,
        output_split: Split | None = None,
    ) -> None:
        values = {
            "name": name,
            "unary_input": _stream_type(unary_input),
            "stream_input": _stream_type(stream_input),
            "unary_output": _stream_type(unary_output),
            "stream_output": _stream_type(stream_output),
            "inputs": tuple(_input(*item) for item in (inputs or {}).items()),
            "input_join": input_join,
            "input_split": input_split,
            "output_join": output_join,
            "output_split": output_split,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
        if problems := list(self._problems()):
            raise StepDefinitionError(problems)

    def _problems(self) -> Iterator[Problem]:
        """Yield what is missing from the declaration, or contradicts it."""
        has = {side: [getattr(self, f"{form}_{side}") is not None for form in ("unary", "stream")] for side in _SIDES}
        if self.inputs and (any(has["input"]) or self.input_join or self.input_split):
            message = f"task {self.name!r} declares 'inputs' beside the types or rules of a single input"
            yield Problem("task-declaration", message, hint="keep one of the two")
        for side in _SIDES:
            if not any(has[side]) and not (side == "input" and self.inputs):
                hint = f"give it unary_{side}, stream_{side} or both"
                yield Problem("task-declaration", f"task {self.name!r} declares no {side}", hint=hint)
            for rule in (f"{side}_join", f"{side}_split"):
                if getattr(self, rule) is not None and not all(has[side]):
                    message = f"task {self.name!r} declares {rule} without both types that it converts between"
                    yield Problem("task-declaration", message, hint=f"declare unary_{side} and stream_{side} as well")
        for port in self.inputs:
            if not NAME_PATTERN.fullmatch(port.name):
                message = f"task {self.name!r} declares the input {port.name!r}, which cannot be the name of a port"
                yield Problem("task-declaration", message, hint="use ASCII letters, digits and underscores")

    def __repr__(self) -> str:
        return f"<Task {self.name!r}>"

    def method(self, flavor: Flavor) -> Callable[[Function], Function]:
        """Declare a method of a `Step` class as the implementation of one flavor.

        Args:
            flavor: How the method takes its input and gives its output.

        Returns:
            A decorator that leaves the method as it is; its annotations are checked when the class is complete.

        Raises:
            StepDefinitionError: When decorating: what is decorated is not a function.
        """

        def mark(function: Function) -> Function:
            plain: object = function
            if not isinstance(plain, FunctionType):
                hint = "decorate an ordinary def or async def, below other decorators"
                message = f"task {self.name!r}: {function!r} is not a method"
                raise StepDefinitionError(Problem("not-a-method", message, hint=hint))
            _marks[function] = (*_marks.get(function, ()), Mark(self, flavor))
            return function

        return mark

    def input(self, flavor: Flavor) -> StreamType | None:
        """Return the declared input of a flavor.

        Args:
            flavor: One of the four.

        Returns:
            `stream_input` or `unary_input`; None where the task does not declare it.
        """
        return self.stream_input if flavor.streams_in else self.unary_input

    def output(self, flavor: Flavor) -> StreamType | None:
        """Return the declared output of a flavor.

        Args:
            flavor: One of the four.

        Returns:
            `stream_output` or `unary_output`; None where the task does not declare it.
        """
        return self.stream_output if flavor.streams_out else self.unary_output

    @property
    def flavors(self) -> tuple[Flavor, ...]:
        """The flavors that the declared inputs and outputs allow."""
        streams_in = any(port.streaming for port in self.inputs)
        return tuple(
            flavor
            for flavor in Flavor
            if self.output(flavor) is not None
            and (flavor.streams_in is streams_in if self.inputs else self.input(flavor) is not None)
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """A flavor of a task that a method implements, as the decorator declares it."""

    task: Task
    flavor: Flavor


_marks: WeakKeyDictionary[Callable[..., Any], tuple[Mark, ...]] = WeakKeyDictionary()


def marks_of(function: Any) -> tuple[Mark, ...]:
    """Return the marks of `Task.method` on an attribute of a class, one for each decorator."""
    return _marks.get(function, ()) if isinstance(function, FunctionType) else ()


def _stream_type(declared: Any) -> StreamType | None:
    if declared is NOTHING:
        return None
    return declared if isinstance(declared, StreamType) else StreamType(declared)


def _input(name: str, annotation: Any) -> TaskInput:
    form = form_of(annotation)
    return TaskInput(name, form.type, form.shape is not Shape.VALUE)
