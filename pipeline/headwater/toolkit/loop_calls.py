"""Calls in an event loop from any thread, without waiting for them."""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LoopCalls", "caller_in"]


class LoopCalls:
    """Calls functions in the event loop in which this was made, which its objects need that are not thread-safe."""

    def __init__(self) -> None:
        self._thread = get_ident()
        self._call_soon = caller_in(current_token().native_token)

    def run(self, function: Callable[[], None]) -> None:
        """Call a function now, or soon when this is another thread; after the end of the loop, do nothing."""
        if get_ident() == self._thread:
            function()
        else:
            self._schedule(function)

    def wake(self) -> None:
        """End the sleep of the loop: a signal handler that calls `run` does it in the thread of a loop that sleeps."""
        self._schedule(_nothing)

    def _schedule(self, function: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._call_soon(function)


def caller_in(native: Any) -> Callable[[Callable[[], None]], object]:
    """Return the function that has another one called in an event loop (of asyncio, or a token of trio)."""
    # It does not wait for the call: that is what `anyio.from_thread` does, and it would double the cost of a request.
    return getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon  # type: ignore[no-any-return]


def _nothing() -> None:
    pass
