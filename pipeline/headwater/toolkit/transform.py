"""A function of one value as the param of a step: data names it by the kind of a step, never by its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, NotRequired

from pydantic import ConfigDict, Field, ValidationError, with_config
from pydantic_core import ErrorDetails, to_json
from typing_extensions import TypedDict

from headwater.config.data_params import DataParam
from headwater.config.problems import Fault
from headwater.errors import StepDefinitionError
from headwater.kinds.binding import bind, callable_of
from headwater.kinds.definition import BoundStep, Call, Method, Placement, StepDefinition
from headwater.kinds.params import params_validator
from headwater.kinds.registry import registry
from headwater.kinds.step import Step, StepFunction, bound_function
from headwater.shapes import is_mapping
from headwater.types.value_checkers import checker

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


class Transform(DataParam):
    """A plain function of one value, as the type of a param.

    Args:
        source: In a document, `{"kind": "my.add", "params": {"n": 5}}`: the kind of a step that takes one value and
            returns one at once. In Python also such a step itself.

    Raises:
        pydantic.ValidationError: There is no such kind, it is not a plain function of one value, or its params are
            wrong.

    Example:
        >>> Transform({"kind": "text.upper"})("salt")
        'SALT'
    """

    __slots__ = ("_call",)

    data_type: ClassVar[Any] = KindWithParams

    def __init__(self, source: Mapping[str, Any] | StepFunction[..., Any] | Step) -> None:
        bound = bind(source) if isinstance(source, (StepFunction, Step)) else _bound(source)
        self._call = _function_of(bound)
        self.source: Mapping[str, Any] = {"kind": bound.definition.kind, "params": dict(bound.params)}

    @classmethod
    def from_data(cls, data: Any) -> Transform:
        """Return the function that a document names."""
        return cls(data)

    def __call__(self, value: Any) -> Any:
        """Return the result of the function for a value.

        Args:
            value: The value.

        Returns:
            The result.

        Raises:
            FrameTypeError: The value is not of the type that the function takes.
        """
        return self._call(value)


def _bound(source: object) -> BoundStep:
    """Return the step that a document names, with its params."""
    if not is_mapping(source):
        hint = "decorate a function with @step to use it here" if callable(source) else _HINT
        raise Transform.refusal([Fault("wrong-type", "expected the kind of a step, and its params", (), hint)])
    kind, params = source.get("kind"), source.get("params", {})
    faults = [
        Fault("unknown-key", f"unknown key {key!r}, expected kind and params", (key,))
        for key in source
        if key not in _KEYS
    ]
    if "kind" not in source:
        faults.append(Fault("missing-key", "expected the kind of a step", ("kind",), _HINT))
    elif not isinstance(kind, str):
        faults.append(Fault("wrong-type", "expected the kind of a step: a string", ("kind",), _HINT))
    if not is_mapping(params):
        faults.append(Fault("wrong-type", "expected params: an object", ("params",)))
    if faults or not isinstance(kind, str):
        raise Transform.refusal(faults)
    definition = _definition_of(kind)
    try:
        given = params_validator(definition.params_model)(to_json(params), strict=True)
    except ValidationError as error:
        below = [_param_fault(fault, definition, "params" in source) for fault in _errors(error)]
        raise Transform.refusal(below) from error
    return bind(given) if isinstance(given, Step) else bound_function(definition, given)


def _definition_of(kind: str) -> StepDefinition:
    try:
        target = registry.find(kind)
    except StepDefinitionError as error:
        problem = error.problems[0]
        raise Transform.refusal([Fault(problem.code, problem.message, ("kind",), problem.hint)]) from error
    if target is None:
        near = registry.suggest(kind)
        hint = f"did you mean {near[0]!r}?" if near else _HINT
        raise Transform.refusal([Fault("unknown-kind", f"no step of kind {kind!r} is known", ("kind",), hint)])
    return target.definition


def _function_of(bound: BoundStep) -> Callable[[Any], Any]:
    """Return the function of a step, with a check of what it takes."""
    definition = bound.definition
    method = next(filter(_is_plain, definition.methods), None)
    if method is None or definition.placement is not Placement.INLINE or definition.has_lifespan:
        message = f"the kind {definition.kind!r} is not a plain function of one value"
        hint = "take one that gets a value and returns one at once, without context or lifespan"
        raise Transform.refusal([Fault("not-plain", message, ("kind",), hint)])
    if definition.permission:
        message = f"the kind {definition.kind!r} needs the permission {definition.permission!r}"
        raise Transform.refusal([Fault("not-allowed", message, ("kind",), "use it as a step of its own")])
    call, port = callable_of(bound, method), method.inputs[0]
    check, place = checker(port.type.item).check, f"kind {definition.kind!r} port {port.name!r}"
    return lambda value: call(check(value, place))


def _is_plain(method: Method) -> bool:
    ports = (*method.inputs, *method.outputs)
    one_each = len(method.inputs) == len(method.outputs) == 1
    plain = method.call is Call.PLAIN and method.context is None
    return one_each and plain and not any(port.streaming for port in ports)


def _errors(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)


def _param_fault(error: ErrorDetails, definition: StepDefinition, are_given: bool) -> Fault:  # noqa: FBT001 - of one caller
    """Return what is wrong with a param of the kind, at its place below `params`, or at `params` if there are none."""
    kind, place, code, message = definition.kind, error["loc"], error["type"], error["msg"]
    name = ".".join(map(str, place))
    path = ("params", *place) if are_given else ("params",)
    if code == "missing":
        return Fault("missing-key", f"the param {name!r} of {kind!r} is missing", path)
    if code == "extra_forbidden":
        known = tuple(definition.params_model.model_fields)
        return Fault("unknown-param", f"unknown param {name!r} in {kind!r}", path, unknown=name, known=known)
    if "-" in code:  # made of a `Fault`: pydantic's own names have underscores
        context = error.get("ctx", {})
        hints = {key: context[key] for key in ("hint", "unknown", "known") if key in context}
        return Fault(code, message, path, **hints)
    return Fault("wrong-value", f"param {name!r} of {kind!r}: {message[:1].lower()}{message[1:]}", path)
