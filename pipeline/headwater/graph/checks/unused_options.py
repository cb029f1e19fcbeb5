"""Refuses options of steps that would have no effect, as they would mislead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.kinds.definition import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.config.problems import Problems
    from headwater.graph.choices import Choice
    from headwater.graph.graph import Graph

__all__ = ["check_options"]


def check_options(graph: Graph, choices: Mapping[str, Choice], problems: Problems) -> None:
    """Refuse `concurrency` for steps that cannot work on several items at a time."""
    for step_id, choice in choices.items():
        if graph.specs[step_id].concurrency > 1 and not _is_of_items(choice):
            message = f"step {step_id!r} cannot work on several items at a time, so 'concurrency' has no effect"
            hint = "remove it; it is for a function that takes one value and returns one"
            problems.add("no-concurrency", message, (*graph.place(step_id), "concurrency"), hint)


def _is_of_items(choice: Choice) -> bool:
    returns_one = choice.method.call in {Call.PLAIN, Call.COROUTINE}
    return returns_one and any(not part.port.streaming for part in choice.inputs)
