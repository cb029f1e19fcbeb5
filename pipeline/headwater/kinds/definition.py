"""Definitions of steps: ports, methods, params and origin; all of it frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from headwater.kinds.docstring import argument_descriptions

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.json_schema import GenerateJsonSchema

    from headwater.kinds.task import Flavor, Task
    from headwater.streams.frames import StreamType

__all__ = ["BoundStep", "Call", "Method", "Origin", "Placement", "Port", "StepDefinition", "Target"]


class Call(Enum):
    """How a method is called and how its results come back."""

    PLAIN = "def that returns"
    GENERATOR = "def that yields"
    COROUTINE = "async def that returns"
    ASYNC_GENERATOR = "async def that yields"

    @property
    def suspends(self) -> bool:
        """Whether the method can wait, so that other steps go on meanwhile."""
        return self in {Call.COROUTINE, Call.ASYNC_GENERATOR}


class Placement(Enum):
    """Where the code of a step runs."""

    INLINE = "inline"
    THREAD = "thread"
    PROCESS = "process"


PortStyle = Literal["value", "stream", "iterable"]
"""How a method takes an input: as a plain value, as a `Stream`, or as a blocking `Iterable`."""


@dataclass(frozen=True, slots=True)
class Port:
    """A named input or output of a step.

    Args:
        name: The parameter's name for an input; `out`, or the field of the `Outputs` class, for an output.
        type: Types of what flows; for a unary port `type.item` is the type of the value.
        streaming: Whether a stream flows here, rather than one value.
        style: How the method takes an input; without meaning for an output.
        required: False when the port may stay unconnected: an input whose parameter has a default, a `SidePort`.
    """

    name: str
    type: StreamType
    streaming: bool
    style: PortStyle = "value"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Method:
    """One callable of a step: its ports and how to call it.

    Args:
        function: The function itself, without `self`; a method of a class is looked up by `name` on the instance.
        name: Attribute name on the class; empty for a decorated function.
        call: How it is called.
        inputs: Input ports, in the order of the positional parameters.
        outputs: Output ports; one called `out`, unless the function returns an `Outputs` class.
        outputs_type: The `Outputs` class, when there is one.
        context: Name of the parameter annotated `StepContext`, or None.
        context_index: Place of that parameter among the positional ones; None when it is keyword-only or there is none.
        task: The task it implements, or None.
        flavor: Its flavor as declared by the annotations.
    """

    function: Callable[..., Any]
    name: str
    call: Call
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    flavor: Flavor
    outputs_type: type | None = None
    context: str | None = None
    context_index: int | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a step is defined, for messages and for worker processes.

    Args:
        module: Import name of the module.
        qualname: Qualified name inside the module.
        file: Path of the source file.
        line: Line of the definition, from 1.
    """

    module: str
    qualname: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A kind of step: everything known without an instance.

    Args:
        kind: The registered name, such as `text.words`.
        methods: At least one method; several for a step with tasks and flavors.
        params_model: Pydantic model of the params: the class itself for a class, a generated model for a function.
        placement: Where its code runs.
        origin: Where it is defined.
        doc: The docstring, cleaned.
        step_class: The `Step` subclass, or None for a decorated function.
        has_lifespan: Whether the class overrides `lifespan`.
        permission: What the operator must allow for a pipeline that has such a step; empty for nothing.
    """

    kind: str
    methods: tuple[Method, ...]
    params_model: type[BaseModel]
    placement: Placement
    origin: Origin
    doc: str = ""
    step_class: type | None = None
    has_lifespan: bool = False
    permission: str = ""

    def params_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the params (draft 2020-12), with descriptions from the docstring of the step."""
        schema = self.params_model.model_json_schema(schema_generator=_schema_generator())
        descriptions = argument_descriptions(self.doc)
        for name, prop in schema.get("properties", {}).items():
            if name in descriptions:
                prop.setdefault("description", descriptions[name])
        return schema


@cache
def _schema_generator() -> type[GenerateJsonSchema]:
    """Return the class that writes the schema of params; made on first use, as its import takes a while."""
    from pydantic.errors import PydanticSchemaGenerationError
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
    from pydantic_core import PydanticSerializationError

    class ParamsSchema(GenerateJsonSchema):
        """Accepts no value for a param that JSON cannot express: a function can be given in Python alone."""

        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's
            return {"not": {}, "description": "Cannot be given in a document."}

        def encode_default(self, dft: Any) -> Any:
            try:
                return super().encode_default(dft)
            except PydanticSchemaGenerationError as error:
                raise PydanticSerializationError(str(error)) from error  # which leaves the default out

    return ParamsSchema


@dataclass(slots=True)  # not frozen, which would take three times as long for each of 10,000
class BoundStep:
    """A definition with its validated params, as a pipeline holds it for each of its steps; never changed.

    Args:
        definition: The kind of step.
        instance: The `Step` instance of a class; None for a function.
        arguments: The validated keyword arguments of a function; empty for a class.
        params: The params as a document would give them (templates unreplaced), for a lossless way back to JSON.
    """

    definition: StepDefinition
    instance: Any = None
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Target(Protocol):
    """What a kind stands for: a decorated function, or a `Step` class."""

    @property
    def definition(self) -> StepDefinition:
        """Everything that is known of the step: ports, params, origin."""
        ...
