"""One execution for the command `run`: signals, the live view, data in and results out."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import typer

from headwater.api.runner import Runner
from headwater.cli.formats import InputFormat
from headwater.cli.problems import FAILED, READER_LEFT, leave_quietly
from headwater.cli.runs.input import open_input
from headwater.cli.runs.output import OutputError, Sink, encoder, open_sink
from headwater.cli.runs.tally import how_far
from headwater.cli.runs.watching import Watchers, WatchOptions
from headwater.cli.signals import open_signals
from headwater.cli.terminal import say
from headwater.errors import ConfigError, ExecutionTimeoutError, StepError
from headwater.running.groups import open_group

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from headwater.api.execution import Execution
    from headwater.api.pipeline import Pipeline
    from headwater.api.result import Result
    from headwater.streams.stream import Stream

__all__ = ["RunOptions", "run_pipeline"]

_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_GRACE_S = 1.0  # after a signal, for writing what was produced before it


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a pipeline is run.

    Args:
        input: Path of the data, `-` for standard input, or None for no data.
        input_format: What the data is written in.
        output: Path for the results, or `-` for standard output.
        as_json: Whether text in the results is written as JSON too.
        debug: Whether errors are to be raised also when the live view has told them.
        watch: What is to be told besides.
    """

    input: str | None = None
    input_format: InputFormat = InputFormat.AUTO
    output: str = "-"
    as_json: bool = False
    debug: bool = False
    watch: WatchOptions = field(default_factory=WatchOptions)


def run_pipeline(pipeline: Pipeline, options: RunOptions) -> None:
    """Run a pipeline to its end.

    Args:
        pipeline: What to run.
        options: How.

    Raises:
        ConfigError: The input or the output cannot be opened, or the input does not fit the pipeline.
        StepError: A step failed, and nobody has told it yet.
        OutputError: The output cannot be written.
        typer.Exit: It did not end well, and everything about that has been told.
    """
    _log_to_stderr()
    backend = {"use_uvloop": find_spec("uvloop") is not None}
    with open_sink(options.output) as sink:
        with Watchers.opened(options.watch) as watchers:
            run = anyio.run(_run, pipeline, options, sink, watchers, backend_options=backend)
            watchers.tell()
        run.check()


async def _run(pipeline: Pipeline, options: RunOptions, sink: Sink, watchers: Watchers) -> _Run:
    run = _Run(pipeline, options, sink, watchers)
    await run.watched()
    return run


class _Run:
    """One run of the command.

    Args:
        pipeline: What to run.
        options: How.
        sink: Where results go.
        watchers: Who receives the events.
    """

    def __init__(self, pipeline: Pipeline, options: RunOptions, sink: Sink, watchers: Watchers) -> None:
        self._pipeline = pipeline
        self._options = options
        self._sink = sink
        self._watchers = watchers
        self._turn = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._execution: Execution | None = None
        self._is_running = False
        self._signal: signal.Signals | None = None
        self._output_error: OutputError | BrokenPipeError | None = None
        self._result: Result | None = None

    # ---- the run

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
        data = None
        if self._options.input is not None:
            data = await open_input(self._options.input, self._options.input_format, self._pipeline.plan())
        self._execution = Runner(self._watchers.subscribers).start(self._pipeline, data)
        async with self._execution as execution:
            self._is_running = True
            async with open_group() as writers:
                several = len(execution.outputs) > 1
                for name, stream in execution.outputs.items():
                    writers.start_soon(self._write, stream, name if several else None)
            await execution.result(check=False)

    async def _write(self, stream: Stream[Any, Any, Any], name: str | None) -> None:
        encode = encoder(as_json=self._options.as_json, name=name)
        try:
            async for batch in stream.batches():
                data = b"".join(map(encode, batch))
                async with self._turn:
                    await self._sink.write(data)
        except (OutputError, BrokenPipeError) as error:
            self._output_error = self._output_error or error
            left = isinstance(error, BrokenPipeError)
            self._cancel("the reader of the output left" if left else "the output cannot be written")
        except Exception:  # noqa: BLE001 - what broke the stream also ended the execution, whose result tells it
            return

    # ---- how it ends early

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

    def check(self) -> None:
        """Tell how it ended, unless the live view did.

        Raises:
            Exception: What went wrong, when nobody has told it yet.
            typer.Exit: It did not end well.
        """
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
        if isinstance(error.__cause__, ConfigError):  # the input has a line that is no JSON, or no text
            raise error.__cause__
        raise typer.Exit(FAILED) if self._is_told(self._result) else error

    def _is_told(self, result: Result) -> bool:
        told = isinstance(result.error, StepError | ExecutionTimeoutError)
        return told and self._watchers.has_told(result) and not self._options.debug

    def _say_how_far(self, reason: str) -> None:
        if self._watchers.has_view and sys.stderr.isatty():  # the table, which stays there, has told it
            return
        events = None if self._result is None else self._result.events
        lines = [] if events is None else how_far(events.read(after=0))
        say("\n  ".join([f"headwater: stopped by {reason}{':' if lines else ' before the first step'}", *lines]))


def _log_to_stderr() -> None:
    """Keep standard output for results: structlog would write there."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
