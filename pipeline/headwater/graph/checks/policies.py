"""Refuses policies that cannot hold for a step, as what is refused when it is loaded does not fail when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.annotations import describe
from headwater.config.notation.document_types import MISSING
from headwater.config.policies.failure_specs import DEAD_LETTER, SubstituteSpec
from headwater.config.policies.substeps import COMPENSATE, FALLBACK, substep_id
from headwater.config.problems import Fault, quote
from headwater.errors import FrameTypeError
from headwater.graph.checks.shared_policies import faults_of_shared_policies
from headwater.kinds.outputs import ERRORS_PORT
from headwater.types.fit import Fit, check
from headwater.types.value_checkers import checker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headwater.graph.choices import Choice
    from headwater.graph.graph import Graph

__all__ = ["faults_of_policies", "stands_in"]

_NO_ITEM = "there is no single item that fails"


def stands_in(other: Choice, choice: Choice) -> bool:
    """Return whether a step can take the place of another one: it is fed alike, and what it writes fits."""
    if other.method.batched or other.mapped != choice.mapped or other.is_of_units is not choice.is_of_units:
        return False
    if not _reads_alike(other, choice):
        return False
    named = {port.name: choice.outputs[port.name] for port in choice.method.outputs}
    return other.outputs.keys() == named.keys() and all(
        flow.streaming is named[name].streaming
        and check(flow.type.item, named[name].type.item) is not Fit.NO
        and (flow.type.header, flow.type.footer) == (named[name].type.header, named[name].type.footer)
        for name, flow in other.outputs.items()
    )


def _reads_alike(other: Choice, choice: Choice) -> bool:
    """Return whether two steps have the same inputs; what a stream brings is checked for the first of them alone."""
    if len(other.inputs) != len(choice.inputs):
        return False
    for theirs, ours in zip(other.inputs, choice.inputs, strict=True):
        named_alike = theirs.port.name == ours.port.name or len(choice.inputs) == 1
        checked = choice.is_of_units or check(ours.port.type.item, theirs.port.type.item) is Fit.PROVEN
        if theirs.port.style != ours.port.style or not named_alike or not checked:
            return False
    return True


def faults_of_policies(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    """Yield a fault for each policy that a step cannot have."""
    yield from _on_error(graph, step_id, choice)
    yield from _timeout(graph, step_id, choice)
    yield from _compensate(graph, step_id, choice)
    yield from faults_of_shared_policies(graph, step_id, choice)


def _on_error(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    policy = graph.specs[step_id].on_error
    path = (*graph.place(step_id), "on_error")
    if isinstance(policy, SubstituteSpec):
        if policy.value is not MISSING:
            yield from _value(policy.value, step_id, choice, (*path, "value"))
        elif substep_id(step_id, FALLBACK) in graph.substeps and choice.fallback is None:
            message = f"the fallback of step {quote(step_id)} has other ports or types than the step itself"
            hint = f"use a kind that reads {_read(choice)} and writes {_written(choice)}"
            yield Fault("unfit-fallback", message, (*path, FALLBACK), hint)
        return
    if policy == "fail":
        return
    if not choice.is_of_units and (not choice.inputs or any(given.port.streaming for given in choice.inputs)):
        message = f"{quote(policy)} is for single items, but step {quote(step_id)} takes a whole stream, or nothing"
        yield Fault("unfit-policy", message, path, f"use 'fail' or a fallback; {_NO_ITEM}")
    elif policy == DEAD_LETTER and not any(edge.source.port == ERRORS_PORT for edge in graph.edges_out_of(step_id)):
        message = f"the items that fail in step {quote(step_id)} go to its port 'errors', which is not connected"
        hint = f"add an edge from {quote(f'{step_id}.{ERRORS_PORT}')}, or name it in the output"
        yield Fault("unread-output", message, path, hint)


def _value(value: object, step_id: str, choice: Choice, path: tuple[str | int, ...]) -> Iterator[Fault]:
    flow = choice.main_output
    if flow is None or (choice.method.call.yields):
        message = f"step {quote(step_id)} does not return one value, so a value cannot stand in for its output"
        yield Fault("unfit-policy", message, path, "use 'fail', or a fallback with the same ports")
        return
    try:
        checker(flow.type.item).check(value, "value")
    except FrameTypeError as error:
        message = f"the value does not have the type of the output of step {quote(step_id)}: {error}"
        yield Fault("unfit-policy", message, path, f"expected {describe(flow.type.item)}")


def _timeout(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    timeout = graph.specs[step_id].timeout
    writes_one = not choice.is_of_units and not any(flow.streaming for flow in choice.outputs.values())
    if timeout is not None and timeout.idle_s is not None and writes_one:
        message = f"step {quote(step_id)} writes one value, so there is no time between two items"
        hint = "remove 'idle_s'; 'attempt_s' limits the time of the call"
        yield Fault("unfit-policy", message, (*graph.place(step_id), "timeout", "idle_s"), hint)


def _compensate(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    if substep_id(step_id, COMPENSATE) not in graph.substeps or choice.compensate is not None:
        return
    path = (*graph.place(step_id), COMPENSATE)
    flow = choice.main_output
    if flow is None or flow.streaming:
        message = f"step {quote(step_id)} does not write one value, so there is nothing to give to 'compensate'"
        yield Fault("unfit-policy", message, path, "remove it; it is for steps with a single value as output")
    else:
        message = f"the step in 'compensate' cannot take what step {quote(step_id)} writes"
        hint = f"use a kind that reads one {describe(flow.type.item)} and returns a value, or nothing"
        yield Fault("unfit-policy", message, path, hint)


def _read(choice: Choice) -> str:
    return ", ".join(describe(given.port.type.item) for given in choice.inputs) or "nothing"


def _written(choice: Choice) -> str:
    return ", ".join(describe(choice.outputs[port.name].type.item) for port in choice.method.outputs)
