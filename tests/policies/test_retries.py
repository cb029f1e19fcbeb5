"""Attempts that follow failed ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, StepContext, StepError, StepRetry, StreamEvent, run_sync, step
from headwater.config.policies.failure_specs import RetrySpec
from headwater.running.policies.retries import pause_before
from headwater.testing import VirtualClock
from tests.policies import kinds
from tests.policies.documents import document, run

pytestmark = pytest.mark.anyio

RETRY = {"retry": {"backoff_s": 0}}


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


async def test_waits_as_long_as_the_error_asks() -> None:
    """An error that says when to come back sets the pause; otherwise it grows, within its bounds."""
    clock = VirtualClock()

    async def waited(policy: dict[str, Any], **params: Any) -> float:
        kinds.CALLS.clear()
        since = clock.elapsed_s
        step = {"id": "a", "kind": "policies.busy", "params": params, "retry": {"jitter": 0, **policy}}
        await run(document(step), 1)
        return clock.elapsed_s - since

    async def main() -> list[float]:
        return [
            await waited({}),
            await waited({}, retry_after_s=7.0),
            await waited({"backoff_s": 5, "factor": 3}),
            await waited({"backoff_s": 5, "factor": 3, "max_s": 6}),
            await waited({"backoff_s": 5, "max_s": 6}, retry_after_s=40.0),
        ]

    async def in_thread() -> list[float]:
        return await anyio.to_thread.run_sync(clock.run, main)

    assert await in_thread() == [3, 14, 20, 11, 80]


@pytest.mark.parametrize(("jitter", "least"), [(0.0, 10.0), (0.5, 5.0), (1.0, 0.0)])
def test_shortens_a_pause_at_random_within_the_jitter(jitter: float, least: float) -> None:
    """Many that fail at once do not try again at once."""
    retry = RetrySpec(backoff_s=10, jitter=jitter)
    pauses = [pause_before(retry, 2, ValueError()) for _ in range(200)]
    assert all(least <= pause <= 10 for pause in pauses)
    assert len(set(pauses)) == (1 if jitter == 0 else 200)


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), -1, "soon", None])
def test_ignores_a_pause_that_is_not_a_time(asked: object) -> None:
    """An error may carry anything by that name."""
    error = ConnectionError()
    error.retry_after_s = asked  # type: ignore[attr-defined]
    assert pause_before(RetrySpec(backoff_s=2, jitter=0), 3, error) == 4


@given(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4), st.integers(1, 5))
def test_delivers_nothing_twice_when_a_replayed_step_is_cut_anywhere(
    items: int, cuts: list[int], capacity: int
) -> None:
    """Whatever each attempt has written before it fails, the items are those of one that does not fail."""

    @step("policies.cut", resume="replay")
    async def cut(ctx: StepContext) -> AsyncIterator[int]:
        end = cuts[ctx.attempt - 1] if ctx.attempt <= len(cuts) else items + 1
        for number in range(items):
            if number == end:
                raise ConnectionError
            yield number
        if end <= items:
            raise ConnectionError

    retry = {"attempts": len(cuts) + 1, "backoff_s": 0} if cuts else {"attempts": 1}
    pipeline = Pipeline(
        "cut",
        steps={"a": cut, "b": kinds.negative},
        edges=[{"from": "a", "to": "b", "buffer": capacity}],
        options={"a": {"retry": retry}},
    )
    assert run_sync(pipeline).output == [-number for number in range(items)]


async def test_fails_when_a_later_attempt_gives_fewer_items() -> None:
    """A step that is declared to replay and does not is not believed."""

    @step("policies.fewer", resume="replay")
    async def fewer(ctx: StepContext) -> AsyncIterator[int]:
        for number in range(4 - ctx.attempt):
            yield number
        if ctx.attempt == 1:
            raise ConnectionError

    with pytest.raises(StepError, match="gave 2 items, but 3 were delivered before"):
        await Pipeline("fewer", steps={"a": fewer}, options={"a": RETRY}).run()


async def test_stops_at_once_when_its_reader_leaves_during_a_pause() -> None:
    """Nothing reads on, so no further attempt is made."""
    retry = {"backoff_s": 10_000, "max_s": 10_000, "jitter": 0}
    steps = [
        {"id": "b", "kind": "policies.later", "retry": retry},
        {"id": "c", "kind": "stream.take", "params": {"n": 2}},
    ]
    result, _ = await run(document(*steps), [1, 2, 3, 4])
    assert result.output == [10, 20]
    assert kinds.CALLS["b:3"] <= 1
