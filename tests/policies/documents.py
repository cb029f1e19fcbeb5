"""Documents of steps in a chain, and how they are run."""

from __future__ import annotations

from typing import Any

from headwater import Pipeline, Result, StreamEvent

__all__ = ["document", "run"]


def document(*steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a document of steps in a chain."""
    return {"name": "guarded", "steps": list(steps), **keys}


async def run(source: dict[str, Any], data: Any = None) -> tuple[Result, list[StreamEvent]]:
    """Return the result of a document and its events."""
    events: list[StreamEvent] = []
    return await Pipeline.load(source).run(data, subscribers=[events.append]), events
