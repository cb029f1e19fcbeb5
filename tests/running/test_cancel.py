# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Wherever an execution is cancelled, nothing of it is left.

The method: the code under test reaches a cancellation point whenever it suspends, so every suspension of one of the
tasks of an execution is counted, by stepping a twin of each coroutine that the task group starts (see `Countdown`), and
at the k-th of them the execution is cancelled, from inside the very task that is about to suspend. The test does so for
k = 1, 2, 3 ... until an execution completes before its k-th suspension: then every one of them had its turn.
"""

import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType, coroutine
from typing import Any, Self

import anyio
import psutil
import pytest

from headwater import ExecutionCancelled, Pipeline, Runner, Step, StepContext, StepError, Stream, StreamEvent, step
from tests.running import kinds

TERMINAL = {"pipeline_complete", "pipeline_error", "pipeline_cancelled"}


class Countdown:
    """Counts the suspensions of coroutines, and calls a function at one of them.

    Args:
        at: Number of the suspension at which to call, from 1.
        call: What to call.
    """

    def __init__(self, at: int, call: Callable[[], None]) -> None:
        self._left = at
        self._call = call

    @property
    def reached(self) -> bool:
        """Whether there were so many suspensions."""
        return self._left <= 0

    async def watch(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a coroutine function with its suspensions counted."""
        return await self._stepped(function(*args))

    @coroutine
    def _stepped(self, running: Any) -> Generator[Any, Any, Any]:
        step_it: Callable[[], Any] = lambda: running.send(None)  # noqa: E731 - replaced at each step below
        while True:
            try:
                waits_for = step_it()
            except StopIteration as end:
                return end.value
            self._left -= 1
            if self._left == 0:
                self._call()
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the coroutine
                thrown = error
                step_it = lambda: running.throw(thrown)  # noqa: E731, B023 - called before the loop goes on
            else:
                step_it = lambda: running.send(sent)  # noqa: E731, B023 - called before the loop goes on


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Countdown], None]:
    """Let every task that the running layer starts be counted."""
    from headwater.running import groups

    make_group = groups.create_task_group

    def install(countdown: Countdown) -> None:
        class Counting:
            """A task group whose tasks are counted."""

            def __init__(self) -> None:
                self._group = make_group()

            async def __aenter__(self) -> Self:
                await self._group.__aenter__()
                return self

            async def __aexit__(
                self,
                error_type: type[BaseException] | None,
                error: BaseException | None,
                traceback: TracebackType | None,
            ) -> bool | None:
                return await self._group.__aexit__(error_type, error, traceback)

            def start_soon(self, function: Callable[..., Any], *args: Any, name: object = None) -> None:
                self._group.start_soon(countdown.watch, function, *args, name=name)

            @property
            def cancel_scope(self) -> anyio.CancelScope:
                return self._group.cancel_scope

        monkeypatch.setattr(groups, "create_task_group", Counting)

    return install


class Traces:
    """What a process holds that an execution must not leave behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.before = self._now()

    def _now(self) -> dict[str, Any]:
        process = psutil.Process()
        return {
            "threads": {thread for thread in threading.enumerate() if "headwater" in thread.name},
            "processes": set(process.children(recursive=True)),
            "files": process.num_fds(),
            "temporary": sorted(os.listdir(self._folder)),  # noqa: PTH208 - names are enough
            "tasks": {task.id for task in anyio.get_running_tasks()},
        }

    def check(self) -> None:
        """Assert that nothing is there that was not there before."""
        assert self._now() == self.before


@step("cancel.numbers")
async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@step("cancel.slow")
async def slow(number: int) -> int:
    await anyio.lowlevel.checkpoint()
    return number


@step("cancel.thread", blocking=True)
def thread(number: int) -> int:
    return number


@step("cancel.thread_stream", blocking=True)
def thread_stream(items: Iterable[int]) -> Iterator[int]:
    yield from items


@step("cancel.replayed", resume="replay")
async def replayed(count: int, ctx: StepContext) -> AsyncIterator[int]:
    for number in range(count):
        if number == 2 and ctx.attempt == 1:
            raise ConnectionError
        yield number


@step("cancel.unsure")
async def unsure(number: int, ctx: StepContext) -> int:
    await anyio.lowlevel.checkpoint()
    if ctx.attempt == 1:
        raise ConnectionError
    return number


class Holder(Step, kind="cancel.holder"):
    """Holds a temporary file while it runs, and one for as long as any execution does."""

    folder: str

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        with tempfile.TemporaryFile(dir=self.folder), tempfile.NamedTemporaryFile(dir=self.folder):
            await anyio.lowlevel.checkpoint()
            yield
            await anyio.lowlevel.checkpoint()

    async def run(self, items: Stream[int]) -> AsyncIterator[int]:
        with tempfile.NamedTemporaryFile(dir=self.folder):
            async for item in items:
                yield item


@step("cancel.first_of")
def first_of(number: int | tuple[int, int]) -> int:
    return number if isinstance(number, int) else number[0]


def chain(*steps: Any, **options: Any) -> Pipeline:
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


def meeting(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"from": "one", "to": "all", **first}, {"from": "other", "to": "all", **second}]


def build(name: str, folder: str) -> Pipeline:
    """Return one of the pipelines that are cancelled everywhere."""
    if name == "chain":
        return chain(numbers, slow, kinds.async_pass, kinds.def_double)
    if name == "concurrent":
        return chain(numbers, slow, kinds.async_sum, options={"b": {"concurrency": 3}})
    if name == "threads":
        return chain(numbers, thread, thread_stream)
    if name == "files":
        return chain(numbers, Holder(folder=folder), slow)
    if name == "unary":
        steps = {"one": kinds.async_double, "left": slow, "right": slow, "sum": kinds.add}
        return Pipeline(
            "unary", steps=steps, edges=["one -> left", "one -> right", "left -> sum.left", "right -> sum.right"]
        )
    if name == "retried":
        retry = {"retry": {"backoff_s": 0}}
        steps = (replayed, unsure, kinds.async_sum)
        options = {"a": retry, "b": {**retry, "concurrency": 2, "timeout": {"attempt_s": 60}}, "c": retry}
        return chain(*steps, options=options)
    if name == "undone":
        undone = {"compensate": {"kind": "cancel.slow", "params": {}}, "on_error": {"fallback": slow}}
        return chain(unsure, slow, options={"a": undone, "b": {"timeout": {"attempt_s": 60}}})
    if name == "branches":
        steps = {"numbers": numbers, "one": slow, "other": kinds.async_pass, "all": kinds.async_pass}
        edges = ["numbers -> one", "numbers -> other", "one -> all", "other -> all"]
        return Pipeline("branches", steps=steps, edges=edges, options={"all": {"merge": "interleave"}})
    if name in {"zip", "latest", "first", "bounds"}:
        steps = {"numbers": numbers, "one": slow, "other": kinds.async_double, "all": first_of}
        bounds = ({"buffer_bytes": 30}, {"on_full": "latest"}) if name == "bounds" else ({}, {})
        edges = ["numbers -> one", "numbers -> other", *meeting(*bounds)]
        policy = "interleave" if name == "bounds" else name
        return Pipeline("meeting", steps=steps, edges=edges, options={"all": {"merge": policy}})
    return chain(numbers, kinds.process_double)


async def run_and_cancel(pipeline: Pipeline, at: int, install: Any, folder: Path, how: str) -> bool:
    """Run a pipeline, cancel it at one suspension, check what is left; return whether it came so far."""
    events: list[StreamEvent] = []
    execution = Runner([events.append]).start(pipeline, 3)
    traces = Traces(folder)
    outer = anyio.CancelScope()
    countdown = Countdown(at, execution.cancel if how == "cancel" else outer.cancel)
    install(countdown)
    with outer:
        async with execution:
            try:
                await execution.result()
            except ExecutionCancelled:
                assert countdown.reached
    traces.check()
    ends = [event.event_type in TERMINAL for event in events]
    assert ends == [False] * (len(events) - 1) + [True]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert execution.status in ({"completed", "cancelled"} if countdown.reached else {"completed"})
    return countdown.reached


NAMES = (
    "chain",
    "concurrent",
    "threads",
    "files",
    "unary",
    "branches",
    "zip",
    "latest",
    "first",
    "bounds",
    "retried",
    "undone",
)


@pytest.mark.parametrize("how", ["cancel", "scope"])
@pytest.mark.parametrize("name", NAMES)
async def test_leaves_nothing_at_any_cancellation_point(name: str, how: str, counted: Any, tmp_path: Path) -> None:
    """Cancelled at its k-th suspension, for all k, an execution leaves no task, thread or file, and one last event."""
    pipeline = build(name, str(tmp_path))
    await pipeline.run(3)  # what is made once per process is made now
    at = 1
    while await run_and_cancel(pipeline, at, counted, tmp_path, how):
        at += 1
    assert at > 3


async def test_leaves_no_process_at_any_cancellation_point(counted: Any, tmp_path: Path) -> None:
    """A worker process ends with its execution, whenever that is cancelled; as it starts slowly, not for every k."""
    pipeline = build("processes", "")
    await pipeline.run(3)
    at = 1
    while await run_and_cancel(pipeline, at, counted, tmp_path, "cancel"):
        at += 1 + at // 3


async def test_leaves_no_process_when_it_is_cancelled_while_one_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker process that is being started when its execution is cancelled ends with it, and not soon after."""
    pipeline = build("processes", "")
    await pipeline.run(3)
    traces = Traces(tmp_path)
    outer = anyio.CancelScope()
    opened: list[Any] = []

    async def open_cancelled(*args: Any, **options: Any) -> Any:
        outer.cancel()
        opened.append(await anyio.open_process(*args, **options))
        return opened[0]

    monkeypatch.setattr("headwater.running.workers.processes.open_process", open_cancelled)
    with outer:
        await pipeline.run(3)
    assert outer.cancelled_caught
    assert [process.returncode is None for process in opened] == [False]
    traces.check()


async def test_releases_a_thread_that_asks_for_more() -> None:
    """A blocking generator is closed when nobody reads on: its `finally` has run when the block is left."""
    closed: list[str] = []

    @step("cancel.endless_thread", blocking=True)
    def endless_thread(number: int) -> Iterator[int]:
        try:
            while True:
                yield number
        finally:
            closed.append(threading.current_thread().name)

    async with Runner().start(chain(endless_thread, kinds.async_pass), 1) as execution:
        assert await anext(aiter(execution.output)) == 1
    assert len(closed) == 1
    assert closed[0] not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("reader", [kinds.take, kinds.async_pass], ids=lambda target: target.kind)
@pytest.mark.parametrize("blocking", [False, True])
async def test_closes_the_writer_when_the_reader_stops(reader: Any, blocking: bool) -> None:
    """A reader that has enough ends the steps before it, well and at once, also those in threads."""
    closed: list[bool] = []

    @step("cancel.endless")
    async def endless(number: int) -> AsyncIterator[int]:
        try:
            while True:
                yield number
        finally:
            closed.append(True)

    @step("cancel.endless_blocking", blocking=True)
    def endless_blocking(number: int) -> Iterator[int]:
        try:
            while True:
                yield number
        finally:
            closed.append(True)

    pipeline = chain(endless_blocking if blocking else endless, reader, kinds.take)
    result = await pipeline.run(7)
    assert (result.output, result.status, closed) == ([7, 7, 7], "completed", [True])
    assert set(result.metrics) == {"a", "b", "c"}


async def test_ends_a_loop_that_never_waits() -> None:
    """Generators that never suspend still let a cancel through."""

    @step("cancel.busy")
    async def busy(number: int) -> AsyncIterator[int]:
        while True:
            yield number

    @step("cancel.busy_plain")
    def busy_plain(number: int) -> Iterator[int]:
        while True:
            yield number

    for source in (busy, busy_plain):
        async with Runner().start(chain(source, kinds.def_double, kinds.async_sum), 1) as execution:
            await anyio.lowlevel.checkpoint()
            execution.cancel()
            assert (await execution.result(check=False)).status == "cancelled"


async def test_cancels_the_siblings_of_a_step_that_failed() -> None:
    """A failure ends what runs beside it, before the error comes out."""
    started: list[bool] = []
    ended: list[bool] = []

    @step("cancel.sibling")
    async def sibling(number: int) -> int:
        try:
            started.append(True)
            return await anyio.sleep_forever() or number
        finally:
            ended.append(True)

    @step("cancel.fails")
    async def fails(number: int) -> int:
        while len(started) == len(ended):
            await anyio.lowlevel.checkpoint()
        raise ValueError(number)

    pipeline = Pipeline(
        "siblings",
        steps={"start": kinds.async_double, "sibling": sibling, "fails": fails},
        edges=["start -> sibling", "start -> fails"],
    )
    for data in (1, [1]):
        with pytest.raises(StepError, match="fails"):
            await pipeline.run(data)
    assert ended == [True, True]


async def test_leaves_nothing_when_the_block_is_left_at_once() -> None:
    """An execution whose block is left before anything was read is cancelled."""
    async with AsyncExitStack() as stack:
        executions = [
            await stack.enter_async_context(Runner().start(chain(kinds.async_count, slow), 1000)) for _ in range(5)
        ]
    assert {execution.status for execution in executions} == {"cancelled"}
