"""Definitions of steps: ports, methods, params and origin; all of it frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from headwater.annotations import cached
from headwater.kinds.docstring import argument_descriptions
from headwater.kinds.params import is_closed

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.json_schema import GenerateJsonSchema

    from headwater.kinds.task import Flavor, Task
    from headwater.streams.frames import StreamType
    from headwater.types.reads import ByParam, NeededWhen, Reads

__all__ = ["BoundStep", "Call", "Method", "Origin", "Placement", "Port", "Resume", "StepDefinition", "Target"]


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

    @property
    def yields(self) -> bool:
        """Whether the method writes a stream, item by item."""
        return self in {Call.GENERATOR, Call.ASYNC_GENERATOR}


class Placement(Enum):
    """Where the code of a step runs."""

    INLINE = "inline"
    THREAD = "thread"
    PROCESS = "process"


Resume = Literal["replay"] | None
"""How a step goes on after it was cut off: `replay` when the same input gives the same items, or not at all."""

PortStyle = Literal["value", "stream", "iterable"]
"""How a method takes an input: as a plain value, as a `Stream`, or as a blocking `Iterable`."""


@dataclass(frozen=True, slots=True)
class Port:
    """A named input or output of a step."""

    name: str
    type: StreamType
    streaming: bool
    style: PortStyle = "value"
    required: bool = True
    reads: tuple[Reads, ...] = ()
    by_param: ByParam | None = None
    needed: NeededWhen | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One callable of a step: its ports and how to call it."""

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
    nested: Any = None
    """The form of the nested pipeline that the method runs, or None."""
    batched: bool = False
    """Whether the function takes a list of items and returns one result for each; the ports are those of the items."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a step is defined, for messages and for worker processes."""

    module: str
    qualname: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A kind of step: everything known without an instance."""

    kind: str
    methods: tuple[Method, ...]
    params_model: type[BaseModel]
    placement: Placement
    origin: Origin
    doc: str = ""
    step_class: type | None = None
    has_lifespan: bool = False
    permission: str = ""
    resume: Resume = None
    varied: tuple[str, ...] = field(init=False, default=(), repr=False, compare=False)
    """The params that the types of outputs depend on; found once, as a document may have 10,000 steps."""
    is_shaped: bool = field(init=False, default=False, repr=False, compare=False)
    """Whether the ports depend on the params: its class has `shaped_methods`."""

    def __post_init__(self) -> None:
        ports = [port.by_param for method in self.methods for port in method.outputs if port.by_param is not None]
        object.__setattr__(self, "varied", tuple(sorted({by_param.param for by_param in ports})))
        object.__setattr__(self, "is_shaped", hasattr(self.step_class, "shaped_methods"))

    def with_params(self, params: Mapping[str, Any]) -> StepDefinition:
        """Return the definition with the types that its outputs have for some params."""
        if not self.varied:
            return self
        key = (id(self), *[params.get(name, self.params_model.model_fields[name].default) for name in self.varied])
        if key not in _varied:
            _varied[key] = self, self._varied(dict(zip(self.varied, key[1:], strict=True)))
        return _varied[key][1]

    def _varied(self, values: Mapping[str, Any]) -> StepDefinition:
        methods = [
            replace(method, outputs=tuple([_varied_port(port, values) for port in method.outputs]))
            for method in self.methods
        ]
        return replace(self, methods=tuple(methods))

    def params_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the params (draft 2020-12), with descriptions from the docstring of the step.

        It is made once, and not to be changed.
        """
        return _params_schema(self.params_model, self.doc)


@cached
def _params_schema(model: type[BaseModel], doc: str) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_schema_generator())
    descriptions = argument_descriptions(doc)
    for name, prop in schema.get("properties", {}).items():
        if name in descriptions:
            prop.setdefault("description", descriptions[name])
    return schema


_varied: dict[Any, tuple[StepDefinition, StepDefinition]] = {}
"""The definitions for params, by the identity of a definition, which is kept alive, and the values of the params."""


def _varied_port(port: Port, values: Mapping[str, Any]) -> Port:
    if port.by_param is None:
        return port
    return replace(port, type=port.by_param.types.get(values[port.by_param.param], port.type))


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

        def model_schema(self, schema: Any) -> JsonSchemaValue:
            written = super().model_schema(schema)
            if is_closed(schema["cls"]) and "additionalProperties" not in written:
                written["additionalProperties"] = False
            return written

        def encode_default(self, dft: Any) -> Any:
            try:
                return super().encode_default(dft)
            except PydanticSchemaGenerationError as error:
                raise PydanticSerializationError(str(error)) from error  # which leaves the default out

    return ParamsSchema


@dataclass(slots=True)  # not frozen, which would take three times as long for each of 10,000
class BoundStep:
    """A definition with its validated params, as a pipeline holds it for each of its steps; never changed.

    `has_params` is false where the params of a document were refused, so that only the ports are known.
    """

    definition: StepDefinition
    instance: Any = field(default=None, repr=False)  # both hold values of variables; the params show their templates
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    has_params: bool = True

    def value(self, param: str) -> Any:
        """Return the value of a param, or its default."""
        if self.instance is not None:
            return getattr(self.instance, param)
        return self.arguments.get(param, self.definition.params_model.model_fields[param].default)


class Target(Protocol):
    """What a kind stands for: a decorated function, or a `Step` class."""

    @property
    def definition(self) -> StepDefinition:
        """Everything that is known of the step: ports, params, origin."""
        ...
