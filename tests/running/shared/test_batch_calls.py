"""Dynamic batches: which items share a call, and what each caller gets."""

from __future__ import annotations

from random import Random
from typing import Any

import anyio
import pytest

from headwater import BatchError, Failed
from headwater.running.shared.batch_calls import Batches


class Model:
    """Doubles numbers, and remembers its calls."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.calls: list[list[int]] = []
        self.running = 0
        self.most = 0
        self._takes_s = takes_s

    async def __call__(self, numbers: list[int]) -> list[Any]:
        self.calls.append(numbers)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await anyio.sleep(self._takes_s)  # in virtual time
        finally:
            self.running -= 1
        return [Failed(ValueError(f"{number} is bad")) if number < 0 else 2 * number for number in numbers]


async def outcomes(batches: Batches, function: Any, numbers: list[int], pause_s: float = 0.0) -> dict[int, Any]:
    """Return the result or error of each number, called at the same time or with pauses."""
    found: dict[int, Any] = {}

    async def caller(number: int) -> None:
        try:
            found[number] = await batches.call(function, number)
        except Exception as error:  # noqa: BLE001 - shown to the test
            found[number] = str(error)

    async with anyio.create_task_group() as group:
        for number in numbers:
            group.start_soon(caller, number)
            if pause_s:
                await anyio.sleep(pause_s)  # in virtual time
    assert len(found) == len(numbers)
    return found


async def test_gives_each_caller_its_result() -> None:
    """100 callers at once make fewer calls than 100 / 8, none larger than the size."""
    model = Model()
    async with anyio.create_task_group() as group:
        batches = Batches(group, size=32)
        found = await outcomes(batches, model, list(range(100)))
        assert found == {number: 2 * number for number in range(100)}
        assert len(model.calls) == 4
        assert max(map(len, model.calls)) == 32
        assert batches.is_idle


async def test_fails_one_item_when_its_place_has_failed() -> None:
    """The others of its batch get their results."""
    async with anyio.create_task_group() as group:
        found = await outcomes(Batches(group, size=8), Model(), [1, -2, 3])
        assert found == {1: 2, -2: "-2 is bad", 3: 6}


async def test_fails_all_items_when_the_call_fails() -> None:
    """And no other batch."""

    async def broken(numbers: list[int]) -> list[int]:
        await anyio.lowlevel.checkpoint()
        if 3 in numbers:
            raise OSError("no memory")
        return numbers

    async with anyio.create_task_group() as group:
        found = await outcomes(Batches(group, size=4), broken, list(range(8)))
        assert sorted(map(str, found.values())).count("no memory") == 4


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1], "found 1 results for 3 items, expected one for each; put Failed(error) where there is none"),
        (None, "expected a list with one result for each of 3 items, found a NoneType"),
    ],
)
async def test_fails_all_items_when_results_are_missing(result: Any, message: str) -> None:
    """No item gets the result of another."""

    async def wrong(_: list[int]) -> Any:
        await anyio.lowlevel.checkpoint()
        return result

    async with anyio.create_task_group() as group:
        found = await outcomes(Batches(group, size=8), wrong, [1, 2, 3])
        assert found == dict.fromkeys([1, 2, 3], message)


async def test_waits_for_no_other_item_when_nothing_lingers(virtual_clock: Any) -> None:
    """What waits when a call may run is its batch; what comes during the call is the next one."""
    model = Model(takes_s=1)
    async with anyio.create_task_group() as group:
        await outcomes(Batches(group, size=32), model, list(range(10)), pause_s=0.3)
    assert model.calls == [[0], [1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert model.most == 1


async def test_lingers_for_more_items_and_no_longer(virtual_clock: Any) -> None:
    """The first item of a batch waits for the linger, not longer, and less when the batch is full."""
    model = Model()
    async with anyio.create_task_group() as group:
        await outcomes(Batches(group, size=3, linger_s=1), model, list(range(10)), pause_s=0.4)
    assert model.calls == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    async with anyio.create_task_group() as group:
        await outcomes(Batches(group, size=9, linger_s=1), model, list(range(10, 16)), pause_s=0.4)
    assert model.calls[4:] == [[10, 11, 12], [13, 14, 15]]


async def test_runs_several_calls_at_a_time_when_it_may(virtual_clock: Any) -> None:
    """With three calls at a time, nine batches take the time of three."""
    model = Model(takes_s=1)
    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        await outcomes(Batches(group, size=2, calls=3), model, list(range(18)))
    assert model.most == 3
    assert anyio.current_time() - started == pytest.approx(3)


async def test_takes_an_item_back_when_its_caller_is_cancelled_before_the_call(virtual_clock: Any) -> None:
    """The call never sees it."""
    model = Model()
    async with anyio.create_task_group() as group:
        batches = Batches(group, size=8, linger_s=1)
        async with anyio.create_task_group() as callers:
            callers.start_soon(batches.call, model, 1)
            with anyio.move_on_after(0.5):
                await batches.call(model, 2)
        assert batches.is_idle
    assert model.calls == [[1]]


async def test_goes_on_when_one_caller_is_cancelled_during_the_call(virtual_clock: Any) -> None:
    """The others get their results."""
    model = Model(takes_s=1)
    async with anyio.create_task_group() as group:
        batches = Batches(group, size=8)

        async def cancelled() -> None:
            with anyio.move_on_after(0.5):
                await batches.call(model, 9)

        group.start_soon(cancelled)
        assert await outcomes(batches, model, [1, 2]) == {1: 2, 2: 4}
    assert len(model.calls) == 1


async def test_cancels_the_call_when_all_its_callers_are_cancelled(virtual_clock: Any) -> None:
    """The last caller leaves when nothing of the call runs, so that it may release what the call uses."""
    model = Model(takes_s=100)
    async with anyio.create_task_group() as group:
        batches = Batches(group, size=8)
        with anyio.move_on_after(1) as scope:
            await outcomes(batches, model, [1, 2, 3])
        assert scope.cancelled_caught
        assert model.running == 0
        assert await batches.call(Model(), 4) == 8


async def test_leaves_no_caller_waiting_when_the_group_ends() -> None:
    """Callers outside of the group get an error, whether their call has begun or not."""
    model = Model(takes_s=1000)
    found: list[str] = []

    async def caller(batches: Batches, number: int) -> None:
        with pytest.raises(BatchError) as caught:
            await batches.call(model, number)
        found.append(str(caught.value))

    async with anyio.create_task_group() as callers, anyio.create_task_group() as group:
        batches = Batches(group, size=2)
        for number in range(5):
            callers.start_soon(caller, batches, number)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    begun = "the batch was stopped before it had a result"
    assert sorted(found) == ["the batch was stopped before it began"] * 3 + [begun] * 2


@pytest.mark.parametrize("seed", range(20))
async def test_keeps_results_and_callers_together_when_some_are_cancelled(seed: int) -> None:
    """With cancellations at any moment, each caller that is left gets its own result, and nothing stays behind."""
    random = Random(seed)
    found: dict[int, Any] = {}
    cancelled = random.sample(range(60), 20)

    async def model(numbers: list[int]) -> list[int]:
        for _ in range(random.randrange(4)):
            await anyio.lowlevel.checkpoint()
        return [2 * number for number in numbers]

    async def caller(batches: Batches, number: int, scope: anyio.CancelScope) -> None:
        with scope:
            for _ in range(random.randrange(6)):
                await anyio.lowlevel.checkpoint()
            found[number] = await batches.call(model, number)

    async with anyio.create_task_group() as group:
        batches = Batches(group, size=random.randrange(1, 9), calls=random.randrange(1, 4))
        async with anyio.create_task_group() as callers:
            scopes = [anyio.CancelScope() for _ in range(60)]
            for number, scope in enumerate(scopes):
                callers.start_soon(caller, batches, number, scope)
            for number in cancelled:
                await anyio.lowlevel.checkpoint()
                scopes[number].cancel()
        while not batches.is_idle:
            await anyio.lowlevel.checkpoint()
    assert all(found[number] == 2 * number for number in set(range(60)) - set(cancelled))
