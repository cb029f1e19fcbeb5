"""Rate limits: how long callers wait, in which order, and for how many keys."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.running.shared.rate_limits import RateLimit
from headwater.testing import VirtualClock


async def passed(limit: RateLimit, keys: list[Any]) -> list[tuple[Any, float]]:
    """Return when callers that come at once pass, in the order in which they do."""
    started = anyio.current_time()
    times: list[tuple[Any, float]] = []

    async def caller(key: Any) -> None:
        await limit.acquire(key)
        times.append((key, anyio.current_time() - started))

    async with anyio.create_task_group() as group:
        for key in keys:
            group.start_soon(caller, key)
            await anyio.lowlevel.checkpoint()
    return times


async def test_lets_a_burst_pass_and_then_one_after_the_other(virtual_clock: Any) -> None:
    """50 callers at 5 a second, 5 at once: the last has waited for nine seconds."""
    times = [time for _, time in await passed(RateLimit(5, 5), [None] * 50)]
    assert times == pytest.approx([0] * 5 + [number / 5 for number in range(1, 46)])


async def test_returns_how_long_a_caller_waited(virtual_clock: Any) -> None:
    """A caller that need not wait has waited for 0 seconds."""
    limit = RateLimit(2, 1)
    assert await limit.acquire() == 0
    assert await limit.acquire() == pytest.approx(0.5)


async def test_saves_no_more_than_a_burst_in_a_pause(virtual_clock: Any) -> None:
    """After an hour as many pass at once as at the start."""
    limit = RateLimit(1, 3)
    await passed(limit, [None] * 3)
    await anyio.sleep(3600)  # in virtual time
    assert [time for _, time in await passed(limit, [None] * 5)] == pytest.approx([0, 0, 0, 1, 2])


async def test_limits_each_key_for_itself(virtual_clock: Any) -> None:
    """A key that waits holds up no other."""
    times = await passed(RateLimit(1, 1), ["a", "a", "a", "b", "b"])
    assert sorted(times) == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]


async def test_serves_callers_in_the_order_in_which_they_came(virtual_clock: Any) -> None:
    """First come, first served."""
    limit = RateLimit(1, 1)
    order: list[int] = []

    async def caller(number: int) -> None:
        await limit.acquire()
        order.append(number)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(caller, number)
            await anyio.sleep(0.01)  # in virtual time
    assert order == list(range(20))


@pytest.mark.parametrize("cancelled", [0, 1, 2, 3])
async def test_gives_the_place_back_when_a_caller_is_cancelled(virtual_clock: Any, cancelled: int) -> None:
    """Those behind it move up, and no token is lost."""
    limit = RateLimit(1, 1)
    await limit.acquire()
    started = anyio.current_time()
    times: list[float] = []
    scopes = [anyio.CancelScope() for _ in range(4)]

    async def caller(scope: anyio.CancelScope) -> None:
        with scope:
            await limit.acquire()
            times.append(anyio.current_time() - started)

    async with anyio.create_task_group() as group:
        for scope in scopes:
            group.start_soon(caller, scope)
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.5)  # in virtual time
        scopes[cancelled].cancel()
    assert times == pytest.approx([1, 2, 3])


async def test_waits_for_a_full_bucket_when_there_are_too_many_keys(virtual_clock: Any) -> None:
    """Dropping a bucket that is not full would let its key pass too early, so a new key waits until one is full."""
    limit = RateLimit(1, 2, max_keys=2)
    times = await passed(limit, ["a", "a", "b", "c", "a"])
    assert times[:3] == [("a", 0), ("a", 0), ("b", 0)]
    assert sorted(times[3:]) == [("a", pytest.approx(1)), ("c", pytest.approx(1))]


async def test_serves_new_keys_in_order_when_there_are_too_many_keys(virtual_clock: Any) -> None:
    """Keys without a place wait in line, first come first served."""
    limit = RateLimit(1, 1, max_keys=1)
    times = await passed(limit, ["a", "b", "c", "b"])
    assert times == [("a", 0), ("b", pytest.approx(1)), ("c", pytest.approx(2)), ("b", pytest.approx(3))]


async def test_forgets_keys_when_their_buckets_are_full(virtual_clock: Any) -> None:
    """A million keys over time need no more places than are used at one time."""
    limit = RateLimit(1, 1, max_keys=10)
    for number in range(100):
        assert await limit.acquire(number) == 0
        await anyio.sleep(0.2)  # in virtual time
    await anyio.sleep(1)  # in virtual time
    assert limit.is_idle


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 3)), max_size=40),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_never_lets_more_pass_than_the_bucket_holds(calls: list[tuple[str, float]], burst: int, max_keys: int) -> None:
    """For any callers and any number of keys, any span of time has no more calls of a key than its bucket allows."""
    limit = RateLimit(1, burst, max_keys=max_keys)
    times: list[tuple[str, float]] = []

    async def caller(key: str, at: float) -> None:
        await anyio.sleep(at)  # in virtual time
        await limit.acquire(key)
        times.append((key, anyio.current_time()))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for key, at in calls:
                group.start_soon(caller, key, at)

    VirtualClock().run(main)
    assert len(times) == len(calls)
    for key, count in Counter(key for key, _ in calls).items():
        own = [time for name, time in times if name == key]
        for first in range(count):
            for last in range(first, count):
                assert last - first + 1 <= burst + own[last] - own[first] + 1e-3


async def test_lets_no_caller_pass_early_when_clocks_are_real() -> None:
    """A loop may wake a sleeper a little early, which never adds up."""
    limit = RateLimit(1000, 1)
    started = anyio.current_time()
    for _ in range(10):
        await limit.acquire()
    assert anyio.current_time() - started >= 0.009 - 1e-5
