"""A function of one value as the param of a step: data names it by the kind of a step, never by its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

from pydantic import ConfigDict, Field, ValidationError, with_config
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema, to_json
from typing_extensions import TypedDict

from headwater.errors import StepDefinitionError
from headwater.graph.types.value_checkers import checker
from headwater.kinds.binding import bind, callable_of
from headwater.kinds.definition import BoundStep, Call, Method, Placement, StepDefinition
from headwater.kinds.registry import registry
from headwater.kinds.step import Step, StepFunction, bound_function
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["Transform"]

_KEYS = {"kind", "params"}
_HINT = "`headwater steps` lists the kinds; --steps FILE adds your own"


@with_config(ConfigDict(extra="forbid", title="a kind with its params"))
class KindWithParams(TypedDict):
    """How a document names a function.

    Args:
        kind: The kind of a step that takes one value and returns one at once.
        params: Options of the kind.
    """

    kind: Annotated[str, Field(min_length=1)]
    params: NotRequired[dict[str, Any]]


class Transform:
    """A plain function of one value.

    Args:
        source: In a document, `{"kind": "my.add", "params": {"n": 5}}`: the kind of a step that takes one value and
            returns one at once. In Python also such a step itself.

    Raises:
        pydantic.ValidationError: There is no such kind, it is no plain function of one value, or its params are wrong.

    Example:
        >>> Transform({"kind": "text.upper"})("salt")
        'SALT'
    """

    __slots__ = ("_call", "source")

    def __init__(self, source: Mapping[str, Any] | StepFunction[..., Any] | Step) -> None:
        bound = bind(source) if isinstance(source, (StepFunction, Step)) else _bound(source)
        self._call = _of_bound(bound)
        self.source: Mapping[str, Any] = {"kind": bound.definition.kind, "params": dict(bound.params)}

    def __call__(self, value: Any) -> Any:
        """Return what the function makes of a value.

        Args:
            value: The value.

        Returns:
            The result.

        Raises:
            FrameTypeError: The value is not of the type that the function takes.
        """
        return self._call(value)

    def __repr__(self) -> str:
        return f"Transform({self.source!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            json_schema_input_schema=handler.generate_schema(KindWithParams),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda transform: transform.source),
        )


def _bound(source: object) -> BoundStep:
    """Return the step that a document names, with its params."""
    if not is_mapping(source):
        hint = "decorate a function with @step to use it here" if callable(source) else _HINT
        raise _refusal("wrong-type", "expected the kind of a step, and its params", (), hint)
    kind, params = source.get("kind"), source.get("params", {})
    faults = [
        _details("unknown-key", f"unknown key {key!r}, expected kind and params", (key,))
        for key in source
        if key not in _KEYS
    ]
    if "kind" not in source:
        faults.append(_details("missing-key", "expected the kind of a step", ("kind",), hint=_HINT))
    elif not isinstance(kind, str):
        faults.append(_details("wrong-type", "expected the kind of a step: a text", ("kind",), hint=_HINT))
    if not is_mapping(params):
        faults.append(_details("wrong-type", "expected params: an object", ("params",)))
    if faults or not isinstance(kind, str):
        raise ValidationError.from_exception_data("Transform", faults)
    try:
        target = registry.find(kind)
    except StepDefinitionError as error:
        raise _refusal(error.problems[0].code, error.problems[0].message, ("kind",), error.problems[0].hint) from error
    if target is None:
        near = registry.suggest(kind)
        hint = f"did you mean {near[0]!r}?" if near else _HINT
        raise _refusal("unknown-kind", f"no step of kind {kind!r} is known", ("kind",), hint)
    model = target.definition.params_model
    try:
        given = model.__pydantic_validator__.validate_json(to_json(params), strict=True)
    except ValidationError as error:
        raise _refused_params(error, target.definition, are_given="params" in source) from error
    return bind(given) if isinstance(given, Step) else bound_function(target.definition, given)


def _of_bound(bound: BoundStep) -> Callable[[Any], Any]:
    """Return the function of a step, with a check of what it takes."""
    definition = bound.definition
    method = next(filter(_is_plain, definition.methods), None)
    if method is None or definition.placement is not Placement.INLINE or definition.has_lifespan:
        message = f"the kind {definition.kind!r} is no plain function of one value"
        hint = "take one that gets a value and returns one at once, without context or lifespan"
        raise _refusal("not-plain", message, ("kind",), hint)
    if definition.permission:
        message = f"the kind {definition.kind!r} needs the permission {definition.permission!r}"
        raise _refusal("not-allowed", message, ("kind",), "use it as a step of its own")
    call, port = callable_of(bound, method), method.inputs[0]
    check, place = checker(port.type.item).check, f"kind {definition.kind!r} port {port.name!r}"
    return lambda value: call(check(value, place))


def _is_plain(method: Method) -> bool:
    ports = (*method.inputs, *method.outputs)
    one_each = len(method.inputs) == len(method.outputs) == 1
    plain = method.call is Call.PLAIN and method.context is None
    return one_each and plain and not any(port.streaming for port in ports)


def _refused_params(error: ValidationError, definition: StepDefinition, *, are_given: bool) -> ValidationError:
    """Return what is wrong with the params of a kind, in our words, below `params`, or there if there are none."""
    lines = [_fault(fault, definition) for fault in error.errors(include_url=False, include_input=False)]
    for line in lines:
        line["loc"] = ("params", *line.get("loc", ())) if are_given else ("params",)
    return ValidationError.from_exception_data("Transform", lines)


def _fault(fault: ErrorDetails, definition: StepDefinition) -> InitErrorDetails:
    kind, name, code, message = definition.kind, ".".join(map(str, fault["loc"])), fault["type"], fault["msg"]
    context: dict[str, Any] = {key: value for key, value in fault.get("ctx", {}).items() if key != "message"}
    if code == "missing":
        code, message, context = "missing-key", f"the param {name!r} of {kind!r} is missing", {}
    elif code == "extra_forbidden":
        code, message = "unknown-param", f"unknown param {name!r} in {kind!r}"
        context = {"unknown": name, "known": tuple(definition.params_model.model_fields)}
    elif "-" not in code:  # pydantic's own names have underscores
        code, message, context = "wrong-value", f"param {name!r} of {kind!r}: {message[:1].lower()}{message[1:]}", {}
    return _details(code, message, fault["loc"], **context)


def _refusal(code: str, message: str, path: tuple[str | int, ...], hint: str = "") -> ValidationError:
    return ValidationError.from_exception_data("Transform", [_details(code, message, path, hint=hint)])


def _details(code: str, message: str, path: tuple[str | int, ...], **context: Any) -> InitErrorDetails:
    error = PydanticCustomError(cast("Any", code), "{message}", {**context, "message": message})
    return InitErrorDetails(type=error, loc=path, input=None)
