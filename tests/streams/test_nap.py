"""A nap ends when it is woken or cancelled, and a bell ends the naps of all that wait at it."""

from __future__ import annotations

from anyio import CancelScope, create_task_group, wait_all_tasks_blocked

from headwater.streams.nap import Bell, Nap, this_loop


async def test_ends_when_woken() -> None:
    """The task goes on after another one has woken it, and a second call changes nothing."""
    naps: list[Nap] = []
    order: list[str] = []

    async def sleep() -> None:
        naps.append(this_loop().nap())
        await naps[0]
        order.append("awake")

    async with create_task_group() as group:
        group.start_soon(sleep)
        await wait_all_tasks_blocked()
        order.append("woken")
        this_loop().wake(naps[0])
        this_loop().wake(naps[0])

    this_loop().wake(naps[0])
    assert order == ["woken", "awake"]


async def test_ends_when_cancelled() -> None:
    """A sleeper that is cancelled is not woken again, neither before it has noticed nor after that."""
    naps: list[Nap] = []

    async def sleep() -> None:
        naps.append(this_loop().nap())
        await naps[0]
        raise AssertionError("it was to be cancelled")

    async with create_task_group() as group:
        group.start_soon(sleep)
        await wait_all_tasks_blocked()
        group.cancel_scope.cancel()
        this_loop().wake(naps[0])

    this_loop().wake(naps[0])


async def test_is_cancelled_at_once_in_a_cancelled_scope() -> None:
    """A task that falls asleep in a scope that is cancelled already does not wait to be woken."""
    with CancelScope() as scope:
        scope.cancel()
        await this_loop().nap()

    assert scope.cancelled_caught


async def test_lets_others_run_in_a_turn() -> None:
    """A turn comes back after others have run, and does not wait until they end."""
    order: list[str] = []

    async def other() -> None:
        while "this" not in order:
            order.append("other")
            await this_loop().turn()

    async with create_task_group() as group:
        group.start_soon(other)
        for _ in range(2):  # trio may resume the two tasks in any order
            await this_loop().turn()
        order.append("this")

    assert "other" in order[: order.index("this")]


async def test_rings_for_all_that_wait_and_for_nothing_else() -> None:
    """Each task that waits wakes up; one that comes later, or was cancelled, is left alone."""
    bell = Bell()
    woken: list[str] = []

    async def wait(name: str, scope: CancelScope) -> None:
        with scope:
            await bell.wait()
            woken.append(name)

    scopes = {name: CancelScope() for name in ("first", "second", "cancelled", "late")}
    async with create_task_group() as group:
        for name in ("first", "second", "cancelled"):
            group.start_soon(wait, name, scopes[name])
        await wait_all_tasks_blocked()
        scopes["cancelled"].cancel()
        bell.ring()
        group.start_soon(wait, "late", scopes["late"])
        await wait_all_tasks_blocked()
        assert sorted(woken) == ["first", "second"]
        bell.ring()

    assert woken[-1] == "late"
