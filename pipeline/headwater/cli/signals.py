"""Signals that end a command: the first lets it clean up, a second ends the program at once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

import anyio

from headwater.cli.terminal import say

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["open_signals"]

_PATIENCE_S = 2.0


@contextmanager
def open_signals(*numbers: signal.Signals) -> Generator[AsyncIterator[signal.Signals]]:
    """Receive signals; after the first, each does what it does to any program, as something may be stuck.

    A step that never gives control back keeps the event loop from receiving anything; what a second signal does is
    therefore decided outside of the loop, and who waits in vain is told of it.

    Args:
        *numbers: The signals.

    Yields:
        The signals as they come.
    """

    def insist(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        hint.start()

    hint = Timer(_PATIENCE_S, say, ["headwater: something does not stop; Ctrl-C again ends everything at once"])
    hint.daemon = True
    with anyio.open_signal_receiver(*numbers) as signals:
        for number in numbers:  # the loop is woken up by another way; Python runs this between any two instructions
            signal.signal(number, insist)
        try:
            yield signals
        finally:
            hint.cancel()
