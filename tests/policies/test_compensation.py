"""Undoing what steps have done when the execution fails after them."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import Pipeline, StepError, step
from tests.policies import kinds
from tests.policies.documents import document, run

pytestmark = pytest.mark.anyio

UNDONE: list[tuple[str, int]] = []


@step("compensation.book")
def book(number: int, *, by: int = 1) -> int:
    """Add to a number."""
    return number + by


@step("compensation.cancel_booking")
async def cancel_booking(number: int, *, name: str, fails: bool = False) -> None:
    """Note what is undone."""
    UNDONE.append((name, number))
    if fails:
        raise ValueError("it cannot be undone")


@step("compensation.fail")
def fail(number: int) -> int:
    """Fail."""
    raise RuntimeError(f"no room for {number}")


@pytest.fixture(autouse=True)
def _nothing_undone() -> None:
    UNDONE.clear()


def booked(step_id: str, **params: Any) -> dict[str, Any]:
    """Return a step that is undone when the execution fails."""
    undo = {"kind": "compensation.cancel_booking", "params": {"name": step_id, **params}}
    return {"id": step_id, "kind": "compensation.book", "compensate": undo}


async def test_undoes_finished_steps_in_reverse_order_when_a_later_one_fails() -> None:
    """Each compensation gets the output of its step, and has events of its own."""
    with pytest.raises(StepError, match="no room for 3"):
        await run(document(booked("a"), booked("b"), {"id": "c", "kind": "compensation.fail"}), 1)
    assert UNDONE == [("b", 3), ("a", 2)]


async def test_undoes_nothing_when_the_execution_completes() -> None:
    """A compensation is for failures."""
    result, _ = await run(document(booked("a"), booked("b")), 1)
    assert (result.output, UNDONE) == (3, [])


async def test_undoes_the_others_when_one_compensation_fails() -> None:
    """Its error is a note on that of the execution, and an event."""
    events: list[Any] = []
    source = document(booked("a"), booked("b", fails=True), {"id": "c", "kind": "compensation.fail"})
    with pytest.raises(StepError, match="no room") as caught:
        await Pipeline.load(source).run(1, subscribers=[events.append])
    assert UNDONE == [("b", 3), ("a", 2)]
    assert caught.value.__notes__ == ["step 'b/@compensate' failed, too: ValueError: it cannot be undone"]
    ends = [(event.event_type, event.step_id) for event in events if event.step_id and "@" in event.step_id]
    assert ends[1::2] == [("step_error", "b/@compensate"), ("step_complete", "a/@compensate")]


async def test_undoes_a_reader_of_a_stream_when_the_execution_fails() -> None:
    """Its one value counts, however it was made."""
    undo = {"kind": "compensation.cancel_booking", "params": {"name": "sum"}}
    steps = [
        {"id": "a", "kind": "policies.source", "params": {"times": 0}},
        {"id": "b", "kind": "policies.total", "params": {"times": 0}, "compensate": undo},
        {"id": "c", "kind": "compensation.fail"},
    ]
    with pytest.raises(StepError):
        await run(document(*steps))
    assert UNDONE == [("sum", 15)]
    assert kinds.CALLS["b:"] == 1
