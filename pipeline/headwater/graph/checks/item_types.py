"""Checks what steps and conditions read of items against the types that come: fields that no item can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.annotations import alternatives, describe
from headwater.config.conditions.condition import Condition
from headwater.config.conditions.field_paths import Lookup
from headwater.config.problems import quote
from headwater.graph.choices import edges_by_port
from headwater.graph.edges import PIPELINE_INPUT
from headwater.graph.plan import Adapter
from headwater.shapes import is_list
from headwater.types.fit import Fit, check
from headwater.types.item_fields import NO_FIELD, field_names, field_type, has_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headwater.config.problems import JsonPath, Problems
    from headwater.graph.adaptation import Flow
    from headwater.graph.choices import Choice
    from headwater.graph.edges import Edge
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import BoundStep
    from headwater.types.reads import Reads

__all__ = ["check_item_types"]

_NUMBERS = (int, float, complex)
_ITEM_BY_ITEM = frozenset({Adapter.NONE, Adapter.ONE, Adapter.MAP, Adapter.TO_DELTA, Adapter.TO_SNAPSHOT})


def check_item_types(graph: Graph, choices: Mapping[str, Choice], problems: Problems) -> None:
    """Report what steps and conditions read of items that cannot have it."""
    without: set[int] = set()  # choices, which thousands of steps may share
    for step_id, choice in choices.items():
        if id(choice) in without:
            continue
        if any(given.port.reads for given in choice.inputs):
            _Reader(graph, step_id, choice, problems).check()
        else:
            without.add(id(choice))
    for edge in graph.edges:
        if edge.spec.when is not None and (writer := choices.get(edge.source.step)) is not None:
            flow = writer.outputs[edge.source.port]
            _check_condition(edge.spec.when, flow.type.item, str(edge.source), (*edge.path, "when"), problems)


class _Reader:
    """A step that declares what it reads of each item."""

    def __init__(self, graph: Graph, step_id: str, choice: Choice, problems: Problems) -> None:
        self._step_id = step_id
        self._bound: BoundStep = graph.steps[step_id]
        self._choice = choice
        self._edges = edges_by_port(graph.edges_into(step_id), choice.method)
        self._params: JsonPath = (*graph.place(step_id), "params")
        self._problems = problems

    def check(self) -> None:
        """Report what does not fit."""
        for given in self._choice.inputs:
            for edge, flow, fitting in zip(self._edges[given.port.name], given.fed, given.fittings, strict=True):
                if given.in_tuples and edge is not self._edges[given.port.name][0]:
                    break  # these are the same tuples
                if edge.source is not PIPELINE_INPUT and fitting.adapter in _ITEM_BY_ITEM:
                    for reads in given.port.reads:
                        self._check(reads, edge, flow)

    def _check(self, reads: Reads, edge: Edge, flow: Flow) -> None:
        item, path = flow.type.item, (*self._params, reads.at)
        if not reads.at:
            self._check_item(reads, edge, flow)
        elif self._bound.has_params:
            value = self._bound.value(reads.at)
            if value is None:
                self._check_item(reads, edge, flow)
            elif isinstance(value, Condition):
                _check_condition(value, item, str(edge.source), path, self._problems)
            else:
                for field, place in _paths(reads, value, path):
                    self._check_field(reads, field, edge, item, place)

    def _check_item(self, reads: Reads, edge: Edge, flow: Flow) -> None:
        """Report items that are not what the step reads, where it reads no field of them."""
        item = flow.type.item
        if _fits(item, reads.type):
            return
        writes = f"a stream of {describe(item)}" if flow.streaming else f"one {describe(item)}"
        message = f"{edge.source} writes {writes}, but step {self._step_id!r} reads {describe(reads.type)}"
        hint = "add a step between them that converts one into the other"
        if reads.at and has_fields(item):
            hint = f"set the param {reads.at!r} of step {self._step_id!r} to the field to read"
        self._problems.add("type-mismatch", message, edge.path, hint)

    def _check_field(self, reads: Reads, field: str, edge: Edge, item: Any, place: JsonPath) -> None:
        if self._bound.params.get("on_missing", "fail") != "fail":  # the document says that it may be missing
            return
        found = _found(field, item, str(edge.source), place, self._problems)
        if found is not NO_FIELD and not _fits(found, reads.type):
            message = f"the field {quote(field)} of {edge.source} is {describe(found)}"
            message += f", but step {self._step_id!r} reads {describe(reads.type)}"
            hint = "read another field, or add a step between them that converts it"
            self._problems.add("type-mismatch", message, place, hint)


def _paths(reads: Reads, value: Any, path: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    """Yield the paths of fields in the value of a param, and their places."""
    if reads.paths is not None:
        for field in reads.paths(value):
            yield field, path
    elif is_list(value):
        for index, field in enumerate(value):
            yield field, (*path, index)
    else:
        yield value, path


def _fits(found: Any, wanted: Any) -> bool:
    """Return whether values of a type may be what is read; a boolean is not a number."""
    if all(one is bool for one in alternatives(found)):
        return any(one not in _NUMBERS and check(bool, one) is not Fit.NO for one in alternatives(wanted))
    return check(found, wanted) is not Fit.NO


def _found(field: str, item: Any, source: str, place: JsonPath, problems: Problems) -> Any:
    """Return the type of a field of items, `NO_FIELD` after reporting that they cannot have it."""
    lookup = Lookup.of(field)
    found = field_type(item, lookup.parts, is_exact=lookup.is_exact)
    if found is NO_FIELD:
        names = field_names(item)
        message = f"{source} writes items of type {describe(item)}, which have no field {quote(field)}"
        hint = problems.did_you_mean(field, names)
        if not hint and names:
            hint = f"expected one of {', '.join(map(quote, names[:12]))}"
        problems.add("unknown-field", message, place, hint or "connect records, or add a step that makes them")
    return found


def _check_condition(condition: Condition, item: Any, source: str, path: JsonPath, problems: Problems) -> None:
    for field, place in _fields(condition.source, path):
        _found(field, item, source, place, problems)


def _fields(data: Any, path: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    """Yield the fields that a condition compares, and their places."""
    for combiner in ("all", "any"):
        for index, part in enumerate(data.get(combiner, ())):
            yield from _fields(part, (*path, combiner, index))
    if "not" in data:
        yield from _fields(data["not"], (*path, "not"))
    if "field" in data and not data.keys() <= {"field", "exists"}:
        yield data["field"], (*path, "field")
