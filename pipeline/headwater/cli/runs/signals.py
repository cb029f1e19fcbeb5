"""Signals that end a command: the first lets it clean up, a second ends the process and its programs at once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

import anyio

from headwater.abort_hooks import has_abort_hooks, run_abort_hooks
from headwater.cli.terminal import say

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["open_signals"]

_PATIENCE_S = 2.0


def _abort(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    run_abort_hooks()
    signal.raise_signal(number)


@contextmanager
def open_signals(*numbers: signal.Signals) -> Generator[AsyncIterator[signal.Signals]]:
    """Receive signals; after the first one each has its default effect again, as a step may be stuck."""
    # A step that never returns control keeps the event loop from receiving signals, so the first one restores the
    # default handlers outside of the loop, and a message says that a second Ctrl-C ends the process.

    def insist(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, _abort if has_abort_hooks() else signal.SIG_DFL)
        hint.start()

    hint = Timer(_PATIENCE_S, say, ["headwater: a step does not stop; press Ctrl-C again to end the process at once"])
    hint.daemon = True
    with anyio.open_signal_receiver(*numbers) as signals:
        for number in numbers:  # the loop wakes by its own way; Python calls this between any two instructions
            signal.signal(number, insist)
        try:
            yield signals
        finally:
            hint.cancel()
