"""A step joined with its params, and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any, cast

from headwater.kinds.definition import BoundStep, Method, Origin
from headwater.kinds.params import as_document
from headwater.kinds.registry import import_module_of
from headwater.kinds.step import Step, StepFunction, bound_function
from headwater.kinds.step_context import StepContext

__all__ = ["bind", "callable_of", "default_of", "locate"]


def bind(
    target: StepFunction[..., Any] | Step | type[Step],
    params: Mapping[str, Any] | None = None,
    *,
    document: Mapping[str, Any] | None = None,
) -> BoundStep:
    """Join a step with its params, which for a function replace those of `with_params`; an instance takes none.

    `document` has the params as they stand in a document, templates unreplaced; made of the validated ones by default.
    """
    if isinstance(target, StepFunction):
        definition, given = target.definition, target.bound.arguments
        if not params and document is None and target.complete:
            return target.bound
        return bound_function(definition, definition.params_model.model_validate({**given, **(params or {})}), document)
    if isinstance(target, Step):
        if params:
            msg = f"{type(target).__name__} already has its params; give {', '.join(params)} to its constructor"
            raise TypeError(msg)
        instance = target
    elif _is_step_class(target):
        instance = target.model_validate(params or {})
    else:
        raise TypeError(_not_a_step(target))
    definition = instance.definition.with_params(vars(instance))
    return BoundStep(definition, instance, params=as_document(instance) if document is None else document)


def _is_step_class(target: object) -> bool:
    return isinstance(target, type) and issubclass(target, Step)


def _not_a_step(target: object) -> str:
    """Return why something is not a step, and how to make it one."""
    if isinstance(target, type):
        return f"the class {target.__name__!r} is not a step; derive it from headwater.Step"
    if isinstance(target, str):
        return f"the string {target[:80]!r} is not a step; import the step, or name its kind in a document"
    if callable(target) and (name := getattr(target, "__name__", "")):
        return f"the function {name!r} is not a step; decorate it: @step('example.name')"
    return f"an object of the class {type(target).__name__!r} is not a step; expected a function with @step, or a Step"


def locate(origin: Origin) -> StepFunction[..., Any] | type[Step]:
    """Return the step that was defined at an origin, which is not local to a function."""
    return cast("StepFunction[..., Any] | type[Step]", attrgetter(origin.qualname)(import_module_of(origin)))


def default_of(method: Method, port: str) -> Any:
    """Return the value of an optional input to which nothing comes."""
    return signature(method.function).parameters[port].default


def callable_of(
    bound: BoundStep,
    method: Method,
    instance: Any = None,
    *,
    context: StepContext | None = None,
    ports: Sequence[str] | None = None,
) -> Callable[..., Any]:
    """Return the function that runs a step and takes nothing but its inputs, by position.

    `ports` names the inputs that will be given, in that order; all of them by default.
    """
    function = (
        getattr(bound.instance if instance is None else instance, method.name) if method.name else method.function
    )
    fixed = dict(bound.arguments)
    if method.context is not None:
        fixed[method.context] = context
    names = [port.name for port in method.inputs]
    given = list(names if ports is None else ports)
    context_is_last = method.context_index is None or method.context_index >= len(given)
    if given == names[: len(given)] and context_is_last:
        return _with(function, fixed) if fixed else function
    return partial(_call_by_name, function, given, fixed)


def _with(function: Callable[..., Any], fixed: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function with some of its arguments fixed.

    Those at the end become the defaults of a copy, which is called as fast as the function itself; a `partial` adds
    200 ns to each call.
    """
    if isinstance(function, MethodType):
        bare = _with(function.__func__, fixed)
        return MethodType(bare, function.__self__) if isinstance(bare, FunctionType) else partial(function, **fixed)
    if isinstance(function, FunctionType):
        code, defaults = function.__code__, function.__defaults__ or ()
        by_place = code.co_varnames[: code.co_argcount]
        last = by_place[len(by_place) - len(fixed.keys() & set(by_place)) :]
        by_name = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        if fixed.keys() <= {*last, *by_name}:
            defaults = (*defaults[: max(len(defaults) - len(last), 0)], *[fixed[name] for name in last])
            copy = FunctionType(code, function.__globals__, function.__name__, defaults, function.__closure__)
            copy.__kwdefaults__ = {
                **(function.__kwdefaults__ or {}),
                **{name: fixed[name] for name in by_name if name in fixed},
            }
            return copy
    return partial(function, **fixed)


def _call_by_name(function: Callable[..., Any], names: Sequence[str], fixed: Mapping[str, Any], *inputs: Any) -> Any:
    return function(**dict(zip(names, inputs, strict=True)), **fixed)
