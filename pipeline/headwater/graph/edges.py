"""The edges of a pipeline: those that the document writes, and those that it implies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise, repeat
from typing import NamedTuple

from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.spec import EdgeSpec, PipelineSpec, StepSpec
from headwater.graph.ports import Ports, Side
from headwater.kinds.definition import BoundStep
from headwater.shapes import is_list, is_object

__all__ = ["PIPELINE_INPUT", "PIPELINE_OUTPUT", "Edge", "EdgeReader", "End", "group_edges"]


class End(NamedTuple):
    """One end of an edge.

    Args:
        step: Id of the step, or `input` or `output` for the pipeline's own ends.
        port: Name of its port; empty for the pipeline's own ends.
    """

    step: str
    port: str

    def __str__(self) -> str:
        return f"{self.step}.{self.port}" if self.port else self.step


_end: Callable[[tuple[str, str]], End] = partial(tuple.__new__, End)  # pyright: ignore[reportUnknownMemberType]  # of any
"""Makes an end in half the time that `End` takes, where there may be 100,000."""

PIPELINE_INPUT = End("input", "")
"""Where the data that an execution is given enters."""

PIPELINE_OUTPUT = End("output", "")
"""Where the results of an execution leave."""

_OWN_ENDS = {end.step: end for end in (PIPELINE_INPUT, PIPELINE_OUTPUT)}


@dataclass(slots=True)  # not frozen, which would take three times as long for each of 50,000
class Edge:
    """What joins two ports; never changed.

    Args:
        index: Place in `Graph.edges`.
        source: The port that writes, or `PIPELINE_INPUT`.
        target: The port that reads, or `PIPELINE_OUTPUT`.
        spec: Its options.
        path: Where the document says it: an edge, or the step or `output` that implies it.
    """

    index: int
    source: End
    target: End
    spec: EdgeSpec
    path: JsonPath

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


class EdgeReader:
    """Read the edges of one document.

    Args:
        spec: What the document says.
        steps: The steps whose kind and params are right, by id.
        problems: Gets what is wrong with the ids of the steps and with the ends of the edges.

    Attributes:
        specs: The steps of the document by id.
        edges: Every edge whose ends exist, in the order of the document, then the implied ones.
        into: The edges that lead to each step, and to the pipeline's `output`.
        out_of: The edges that start at each step, and at the pipeline's `input`.
        blamed: Steps of which something is known to be wrong, so that more would only be a consequence.
    """

    __slots__ = (
        "_kinds",
        "_places",
        "_ports",
        "_problems",
        "_refused",
        "_sources",
        "_spec",
        "_steps",
        "_targets",
        "_unconnected",
        "edges",
        "into",
        "out_of",
        "reported",
        "specs",
    )

    def __init__(self, spec: PipelineSpec, steps: Mapping[str, BoundStep], problems: Problems) -> None:
        self._spec = spec
        self._steps = steps
        self._problems = problems
        self._ports: dict[str, Ports] = {}
        self._sources: dict[str, End] = {}  # what an edge means that names a step alone
        self._targets: dict[str, End] = {}
        self._unconnected = False  # an edge names no step, and may be meant for one that looks unused
        self._refused: frozenset[str] | None = None  # what edges may call steps without a right id
        self._places: dict[str, int] = {}
        self._kinds: list[Ports] = []
        self.specs: dict[str, StepSpec] = {}
        self.edges: list[Edge] = []
        self.into: dict[str, list[Edge]] = {}
        self.out_of: dict[str, list[Edge]] = {}
        self.reported: set[str] = set()

    def read(self) -> None:
        """Read the document; the implied edges come last, as they depend on the written ones."""
        self._read_ids()
        self._read_ports()
        if self._spec.edges is None:
            self._chain()
        else:
            self._read_edges(self._spec.edges)
        self._read_outputs()
        group_edges(self.edges, self.into, self.out_of)
        if self._spec.edges and not self._unconnected:
            self._blame_unused()
        written = len(self.edges)
        self._imply_outputs()
        self._imply_inputs()
        group_edges(self.edges[written:], self.into, self.out_of)

    def ports(self, step: str) -> Ports:
        """Return the ports of a step that is bound."""
        return self._ports[step]

    def place(self, step: str) -> JsonPath:
        """Return the JSON path of a step."""
        if not self._places:
            ids = [step.id for step in self._spec.steps]
            self._places = dict(zip(reversed(ids), reversed(range(len(ids))), strict=True))  # the first one counts
        return "steps", self._places[step]

    def _read_ids(self) -> None:
        self.specs = {step.id: step for step in self._spec.steps if step.id not in _OWN_ENDS}
        if self._problems.is_broken_inside(("steps",)):
            self.reported.update(
                step.id for index, step in enumerate(self._spec.steps) if _is_unnamed(self._problems, index)
            )
        if len(self.specs) < len(self._spec.steps):
            self._complain_of_ids()

    def _complain_of_ids(self) -> None:
        self.specs.clear()
        for index, step in enumerate(self._spec.steps):
            if step.id in _OWN_ENDS:
                message = f"the id {quote(step.id)} means the {step.id} of the pipeline itself"
                self._problems.add("reserved-id", message, ("steps", index, "id"), "give the step another id")
            elif step.id in self.specs:
                message = f"the id {quote(step.id)} belongs to an earlier step"
                self._problems.add("duplicate-id", message, ("steps", index, "id"), "give each step its own id")
            else:
                self.specs[step.id] = step

    def _read_ports(self) -> None:
        alike: defaultdict[tuple[int, str | None], list[str]] = defaultdict(list)
        for step, spec in self.specs.items():
            bound = self._steps.get(step)
            if bound is not None:
                alike[id(bound.definition), spec.task].append(step)
        for (_, task), steps in alike.items():
            ports = Ports.of(self._steps[steps[0]].definition, task)
            self._kinds.append(ports)
            self._ports.update(dict.fromkeys(steps, ports))
            self._sources.update(_default_ends(steps, ports.outputs))
            self._targets.update(_default_ends(steps, ports.inputs))

    def _chain(self) -> None:
        for writer, reader in pairwise(self.specs):
            self._add(EdgeSpec(writer, reader), self.place(reader))

    def _read_edges(self, specs: Sequence[EdgeSpec]) -> None:
        for index, spec in enumerate(specs):
            self._add(spec, ("edges", index))

    def _read_outputs(self) -> None:
        output = self._spec.output
        if isinstance(output, str):
            self._add(EdgeSpec(output, PIPELINE_OUTPUT.step), ("output",))
        for index, text in enumerate(output if isinstance(output, list) else ()):
            self._add(EdgeSpec(text, PIPELINE_OUTPUT.step), ("output", index))

    def _imply_outputs(self) -> None:
        """Make every output that leads nowhere but should the pipeline's, unless the document names its outputs."""
        if PIPELINE_OUTPUT.step in self.into:
            return
        for step in self._with_free_ports(self.out_of, lambda ports: ports.outputs):
            used = {edge.source.port for edge in self.out_of.get(step, ())}
            for end in [End(step, name) for name in self._ports[step].outputs.needed if name not in used]:
                self._join(end, PIPELINE_OUTPUT, EdgeSpec(str(end), PIPELINE_OUTPUT.step), self.place(step))

    def _imply_inputs(self) -> None:
        """Feed each step that nothing leads to from the pipeline's input, unless the document says where that goes."""
        implied = PIPELINE_INPUT.step not in self.out_of
        for step in self._with_free_ports(self.into, lambda ports: ports.inputs):
            fed = {edge.target.port for edge in self.into.get(step, ())}
            missing = self._ports[step].missing(fed)
            if implied and not fed:
                for name in missing:
                    end = End(step, name)
                    self._join(PIPELINE_INPUT, end, EdgeSpec(PIPELINE_INPUT.step, str(end)), self.place(step))
            elif fed or not self._unconnected:
                self._complain_of_missing(step, missing)

    def _with_free_ports(self, edges: Mapping[str, object], side: Callable[[Ports], Side]) -> list[str]:
        """Return, in the order of the document, the steps that may have a port without an edge."""
        several = {id(ports) for ports in self._kinds if len(side(ports).names) > 1}
        candidates = self._ports.keys() - edges.keys()
        if several:
            candidates.update(step for step, ports in self._ports.items() if id(ports) in several)
        candidates -= self.reported
        return sorted(candidates, key=self.place)

    def _complain_of_missing(self, step: str, missing: Sequence[str]) -> None:
        for name in missing:
            message = f"nothing leads to the input {quote(name)} of step {quote(step)}"
            end = End(step, name)
            hint = f"add an edge to '{end}'; '{PIPELINE_INPUT} -> {end}' gives it the data of the execution"
            self._problems.add("missing-input", message, self.place(step), hint)

    def _blame_unused(self) -> None:
        """Report steps that no edge mentions, where edges are written."""
        for step in sorted(self.specs.keys() - self.into.keys() - self.out_of.keys() - self.reported, key=self.place):
            message = f"step {quote(step)} is joined to no other step"
            self._problems.add("unused-step", message, self.place(step), "add an edge to or from it, or remove it")
            self.reported.add(step)

    def _add(self, spec: EdgeSpec, path: JsonPath) -> None:
        source = self._sources.get(spec.source) or self._end(spec.source, path, reads=False)
        target = self._targets.get(spec.target) or self._end(spec.target, path, reads=True)
        if source is None or target is None:
            self.reported.update(text.partition(".")[0] for text in (spec.source, spec.target))
        elif source is PIPELINE_INPUT and target is PIPELINE_OUTPUT:
            message = "the edge leads from the pipeline's input to its output without a step between"
            self._problems.add("misplaced-end", message, path, "lead it to a step")
        elif source.step == target.step:
            message = f"step {quote(source.step)} feeds itself"
            self._problems.add("self-loop", message, path, "a pipeline has no loops: remove the edge")
            self.reported.add(source.step)
        else:
            self._join(source, target, spec, path)

    def _join(self, source: End, target: End, spec: EdgeSpec, path: JsonPath) -> None:
        self.edges.append(Edge(len(self.edges), source, target, spec, path))

    def _end(self, text: str, path: JsonPath, *, reads: bool) -> End | None:
        step, _, port = text.partition(".")
        ports = self._ports.get(step)
        if ports is not None:
            side = ports.inputs if reads else ports.outputs
            name = port or side.default
            if name in side.names:
                return _end((step, name))
            self._complain_of_port(step, port, side, path)
            return None
        if step in self.specs:
            return _end((step, port))
        if step in _OWN_ENDS:
            return self._own_end(step, port, path, reads=reads)
        self._complain_of_step(text, step, path)
        return None

    def _complain_of_step(self, text: str, step: str, path: JsonPath) -> None:
        """Tell that there is no such step, unless there would be, had its id not been refused."""
        self._unconnected = True
        if self._refused is None:
            self._refused = _texts_of_unnamed(self._problems)
        if text in self._refused or step in self._refused:
            return
        meant = self._problems.meant(step, chain(self.specs, _OWN_ENDS))
        self.reported.add(meant)
        hint = f"did you mean {quote(meant)}?" if meant else ""
        self._problems.add("unknown-step", f"there is no step {quote(step)}", path, hint)

    def _own_end(self, name: str, port: str, path: JsonPath, *, reads: bool) -> End | None:
        expected = PIPELINE_OUTPUT if reads else PIPELINE_INPUT
        if name != expected.step:
            verb = "lead to" if reads else "start at"
            message = f"an edge cannot {verb} {quote(name)}, the pipeline's own {name}"
            self._problems.add("misplaced-end", message, path, f"expected a step, or {quote(expected.step)}")
        elif port:
            message = f"the pipeline's own {name} has no ports, found {quote(port)}"
            self._problems.add("unknown-port", message, path, f"write {quote(name)} alone")
        else:
            return expected
        return None

    def _complain_of_port(self, step: str, port: str, side: Side, path: JsonPath) -> None:
        ports = ", ".join(map(quote, side.names))
        if not side.names:
            self._problems.add("no-port", f"step {quote(step)} has no {side.word}", path, self._chain_hint())
        elif port:
            message = f"step {quote(step)} has no {side.word} {quote(port)}, expected {ports}"
            hint = self._problems.did_you_mean(port, side.names)
            self._problems.add("unknown-port", message, path, hint)
        else:
            message = f"step {quote(step)} has several {side.word}s: {ports}"
            hint = self._chain_hint() or f"name one, such as '{End(step, side.names[0])}'"
            self._problems.add("ambiguous-port", message, path, hint)

    def _chain_hint(self) -> str:
        return "without 'edges' the steps are a chain; write the edges" if self._spec.edges is None else ""


def _is_unnamed(problems: Problems, index: int) -> bool:
    """Tell whether the id of a step was refused, or the whole step."""
    return problems.is_blocked(("steps", index, "id"))


def _texts_of_unnamed(problems: Problems) -> frozenset[str]:
    """Return all that stands in the steps whose id was refused: one of it may be what edges call them."""
    steps = problems.document.get("steps") if is_object(problems.document) else None
    written = enumerate(steps if is_list(steps) else ())
    unnamed = [step for index, step in written if is_object(step) and _is_unnamed(problems, index)]
    return frozenset(value for step in unnamed for value in step.values() if isinstance(value, str))


def group_edges(edges: Iterable[Edge], into: dict[str, list[Edge]], out_of: dict[str, list[Edge]]) -> None:
    """Add edges to those of the steps that they join.

    Args:
        edges: The edges, in their order.
        into: Gets each edge by the step that it leads to.
        out_of: Gets each edge by the step that it starts at.
    """
    for edge in edges:
        into.setdefault(edge.target.step, []).append(edge)
        out_of.setdefault(edge.source.step, []).append(edge)


def _default_ends(steps: Sequence[str], side: Side) -> Iterable[tuple[str, End]]:
    """Pair each of some steps with the end that its id alone means."""
    ends = map(_end, zip(steps, repeat(side.default), strict=False))
    return zip(steps, ends, strict=True) if side.default else ()
