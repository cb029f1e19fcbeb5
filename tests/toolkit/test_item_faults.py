"""One policy for the bad items of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from headwater import StepContext
from headwater.toolkit import ItemFaults


class Progress:
    """Takes the progress of a step.

    Attributes:
        messages: Every message.
        compensations: The sum of all compensations.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.compensations = 0

    def __call__(self, _fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        self.messages.append(message)
        self.compensations += data["compensations"]


def context(progress: Progress | None = None, *, connected: frozenset[str] = frozenset()) -> StepContext:
    """Return the context of a step."""
    return StepContext("execution", "step", connected=connected, report=progress or Progress())


@pytest.mark.parametrize(
    ("policy", "connected", "expected"),
    [
        (None, frozenset(), "fail"),
        (None, frozenset({"rejected"}), "reject"),
        ("fail", frozenset({"rejected"}), "fail"),
        ("skip", frozenset({"rejected"}), "skip"),
        ("replace", frozenset(), "replace"),
        ("reject", frozenset({"rejected"}), "reject"),
    ],
)
def test_chooses_the_policy_by_the_port_when_none_is_given(
    policy: str | None, connected: frozenset[str], expected: str
) -> None:
    """An edge from the side port says what happens to bad items, unless the document does."""
    faults = ItemFaults(policy, context(connected=connected), noun="items")
    assert faults.policy == expected
    assert (faults.fails, faults.rejects, faults.replaces) == tuple(
        expected == name for name in ("fail", "reject", "replace")
    )


def test_refuses_to_reject_when_the_port_is_not_connected() -> None:
    """Rejected items are never lost; the message names the port and the param."""
    message = "on_odd is reject, but the port 'odd' is not connected; add an edge from it, or set on_odd"
    with pytest.raises(ValueError, match=message):
        ItemFaults("reject", context(), port="odd", param="on_odd", noun="items")


def test_counts_every_item_and_reports_few() -> None:
    """Each bad item is a compensation, but their number of progress events grows with its logarithm."""
    progress = Progress()
    faults = ItemFaults("skip", context(progress), noun="rows")
    for number in range(1, 1_001):
        faults.note(number, f"line {number}")
    faults.finish()
    faults.finish()
    assert (faults.count, faults.first) == (1_000, tuple(range(1, 11)))
    assert progress.compensations == 1_000
    assert len(progress.messages) == 11
    assert progress.messages[:2] == ["skipped line 1", "skipped line 2"]
    assert progress.messages[-1] == "skipped 488 more rows"
