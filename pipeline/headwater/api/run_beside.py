"""Runs an execution in a thread, beside the event loop of its caller, which may be interrupted while it waits."""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import anyio
from anyio import CancelScope, NoEventLoopError, get_cancelled_exc_class, get_current_task

from headwater.errors import ExecutionCancelled
from headwater.running.workers.threads import context_for_thread
from headwater.toolkit.loop_calls import LoopCalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.api.execution import Execution
    from headwater.api.result import Result

__all__ = ["RunBeside"]

_LOOK_S = 0.1
"""How often to look for an interrupt that arrives as a cancellation, in seconds."""


class RunBeside:
    """One run in a thread of its own."""

    def __init__(self, start: Callable[[], Execution]) -> None:
        self._start = start
        self._result: Future[Result] = Future()
        self._interrupted = False
        self._stop: Callable[[], None] | None = None

    def result(self, backend: str) -> Result:
        """Run to the end; an interrupt cancels the execution, and a second one does not wait for it any more."""
        target = partial(context_for_thread().run, self._run, backend)
        thread = Thread(target=target, name="headwater run_sync", daemon=True)
        try:
            is_stopped = _pending_cancellation()
            thread.start()  # an interrupt may come as soon as the thread has begun
            self._wait(is_stopped)
            return self._result.result()
        except BaseException as error:
            if not self._result.done() and not (isinstance(error, RuntimeError) and thread.ident is None):
                self._interrupt()
                self._result.exception()  # waits for the end
            raise
        finally:
            if self._result.done():
                thread.join()

    def _wait(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for the end, or raise when `asyncio.run` has turned an interrupt into a cancellation of this task."""
        while not wait([self._result], _LOOK_S).done:
            if is_stopped():
                raise get_cancelled_exc_class()

    def _run(self, backend: str) -> None:
        try:
            result = anyio.run(self._main, backend=backend)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the caller
            self._result.set_exception(error)
        else:
            self._result.set_result(result)

    async def _main(self) -> Result:
        execution, calls = self._start(), LoopCalls()
        with CancelScope() as scope:

            def stop() -> None:
                execution.cancel("interrupted")
                calls.run(scope.cancel)  # also while resources are acquired

            self._stop = stop
            if self._interrupted:
                stop()
            async with execution:
                return await execution.result()
        raise ExecutionCancelled

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._stop is not None:
            self._stop()


def _pending_cancellation() -> Callable[[], bool]:
    """Return a function that says whether the task that calls this was cancelled since."""
    try:
        task = get_current_task()
    except NoEventLoopError:  # in a callback of a loop, which nothing cancels
        return bool
    return bool if task.has_pending_cancellation() else task.has_pending_cancellation
