"""Reads the ports and params of a function from its annotations and parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from headwater.annotations import shape, substitute
from headwater.ids import NAME_PATTERN
from headwater.kinds.definition import Call, Method, Port, PortStyle
from headwater.kinds.outputs import ERRORS_PORT, Failed, Outputs, main_type
from headwater.kinds.port_types import Form, Shape, contains_stream, form_of, wrapped_frames
from headwater.kinds.report import Report
from headwater.kinds.step_context import StepContext
from headwater.kinds.task import Flavor

__all__ = ["method_of", "of_items", "params_of"]

_POSITIONAL = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
_VARIADIC: dict[Any, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}
_STYLES: dict[Shape, PortStyle] = {Shape.STREAM: "stream", Shape.ITERABLE: "iterable"}
_MAY_RETURN = {
    Call.PLAIN: {Shape.VALUE, Shape.ITERABLE, Shape.ASYNC_ITERABLE},
    Call.GENERATOR: {Shape.ITERABLE},
    Call.COROUTINE: {Shape.VALUE},
    Call.ASYNC_GENERATOR: {Shape.ASYNC_ITERABLE},
}
_WRITE_INSTEAD = {
    Call.PLAIN: "write -> Item, or -> Iterator[Item] for a stream",
    Call.GENERATOR: "write -> Iterator[Item], or make it an async def",
    Call.COROUTINE: "yield the items, or write -> list[Item] to return them as one value",
    Call.ASYNC_GENERATOR: "write -> AsyncIterator[Item], or -> Emits[Item, Header, Footer]",
}
_PYDANTIC_NAMES = frozenset(name for name in dir(BaseModel) if name.startswith("model_"))
_RETURNS_ITERATOR = {Shape.ITERABLE: Call.GENERATOR, Shape.ASYNC_ITERABLE: Call.ASYNC_GENERATOR}


def method_of(
    function: Callable[..., Any],
    hints: Mapping[str, Any],
    report: Report,
    *,
    name: str = "",
    names: Mapping[str, Any] | None = None,
) -> Method:
    """Return a function, or a method with that name, with its ports; of no use when something was reported.

    `names` are local names that the fields of an `Outputs` class may use.
    """
    parameters = _parameters(function, name)
    _check_parameters(parameters, hints, report)
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    context = _context(parameters, hints, report)
    index = next((index for index, parameter in enumerate(positional) if parameter.name == context), None)
    _check_positional_only(positional, index, report)
    inputs = tuple(_input(parameter, hints, report) for parameter in positional if parameter.name != context)
    returned = form_of(hints["return"]) if "return" in hints else None
    call = _call_of(function)
    outputs, outputs_type = _outputs(call, returned, names or {}, report)
    if call is Call.PLAIN and returned is not None:
        call = _RETURNS_ITERATOR.get(returned.shape, call)
    for port in inputs:
        _check_style(port, call, report)
    return Method(
        function=function,
        name=name,
        call=call,
        inputs=inputs,
        outputs=outputs,
        flavor=Flavor((any(port.streaming for port in inputs), any(port.streaming for port in outputs))),
        outputs_type=outputs_type,
        context=context,
        context_index=index,
    )


def of_items(method: Method, report: Report) -> Method:
    """Return a method that takes and returns a list as one with the ports of single items."""
    if not report.clean:  # more problems would only be consequences
        return method
    items = [_items_of_list(port.type.item) for ports in (method.inputs, method.outputs) for port in ports]
    if method.call.yields or method.outputs_type is not None or len(method.inputs) != 1 or None in items:
        hint = "write def name(items: list[Item]) -> list[Result]"
        report.add("not-batched", "batched=True is for a function that takes one list and returns a list", hint)
        return method
    given, returned = method.inputs[0], method.outputs[0]
    return replace(
        method,
        inputs=(replace(given, type=replace(given.type, item=items[0])),),
        outputs=(replace(returned, type=replace(returned.type, item=_without_failed(items[1]))),),
        batched=True,
    )


def _items_of_list(annotation: Any) -> Any:
    """Return the type of the items of a list; None for anything else."""
    return get_args(annotation)[0] if get_origin(annotation) is list else Any if annotation is list else None


def _without_failed(annotation: Any) -> Any:
    """Return the type of results, without the mark for a result that is missing."""
    parts = [part for part in get_args(annotation) if part is not Failed]
    is_union = get_origin(annotation) in {Union, UnionType}
    return Union[tuple(parts)] if is_union and parts else annotation  # noqa: UP007 - of any number of types


def params_of(function: Callable[..., Any], hints: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return type and default, or `...` without one, of the keyword-only arguments of a function by name."""
    params: dict[str, Any] = {}
    for parameter in _parameters(function, ""):
        type_ = hints.get(parameter.name, Any)
        if parameter.kind is not Parameter.KEYWORD_ONLY or type_ is StepContext:
            continue
        if parameter.name.startswith("_") or parameter.name in _PYDANTIC_NAMES:
            report.add("param-name", f"pydantic cannot validate a param named {parameter.name!r}", "rename it")
        elif contains_stream(type_):
            hint = "take it as a positional argument, before the `*`"
            report.add("stream-param", f"{parameter.name!r} is a Stream, but a keyword-only argument is a param", hint)
        else:
            params[parameter.name] = (type_, ... if parameter.default is Parameter.empty else parameter.default)
    return params


def _parameters(function: Callable[..., Any], name: str) -> list[Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    return parameters[1:] if name else parameters


def _check_parameters(parameters: Sequence[Parameter], hints: Mapping[str, Any], report: Report) -> None:
    for parameter in parameters:
        stars = _VARIADIC.get(parameter.kind)
        if stars is not None:
            report.add(
                "variadic-parameter",
                f"{stars}{parameter.name} declares neither the number of ports or params nor their names",
                "name each of them, or take one list",
            )
        elif parameter.name not in hints:
            hint = f"write {parameter.name}: Type for one value, or {parameter.name}: Stream[Item] for a stream"
            if parameter.kind is Parameter.KEYWORD_ONLY:
                hint = f"write {parameter.name}: Type"
            report.add("missing-annotation", f"parameter {parameter.name!r} has no annotation", hint)


def _context(parameters: Sequence[Parameter], hints: Mapping[str, Any], report: Report) -> str | None:
    found = [parameter.name for parameter in parameters if hints.get(parameter.name) is StepContext]
    if len(found) > 1:
        report.add("duplicate-context", f"{' and '.join(found)} all have the type StepContext", "keep one of them")
    return found[0] if found else None


def _check_positional_only(positional: Sequence[Parameter], context: int | None, report: Report) -> None:
    """Report positional-only parameters that must be given by name: optional ones, those after a context."""
    nameless = [parameter for parameter in positional if parameter.kind is Parameter.POSITIONAL_ONLY]
    last = len(positional) - 1
    inserted = context is not None and (context < last or positional[context] in nameless)
    if nameless and (inserted or any(parameter.default is not Parameter.empty for parameter in nameless)):
        hint = "remove the `/`"
        message = f"{nameless[-1].name!r} is positional-only, but it must be possible to give it by name"
        report.add("positional-only", message, hint)


def _input(parameter: Parameter, hints: Mapping[str, Any], report: Report) -> Port:
    form = form_of(hints.get(parameter.name, Any))
    if form.shape is Shape.ASYNC_ITERABLE:
        hint = f"write {parameter.name}: Stream[Item]"
        report.add("async-iterable", f"input {parameter.name!r} is {form.shape.value}, not a Stream", hint)
    return _port(
        parameter.name,
        form,
        report,
        streaming=form.shape is not Shape.VALUE,
        style=_STYLES.get(form.shape, "value"),
        required=parameter.default is Parameter.empty,
    )


def _check_style(port: Port, call: Call, report: Report) -> None:
    if port.style == "stream" and not call.suspends:
        report.add(
            "sync-stream",
            f"input {port.name!r} is a Stream, which a plain def cannot wait for",
            f"make it an async def, or write {port.name}: Iterable[Item] to read it in a worker thread",
        )
    if port.style == "iterable" and call.suspends:
        report.add(
            "async-iterable",
            f"input {port.name!r} is {Shape.ITERABLE.value}, which would block the event loop",
            f"write {port.name}: Stream[Item], or {port.name}: list[Item] for all the items as one value",
        )


def _call_of(function: Callable[..., Any]) -> Call:
    if inspect.isasyncgenfunction(function):
        return Call.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(function):
        return Call.COROUTINE
    return Call.GENERATOR if inspect.isgeneratorfunction(function) else Call.PLAIN


def _outputs(
    call: Call, form: Form | None, names: Mapping[str, Any], report: Report
) -> tuple[tuple[Port, ...], type[Outputs] | None]:
    if form is None:
        report.add("missing-return", "the return annotation is missing", _WRITE_INSTEAD[call])
        return (), None
    if form.shape is Shape.STREAM:
        hint = _WRITE_INSTEAD[Call.ASYNC_GENERATOR]
        report.add("returned-stream", "a Stream is what a step reads, not what it writes", hint)
    elif form.shape not in _MAY_RETURN[call]:
        message = f"the {call.value} is annotated with {form.shape.value} as its result"
        report.add("wrong-return", message, _WRITE_INSTEAD[call])
    streaming = form.shape is not Shape.VALUE
    outputs_type = shape(form.type.item)[0]
    if not (isinstance(outputs_type, type) and issubclass(outputs_type, Outputs)):
        return (_port("out", form, report, streaming=streaming),), None
    if form.type.header is not None or form.type.footer is not None:
        hint = "annotate the field of the Outputs class: Stream[Item, Header, Footer]"
        report.add("outputs-header", "with several outputs each of them has a header and footer of its own", hint)
    types = _field_types(form.type.item, outputs_type, names, report)
    ports = tuple(_output_port(name, type_, outputs_type, report, streaming=streaming) for name, type_ in types.items())
    if ports and not any(port.required for port in ports):
        hint = "remove SidePort from one of them"
        report.add("side-ports", f"every output of {outputs_type.__name__} is a SidePort; one must not be", hint)
    return ports, outputs_type


def _field_types(
    annotation: Any, outputs_type: type[Outputs], names: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    if not outputs_type.port_names:
        hint = "make a subclass with an annotated field for each port"
        report.add("empty-outputs", f"{outputs_type.__name__} has no fields, so no ports", hint)
        return {}
    try:
        hints = get_type_hints(outputs_type, localns=dict(names), include_extras=True)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation can raise anything
        hint = "define or import what they name above the step"
        report.add("unknown-annotation", f"the fields of {outputs_type.__name__} cannot be resolved: {error}", hint)
        return {}
    parameters = getattr(outputs_type, "__parameters__", ())
    bound = dict(zip(parameters, get_args(annotation), strict=False))
    return {name: substitute(hints[name], bound) for name in outputs_type.port_names}


def _output_port(name: str, annotation: Any, outputs_type: type[Outputs], report: Report, *, streaming: bool) -> Port:
    annotation, required = main_type(annotation)
    form = form_of(annotation)
    if name == ERRORS_PORT:
        hint = "call it 'rejected' or the like; 'errors' is the port of the policy on_error: dead_letter"
        report.add("reserved-port", f"the name of output 'errors' of {outputs_type.__name__} is reserved", hint)
    if hasattr(outputs_type, name):
        hint = "remove the default: a port that is not given is not written to"
        report.add("output-default", f"output {name!r} of {outputs_type.__name__} has a default", hint)
    if form.shape is Shape.STREAM and not streaming:
        hint = f"write -> AsyncIterator[{outputs_type.__name__}] and yield"
        report.add("unary-outputs", f"output {name!r} is a Stream, but the step returns once", hint)
    elif form.shape in {Shape.ITERABLE, Shape.ASYNC_ITERABLE}:
        hint = "write Stream[Item, Header, Footer], or the type of one item"
        report.add("wrong-output", f"output {name!r} is {form.shape.value}", hint)
    return _port(name, form, report, streaming=streaming, required=required)


def _port(
    name: str, form: Form, report: Report, *, streaming: bool, style: PortStyle = "value", required: bool = True
) -> Port:
    if not NAME_PATTERN.fullmatch(name):
        report.add("port-name", f"{name!r} cannot be the name of a port", "use ASCII letters, digits and underscores")
    if name == "policy":  # the key that makes an object in `merge` one policy instead of policies by port
        report.add("port-name", "'policy' cannot be the name of a port: it is a key of 'merge'", "choose another name")
    if form.shape is Shape.VALUE and contains_stream(form.type.item):
        hint = "give each stream a port of its own"
        report.add("nested-stream", f"port {name!r} has a Stream inside another type", hint)
    if form.disagrees:
        hint = "write the same item, header and footer in both, and only beside a stream"
        report.add("stream-type", f"the StreamType of port {name!r} contradicts the type beside it", hint)
    if style == "value" and form.shape is not Shape.VALUE:
        _check_frames(name, form, report)
    return Port(name, form.type, streaming, style, required, form.reads, form.by_param, form.needed)


def _check_frames(name: str, form: Form, report: Report) -> None:
    for frame in sorted(wrapped_frames(form.type) - form.wrapped):
        report.add(
            f"ambiguous-{frame}",
            f"port {name!r}: the class of the {frame} does not distinguish it from the other frames of the stream",
            f"declare it as {frame.title()}[...] and yield {frame.title()}(value)",
        )
