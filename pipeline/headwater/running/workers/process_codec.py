"""How items cross to a worker process and back: JSON of their declared types, never code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headwater.kinds.definition import Method

__all__ = ["input_adapter", "result_adapter", "results_adapter"]


def input_adapter(method: Method, ports: Sequence[str]) -> TypeAdapter[Any]:
    """Return the adapter of a list of inputs, each a tuple of the values for the connected ports."""
    types = tuple(_concrete(port.type.item) for port in method.inputs if port.name in ports)
    return TypeAdapter(list[tuple[types]])  # type: ignore[valid-type]  # made from run-time types


def result_adapter(method: Method) -> TypeAdapter[Any]:
    """Return the adapter of one result."""
    return TypeAdapter(_concrete(method.outputs[0].type.item))


def results_adapter(method: Method) -> TypeAdapter[Any]:
    """Return the adapter of a list of results."""
    item = _concrete(method.outputs[0].type.item)
    return TypeAdapter(list[item])  # type: ignore[valid-type]  # made from run-time types


def _concrete(annotation: Any) -> Any:
    return Any if isinstance(annotation, TypeVar) else annotation
