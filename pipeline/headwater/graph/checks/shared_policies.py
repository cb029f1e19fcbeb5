"""Refuses limits, caches and batches that cannot hold for a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.annotations import describe
from headwater.config.conditions.field_paths import Lookup
from headwater.config.problems import Fault, quote
from headwater.types.item_fields import NO_FIELD, field_names, field_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headwater.config.policies.shared_specs import FieldRef
    from headwater.config.problems import JsonPath
    from headwater.config.spec import StepSpec
    from headwater.graph.choices import Choice
    from headwater.graph.graph import Graph

__all__ = ["faults_of_shared_policies"]


def faults_of_shared_policies(graph: Graph, step_id: str, choice: Choice) -> Iterator[Fault]:
    """Yield a fault for each of them that a step cannot have."""
    spec, place = graph.specs[step_id], graph.place(step_id)
    yield from _cache(spec, choice, (*place, "cache"))
    yield from _rate_limit(spec, choice, (*place, "rate_limit", "key"))
    yield from _batch(spec, choice, (*place, "batch"))


def _cache(spec: StepSpec, choice: Choice, path: JsonPath) -> Iterator[Fault]:
    if spec.cache is None:
        return
    if not choice.is_of_units:
        message = f"step {quote(spec.id)} reads or writes a whole stream, so it has no results of single items to keep"
        yield Fault("unfit-policy", message, path, "remove it; it is for a step that takes a value and returns one")
    elif spec.cache.fields is None:
        yield from _comparable(spec, choice, path)
    else:
        for index, ref in enumerate(spec.cache.fields):
            yield from _field(ref, choice, (*path, "fields", index))


def _rate_limit(spec: StepSpec, choice: Choice, path: JsonPath) -> Iterator[Fault]:
    if spec.rate_limit is None or (ref := spec.rate_limit.key) is None:
        return
    if not choice.is_of_units and choice.mapped is None:
        message = f"step {quote(spec.id)} reads or writes a whole stream, so its calls have no item with a field"
        yield Fault("unfit-policy", message, path, "remove 'key', so that one limit holds for all calls")
    else:
        yield from _field(ref, choice, path)


def _batch(spec: StepSpec, choice: Choice, path: JsonPath) -> Iterator[Fault]:
    if spec.batch is None:
        return
    if not choice.method.batched:
        message = f"the function of step {quote(spec.id)} takes one item at a time"
        hint = "remove 'batch', or declare it as @step(..., batched=True) with def name(items: list[Item])"
        yield Fault("unfit-policy", f"{message}, so it cannot be given batches", path, hint)
    elif spec.batch.across == "runner" and choice.method.context is not None:
        message = f"the function of step {quote(spec.id)} takes a StepContext, which belongs to one execution"
        hint = "write 'execution', or remove the parameter with the context"
        yield Fault("unfit-policy", f"{message}, so executions cannot share its batches", (*path, "across"), hint)


def _comparable(spec: StepSpec, choice: Choice, path: JsonPath) -> Iterator[Fault]:
    """Yield a fault when a whole item certainly has no key."""
    from headwater.streams.exact.exact_json import inexact_type  # for few documents, and it takes time to import

    for given in choice.inputs:
        if (kind := inexact_type(given.port.type.item)) is not None:
            message = f"the items of step {quote(spec.id)} are of the type {describe(kind)}, which cannot be compared"
            yield Fault("unfit-policy", message, path, "name the fields that the result depends on: 'fields'")


def _field(ref: FieldRef, choice: Choice, path: JsonPath) -> Iterator[Fault]:
    """Yield a fault when no item can have a field."""
    lookup = Lookup.of(ref) if isinstance(ref, str) else Lookup(tuple(ref))
    ports = [given.port for given in choice.inputs]
    if choice.mapped is None and len(ports) > 1:
        found = {port.name: port.type.item for port in ports}
        if lookup.parts[0] not in found:
            message = f"there is no input {quote(lookup.parts[0])}, where a field of several inputs begins"
            yield Fault("unknown-field", message, path, f"expected one of {', '.join(map(quote, found))}")
            return
        yield from _fault(ref, found[lookup.parts[0]], lookup.parts[1:], path)
    elif ports:
        given = choice.inputs[choice.mapped or 0]
        for flow in given.flows:
            item = flow.type.item if choice.mapped is not None and flow.streaming else given.port.type.item
            yield from _fault(ref, item, lookup.parts, path, is_exact=lookup.is_exact)


def _fault(ref: FieldRef, item: Any, parts: Sequence[str], path: JsonPath, *, is_exact: bool = True) -> Iterator[Fault]:
    if field_type(item, parts, is_exact=is_exact) is NO_FIELD:
        name = ref if isinstance(ref, str) else ".".join(ref)
        names = field_names(item)
        hint = f"expected one of {', '.join(map(quote, names[:12]))}" if names else "connect records"
        message = f"the items are of the type {describe(item)}, which have no field {quote(name)}"
        yield Fault("unknown-field", message, path, hint)
