"""One execution for the command `run`: its signals, live view, input and results."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import typer

from headwater.cli.reporting import FAILED, READER_LEFT, leave_quietly
from headwater.cli.runs.input import open_input
from headwater.cli.runs.item_writers import ItemWriter, item_writers
from headwater.cli.runs.output import OutputError, Sink, open_sink
from headwater.cli.runs.signals import open_signals
from headwater.cli.runs.tally import how_far
from headwater.cli.runs.watching import Watchers
from headwater.cli.terminal import say
from headwater.errors import ConfigError, DeadlockError, ExecutionTimeoutError, StepError
from headwater.running.groups import open_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskStatus

    from headwater.api.result import Result
    from headwater.cli.command_options import RunOptions, WatchOptions
    from headwater.cli.runs.targets import Opening, Running
    from headwater.streams.stream import Stream

__all__ = ["run_target"]

_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_GRACE_S = 1.0  # to write what was produced before a signal


def run_target(opening: Opening, options: RunOptions, watch: WatchOptions, *, debug: bool) -> None:
    """Run a pipeline to its end, and raise what went wrong unless the live view has shown it."""
    _log_to_stderr()
    backend = {"use_uvloop": find_spec("uvloop") is not None}
    with open_sink(options.output) as sink:
        with Watchers.opened(watch) as watchers:
            run = anyio.run(_run, opening, options, sink, watchers, backend_options=backend)
            watchers.show_metrics()
        run.check(debug=debug)


async def _run(opening: Opening, options: RunOptions, sink: Sink, watchers: Watchers) -> _Run:
    run = _Run(opening, options, sink, watchers)
    await run.watched()
    return run


class _Run:
    """One run of the command."""

    def __init__(self, opening: Opening, options: RunOptions, sink: Sink, watchers: Watchers) -> None:
        self._opening = opening
        self._options = options
        self._sink = sink
        self._watchers = watchers
        self._turn = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._execution: Running | None = None
        self._is_running = False
        self._signal: signal.Signals | None = None
        self._output_error: OutputError | BrokenPipeError | None = None
        self._result: Result | None = None

    async def watched(self) -> None:
        """Run, and stop at a signal."""
        async with open_group() as tasks:
            await tasks.start(self._watch)
            with self._scope:
                await self._execute()
            if self._execution is not None:
                self._result = await self._execution.result(check=False)
            tasks.cancel_scope.cancel()

    async def _execute(self) -> None:
        async with self._opening as target:
            data = None
            if self._options.input is not None:
                data = await open_input(self._options.input, self._options.input_format, target.input_types)
            writers = item_writers(target.outputs, self._options)
            self._execution = target.start(data, self._watchers.subscribers)
            async with self._execution as execution:
                self._is_running = True
                async with open_group() as tasks:
                    for stream, writer in zip(execution.outputs.values(), writers, strict=True):
                        tasks.start_soon(self._write, stream, writer)
                result = await execution.result(check=False)
                for writer in writers:  # only now is it known that nothing is missing
                    await self._send(partial(writer.end, result.error))

    async def _write(self, stream: Stream[Any, Any, Any], writer: ItemWriter) -> None:
        with suppress(Exception):  # it also ended the execution, whose result reports it
            await self._send(partial(writer.header, await stream.header()))
            async for batch in stream.batches():
                await self._send(partial(writer.items, batch))
            await self._send(partial(writer.footer, await stream.footer()))

    async def _send(self, written: Callable[[], bytes]) -> None:
        """Write what a function returns, unless an error came before."""
        if self._output_error is not None:
            return
        try:
            if data := written():
                async with self._turn:
                    await self._sink.write(data)
        except (OutputError, BrokenPipeError) as error:
            self._output_error = error
            left = isinstance(error, BrokenPipeError)
            self._cancel("the reader of the output left" if left else "the output cannot be written")

    async def _watch(self, *, task_status: TaskStatus[None]) -> None:
        with open_signals(*_SIGNALS) as signals:
            task_status.started()
            async for number in signals:
                self._signal = number
                self._cancel(_SIGNALS[number])

    def _cancel(self, reason: str) -> None:
        if self._execution is not None:
            self._execution.cancel(reason)
        self._scope.deadline = anyio.current_time() + (_GRACE_S if self._is_running else 0.0)

    def check(self, *, debug: bool) -> None:
        """Raise the error that the run ended with, or an exit code if the live view has shown the error."""
        if isinstance(self._output_error, BrokenPipeError):
            leave_quietly()
            raise typer.Exit(READER_LEFT)
        if self._output_error is not None:
            raise self._output_error
        if self._signal is not None and (self._result is None or self._result.status != "completed"):
            self._say_how_far(_SIGNALS[self._signal])
            raise typer.Exit(128 + self._signal)
        if self._result is None:
            return
        if (error := self._result.error) is None:
            self._watchers.check(self._result)
            return
        if isinstance(error.__cause__, ConfigError):  # the input has a line that is not JSON or not text
            raise error.__cause__
        raise typer.Exit(FAILED) if self._is_shown(self._result) and not debug else error

    def _is_shown(self, result: Result) -> bool:
        shown = StepError | DeadlockError | ExecutionTimeoutError
        return isinstance(result.error, shown) and self._watchers.has_shown(result)

    def _say_how_far(self, reason: str) -> None:
        if self._watchers.has_view and sys.stderr.isatty():  # the table, which stays there, shows it
            return
        events = None if self._result is None else self._result.events
        lines = [] if events is None else how_far(events.read(after=0))
        say("\n  ".join([f"headwater: stopped by {reason}{':' if lines else ' before the first step'}", *lines]))


def _log_to_stderr() -> None:
    """Keep standard output for results; by default structlog writes there."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
