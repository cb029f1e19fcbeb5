"""The data of the event that reports a missed service level objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

__all__ = ["SloBreached"]


@dataclass(slots=True)
class SloBreached:
    """Data of `slo_breached`: the executions of a pipeline miss one of its service level objectives.

    Args:
        objective: The objective, by its key in the document, such as `first_item_p95_s`.
        target: What the document asks for.
        value: What was measured.
        executions: How many executions it was measured over.
    """

    objective: str
    target: float
    value: float
    executions: Annotated[int, Field(ge=1, le=100_000)]

    def __str__(self) -> str:
        over = "1 execution" if self.executions == 1 else f"{self.executions:,} executions"
        return f"{self.objective} is {self.value:.4g}, the target is {self.target:g} ({over})"
