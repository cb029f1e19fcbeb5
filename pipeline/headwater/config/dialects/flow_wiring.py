"""The ports of steps and the edges between them: from what each input refers to, and from the paths."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.config.dialects.flow_conditions import prefixed
from headwater.config.dialects.flow_document import Flow, FlowPath, FlowStep
from headwater.config.dialects.placeholders import gathering, port_name
from headwater.config.dialects.references import Reference, UnknownReferenceError, converted, references_in

if TYPE_CHECKING:
    from headwater.config.dialects.flow_loops import Region
    from headwater.config.problems import JsonPath, Problems

__all__ = ["Wired", "Wiring", "wired"]

_INPUT = "input"
_Paths = Sequence[tuple[FlowPath, dict[str, Any] | None]]


@dataclass(slots=True)
class Wired:
    """A step of the translated document, before its kind has a name."""

    id: str
    step: FlowStep | None = None
    loop: Region | None = None
    cls: str = ""
    about: str = ""
    body: str = ""
    ports: list[str] = field(default_factory=list[str])
    optional: set[str] = field(default_factory=set[str])
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    merges: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Wiring:
    """The steps and edges of a region."""

    steps: list[Wired]
    edges: list[Any]
    output: str | None


def wired(flow: Flow, region: Region, paths: _Paths, problems: Problems) -> Wiring:
    """Return the steps and edges of a region."""
    wires = _Wires(flow, region, paths, problems)
    wires.connect()
    return Wiring(wires.steps, wires.edges, wires.output)


class _Wires:
    """Connects the steps of one region."""

    def __init__(self, flow: Flow, region: Region, paths: _Paths, problems: Problems) -> None:
        self.flow, self.region, self.problems = flow, region, problems
        self.steps: list[Wired] = []
        self.edges: list[Any] = []
        self.output: str | None = None
        self._loop_of = {step_id: loop for loop in region.loops for step_id in loop.ids}
        self._when: dict[tuple[str, str], list[dict[str, Any] | None]] = {}
        for path, when in paths:
            source, target = self._node(path.source), self._node(path.target)
            if path.source in region.ids and path.target in region.ids and source != target:
                prefix = path.source in self._loop_of and when is not None
                self._when.setdefault((source, target), []).append(
                    prefixed(when, path.source) if prefix and when else when
                )

    def _node(self, step_id: str) -> str:
        loop = self._loop_of.get(step_id)
        return step_id if loop is None else loop.id

    def connect(self) -> None:
        """Make the steps and edges."""
        reached = _reached(self._node(self.region.start), self._when)
        for step_id in self.region.ids:
            if self._node(step_id) not in reached:
                message = f"no path leads from {self.region.start!r} to step {step_id!r}, so it would never run"
                self.problems.add("cannot-import", message, self.flow.steps[step_id].path)
        for step_id in self.region.ids:
            loop = self._loop_of.get(step_id)
            if loop is None:
                self._step(self.flow.steps[step_id])
            elif step_id == loop.ids[0]:
                self._loop(loop)
        if self.region.is_loop:
            self._gather()
        elif self.flow.outputs is not None:
            self._results(self.flow.outputs)

    def before(self, node: str) -> list[str]:
        """Return the nodes that have a path to a node."""
        return [source for source, target in self._when if target == node]

    def condition(self, source: str, target: str) -> dict[str, Any] | None:
        """Return the condition of an edge; None if it always holds."""
        conditions = self._when.get((source, target), [None])
        held = [one for one in conditions if one is not None]
        if len(held) < len(conditions):
            return None
        return held[0] if len(held) == 1 else {"any": held}

    def _edge(self, source: str, target: str, port: str = "") -> None:
        end = f"{target}.{port}" if port else target
        when = self.condition(source, target)
        self.edges.append(f"{source} -> {end}" if when is None else {"from": source, "to": end, "when": when})

    def _loop(self, loop: Region) -> None:
        self.steps.append(Wired(loop.id, loop=loop))
        before = self.before(loop.id)
        if not before:
            begin = port_name("begin", self.flow.steps)
            body = "    return {}"
            self.steps.append(Wired(begin, cls="Begin", about="Start the loop with an empty record", body=body))
            self.edges.append(f"{begin} -> {loop.id}")
        for source in before:
            self._edge(source, loop.id)
        if len(before) > 1:
            self.steps[-1].merges["in"] = "interleave"

    def _gather(self) -> None:
        """Add what makes one record of the outputs of all steps of a loop."""
        name = port_name(f"{self.region.id}_result", self.flow.steps)
        ports = {step_id: port_name(step_id) for step_id in self.region.ids}
        body = "    return {" + ", ".join(f'"{step_id}": {port}' for step_id, port in ports.items()) + "}"
        gather = Wired(
            name, cls=f"{self.region.id}_result", about="Put what the steps have made into one record", body=body
        )
        gather.ports = list(ports.values())
        gather.optional = set(gather.ports)
        self.steps.append(gather)
        self.edges += [f"{step_id} -> {name}.{port}" for step_id, port in ports.items()]
        self.output = name

    def _results(self, outputs: FlowStep) -> None:
        """Add what makes one record of the outputs of the document; those of steps that did not run are null."""
        made = Wired(outputs.id, cls=outputs.cls, about=outputs.about)
        values: dict[str, str] = {}
        for name, (value, place) in (outputs.inputs or {}).items():
            known = {*made.ports, *made.params}
            self._given(made, name, value, place, {}, what="output")
            values[name] = next((f'found["{port}"]' for port in made.ports if port not in known), "")
            values[name] = values[name] or next((param for param in made.params if param not in known), "None")
        made.optional = set(made.ports)
        made.body = gathering(values, made.ports, takes_fields=bool(made.fields))
        self.steps.append(made)
        self.output = made.id

    def _step(self, step: FlowStep) -> None:
        made = Wired(step.id, step=step)
        self.steps.append(made)
        sources: dict[str, None] = {}
        for name, (value, place) in (step.inputs or {}).items():
            before = len(made.ports)
            self._given(made, name, value, place, sources)
            made.optional |= {*made.ports[before:]} if name in step.optional else set()
        for name, value in step.config.items():
            self._configured(made, name, value, (*step.path, step.config_key, name), sources)
        self._follow(made, [node for node in self.before(step.id) if node not in sources])
        if self.region.is_loop and step.id == self.region.start and _INPUT not in sources:
            self._port(made, "previous" if step.inputs is not None else "data", [(_INPUT, "")])
        elif not made.ports and step.inputs is None and not self.region.is_loop:
            made.params |= {port_name(name, made.params): f"${{parameters.{name}}}" for name in _unused(self.flow)}

    def _given(
        self, made: Wired, name: str, value: Any, place: JsonPath, sources: dict[str, None], *, what: str = "input"
    ) -> None:
        """Add an input: a port for what comes from steps, a param for the rest."""
        try:
            refers = what == "output" or place[-1] in {"source", "from"}
            found = _references(self.flow, value, refers=refers)
            found = _expected(self.flow, name, self.before(made.id)) if value is None else found
            if found is None or (len(found) == 1 and found[0].to in {"parameter", "env", "secret"}):
                template = value if found is None or value is not None else f"{{{{ parameters.{name} }}}}"
                if isinstance(template, str) and found and "{" not in template:
                    template = f"{{{{ {template} }}}}"
                made.params[port_name(name, made.params)] = converted(template, self.flow.steps)
                return
        except UnknownReferenceError as error:
            self.problems.add("cannot-import", f"the {what} {name!r} cannot be translated: {error}", place)
            return
        self._referred(made, name, found, place, sources)

    def _configured(self, made: Wired, name: str, value: Any, place: JsonPath, sources: dict[str, None]) -> None:
        try:
            found = references_in(value, self.flow.steps) if isinstance(value, str) else None
            if found and all(reference.to in {"step", "input"} for reference in found):
                self._referred(made, name, found, place, sources)
            else:
                taken = {*made.params, *made.ports}
                made.params[port_name(name, taken)] = converted(value, self.flow.steps)
        except UnknownReferenceError as error:
            self.problems.add("cannot-import", f"the option {name!r} cannot be translated: {error}", place)

    def _referred(
        self, made: Wired, name: str, found: Sequence[Reference], place: JsonPath, sources: dict[str, None]
    ) -> None:
        ends: list[tuple[str, str]] = []
        for reference in found:
            end = self._end(made, reference)
            if end is None:
                what = f"{reference.to} {reference.name!r}"
                message = f"the input {name!r} comes from {what}, which the step cannot reach from inside of its loop"
                if reference.to not in {"step", "input"}:
                    message = f"the input {name!r} chooses between {what} and others; give it one source"
                self.problems.add("cannot-import", message, place)
                return
            ends.append(end)
        self._port(made, name, ends, "first")
        sources.update((node, None) for node, _ in ends)

    def _end(self, made: Wired, reference: Reference) -> tuple[str, str] | None:
        """Return the node and the path that a reference leads to, or None where there is none."""
        is_start = self.region.is_loop and made.id == self.region.start
        if reference.to == "input":
            return None if self.region.is_loop else (_INPUT, reference.path)
        if reference.to != "step":
            return None
        if reference.name in self._loop_of and reference.name != self._node(made.id):
            loop = self._loop_of[reference.name]
            return (loop.id, ".".join(part for part in (reference.name, reference.path) if part))
        if reference.name in {loop.id for loop in self.region.loops}:
            return (reference.name, reference.path)
        if is_start and reference.name in self.region.ids:  # what the run before has made
            return (_INPUT, ".".join(part for part in (reference.name, reference.path) if part))
        return (reference.name, reference.path) if reference.name in self.region.ids else None

    def _follow(self, made: Wired, others: list[str]) -> None:
        """Add ports for paths from steps that no input refers to: the step comes after them."""
        if not others:
            return
        name = "data" if made.step is not None and made.step.inputs is None else "after"
        alternatives = any(self.condition(node, made.id) is not None or _may_skip(self, node) for node in others)
        if len(others) == 1 or alternatives:
            self._port(made, name, [(node, "") for node in others], "interleave")
            return
        for node in others:
            self._port(made, node if name == "data" else f"after_{node}", [(node, "")])

    def _port(self, made: Wired, name: str, ends: Sequence[tuple[str, str]], merge: str = "") -> None:
        port = port_name(name, {*made.ports, *made.params})
        made.ports.append(port)
        paths = [path for _, path in ends]
        if any(paths):
            made.fields[port] = paths[0] if len(set(paths)) == 1 else paths
        for node in dict.fromkeys(node for node, _ in ends):
            self._edge(node, made.id, port)
        if len({node for node, _ in ends}) > 1:
            made.merges[port] = merge


def _reached(start: str, pairs: Collection[tuple[str, str]]) -> set[str]:
    """Return the nodes that paths lead to from a node, and the node."""
    reached, waiting = {start}, [start]
    while waiting:
        node = waiting.pop()
        found = [target for source, target in pairs if source == node and target not in reached]
        reached.update(found)
        waiting += found
    return reached


def _may_skip(wires: _Wires, node: str) -> bool:
    """Return whether a step may not run."""
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        for source in wires.before(one):
            if wires.condition(source, one) is not None:
                return True
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return False


def _unused(flow: Flow) -> list[str]:
    """Return the parameters that nothing refers to: the first step was given them with its data."""
    parts = [(step.config, step.inputs) for step in flow.steps.values()]
    text = str((parts, [path.condition for path in flow.paths]))
    return [name for name in flow.parameters if re.search(rf"\bparam\w*\.{re.escape(name)}\b", text) is None]


def _references(flow: Flow, value: Any, *, refers: bool) -> list[Reference] | None:
    """Return what a source refers to, None for a value; raise for a value where only references may be."""
    found = references_in(value, flow.steps, bare=True) if isinstance(value, str) else None
    if refers and found is None and value is not None and "${" not in str(converted(value, flow.steps)):
        message = f"{value!r:.60} is not a parameter, a step or an input"
        raise UnknownReferenceError(message)
    return found


def _expected(flow: Flow, name: str, before: Sequence[str]) -> list[Reference]:
    """Return where an input without a source comes from: the steps before, a parameter, or the pipeline's input."""
    if before:
        return [Reference("step", one, name) for one in before]
    return [Reference("parameter", name) if name in flow.parameters else Reference("input", _INPUT, name)]
