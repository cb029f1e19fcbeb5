"""Worker threads: each belongs to one step of one execution, and ends with it.

A thread and its host take turns: the thread asks (for more input, for its output to be fetched), the host answers.
Nothing is queued, and releasing the thread is an answer, too. The code of a step may hand what asks to threads of its
own; their requests take no turn, and are answered in the event loop while the step's own thread goes on.

A thread cannot be stopped from outside. One that is released, and whose code does not return within a grace, is
abandoned: the execution goes on without it. It is a daemon thread, so the program can end; if its code returns after
all, nothing takes what it brings.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from math import inf
from threading import Lock, Thread, Timer, current_thread
from typing import TYPE_CHECKING, Any, Final, Generic, Self

from anyio import CancelScope, Event, current_time
from anyio.from_thread import run as run_in_loop
from anyio.lowlevel import checkpoint, current_token
from typing_extensions import TypeVar

from headwater.events.notices import notice
from headwater.running.failures import error_in
from headwater.toolkit.loop_calls import caller_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from types import TracebackType

__all__ = [
    "Released",
    "WorkerThread",
    "code_ends_at",
    "code_until",
    "context_for_thread",
    "is_abandoned",
    "is_released",
]

CANCELLED_GRACE_S: Final = 5.0
"""How long the code in a thread has to return after it was cancelled, or nothing needs it any more, in seconds."""

EXPIRED_GRACE_S: Final = 1.0
"""How long it has after a timeout, in seconds."""

_MOST_TURNS: Final = 50  # of the event loop, for a thread that waits for an answer: it ends at once

_deadline: ContextVar[float] = ContextVar("headwater_deadline_of_code", default=inf)

Request = TypeVar("Request", default=Any)


_current: ContextVar[WorkerThread[Any] | None] = ContextVar("headwater_worker_thread", default=None)


class Released(BaseException):
    """Internal: unwinds the code of a worker thread that is no longer needed."""


def _report_hang(name: str, waited_s: float) -> None:
    notice("code in a thread did not return after it was stopped, and was abandoned", thread=name, waited_s=waited_s)


def context_for_thread() -> Context:
    """Return a copy of the context of this task, for code in a thread where no event loop runs."""
    context = copy_context()
    with suppress(ImportError):
        from sniffio import current_async_library_cvar

        context.run(current_async_library_cvar.set, None)
    return context


def code_ends_at(deadline: float) -> None:
    """Note in a task that has just begun when the time of its code, and of the tasks it starts, is over."""
    _deadline.set(deadline)


@contextmanager
def code_until(deadline: float) -> Generator[None]:
    """Note when the time of the code in this task, and in those it starts, is over, by the clock of the event loop."""
    token = _deadline.set(min(deadline, _deadline.get()))
    try:
        yield
    finally:
        _deadline.reset(token)


def _is_late() -> bool:
    return current_time() >= _deadline.get()


def is_released() -> bool:
    """Return whether the code that asks runs in a worker thread that is no longer needed."""
    thread = _current.get()
    return thread is not None and thread.released


def is_abandoned() -> bool:
    """Return whether the code that asks runs in a worker thread that the execution has left behind."""
    thread = _current.get()
    return thread is not None and thread.abandoned


class Stopped(RuntimeError):  # noqa: N818 - a signal for the code of a step, not an error of the engine
    """Internal: ends the reading of a thread that a step has started, which passes it on to the step's own thread."""


class WorkerThread(Generic[Request]):
    """A thread that runs one function, which asks its host for what it needs.

    Example:
        A thread that asks for batches and gives back results::

            async with WorkerThread(lambda ask: work(ask), "worker") as thread:
                while (request := await thread.request()) is not None:
                    thread.answer(...)
    """

    def __init__(
        self,
        target: Callable[[Callable[[Request], Any]], None],
        name: str,
        serve: Callable[[Request], Awaitable[Any]] | None = None,
        report: Callable[[float], object] | None = None,
    ) -> None:
        self.abandoned: bool = False  # whether it did not stop, and nothing waits for it any more
        self._report = report or partial(_report_hang, name)  # takes how long an abandoned thread was waited for
        self._target = target
        self._name = name
        self._serve = serve  # answers a request of another thread
        self._served: set[CancelScope] = set()
        self._asked = Event()
        self._request: Request | None = None
        self._error: Exception | None = None
        self._ended = False
        self._turn = Lock()  # held by the host, except while the thread is to go on
        self._turn.acquire()
        self._answer: Any = None
        self._released = False
        self._is_late = False  # whether its time was over when it was last waited for
        self._thread: Thread | None = None

    @property
    def released(self) -> bool:
        """Whether the thread should stop at its next opportunity."""
        return self._released

    async def __aenter__(self) -> Self:
        self._token = current_token()
        self._call_soon = caller_in(self._token.native_token)
        main = partial(context_for_thread().run, self._main)
        self._thread = Thread(target=main, name=self._name, daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the thread and wait until it has left the step's code, or abandon it when that takes too long."""
        self._released = True
        for scope in self._served:
            scope.cancel()
        with CancelScope(shield=True):
            while self._served:
                await checkpoint()
            self._free()
            for _ in range(_MOST_TURNS):
                if self._ended:
                    break
                await checkpoint()
                self._free()
            else:
                await self._wait_for_end(EXPIRED_GRACE_S if self._is_late or _is_late() else CANCELLED_GRACE_S)
        if self._thread is not None and self._ended:
            self._thread.join()

    async def _wait_for_end(self, grace_s: float) -> None:
        """Wait until the thread has ended, for some time that passes outside: the clock of the loop may be virtual."""
        timer = Timer(grace_s, self._call_soon, (self._abandon,))
        timer.daemon = True
        timer.start()
        while not (self._ended or self.abandoned):
            await self._wait()
            self._free()
        timer.cancel()
        if self.abandoned:
            self._report(grace_s)

    def _abandon(self) -> None:
        self.abandoned = not self._ended
        self._asked.set()

    def _free(self) -> None:
        """Let the thread go on; it finds that it was released."""
        if self._turn.locked():  # or the thread has not yet taken the turn that it was given before
            self._turn.release()

    async def request(self) -> Request | None:
        """Return what the thread asks for next, or None when its function has returned; raises what that raised."""
        try:
            await self._wait()
        except BaseException:
            self._is_late = _is_late()
            raise
        if self._error is not None:
            raise self._error
        return self._request

    def answer(self, value: Any = None) -> None:
        """Answer the request and let the thread go on; an `Exception` is raised in it."""
        self._request = None
        self._answer = value
        self._turn.release()

    async def _wait(self) -> None:
        await self._asked.wait()
        self._asked = Event()

    def _ask(self, request: Request) -> Any:
        if current_thread() is not self._thread:
            return self._ask_elsewhere(request)
        if self.abandoned:  # nothing would answer
            raise Released
        self._post(request)
        self._turn.acquire()
        if self._released:
            raise Released
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def _ask_elsewhere(self, request: Request) -> Any:
        """Answer a thread that is not this one: one that the code of the step has started."""
        answer = None if self._released else run_in_loop(self._answer_elsewhere, request, token=self._token)
        if self._released:
            raise Stopped("the step was stopped, so its input cannot be read any more")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _answer_elsewhere(self, request: Request) -> Any:
        if self._released or self._serve is None:
            return None
        with CancelScope() as scope:
            self._served.add(scope)
            try:
                return await self._serve(request)
            finally:
                self._served.remove(scope)

    def _post(self, request: Request | None, *, last: bool = False) -> None:
        def post() -> None:
            self._request = request
            # Set in the loop: a host that saw it earlier would join the thread and block the loop that this post needs.
            self._ended = last
            self._asked.set()

        with suppress(RuntimeError):  # the loop is closed: the thread was abandoned
            self._call_soon(post)

    def _main(self) -> None:
        _current.set(self)
        try:
            self._target(self._ask)
        except Released:
            pass
        except BaseException as error:  # noqa: BLE001 - crosses to the host, where no cancellation may come from here
            self._error = error_in(error)
        self._post(None, last=True)
