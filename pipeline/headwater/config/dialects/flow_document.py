"""Documents with a `flow`: steps that name classes, and paths between them, in every spelling of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from headwater.config.dialects.flow_parameters import parameters_of, string_of
from headwater.shapes import is_list, is_object

if TYPE_CHECKING:
    from headwater.config.problems import JsonPath, Problems

__all__ = ["Flow", "FlowPath", "FlowStep", "is_flow", "read_flow"]

_ID = ("id", "step_id", "name")
_CLASS = ("step_class", "class", "class_name", "className", "type", "step_type")
_CONFIG = ("config", "params", "parameters", "settings")
_INPUTS = ("inputs", "input", "input_mapping")
_OUTPUTS = ("outputs", "output")
_FROM = ("from", "from_step", "source")
_TO = ("to", "to_step", "target")
_CONDITION = ("condition", "when", "if")
_TIMEOUTS = ("timeout", "timeout_seconds", "timeout_s")
_POLICIES = ("retry", "retry_policy", "retries", *_TIMEOUTS, "error_handling", "on_error")
_INERT = (
    "description",
    "name",
    "module",
    "metadata",
    "tags",
    "ui",
    "position",
    "label",
    "notes",
    "parallel",
    "enabled",
)
_END = {"end", "end_with_success", "end_with_failure", "__end__", "finish", "stop"}
_OF_PEOPLE = ("metadata", "tags", "author", "created_at", "updated_at", "category", "icon", "ui", "slug")
_HEAD = ("name", "description", "version", "id", "pipeline_id", "schema", "$schema", "inputs", "outputs")
_FLOW = frozenset({"start_at", "start", "paths", "edges", "transitions", "description", "loop_config", "loop"})
_TOP = frozenset({"parameters", "steps", "flow", *_HEAD, *_OF_PEOPLE, *_FLOW})


@dataclass(slots=True)
class FlowStep:
    """A step of the old document; its place is `path`."""

    id: str
    cls: str
    module: str
    path: JsonPath
    about: str = ""
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    config_key: str = "config"
    inputs: dict[str, tuple[Any, JsonPath]] | None = None
    outputs: tuple[str, ...] = ()
    policies: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class FlowPath:
    """A path between two steps."""

    source: str
    target: str
    condition: Any
    condition_path: JsonPath
    path: JsonPath
    condition_key: str = "condition"


@dataclass(slots=True)
class Flow:
    """The whole document."""

    name: str
    description: str
    version: str
    parameters: dict[str, dict[str, Any]]
    steps: dict[str, FlowStep]
    paths: list[FlowPath]
    start: str
    limits: Mapping[str, Any]


def is_flow(document: Mapping[str, Any]) -> bool:
    """Return whether a document is one of these, rather than one of Headwater."""
    steps = document.get("steps")
    listed = steps if is_list(steps) else list(steps.values()) if is_object(steps) else []
    named = any(is_object(step) and _found(step, _CLASS) and "kind" not in step for step in listed)
    return "flow" in document or named


def read_flow(document: Mapping[str, Any], problems: Problems) -> Flow:
    """Return what a document says; what cannot be understood is a problem."""
    for key in document:
        if key not in _TOP:
            _refuse_key(problems, "the document", (key,))
    flow = document.get("flow")
    if flow is not None and not is_object(flow):
        problems.add("cannot-import", "expected an object with 'start_at' and 'paths'", ("flow",))
    flow = flow if is_object(flow) else {}
    for key in flow:
        if key not in _FLOW:
            _refuse_key(problems, "the flow", ("flow", key))
    steps = {step.id: step for step in _steps(document, problems)}
    if not steps:
        problems.add("cannot-import", "there are no steps that can be translated", ("steps",))
        problems.raise_if_any()
    paths = list(_paths(document, flow, steps, problems))
    start = flow.get("start_at") or flow.get("start") or document.get("start_at") or next(iter(steps))
    if not isinstance(start, str) or start not in steps:
        problems.add("cannot-import", f"the flow starts at {start!r}, but there is no such step", ("flow", "start_at"))
    limits = next((part[key] for part in (flow, document) for key in ("loop_config", "loop") if key in part), None)
    return Flow(
        name=string_of(document.get("name")) or "imported",
        description=string_of(document.get("description")),
        version=string_of(document.get("version")),
        parameters=dict(parameters_of(document, problems)),
        steps=steps,
        paths=paths,
        start=str(start),
        limits=limits if is_object(limits) else {},
    )


def _refuse_key(problems: Problems, owner: str, path: JsonPath) -> None:
    problems.add("cannot-import", f"the key {path[-1]!r} of {owner} has no counterpart; remove it", path, at_key=True)


def _found(part: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the spelling of a key that an object has, or nothing."""
    return next((key for key in keys if key in part), "")


def _steps(document: Mapping[str, Any], problems: Problems) -> Iterator[FlowStep]:
    given = document.get("steps")
    listed: list[tuple[Any, JsonPath]]
    if is_object(given):
        listed = [({"id": name, **step} if is_object(step) else step, ("steps", name)) for name, step in given.items()]
    else:
        listed = [(step, ("steps", index)) for index, step in enumerate(given if is_list(given) else ())]
    seen: set[str] = set()
    for step, path in listed:
        if not is_object(step):
            problems.add("cannot-import", "expected an object with 'id' and 'step_class'", path)
            continue
        read = _step(step, path, problems)
        if read is None:
            continue
        if read.id in seen:
            problems.add("cannot-import", f"two steps have the id {read.id!r}", path)
        seen.add(read.id)
        yield read


def _step(step: Mapping[str, Any], path: JsonPath, problems: Problems) -> FlowStep | None:
    id_key, class_key, config_key = _found(step, _ID), _found(step, _CLASS), _found(step, _CONFIG)
    inputs_key, outputs_key = _found(step, _INPUTS), _found(step, _OUTPUTS)
    used = {id_key, class_key, config_key, inputs_key, outputs_key, *_POLICIES, *_INERT}
    for key in step:
        if key not in used:
            _refuse_key(problems, "a step", (*path, key))
    for what, key in (("id", id_key), ("class", class_key)):
        if not key or not isinstance(step[key], str) or not step[key].strip():
            problems.add("cannot-import", f"a step needs {what!r} as a string", (*path, key) if key else path)
            return None
    config = step.get(config_key)
    if config is not None and not is_object(config):
        problems.add("cannot-import", "expected an object of options", (*path, config_key))
    name, about = string_of(step.get("name")), string_of(step.get("description"))
    return FlowStep(
        id=step[id_key],
        cls=step[class_key].strip(),
        module=string_of(step.get("module")),
        path=path,
        about=about or (name if name != step[id_key] else ""),
        config=dict(config) if is_object(config) else {},
        config_key=config_key or "config",
        inputs=_inputs(step[inputs_key], (*path, inputs_key), problems) if inputs_key else None,
        outputs=tuple(_outputs(step.get(outputs_key), (*path, outputs_key), problems)) if outputs_key else (),
        policies={key: step[key] for key in _POLICIES if key in step},
    )


def _inputs(given: Any, path: JsonPath, problems: Problems) -> dict[str, tuple[Any, JsonPath]]:
    """Return the source of each input with its place; None for an input without one."""
    if is_object(given):
        read: dict[str, tuple[Any, JsonPath]] = {}
        for name, value in given.items():
            nested = is_object(value) and ("source" in value or "from" in value)
            key = ("source" if "source" in value else "from") if nested else ""
            read[name] = (value[key], (*path, name, key)) if nested else (value, (*path, name))
        return read
    if isinstance(given, str):
        return {given: (None, path)}
    if not is_list(given):
        problems.add("cannot-import", "expected a list of inputs, or an object by name", path)
        return {}
    read = {}
    for index, one in enumerate(given):
        place: JsonPath = (*path, index)
        if isinstance(one, str):
            read[one] = (None, place)
        elif is_object(one) and isinstance(one.get("name"), str):
            key = _found(one, ("source", "from", "value", "default"))
            read[one["name"]] = (one.get(key) if key else None, (*place, key) if key else place)
        else:
            problems.add("cannot-import", "an input is a name, or an object with 'name' and 'source'", place)
    return read


def _outputs(given: Any, path: JsonPath, problems: Problems) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif is_object(given):
        yield from given
    elif is_list(given):
        for index, one in enumerate(given):
            name = one.get("name") if is_object(one) else one
            if isinstance(name, str):
                yield name
            else:
                problems.add("cannot-import", "an output is a name, or an object with 'name'", (*path, index))
    else:
        problems.add("cannot-import", "expected a list of outputs, or an object by name", path)


def _paths(
    document: Mapping[str, Any], flow: Mapping[str, Any], steps: Mapping[str, FlowStep], problems: Problems
) -> Iterator[FlowPath]:
    for part, prefix in ((flow, ("flow",)), (document, ())):
        for key in ("paths", "edges", "transitions"):
            if key in part:
                listed = part[key]
                if not is_list(listed):
                    problems.add("cannot-import", "expected a list of paths", (*prefix, key))
                    return
                for index, one in enumerate(listed):
                    yield from _path(one, (*prefix, key, index), steps, problems)
                return
    ids = list(steps)
    for source, target in pairwise(ids):
        yield FlowPath(source, target, None, (), ())


def _path(one: Any, path: JsonPath, steps: Mapping[str, FlowStep], problems: Problems) -> Iterator[FlowPath]:
    if not is_object(one):
        problems.add("cannot-import", "expected an object with 'from' and 'to'", path)
        return
    from_key, to_key, condition_key = _found(one, _FROM), _found(one, _TO), _found(one, _CONDITION)
    for key in one:
        if key not in {from_key, to_key, condition_key, "description", "name", "label", "id", "priority", "metadata"}:
            _refuse_key(problems, "a path", (*path, key))
    if not from_key or not to_key:
        problems.add("cannot-import", "a path needs 'from' and 'to'", path)
        return
    sources = one[from_key] if is_list(one[from_key]) else [one[from_key]]
    targets = one[to_key] if is_list(one[to_key]) else [one[to_key]]
    for source in sources:
        if not isinstance(source, str) or source not in steps:
            problems.add("cannot-import", f"there is no step {source!r}", (*path, from_key))
            continue
        for target in targets:
            if isinstance(target, str) and target in steps:
                condition = one.get(condition_key) if condition_key else None
                yield FlowPath(source, target, condition, (*path, condition_key), path, condition_key)
            elif not isinstance(target, str) or target.lower() not in _END:
                problems.add("cannot-import", f"there is no step {target!r}", (*path, to_key))
