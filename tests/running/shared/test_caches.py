"""Caches of results: what they keep, for how long, and how callers share one call."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater.running.shared.caches import ResultCache


class Service:
    """Counts its calls, and holds them until it is released."""

    def __init__(self, *, held: bool = False) -> None:
        self.calls = 0
        self.release = anyio.Event()
        self.error: Exception | None = None
        if not held:
            self.release.set()

    async def __call__(self) -> str:
        self.calls += 1
        call = self.calls
        await self.release.wait()
        if self.error is not None:
            raise self.error
        return f"result {call}"


async def test_calls_once_for_a_key() -> None:
    """The second caller gets the same object, and is counted as a hit."""
    cache, service = ResultCache(None, 10), Service()
    first = await cache.get("a", service)
    second = await cache.get("a", service)
    assert (first, second) == (("result 1", False), ("result 1", True))
    assert first[0] is second[0]
    assert await cache.get("b", service) == ("result 2", False)


async def test_calls_again_when_a_result_is_too_old(virtual_clock: Any) -> None:
    """The age counts from when a result was made, however often it is used."""
    cache, service = ResultCache(60, 10), Service()
    hits: list[bool] = []
    for _ in range(5):
        hits.append((await cache.get("a", service))[1])
        await anyio.sleep(25)  # in virtual time
    assert hits == [False, True, True, False, True]


async def test_forgets_what_was_not_used_for_longest_when_it_is_full() -> None:
    """A hit makes a result the one that was used last."""
    cache, service = ResultCache(None, 2), Service()
    hits = [(await cache.get(key, service))[1] for key in "abacab"]
    assert hits == [False, False, True, False, True, False]


async def test_shares_one_call_when_callers_come_at_once() -> None:
    """50 callers make one call: 49 are hits."""
    cache, service = ResultCache(None, 10), Service(held=True)
    results: list[tuple[Any, bool]] = []

    async def caller() -> None:
        results.append(await cache.get("a", service))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(caller)
        await anyio.wait_all_tasks_blocked()
        service.release.set()
    assert sorted(results) == [("result 1", False)] + [("result 1", True)] * 49
    assert service.calls == 1


async def test_raises_an_error_in_all_that_wait_and_keeps_none() -> None:
    """Whoever comes later calls again."""
    cache, service = ResultCache(None, 10), Service(held=True)
    errors: list[Exception] = []

    async def caller() -> None:
        with pytest.raises(OSError, match="down") as caught:
            await cache.get("a", service)
        errors.append(caught.value)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(caller)
        await anyio.wait_all_tasks_blocked()
        service.error = OSError("down")
        service.release.set()
    assert errors == [service.error] * 5
    assert service.calls == 1
    service.error = None
    assert await cache.get("a", service) == ("result 2", False)


@pytest.mark.parametrize("cancelled", [1, 2, 5])
async def test_lets_the_next_caller_call_when_the_first_is_cancelled(cancelled: int) -> None:
    """Each caller that is cancelled while it calls hands over to one that waits; the others get that result."""
    cache, service = ResultCache(None, 10), Service(held=True)
    results: list[tuple[Any, bool]] = []
    callers: list[anyio.CancelScope] = []

    async def caller() -> None:
        async def call() -> str:
            callers.append(scope)
            return await service()

        with anyio.CancelScope() as scope:
            results.append(await cache.get("a", call))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(caller)
        for _ in range(cancelled):
            await anyio.wait_all_tasks_blocked()
            callers[-1].cancel()
        await anyio.wait_all_tasks_blocked()
        service.release.set()
    assert len(results) == 6 - cancelled
    assert sorted(hit for _, hit in results) == [False] + [True] * (5 - cancelled)
    assert service.calls == cancelled + 1
    assert cache.is_idle


async def test_disturbs_no_other_when_a_caller_that_waits_is_cancelled() -> None:
    """The call goes on for the others."""
    cache, service = ResultCache(None, 10), Service(held=True)
    results: list[tuple[Any, bool]] = []

    async def caller() -> None:
        results.append(await cache.get("a", service))

    async with anyio.create_task_group() as group:
        group.start_soon(caller)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as others:
            others.start_soon(caller)
            await checkpoint()
            others.cancel_scope.cancel()
        service.release.set()
    assert results == [("result 1", False)]
