"""Workers: what calls the function of a step with items, in the loop's own thread or in another."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from headwater.kinds.step_context import ITEM_INDEX
from headwater.running.failures import STEP_ERRORS, error_in, is_stopped
from headwater.running.workers.threads import Released, WorkerThread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from headwater.graph.plan import PlannedStep
    from headwater.running.workers.inside import Enter

__all__ = ["AsyncWorker", "IndexedWorker", "PlainWorker", "ThreadWorker", "Worker", "WorkerScope", "entered"]


class Worker(Protocol):
    """Calls a step's function with several items, one after the other."""

    async def __aenter__(self) -> Self:
        """Start."""
        ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, leaving nothing behind."""
        ...

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:
        """Append the result for each item as soon as it is there; return the error of the first that fails.

        `first` is the number of the first item in its stream.
        """
        ...


class WorkerScope(Protocol):
    """What a worker process needs from the execution that it works for."""

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        ...

    @property
    def path(self) -> str:
        """The steps around a nested pipeline, with a separator after each; empty for the pipeline itself."""
        ...

    @property
    def key(self) -> str:
        """The same, with what distinguishes the runs of each of them."""
        ...

    @property
    def allowed(self) -> Collection[str]:
        """What the operator allows."""
        ...

    def inside(self, step: PlannedStep) -> Sequence[Enter]:
        """Return the contexts that subscribers give to the code of a step."""
        ...

    def progress(self, step: PlannedStep, fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        """Emit the progress that a step reports, from any thread."""
        ...


class _InLoop:
    """Calls a function in the task that asks."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


class AsyncWorker(_InLoop):
    """Calls a coroutine function in the task that asks."""

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:  # noqa: ARG002
        """Call the function with each item."""
        for item in items:
            try:
                results.append(await self._call(item))
            except STEP_ERRORS as error:
                if is_stopped(error):
                    raise
                return error_in(error)
        return None


class IndexedWorker(AsyncWorker):
    """Calls a coroutine function in the task that asks, which can know the index of each item."""

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:
        """Call the function with each item."""
        for index, item in enumerate(items, first):
            ITEM_INDEX.set(index)
            if (error := await super().work([item], results)) is not None:
                return error
        return None


class PlainWorker(_InLoop):
    """Calls a plain function in the task that asks."""

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:  # noqa: ARG002
        """Call the function with each item."""
        try:
            for item in items:
                results.append(self._call(item))  # noqa: PERF401 - those before one that fails are kept
        except STEP_ERRORS as error:
            return error_in(error)
        return None


class ThreadWorker:
    """Calls a plain function in a thread of its own."""

    def __init__(self, call: Callable[[Any], Any], name: str, report: Callable[[float], object] | None = None) -> None:
        self._call = call
        self._thread: WorkerThread[Exception | None] = WorkerThread(self._main, name, report=report)
        self._idle = False

    async def __aenter__(self) -> Self:
        await self._thread.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._thread.__aexit__(exc_type, exc, traceback)

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:  # noqa: ARG002
        """Call the function with each item, in the thread."""
        if not self._idle:
            await self._thread.request()  # the thread has started and asks for its first items
        self._idle = False
        self._thread.answer((items, results))
        error = await self._thread.request()
        self._idle = True
        return error

    def _main(self, ask: Callable[[Exception | None], Any]) -> None:
        error: Exception | None = None
        while True:
            error = self._run(*ask(error))

    def _run(self, items: Iterable[Any], results: list[Any]) -> Exception | None:
        try:
            for item in items:
                if self._thread.released:
                    break
                results.append(self._call(item))
        except Released:
            raise
        except STEP_ERRORS as error:
            return error_in(error)
        return None


@asynccontextmanager
async def entered(workers: Sequence[Worker]) -> AsyncGenerator[None, None]:
    """Start several workers, and stop all of them at the end."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        yield
