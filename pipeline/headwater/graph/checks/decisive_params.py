"""Finds the params that decide what a step may reach or run, and that get their values from parameters.

The values of parameters come from those who start a pipeline. Where these are strangers, they must not choose the hosts
that a step may call, the program that it runs, or a pipeline within it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.config.policies.substeps import COMPENSATE, FALLBACK, substep_id
from headwater.config.problems import quote
from headwater.shapes import is_list, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from headwater.config.problems import JsonPath
    from headwater.errors import Problem
    from headwater.graph.checks.loaded_pipeline import LoadedPipeline
    from headwater.kinds.definition import BoundStep

__all__ = ["Decisive", "decided_by_parameters"]

_PARAMETER = re.compile(r"\$\{parameters\.([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Decisive:
    """Marks a param that decides what a step may reach or run, such as hosts or a program.

    A program that runs pipelines for strangers finds out by `decided_by_parameters` whether they could change it.

    Args:
        parts: The items that decide, of a list; the value as a whole always does. None if all parts of it do.

    Example:
        >>> from typing import Annotated
        >>> Command = Annotated[
        ...     tuple[str, ...], Decisive(parts=(0,))
        ... ]  # the program; its arguments may come from anyone
    """

    parts: tuple[int, ...] | None = None


class _Decision(NamedTuple):
    """A param that decides something: its place, its step and name, and the parameters that give its value."""

    path: JsonPath
    what: str
    parameters: frozenset[str]


def decided_by_parameters(pipeline: LoadedPipeline, given: Collection[str] | None = None) -> list[Problem]:
    """Return a problem for each parameter of a document that decides what a step may reach or run.

    Kinds mark such params by `Decisive`: the `hosts` of `http.*` kinds, the program and the environment of `process.*`
    kinds. A pipeline that a parameter gives to a step counts as well. Nested pipelines are searched, and parameters are
    followed into them.

    Args:
        pipeline: A `Pipeline`, with any values of its parameters.
        given: Names of the parameters whose values come from elsewhere; by default, all of them.

    Returns:
        The problems, with the code `parameter-decides` and the place of the template; none if whoever gives the values
        of parameters can change nothing of this.

    Example:
        >>> from headwater import Pipeline
        >>> params = {"url": "https://example.com/${parameters.page}", "hosts": "${parameters.hosts}"}
        >>> document = {
        ...     "name": "get",
        ...     "parameters": {"page": {"type": "string"}, "hosts": {"type": "array"}},
        ...     "steps": [{"id": "get", "kind": "source.http", "params": params}],
        ... }
        >>> pipeline = Pipeline.load(document, {"page": "", "hosts": ["example.com"]})
        >>> [problem.path for problem in decided_by_parameters(pipeline)]
        ['$.steps[0].params.hosts']
    """
    loaded, graph = pipeline.compiled.loaded, pipeline.compiled.graph
    problems = loaded.problems.renewed()
    for path, what, parameters in _decisions(loaded.document, {**graph.steps, **graph.substeps}):
        chosen = sorted(parameters if given is None else parameters & set(given))
        if not chosen:
            continue
        names = ", ".join(map(quote, chosen))
        message = f"whoever gives the parameter {names} decides {what}"
        problems.add("parameter-decides", message, path, "write the value into the document")
    return list(problems.listed())


def _decisions(document: Mapping[str, Any], steps: Mapping[str, BoundStep]) -> Iterator[_Decision]:
    """Yield what the parameters of a document decide."""
    places = _places(document)
    for step_id, step in steps.items():
        path = (*places[step_id], "params")
        written = _at(document, path)
        for name, field in step.definition.params_model.model_fields.items():
            value = written.get(name) if is_object(written) else None
            for mark in field.metadata:
                if isinstance(mark, Decisive) and (found := _parameters_in(value, mark.parts)):
                    yield _Decision((*path, name), f"{name} of the step {quote(_shown(step_id))}", found)
            if field.annotation is NestedPipeline:
                if found := _parameters_in(value, ()):
                    yield _Decision((*path, name), f"which pipeline the step {quote(step_id)} runs", found)
                yield from _nested(step, name, written, path, step_id)


def _nested(step: BoundStep, param: str, written: Any, path: JsonPath, step_id: str) -> Iterator[_Decision]:
    """Yield what the parameters of the document around a nested pipeline decide in it."""
    nested = getattr(step.instance, param, None)
    if not isinstance(nested, NestedPipeline) or nested.loaded is None:
        return
    inner = nested.loaded
    given = written.get("parameters") if is_object(written) else None
    for decision in _decisions(inner.document, {**inner.steps, **inner.substeps}):
        for name in sorted(decision.parameters):
            value = given.get(name) if is_mapping(given) else given
            if found := _parameters_in(value, None):
                what = f"{decision.what}, in the pipeline of the step {quote(step_id)}"
                yield _Decision((*path, "parameters", *((name,) if is_mapping(given) else ())), what, found)


def _places(document: Mapping[str, Any]) -> dict[str, JsonPath]:
    """Return where each step stands, and each step in a policy of one."""
    places: dict[str, JsonPath] = {}
    for index, step in enumerate(document["steps"]):
        step_id, path = step["id"], ("steps", index)
        places[step_id] = path
        places[substep_id(step_id, FALLBACK)] = (*path, "on_error", FALLBACK)
        places[substep_id(step_id, COMPENSATE)] = (*path, COMPENSATE)
    return places


def _shown(step_id: str) -> str:
    return step_id.partition("/@")[0]


def _parameters_in(value: Any, parts: tuple[int, ...] | None) -> frozenset[str]:
    """Return the names of the parameters in a value, or in the parts of it that decide."""
    if isinstance(value, str):
        return frozenset(_PARAMETER.findall(value.replace("$${", "")))
    if is_list(value):
        chosen = value if parts is None else [value[part] for part in parts if part < len(value)]
    else:
        chosen = list(value.values()) if is_mapping(value) and parts is None else []
    return frozenset(name for part in chosen for name in _parameters_in(part, None))


def _at(document: Any, path: JsonPath) -> Any:
    """Return what stands at a place of a document, or None."""
    for part in path:
        try:
            document = document[part]
        except (IndexError, KeyError, TypeError):
            return None
    return document
