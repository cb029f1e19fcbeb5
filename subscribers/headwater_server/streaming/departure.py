"""The end of a response when its client leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint, current_token

from headwater_server.streaming.asgi import Receive

__all__ = ["watched"]


async def watched(receive: Receive, respond: Callable[[anyio.CancelScope], Awaitable[None]]) -> bool:
    """Respond until the client leaves; return whether that was done.

    What ends the response comes after it: a server may report the end of the connection while that is sent.
    """
    create_task = getattr(current_token().native_token, "create_task", None)
    if create_task is None:
        return await _watched_in_group(receive, respond)
    # A task of the event loop itself takes a fifth of the memory of a group with a task, which every client would have.
    is_done = False
    with anyio.CancelScope() as scope:
        watching = create_task(_watch(receive, scope))
        try:
            await respond(scope)
            is_done = True
        finally:
            watching.cancel()
    return is_done


async def _watched_in_group(receive: Receive, respond: Callable[[anyio.CancelScope], Awaitable[None]]) -> bool:
    is_done = False
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, receive, group.cancel_scope)
            await respond(group.cancel_scope)
            is_done = True
            group.cancel_scope.cancel()
    except* OSError:
        is_done = False
    return is_done


async def _watch(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel a scope when the client has left."""
    try:
        while (await receive())["type"] != "http.disconnect":
            await checkpoint()
    except Exception:  # noqa: BLE001, S110 - a server that can receive no more has lost its client
        pass
    scope.cancel()
