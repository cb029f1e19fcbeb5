"""The ports of steps before methods are chosen, and the lookup of the ends of edges that name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

from headwater.config.policies.failure_specs import DEAD_LETTER
from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.spec import PipelineSpec, StepSpec
from headwater.graph.edges import PIPELINE_INPUT, PIPELINE_OUTPUT, End, make_end
from headwater.kinds.definition import BoundStep, Port, StepDefinition
from headwater.kinds.outputs import ERRORS_PORT
from headwater.shapes import is_list, is_object

__all__ = ["EndLookup", "Ports", "Side"]

_OWN_ENDS = {end.step: end for end in (PIPELINE_INPUT, PIPELINE_OUTPUT)}


class Side(NamedTuple):
    """The ports on one side of a step."""

    word: str
    names: tuple[str, ...]
    default: str
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a step, whichever of its methods will run."""

    inputs: Side
    outputs: Side
    required: tuple[tuple[str, ...], ...]
    alternatives: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, definition: StepDefinition, task: str | None = None, *, has_errors: bool = False) -> Ports:
        """Return the ports of the methods of a task, or of all methods of a kind, and that for items that failed."""
        every = definition.methods
        methods = [method for method in every if method.task is not None and method.task.name == task] or every
        return cls(
            _side("input", [method.inputs for method in methods]),
            _side("output", [method.outputs for method in methods], (ERRORS_PORT,) if has_errors else ()),
            tuple(tuple(port.name for port in method.inputs if port.required) for method in methods),
            tuple(tuple(port.name for port in method.inputs) for method in methods),
        )

    def missing(self, fed: Container[str]) -> Sequence[str]:
        """Return the inputs that still need an edge: those of the method that lacks the fewest."""
        needs = [[name for name in names if name not in fed] for names in self.required]
        return min(needs, key=len, default=())


def _side(word: str, by_method: Sequence[tuple[Port, ...]], others: tuple[str, ...] = ()) -> Side:
    every = [port for ports in by_method for port in ports]
    names = tuple(dict.fromkeys(port.name for port in every))
    optional = {port.name for port in every if not port.required}
    defaults = [_default(ports) for ports in by_method]
    default = defaults[0] if all(defaults) else ""
    return Side(word, (*names, *others), default, tuple(name for name in names if name not in optional))


def _default(ports: tuple[Port, ...]) -> str:
    """Return the only port, or the only one that is required."""
    candidates = ports if len(ports) == 1 else [port for port in ports if port.required]
    return candidates[0].name if len(candidates) == 1 else ""


class EndLookup:
    """Looks up the step and port that each end of an edge means, and reports those that do not exist."""

    __slots__ = (
        "_places",
        "_problems",
        "_refused",
        "_spec",
        "_steps",
        "kinds",
        "misses",
        "ports",
        "reported",
        "sources",
        "specs",
        "targets",
    )

    def __init__(self, spec: PipelineSpec, steps: Mapping[str, BoundStep], problems: Problems) -> None:
        self._spec = spec
        self._steps = steps
        self._problems = problems
        self._places: dict[str, int] = {}
        self._refused: frozenset[str] | None = None  # strings by which edges may refer to steps whose id was refused
        self.specs: dict[str, StepSpec] = {}
        self.ports: dict[str, Ports] = {}
        self.kinds: list[Ports] = []
        self.sources: dict[str, End] = {}
        self.targets: dict[str, End] = {}
        self.reported: set[str] = set()
        self.misses: bool = False
        self._read_ids()
        self._read_ports()

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
            self._report_ids()

    def _report_ids(self) -> None:
        self.specs.clear()
        for index, step in enumerate(self._spec.steps):
            if step.id in _OWN_ENDS:
                message = f"the id {quote(step.id)} is reserved for the {step.id} of the pipeline itself"
                self._problems.add("reserved-id", message, ("steps", index, "id"), "give the step another id")
            elif step.id in self.specs:
                message = f"the id {quote(step.id)} is already used by an earlier step"
                self._problems.add("duplicate-id", message, ("steps", index, "id"), "give each step its own id")
            else:
                self.specs[step.id] = step

    def _read_ports(self) -> None:
        alike: defaultdict[tuple[int, str | None, bool], list[str]] = defaultdict(list)
        for step, spec in self.specs.items():
            bound = self._steps.get(step)
            if bound is not None:
                alike[id(bound.definition), spec.task, spec.on_error == DEAD_LETTER].append(step)
        for (_, task, has_errors), steps in alike.items():
            ports = Ports.of(self._steps[steps[0]].definition, task, has_errors=has_errors)
            self.kinds.append(ports)
            self.ports.update(dict.fromkeys(steps, ports))
            self.sources.update(_default_ends(steps, ports.outputs))
            self.targets.update(_default_ends(steps, ports.inputs))

    def find(self, text: str, path: JsonPath, *, reads: bool) -> End | None:
        """Return the end that the text of a document means, or None when it was reported."""
        step, _, port = text.partition(".")
        ports = self.ports.get(step)
        if ports is not None:
            side = ports.inputs if reads else ports.outputs
            name = port or side.default
            if name in side.names:
                return make_end((step, name))
            self._report_port(step, port, side, path)
            return None
        if step in self.specs:
            return make_end((step, port))
        if step in _OWN_ENDS:
            return self._own_end(step, port, path, reads=reads)
        self._report_step(text, step, path)
        return None

    def _report_step(self, text: str, step: str, path: JsonPath) -> None:
        """Report an unknown step, unless its id was refused before."""
        self.misses = True
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

    def _report_port(self, step: str, port: str, side: Side, path: JsonPath) -> None:
        ports = ", ".join(map(quote, side.names))
        if not side.names:
            self._problems.add("no-port", f"step {quote(step)} has no {side.word}", path, self._chain_hint())
        elif port:
            message = f"step {quote(step)} has no {side.word} {quote(port)}, expected {ports}"
            hint = self._problems.did_you_mean(port, side.names)
            if port == ERRORS_PORT and side.word == "output":
                hint = f'give step {quote(step)} "on_error": "dead_letter"'
            self._problems.add("unknown-port", message, path, hint)
        else:
            message = f"step {quote(step)} has several {side.word}s: {ports}"
            hint = self._chain_hint() or f"name one, such as '{End(step, side.names[0])}'"
            self._problems.add("ambiguous-port", message, path, hint)

    def _chain_hint(self) -> str:
        return "without 'edges' the steps are a chain; write the edges" if self._spec.edges is None else ""


def _is_unnamed(problems: Problems, index: int) -> bool:
    """Return whether the id of a step was refused, or the whole step."""
    return problems.is_blocked(("steps", index, "id"))


def _texts_of_unnamed(problems: Problems) -> frozenset[str]:
    """Return the strings in steps whose id was refused, as edges may refer to them by one of these."""
    steps = problems.document.get("steps") if is_object(problems.document) else None
    written = enumerate(steps if is_list(steps) else ())
    unnamed = [step for index, step in written if is_object(step) and _is_unnamed(problems, index)]
    return frozenset(value for step in unnamed for value in step.values() if isinstance(value, str))


def _default_ends(steps: Sequence[str], side: Side) -> Iterable[tuple[str, End]]:
    """Yield the end that the id of each step alone means."""
    ends = map(make_end, zip(steps, repeat(side.default), strict=False))
    return zip(steps, ends, strict=True) if side.default else ()
