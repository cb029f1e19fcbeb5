"""Steps that are ready together: run one after the other in one task, as long as none of them has to wait."""

from __future__ import annotations

from contextvars import copy_context
from types import coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

__all__ = ["strand"]


@coroutine
def strand(work: Coroutine[Any, Any, None], before_wait: Callable[[], None]) -> Generator[Any, Any, None]:
    """Run work in this task, with a context of its own as a task would have; call a function before it first waits.

    What waits stays in the task in which it began, since its cancel scopes and time-outs belong to this task.
    """
    run = copy_context().run
    resume: Callable[[Any], Any]
    try:
        awaited = run(work.send, None)
    except StopIteration:
        return
    before_wait()
    while True:
        try:
            given = yield awaited
        except BaseException as error:  # noqa: BLE001 - raised inside the work, which lets it pass or not
            resume, given = work.throw, error
        else:
            resume = work.send
        try:
            awaited = run(resume, given)
        except StopIteration:
            return
        finally:
            del resume, given  # the error holds this frame
