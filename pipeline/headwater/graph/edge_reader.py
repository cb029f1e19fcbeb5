"""Reads the edges of a document: those that it writes, and those that it implies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.spec import EdgeSpec, PipelineSpec
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, End, group_edges
from headwater.graph.ports import EndLookup, Ports, Side

__all__ = ["EdgeReader"]


class EdgeReader:
    """Reads the edges of one document; the implied ones come last, as they depend on the written ones."""

    __slots__ = ("_ends", "_problems", "_sources", "_spec", "_targets", "edges", "into", "out_of")

    def __init__(self, spec: PipelineSpec, ends: EndLookup, problems: Problems) -> None:
        self._spec = spec
        self._ends = ends
        self._sources, self._targets = ends.sources, ends.targets
        self._problems = problems
        self.edges: list[Edge] = []
        self.into: dict[str, list[Edge]] = {}
        self.out_of: dict[str, list[Edge]] = {}

    def read(self) -> None:
        """Read the edges, the implied ones last."""
        if self._spec.edges is None:
            self._chain()
        else:
            self._read_edges(self._spec.edges)
        self._read_outputs()
        group_edges(self.edges, self.into, self.out_of)
        if self._spec.edges and not self._ends.misses:
            self._report_unused()
        written = len(self.edges)
        self._imply_outputs()
        self._imply_inputs()
        group_edges(self.edges[written:], self.into, self.out_of)

    def _chain(self) -> None:
        for writer, reader in pairwise(self._ends.specs):
            self._add(EdgeSpec(writer, reader), self._ends.place(reader))

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
        """Connect every free output that must be read to the pipeline's output, unless the document names outputs."""
        if PIPELINE_OUTPUT.step in self.into:
            self._report_unread()
            return
        for step in self._with_free_ports(self.out_of, lambda ports: ports.outputs):
            used = {edge.source.port for edge in self.out_of.get(step, ())}
            for end in [End(step, name) for name in self._ends.ports[step].outputs.needed if name not in used]:
                self._join(end, PIPELINE_OUTPUT, EdgeSpec(str(end), PIPELINE_OUTPUT.step), self._ends.place(step))

    def _report_unread(self) -> None:
        """Report the ports that must be read and are not, of steps with several: what is written there would be lost.

        The only output of a step may stay unread, as that of a sink, which says what was written.
        """
        if self._ends.misses:
            return
        several = {id(ports) for ports in self._ends.kinds if len(ports.outputs.names) > 1}
        for step, ports in self._ends.ports.items():
            if id(ports) in several and step not in self._ends.reported:
                read = {edge.source.port for edge in self.out_of.get(step, ())}
                for name in [name for name in ports.outputs.needed if name not in read]:
                    message = f"the output {quote(name)} of step {quote(step)} is neither read nor an output"
                    hint = f"add an edge from '{End(step, name)}', or name it in 'output'"
                    self._problems.add("unread-output", message, self._ends.place(step), hint)

    def _imply_inputs(self) -> None:
        """Connect each step without an edge into it to the pipeline's input, unless the document connects that."""
        implied = PIPELINE_INPUT.step not in self.out_of
        for step in self._with_free_ports(self.into, lambda ports: ports.inputs):
            fed = {edge.target.port for edge in self.into.get(step, ())}
            missing = self._ends.ports[step].missing(fed)
            if implied and not fed:
                for name in missing:
                    end = End(step, name)
                    self._join(PIPELINE_INPUT, end, EdgeSpec(PIPELINE_INPUT.step, str(end)), self._ends.place(step))
            elif fed or not self._ends.misses:
                self._report_missing(step, missing)

    def _with_free_ports(self, edges: Mapping[str, object], side: Callable[[Ports], Side]) -> list[str]:
        """Return, in the order of the document, the steps that may have a port without an edge."""
        several = {id(ports) for ports in self._ends.kinds if len(side(ports).names) > 1}
        candidates = self._ends.ports.keys() - edges.keys()
        if several:
            candidates.update(step for step, ports in self._ends.ports.items() if id(ports) in several)
        candidates -= self._ends.reported
        return sorted(candidates, key=self._ends.place)

    def _report_missing(self, step: str, missing: Sequence[str]) -> None:
        for name in missing:
            message = f"the input {quote(name)} of step {quote(step)} is not connected"
            end = End(step, name)
            hint = f"add an edge to '{end}'; '{PIPELINE_INPUT} -> {end}' gives it the data of the execution"
            self._problems.add("missing-input", message, self._ends.place(step), hint)

    def _report_unused(self) -> None:
        """Report steps that no edge mentions, where edges are written."""
        ends = self._ends
        unused = ends.specs.keys() - self.into.keys() - self.out_of.keys() - ends.reported
        for step in sorted(unused, key=ends.place):
            message = f"step {quote(step)} is not connected to any other step"
            self._problems.add("unused-step", message, ends.place(step), "add an edge to or from it, or remove it")
            ends.reported.add(step)

    def _add(self, spec: EdgeSpec, path: JsonPath) -> None:
        source = self._sources.get(spec.source) or self._ends.find(spec.source, path, reads=False)
        target = self._targets.get(spec.target) or self._ends.find(spec.target, path, reads=True)
        if source is None or target is None:
            self._ends.reported.update(text.partition(".")[0] for text in (spec.source, spec.target))
        elif source is PIPELINE_INPUT and target is PIPELINE_OUTPUT:
            message = "the edge connects the pipeline's input to its output without a step between"
            self._problems.add("misplaced-end", message, path, "connect each of them to a step")
        elif source.step == target.step:
            message = f"step {quote(source.step)} feeds itself"
            self._problems.add("self-loop", message, path, "a pipeline has no loops: remove the edge")
            self._ends.reported.add(source.step)
        else:
            self._join(source, target, spec, path)

    def _join(self, source: End, target: End, spec: EdgeSpec, path: JsonPath) -> None:
        self.edges.append(Edge(len(self.edges), source, target, spec, path))
