"""A sample of every kind that ships, and the documents to try it in."""

from __future__ import annotations

from typing import Any, Final

from headwater.kinds.definition import StepDefinition
from headwater.kinds.registry import registry
from tests.acceptance.sample import Sample
from tests.acceptance.samples_of_items import ITEMS
from tests.acceptance.samples_of_places import PLACES

__all__ = ["ALLOW", "SAMPLES", "definition_of", "document_of", "takes_data"]

SAMPLES: Final[dict[str, Sample]] = PLACES | ITEMS

ALLOW: Final = frozenset({"process", "private-network"})
"""What the operator has to allow for some of them."""


def document_of(
    kind: str, params: dict[str, Any] | None = None, *, before: list[Any] | None = None, after: str = ""
) -> Any:
    """Return a document with the kind as step `it`, perhaps after a stream with a header, or before a step."""
    sample = SAMPLES[kind]
    port = ".items" if sample.table else ""
    steps: list[dict[str, Any]] = [{"id": "it", "kind": kind, "params": sample.params | (params or {})}]
    edges = [f"input -> it{port}"] if takes_data(kind) else []
    if before is not None:
        steps.append({"id": "before", "kind": "acceptance.framed", "params": {"items": before}})
        edges = [f"before -> it{port}"]
    if sample.table:
        steps.append({"id": "table", "kind": "source.jsonl", "params": {"path": "${parameters.files}/table.jsonl"}})
        edges.append("table -> it.table")
    readers = [f"after{number}" for number in range(len(sample.ports))] if after else []
    steps += [{"id": reader, "kind": after, "params": {"n": 1}} for reader in readers]
    edges += [f"{place} -> {reader}" for place, reader in zip(sample.ports, readers, strict=False)]
    parameters = {name: {"type": "string"} for name in ("files", "out", "url", "remote")}
    return {
        "name": "sample",
        "parameters": parameters,
        "steps": steps,
        "edges": edges,
        "output": readers or list(sample.ports),
    }


def takes_data(kind: str) -> bool:
    """Whether a kind has an input."""
    return any(method.inputs for method in definition_of(kind).methods)


def definition_of(kind: str) -> StepDefinition:
    """Return what is known of a kind."""
    target = registry.find(kind)
    assert target is not None
    return target.definition
