"""Documents with a `flow`: steps that name classes, and paths between them, in every spelling of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from headwater.config.dialects.flow_parameters import parameters_of, refuse_others, string_of
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
_START = ("start_at", "start")
_PATHS = ("paths", "edges", "transitions")
_LOOP = ("loop_config", "loop")
_SOURCES = ("source", "from")
_END = {"end", "end_with_success", "__end__", "finish", "stop"}
_OF_PEOPLE = ("metadata", "tags", "author", "created_at", "updated_at", "category", "icon", "ui", "slug")
_HEAD = ("name", "description", "version", "parameters", "steps", "flow", "outputs")

# Keys without a meaning for the translation. All others are read, or refused.
_INERT_TOP = ("id", "pipeline_id", "schema", "$schema", *_OF_PEOPLE)
_INERT = ("description", "name", "label", "notes", "metadata", "tags", "ui")
_INERT_STEP = (*_INERT, "position")
_INERT_PATH = (*_INERT, "id")
_INERT_VALUE = (*_INERT, "schema", "type")  # of inputs and outputs: records are not checked


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
    optional: set[str] = field(default_factory=set[str])
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
    limits_path: JsonPath = ()
    outputs: FlowStep | None = None


def is_flow(document: Mapping[str, Any]) -> bool:
    """Return whether a document is one of these, rather than one of Headwater."""
    steps = document.get("steps")
    listed = steps if is_list(steps) else list(steps.values()) if is_object(steps) else []
    named = any(is_object(step) and _found(step, _CLASS) and "kind" not in step for step in listed)
    return "flow" in document or named


def read_flow(document: Mapping[str, Any], problems: Problems) -> Flow:
    """Return what a document says; what cannot be understood is a problem."""
    flow = document.get("flow")
    if flow is not None and not is_object(flow):
        problems.add("cannot-import", "expected an object with 'start_at' and 'paths'", ("flow",))
    flow = flow if is_object(flow) else {}
    parts: tuple[tuple[Mapping[str, Any], JsonPath], ...] = ((flow, ("flow",)), (document, ()))
    places = {keys: _place(parts, keys) for keys in (_START, _PATHS, _LOOP)}
    used = [(len(path), str(path[-1])) for path in places.values() if path is not None]
    refuse_others(problems, "the document", document, (*_HEAD, *_INERT_TOP, *(key for size, key in used if size == 1)))
    refuse_others(problems, "the flow", flow, (*_INERT, *(key for size, key in used if size > 1)), ("flow",))
    steps = {step.id: step for step in _steps(document, problems)}
    if not steps:
        problems.add("cannot-import", "there are no steps that can be translated", ("steps",))
        problems.raise_if_any()
    paths = list(_paths(_at(document, places[_PATHS]), places[_PATHS], steps, problems))
    start = _at(document, places[_START]) or next(iter(steps))
    if not isinstance(start, str) or start not in steps:
        hint = problems.did_you_mean(str(start), steps)
        message = f"the flow starts at {start!r:.60}, but there is no such step"
        problems.add("cannot-import", message, places[_START] or (), hint=hint)
    limits = _at(document, places[_LOOP])
    if limits is not None and not is_object(limits):
        problems.add("cannot-import", "expected an object with 'max_iterations'", places[_LOOP] or ())
    return Flow(
        name=string_of(document.get("name")) or "imported",
        description=string_of(document.get("description")),
        version=string_of(document.get("version")),
        parameters=dict(parameters_of(document, problems)),
        steps=steps,
        paths=paths,
        start=str(start),
        limits=limits if is_object(limits) else {},
        limits_path=places[_LOOP] or (),
        outputs=_results(document, steps, problems),
    )


def _place(parts: Sequence[tuple[Mapping[str, Any], JsonPath]], keys: Sequence[str]) -> JsonPath | None:
    """Return where one of some keys stands, in the first part that has one."""
    return next(((*path, key) for part, path in parts for key in keys if key in part), None)


def _at(document: Mapping[str, Any], path: JsonPath | None) -> Any:
    value: Any = document if path is not None else None
    for key in path or ():
        value = value[key]
    return value


def _results(document: Mapping[str, Any], steps: Mapping[str, FlowStep], problems: Problems) -> FlowStep | None:
    """Return the outputs of the document as the inputs of a step that gathers them."""
    if not (given := document.get("outputs")):
        return None
    name = "outputs"
    while name in steps:
        name += "_"
    made = FlowStep(name, "Outputs", "", ("outputs",), about="Gather the outputs of the pipeline")
    made.inputs = _inputs(given, ("outputs",), made.optional, problems)
    for output, (value, place) in made.inputs.items():
        if value is None:
            message = f"the output {output!r} needs its source, such as '{{{{ {next(iter(steps))}.{output} }}}}'"
            problems.add("cannot-import", message, place)
    return made


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
    used = (id_key, class_key, config_key, inputs_key, outputs_key, "module", *_POLICIES, *_INERT_STEP)
    refuse_others(problems, "a step", step, used, path)
    for what, key in (("id", id_key), ("class", class_key)):
        if not key or not isinstance(step[key], str) or not step[key].strip():
            problems.add("cannot-import", f"a step needs {what!r} as a string", (*path, key) if key else path)
            return None
    config = step.get(config_key)
    if config is not None and not is_object(config):
        problems.add("cannot-import", "expected an object of options", (*path, config_key))
    name, about = string_of(step.get("name")), string_of(step.get("description"))
    optional: set[str] = set()
    return FlowStep(
        id=step[id_key],
        cls=step[class_key].strip(),
        module=string_of(step.get("module")),
        path=path,
        about=about or (name if name != step[id_key] else ""),
        config=dict(config) if is_object(config) else {},
        config_key=config_key or "config",
        inputs=_inputs(step[inputs_key], (*path, inputs_key), optional, problems) if inputs_key else None,
        optional=optional,
        outputs=tuple(_outputs(step.get(outputs_key), (*path, outputs_key), problems)) if outputs_key else (),
        policies={key: step[key] for key in _POLICIES if key in step},
    )


def _inputs(given: Any, path: JsonPath, optional: set[str], problems: Problems) -> dict[str, tuple[Any, JsonPath]]:
    """Return the source of each input with its place; None for an input without one. Note those that may be absent."""
    if is_object(given):
        read: dict[str, tuple[Any, JsonPath]] = {}
        for name, value in given.items():
            key = _found(value, _SOURCES) if is_object(value) else ""
            read[name] = (value[key], (*path, name, key)) if key else (value, (*path, name))
            if key:
                _input_keys(name, value, key, (*path, name), optional, problems=problems)
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
            key = _found(one, (*_SOURCES, "value", "default"))
            if one["name"] in read:
                problems.add("cannot-import", f"two inputs have the name {one['name']!r}", place)
            _input_keys(one["name"], one, key, place, optional, problems=problems)
            read[one["name"]] = (one.get(key) if key else None, (*place, key) if key else place)
        else:
            problems.add("cannot-import", "an input is a name, or an object with 'name' and 'source'", place)
    return read


def _input_keys(
    name: str, given: Mapping[str, Any], key: str, path: JsonPath, optional: set[str], *, problems: Problems
) -> None:
    """Read whether an input must be there, and refuse the keys that are not read."""
    refuse_others(problems, "an input", given, (key, "required", *_INERT_VALUE), path)
    required = given.get("required", True)
    if required is False:
        optional.add(name)
    elif required is not True:
        problems.add("cannot-import", "expected true or false", (*path, "required"))


def _outputs(given: Any, path: JsonPath, problems: Problems) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif is_object(given):
        for key, about in given.items():
            if is_object(about):
                refuse_others(problems, "an output", about, ("required", *_INERT_VALUE), (*path, key))
            elif isinstance(about, str) and "{" in about:
                message = f"the output {key!r} of a step cannot be made of a reference; its class makes it"
                problems.add("cannot-import", message, (*path, key))
            yield key
    elif is_list(given):
        for index, one in enumerate(given):
            name = one.get("name") if is_object(one) else one
            if is_object(one):
                refuse_others(problems, "an output", one, ("required", *_INERT_VALUE), (*path, index))
            if isinstance(name, str):
                yield name
            else:
                problems.add("cannot-import", "an output is a name, or an object with 'name'", (*path, index))
    else:
        problems.add("cannot-import", "expected a list of outputs, or an object by name", path)


def _paths(
    listed: Any, place: JsonPath | None, steps: Mapping[str, FlowStep], problems: Problems
) -> Iterator[FlowPath]:
    if place is None:
        for source, target in pairwise(steps):
            yield FlowPath(source, target, None, (), ())
    elif not is_list(listed):
        problems.add("cannot-import", "expected a list of paths", place)
    else:
        for index, one in enumerate(listed):
            yield from _path(one, (*place, index), steps, problems)


def _path(one: Any, path: JsonPath, steps: Mapping[str, FlowStep], problems: Problems) -> Iterator[FlowPath]:
    if not is_object(one):
        problems.add("cannot-import", "expected an object with 'from' and 'to'", path)
        return
    from_key, to_key, condition_key = _found(one, _FROM), _found(one, _TO), _found(one, _CONDITION)
    refuse_others(problems, "a path", one, (from_key, to_key, condition_key, *_INERT_PATH), path)
    if not from_key or not to_key:
        problems.add("cannot-import", "a path needs 'from' and 'to'", path)
        return
    sources = one[from_key] if is_list(one[from_key]) else [one[from_key]]
    targets = one[to_key] if is_list(one[to_key]) else [one[to_key]]
    for source in sources:
        if not isinstance(source, str) or source not in steps:
            hint = problems.did_you_mean(str(source), steps)
            problems.add("cannot-import", f"there is no step {source!r}", (*path, from_key), hint=hint)
            continue
        for target in targets:
            if isinstance(target, str) and target in steps:
                condition = one.get(condition_key) if condition_key else None
                yield FlowPath(source, target, condition, (*path, condition_key), path, condition_key)
            elif not isinstance(target, str) or target.lower() not in _END:
                hint = problems.did_you_mean(str(target), steps)
                problems.add("cannot-import", f"there is no step {target!r}", (*path, to_key), hint=hint)
