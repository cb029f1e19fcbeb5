"""What policies remember: as long as it is used, then for a while, and not too much of it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from headwater.running.shared.kept import Kept
from headwater.running.shared.kept import Memory as AnyMemory


class Memory(AnyMemory):
    """Remembers what a test says."""

    def __init__(self) -> None:
        self.matters = False

    @property
    def is_idle(self) -> bool:
        return not self.matters


async def test_gives_all_users_of_a_key_the_same() -> None:
    """It is made once, and stays after the last of them."""
    async with anyio.create_task_group() as group:
        kept = Kept(group)
        with kept.use("a", Memory) as first, kept.use("a", Memory) as second, kept.use("b", Memory) as other:
            assert first is second is not other
        with kept.use("a", Memory) as later:
            assert later is first


async def test_forgets_what_is_unused_when_it_was_idle_for_long(virtual_clock: Any) -> None:
    """The time counts from the last use; what still matters stays until it does not."""
    async with anyio.create_task_group() as group:
        kept = Kept(group, idle_s=10)
        with kept.use("a", Memory) as first:
            await anyio.sleep(100)  # in virtual time
        await anyio.sleep(9)  # in virtual time
        with kept.use("a", Memory) as second:
            assert second is first
        first.matters = True
        await anyio.sleep(25)  # in virtual time
        assert len(kept) == 1
        first.matters = False
        await anyio.sleep(10)  # in virtual time
        assert len(kept) == 0


async def test_releases_once_when_it_is_used_twice_before_the_release_begins(virtual_clock: Any) -> None:
    """Each use has a release of its own, and only the last one counts."""
    async with anyio.create_task_group() as group:
        kept = Kept(group, idle_s=10)
        for _ in range(3):
            with kept.use("a", Memory):
                pass
        await anyio.sleep(11)  # in virtual time
        assert len(kept) == 0


async def test_drops_the_oldest_when_there_are_too_many() -> None:
    """What is used, or not idle, is never dropped."""
    async with anyio.create_task_group() as group:
        kept = Kept(group, max_entries=3)
        with kept.use("used", Memory), kept.use("busy", Memory) as busy:
            busy.matters = True
            for number in range(100):
                with kept.use(number, Memory):
                    assert len(kept) <= 3
            with kept.use("busy", Memory) as again:
                assert again is busy


@pytest.mark.parametrize("idle_s", [None, 1000])
async def test_holds_up_no_group_when_it_is_closed(virtual_clock: Any, idle_s: float | None) -> None:
    """What was not released yet is forgotten at once."""
    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        kept = Kept(group, idle_s)
        with kept.use("a", Memory), kept.use("b", Memory):
            pass
        with kept.use("a", Memory):
            await kept.aclose()
    assert anyio.current_time() == started
