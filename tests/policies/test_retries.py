"""Attempts that follow failed ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater import Pipeline, StepError, StepRetry, StreamEvent
from tests.policies import kinds

pytestmark = pytest.mark.anyio

RETRY = {"retry": {"backoff_s": 0}}


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    kinds.CALLS.clear()
    yield
    kinds.CALLS.clear()


def document(*steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a document of steps in a chain."""
    return {"name": "retried", "steps": list(steps), **keys}


async def run(source: dict[str, Any], data: Any = None) -> tuple[Any, list[StreamEvent]]:
    """Return the result of a document and its events."""
    events: list[StreamEvent] = []
    return await Pipeline.load(source).run(data, subscribers=[events.append]), events


def retries_in(events: list[StreamEvent]) -> list[tuple[int, int | None, int]]:
    """Return the number of the failed attempt, the index of its item, and the next attempt."""
    found = [event for event in events if isinstance(event.data, StepRetry)]
    return [(event.attempt, event.data.index, event.data.next_attempt) for event in found]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["policies.plain", "policies.later", "policies.thread", "policies.process"])
async def test_retries_each_item_when_its_call_fails(kind: str) -> None:
    """Two items fail twice; the results are in order, and nothing comes twice."""
    result, events = await run(document({"id": "a", "kind": kind, **RETRY}), [1, 2, 3, 4, 5, 6])
    assert result.output == [10, 20, 30, 40, 50, 60]
    assert retries_in(events) == [(1, 2, 2), (1, 2, 3), (1, 5, 2), (1, 5, 3)]
    assert (result.metrics["a"].policies, result.metrics["a"].attempts) == ({"retries": 4}, 1)


@pytest.mark.parametrize("kind", ["policies.plain", "policies.later", "policies.thread", "policies.process"])
async def test_retries_the_step_when_it_takes_one_value(kind: str) -> None:
    """The attempt is that of the step, in events and metrics."""
    result, events = await run(document({"id": "a", "kind": kind, **RETRY}), 3)
    assert result.output == 30
    assert retries_in(events) == [(1, None, 2), (2, None, 3)]
    assert result.metrics["a"].attempts == 3
    assert [event.attempt for event in events if event.event_type == "step_complete"] == [3]


@pytest.mark.parametrize("data", [3, [1, 2, 3]])
async def test_fails_with_the_last_error_when_no_attempt_succeeds(data: Any) -> None:
    """The error says which attempt it was."""
    with pytest.raises(StepError, match=r"call 2 for 3") as caught:
        await run(document({"id": "a", "kind": "policies.later", "retry": {"attempts": 2, "backoff_s": 0}}), data)
    assert caught.value.attempt == 2


@pytest.mark.parametrize(
    ("names", "tried"),
    [(["transient"], 2), (["ConnectionError"], 2), (["OSError"], 2), (["ValueError", "KeyError"], 1)],
)
async def test_retries_when_the_error_is_named(names: list[str], tried: int) -> None:
    """A name matches a class and those that derive from it."""
    retry = {"attempts": 2, "backoff_s": 0, "on": names}
    with pytest.raises(StepError):
        await run(document({"id": "a", "kind": "policies.later", "retry": retry}), 3)
    assert kinds.CALLS["a:3"] == tried


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("kind", ["policies.replayed", "policies.plain_source", "policies.blocking_source"])
async def test_goes_on_after_what_was_written_when_a_source_replays(kind: str, after: int) -> None:
    """The items that were delivered are skipped by number."""
    source = {"id": "a", "kind": kind, "params": {"after": after}, **RETRY}
    result, events = await run(document(source))
    assert result.output == [0, 1, 2, 3, 4, 5]
    assert retries_in(events) == [(1, None, 2), (2, None, 3)]


async def test_retries_a_source_when_it_has_not_written() -> None:
    """Before the first item nothing can come twice."""
    result, _ = await run(document({"id": "a", "kind": "policies.source", **RETRY}))
    assert result.output == [0, 1, 2, 3, 4, 5]


async def test_fails_when_a_source_has_written_and_does_not_replay() -> None:
    """What was written stays, and the error says what to declare."""
    with pytest.raises(StepError) as caught:
        await run(document({"id": "a", "kind": "policies.source", "params": {"after": 3}, **RETRY}))
    assert caught.value.attempt == 1
    assert caught.value.__cause__ is not None
    assert "resume='replay'" in caught.value.__cause__.__notes__[0]
    assert caught.value.result is not None
    assert caught.value.result.output == [0, 1, 2]


@pytest.mark.parametrize(("kind", "after"), [("through", 0), ("replayed_through", 0), ("replayed_through", 3)])
async def test_gives_the_input_again_when_a_step_reads_a_stream(kind: str, after: int) -> None:
    """What was read before the failure is read again."""
    steps = [
        {"id": "a", "kind": "policies.source", "params": {"times": 0}},
        {"id": "b", "kind": f"policies.{kind}", "params": {"after": after}, **RETRY},
        {"id": "c", "kind": "policies.total", **RETRY},
    ]
    result, _ = await run(document(*steps))
    assert result.output == 15
    assert (result.metrics["b"].attempts, result.metrics["c"].attempts) == (3, 3)


@pytest.mark.parametrize("after", [0, 2])
async def test_retries_the_stream_of_an_item_when_it_fails(after: int) -> None:
    """A step that makes a stream of each item is tried for the item, before its first one."""
    spread = {"id": "a", "kind": "policies.spread", "params": {"after": after}, **RETRY}
    if after:
        with pytest.raises(StepError, match="call 1 for 2"):
            await run(document(spread), [1, 2, 3])
        return
    result, events = await run(document(spread), [1, 2, 3])
    assert result.output == [10, 11, 12, 20, 21, 22, 30, 31, 32]
    assert retries_in(events) == [(1, 1, 2), (1, 1, 3)]
