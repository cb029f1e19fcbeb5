"""The end of streams whose callers lose their rights."""

from __future__ import annotations

import anyio

from headwater_server.access.principal import Principal
from headwater_server.access.rights_watch import Watch
from tests.server.access.scopes import Clock


def test_stream_ends_once_when_its_caller_loses_the_rights() -> None:
    """An expired token and a revoked key end what is open, and nothing of another caller."""
    clock, revoked, ended = Clock(), list[str](), list[str]()
    watch = Watch(clock=clock)
    token = Principal("token", expires_s=clock.now_s + 10)
    key = Principal("key", is_revoked=lambda: bool(revoked))
    with (
        watch.following(token, lambda: ended.append("token")),
        watch.following(key, lambda: ended.append("key")),
        watch.following(Principal("other"), lambda: ended.append("other")),
    ):
        watch.look()
        assert ended == []
        clock.now_s += 10
        watch.look()
        assert ended == ["token"]
        revoked.append("key")
        watch.look()
        watch.look()
        assert ended == ["token", "key"]
        assert len(watch) == 1
    assert len(watch) == 0


async def test_watch_looks_again_and_again() -> None:
    """One task ends what is open, by a scope that it cancels."""
    clock = Clock()
    watch = Watch(every_s=0.001, clock=clock)
    async with anyio.create_task_group() as group:
        group.start_soon(watch.run)
        with anyio.CancelScope() as scope, watch.following(Principal("ci", expires_s=clock.now_s), scope.cancel):
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        group.cancel_scope.cancel()
