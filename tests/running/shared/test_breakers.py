"""Circuit breakers: when they refuse calls, and when they let them through again."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from headwater import CircuitOpenError
from headwater.running.shared.breakers import CircuitBreaker


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    """Make calls that fail."""
    for _ in range(times):
        with pytest.raises(OSError, match="down"), breaker.enter():
            raise OSError("down")


def succeed(breaker: CircuitBreaker) -> None:
    """Make a call that succeeds."""
    with breaker.enter():
        pass


def refused(breaker: CircuitBreaker) -> CircuitOpenError:
    """Return the error of a call that is refused."""
    with pytest.raises(CircuitOpenError) as caught, breaker.enter():
        pytest.fail("the call was let through")
    return caught.value


async def test_opens_when_enough_calls_fail_within_the_window(virtual_clock: Any) -> None:
    """One failure fewer leaves it closed."""
    breaker = CircuitBreaker(3, window_s=60, reset_s=30)
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker)
    error = refused(breaker)
    assert error.retryable
    assert error.retry_after_s == 30
    assert str(error) == "the circuit breaker is open after 3 failures within 60 s; it lets one call through in 30 s"


async def test_forgets_failures_when_the_window_has_passed(virtual_clock: Any) -> None:
    """Failures that are further apart than the window never open it."""
    breaker = CircuitBreaker(2, window_s=60, reset_s=30)
    for _ in range(5):
        fail(breaker)
        await anyio.sleep(60)  # in virtual time
    assert breaker.is_idle


async def test_closes_when_the_trial_succeeds(virtual_clock: Any) -> None:
    """Half-open, one call passes; its success forgets the failures before."""
    breaker = CircuitBreaker(2, window_s=60, reset_s=30)
    fail(breaker, 2)
    await anyio.sleep(29)  # in virtual time
    assert refused(breaker).retry_after_s == pytest.approx(1)
    await anyio.sleep(1)  # in virtual time
    succeed(breaker)
    fail(breaker)
    succeed(breaker)


async def test_opens_again_when_the_trial_fails(virtual_clock: Any) -> None:
    """One failure of a trial is enough."""
    breaker = CircuitBreaker(5, window_s=60, reset_s=30)
    fail(breaker, 5)
    await anyio.sleep(30)  # in virtual time
    fail(breaker)
    assert refused(breaker).retry_after_s == 30


async def test_lets_one_trial_through_at_a_time(virtual_clock: Any) -> None:
    """Calls beside the trial are refused, without a time that would not hold."""
    breaker = CircuitBreaker(1, window_s=60, reset_s=30)
    fail(breaker)
    await anyio.sleep(30)  # in virtual time
    with breaker.enter():
        error = refused(breaker)
        assert error.retry_after_s is None
        assert str(error).endswith("the call that it let through has not ended")
    succeed(breaker)


async def test_counts_nothing_when_a_trial_is_cancelled(virtual_clock: Any) -> None:
    """A cancelled trial is neither success nor failure: the next call is a trial."""
    breaker = CircuitBreaker(1, window_s=60, reset_s=30)
    fail(breaker)
    await anyio.sleep(30)  # in virtual time
    with anyio.move_on_after(1), breaker.enter():
        await anyio.sleep_forever()
    with breaker.enter():
        refused(breaker)
    succeed(breaker)


async def test_may_be_forgotten_when_it_was_half_open_for_long(virtual_clock: Any) -> None:
    """What happened before the window decides nothing."""
    breaker = CircuitBreaker(1, window_s=60, reset_s=30)
    fail(breaker)
    await anyio.sleep(89)  # in virtual time
    assert not breaker.is_idle
    await anyio.sleep(1)  # in virtual time
    assert breaker.is_idle


async def test_ignores_calls_that_began_before_it_opened(virtual_clock: Any) -> None:
    """Neither the success nor the failure of a late call decides about the trial."""
    breaker = CircuitBreaker(1, window_s=60, reset_s=30)
    with breaker.enter(), pytest.raises(OSError, match="late"), breaker.enter():
        fail(breaker)
        await anyio.sleep(20)  # in virtual time
        raise OSError("late")
    assert refused(breaker).retry_after_s == pytest.approx(10)


async def test_counts_exactly_when_many_callers_share_it(virtual_clock: Any) -> None:
    """Of 50 callers a second, those until it opens reach the service, and then one for each reset."""
    breaker = CircuitBreaker(5, window_s=60, reset_s=30)
    reached: list[float] = []

    async def caller() -> None:
        for _ in range(100):
            try:
                with breaker.enter():
                    reached.append(anyio.current_time())
                    raise OSError("down")
            except (OSError, CircuitOpenError):
                await anyio.sleep(1)  # in virtual time

    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(caller)
    assert [time - started for time in reached] == pytest.approx([0] * 5 + [30, 60, 90])
