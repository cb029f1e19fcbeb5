"""Makes the definition of a step from its code, and raises everything that is wrong with it at once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

from headwater.annotations import describe
from headwater.ids import KIND_PATTERN
from headwater.kinds.definition import Method, Origin, Placement, Port, Resume, StepDefinition
from headwater.kinds.hints import hints_of, scope_of
from headwater.kinds.params import params_model
from headwater.kinds.report import Report
from headwater.kinds.signature import method_of, of_items, params_of
from headwater.kinds.task import Flavor, Mark, Task, marks_of
from headwater.types.fit import Fit, check

if TYPE_CHECKING:
    from pydantic import BaseModel

    from headwater.streams.frames import StreamType

__all__ = ["Options", "class_definition", "function_definition"]

RESERVED = frozenset({"definition", "kind", "lifespan", "run"})
"""Names with a meaning of their own on a `Step` class, so that no param can have them."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the author of a step declares beside the annotations."""

    kind: str
    blocking: bool = False
    cpu: bool = False
    permission: str = ""
    resume: Resume = None
    batched: bool = False


def function_definition(function: Any, options: Options, task: Task | None) -> StepDefinition:
    """Return the definition of a step that is a function."""
    scope = scope_of(_globals_of(function))
    report = Report(f"step {options.kind!r}", scope.file, scope.line)
    _check_kind(options.kind, report)
    _check_resume(options, report)
    if not isinstance(inspect.unwrap(function), FunctionType):
        hint = "decorate a def or an async def, or make it a class that derives from Step"
        report.add("not-a-function", f"{function!r} is not a function", hint)
        report.raise_any()
    code = inspect.unwrap(function).__code__
    report = report.at(code)
    hints = hints_of(function, scope.names, report)
    method = method_of(function, hints, report, names=scope.names)
    if options.batched:
        method = of_items(method, report)
    if task is not None:
        method = _of_task(method, Mark(task, method.flavor), report)
    origin = Origin(function.__module__, function.__qualname__, report.file, report.line)
    model = params_model(function.__name__, params_of(function, hints, report), report)
    placement = _placement(options, (method,), origin, report)
    report.raise_any()
    doc = inspect.getdoc(function) or ""
    return StepDefinition(
        options.kind, (method,), model, placement, origin, doc=doc, permission=options.permission, resume=options.resume
    )


def class_definition(cls: type[BaseModel], options: Options, *, has_lifespan: bool) -> StepDefinition | None:
    """Return the definition of a step that is a class; None for a class that is only a base of others."""
    own = [name for name, value in vars(cls).items() if name == "run" or marks_of(value)]
    if not options.kind and not own:
        return None
    scope = scope_of(_globals_of(cls))
    report = Report(f"step {options.kind or cls.__name__!r}", scope.file, scope.line)
    if options.kind:
        _check_kind(options.kind, report)
    else:
        hint = f'write class {cls.__name__}(..., kind="some.name")'
        report.add("missing-kind", f"{cls.__name__} defines {own[0]!r}, but has no kind", hint)
    _check_resume(options, report)
    methods = tuple(_methods(cls, {**scope.names, cls.__name__: cls}, options, report))
    _check_methods(methods, report)
    _check_fields(cls, methods, report)
    origin = Origin(cls.__module__, cls.__qualname__, scope.file, scope.line)
    placement = _placement(options, methods, origin, report)
    report.raise_any()
    doc = inspect.cleandoc(cls.__doc__ or "")
    return StepDefinition(
        options.kind,
        methods,
        cls,
        placement,
        origin,
        doc,
        cls,
        has_lifespan,
        permission=options.permission,
        resume=options.resume,
    )


def _check_resume(options: Options, report: Report) -> None:
    if options.resume not in {None, "replay"}:
        hint = "write resume='replay' for a step that gives the same items for the same input, or leave it out"
        report.add("bad-resume", f"{options.resume!r} is not a way to resume", hint)


def _globals_of(target: Any) -> Mapping[str, Any]:
    target = inspect.unwrap(target)
    if isinstance(target, FunctionType):
        return target.__globals__
    return vars(sys.modules.get(getattr(target, "__module__", None) or "", sys))


def _check_kind(kind: str, report: Report) -> None:
    if not KIND_PATTERN.fullmatch(kind):
        hint = "write words of lower-case letters, digits and underscores with dots between them, such as text.words"
        report.add("bad-kind", f"{kind!r} cannot be a kind", hint)


def _methods(cls: type, names: Mapping[str, Any], options: Options, report: Report) -> Iterator[Method]:
    """Yield `run`, or the methods that the class or a base marked for a task; an override keeps their marks."""
    found: dict[str, tuple[Mark, ...]] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            marks = marks_of(value)
            if marks or name == "run":
                found[name] = marks or found.get(name, ())
    if not found:
        hint = "write `async def run(self, ...)`, or methods marked with Task.method(...)"
        report.add("no-method", "it has a kind, but no method to run", hint)
    for name, marks in found.items():
        function = inspect.getattr_static(cls, name)
        if not isinstance(function, FunctionType):
            report.add("not-a-method", f"{name!r} is not a method", "write an ordinary def or async def with self")
            continue
        here = report.at(inspect.unwrap(function).__code__, name)
        hints = _inherited_hints(cls, name, names, here)
        method = method_of(function, hints, here, name=name, names=names)
        if options.batched:
            method = of_items(method, here)
        if not marks:
            yield method
        for mark in marks:
            yield _of_task(method, mark, here)


def _inherited_hints(cls: type, name: str, names: Mapping[str, Any], report: Report) -> dict[str, Any]:
    functions = [vars(base)[name] for base in reversed(cls.__mro__) if name in vars(base)]
    return {key: hint for function in functions for key, hint in hints_of(function, names, report).items()}


def _check_methods(methods: Sequence[Method], report: Report) -> None:
    if len({method.task is None for method in methods}) > 1:
        hint = "mark `run` with a task as well, or remove it"
        report.add("run-and-tasks", "it has `run` beside methods of tasks, so it is not clear which one runs", hint)
    tasks: dict[str, Task] = {}
    for task in dict.fromkeys(method.task for method in methods if method.task is not None):
        if tasks.setdefault(task.name, task) is not task:
            hint = "give one of them another name, or import the same Task in both places"
            report.add("duplicate-task", f"it has methods of two tasks that are both named {task.name!r}", hint)
    seen: dict[tuple[Task | None, Flavor], Method] = {}
    for method in methods:
        first = seen.setdefault((method.task, method.flavor), method)
        if first is not method and method.task is not None:
            message = (
                f"{first.name!r} and {method.name!r} both implement {method.flavor.name} of task {method.task.name!r}"
            )
            report.add("duplicate-flavor", message, "keep one of them")


def _check_fields(cls: type[BaseModel], methods: Sequence[Method], report: Report) -> None:
    ports = {port.name for method in methods for port in method.inputs}
    for name in cls.model_fields:
        if name in ports:
            report.add("param-is-port", f"{name!r} is both a param and an input port", "rename one of them")
        if name in RESERVED:
            report.add("reserved-param", f"a param cannot be named {name!r}, which has another meaning", "rename it")


def _placement(options: Options, methods: Sequence[Method], origin: Origin, report: Report) -> Placement:
    for mark, given in (("blocking", options.blocking), ("cpu", options.cpu)):
        if given and methods and all(method.call.suspends for method in methods):
            hint = f"remove {mark}=True, or write a plain def"
            report.add(f"async-{mark}", f"{mark}=True is for a plain def, but this is async", hint)
    if options.blocking and options.cpu:
        report.add("blocking-and-cpu", "a step runs in a worker thread or in a worker process, not both", "keep one")
    if options.cpu and "<" in origin.qualname:
        hint = "define it at the top level of a module"
        report.add("local-cpu", f"a worker process cannot find {origin.qualname!r}", hint)
    if options.cpu:
        _check_exact(methods, report)
        return Placement.PROCESS
    iterable = any(port.style == "iterable" for method in methods for port in method.inputs)
    return Placement.THREAD if options.blocking or iterable else Placement.INLINE


def _check_exact(methods: Sequence[Method], report: Report) -> None:
    """Report ports whose items cannot cross to a worker process and back."""
    from headwater.streams.exact.exact_json import inexact_type  # for few kinds, and it takes time to import

    ports = {port.name: port.type.item for method in methods for port in (*method.inputs, *method.outputs)}
    for name, item in ports.items():
        if (kind := inexact_type(item)) is not None:
            hint = "make it a dataclass or a pydantic model, or mark the step blocking=True"
            report.add("cpu-type", f"port {name!r}: a {kind.__qualname__} cannot be sent to a worker process", hint)


def _of_task(method: Method, mark: Mark, report: Report) -> Method:
    """Return a method with its task and the types of the task; report where the two disagree."""
    if not report.clean:  # more problems would only be consequences
        return method
    task, flavor = mark.task, mark.flavor
    found = {port.name: port.streaming for port in method.inputs}
    if task.inputs and found != {port.name: port.streaming for port in task.inputs}:
        expected = ", ".join(f"{port.name} ({'a stream' if port.streaming else 'one value'})" for port in task.inputs)
        message = f"a method of task {task.name!r} has the inputs {expected}"
        report.add(
            "task-ports", message, "declare them with these names, each as Stream[Item] or as the type of a value"
        )
        return method
    if (not task.inputs and len(method.inputs) != 1) or method.outputs_type is not None:
        hint = "give it one input and one output" if not task.inputs else "give it one output"
        report.add("task-ports", f"a method of task {task.name!r} must have one input port and one output port", hint)
        return method
    if flavor not in task.flavors:
        allowed = ", ".join(one.name for one in task.flavors)
        message = f"task {task.name!r} does not declare the types of {flavor.name}; it has {allowed}"
        report.add(
            "task-flavor", message, "declare the missing input or output on the task, or implement another flavor"
        )
        return method
    if method.flavor is not flavor:
        message = (
            f"it is declared as {flavor.name} of task {task.name!r}, but its annotations mean {method.flavor.name}"
        )
        report.add("task-flavor", message, f"write .method(Flavor.{method.flavor.name}), or change the annotations")
        return method
    declared = {port.name: port.type for port in task.inputs}
    inputs = [_port_of_task(port, declared.get(port.name, task.input(flavor)), report) for port in method.inputs]
    outputs = [_port_of_task(port, task.output(flavor), report, is_output=True) for port in method.outputs]
    return replace(method, task=task, inputs=tuple(inputs), outputs=tuple(outputs))


def _port_of_task(port: Port, declared: StreamType | None, report: Report, *, is_output: bool = False) -> Port:
    """Return a port with the rules of its task; report an input that takes less, or an output that is wider."""
    if declared is None:
        return port
    for frame in ("item", "header", "footer"):
        found, expected = getattr(port.type, frame), getattr(declared, frame)
        written, read = (found, expected) if is_output else (expected, found)
        if not (is_output or frame == "item") and found is None:
            continue  # a method need not read a header or footer
        if (found is None) is not (expected is None) or check(written, read) is not Fit.PROVEN:
            side, allowed = ("output", "narrower") if is_output else ("input", "wider")
            message = f"the {frame} of its {side} is {describe(found)}, but the task declares {describe(expected)}"
            report.add("task-type", message, f"annotate it with the type that the task declares, or a {allowed} one")
    types = port.type
    rules = declared if declared.mode is not None else types
    return replace(port, type=replace(rules, item=types.item, header=types.header, footer=types.footer))
