"""Pipelines that are written in Python, as the documents that they could be loaded from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.config.load import load
from headwater.config.templates import literal
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.config.load import Loaded
    from headwater.kinds.definition import BoundStep

__all__ = ["load_authored"]


def load_authored(
    head: Mapping[str, str],
    steps: Mapping[str, BoundStep],
    options: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, Any],
) -> Loaded:
    """Load a document with a head, some steps with further keys of each, and further keys that are not None."""
    document: dict[str, Any] = {key: value for key, value in head.items() if value or key == "name"}
    document["steps"] = [_step_document(step_id, step, options.get(step_id, {})) for step_id, step in steps.items()]
    document.update((key, _plain(value)) for key, value in keys.items() if value is not None)
    loaded = load(document)
    for step_id in sorted(set(options) - set(steps)):
        hint = loaded.problems.did_you_mean(step_id, steps)
        message = f"options are given for {step_id!r}, which is not a step"
        loaded.problems.add("unknown-step", message, ("steps",), hint)
    return loaded


def _step_document(step_id: str, step: BoundStep, options: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"id": step_id, "kind": step.definition.kind}
    if step.params:
        document["params"] = literal(step.params)
    return {**document, **options}


def _plain(value: Any) -> Any:
    """Return a value as a document has it: an object or a string as it is, any other sequence as an array."""
    if is_mapping(value):
        return dict(value)
    return value if isinstance(value, str) else [_plain(member) for member in value]
