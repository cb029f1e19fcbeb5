"""What the engine tells the operator of a program, once, through its log."""

from __future__ import annotations

import structlog

__all__ = ["report_hold"]

_log = structlog.get_logger("headwater")


def report_hold(step_id: str, kind: str, elapsed_s: float) -> None:
    """Tell that a step kept the event loop to itself, so that nothing else could run.

    Args:
        step_id: Id of the step.
        kind: Its kind.
        elapsed_s: How long, in seconds.
    """
    _log.warning(
        "step holds the event loop; mark it blocking=True or cpu=True",
        step_id=step_id,
        kind=kind,
        held_s=round(elapsed_s, 3),
    )
