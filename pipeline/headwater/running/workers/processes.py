"""Worker processes: a step's function in an interpreter of its own, for code that needs a whole core."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, open_process

from headwater.errors import HeadwaterError, StreamBrokenError
from headwater.files.confinement import confinements, folders_of
from headwater.running.workers.inside import entered_all
from headwater.running.workers.process_codec import WRITTEN_ITEMS, files_of_modules
from headwater.running.workers.raised_errors import RaisedError
from headwater.streams.ends import ReaderLeft
from headwater.streams.exact.exact_json import ExactJson, NotExactError
from headwater.streams.pipe import PipeSink, PipeSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from anyio.abc import Process

    from headwater.graph.plan import PlannedStep
    from headwater.running.workers.worker import WorkerScope

__all__ = ["ProcessError", "ProcessWorker", "process_error"]

_SAFE_PATH = "-P"  # what `-m` imports is the installed module: a json.py in the working directory is not run


class ProcessError(HeadwaterError):
    """A step failed in its worker process, or the process ended; a note has the traceback from there.

    Attributes:
        names: Names of the classes of the error there, from its own to `BaseException`; empty when the process ended.
        retryable: Whether another attempt may help, where the error says so.
        retry_after_s: When, in seconds, where the error says so.
    """

    names: tuple[str, ...] = ()
    retryable: bool | None = None
    retry_after_s: float | None = None


def process_error(message: str, known: RaisedError) -> ProcessError:
    """Return an error that was raised in a worker process, with what is known of it there."""
    error = ProcessError(message)
    error.names, error.retryable, error.retry_after_s = known.names, known.retryable, known.retry_after_s
    return error


class ProcessWorker:
    """Calls a plain function in a worker process."""

    def __init__(self, step: PlannedStep, attempt: int, arguments: Sequence[Any], scope: WorkerScope) -> None:
        self._step = step
        self._attempt = attempt
        self._arguments = tuple(arguments)
        self._scope = scope
        self._ports = [given.port.name for given in step.inputs]
        self._process: Process | None = None
        self._exact = ExactJson()
        self._inputs = PipeSink(WRITTEN_ITEMS, self._send)
        self._results = PipeSource(WRITTEN_ITEMS, self._receive, self._report)

    async def __aenter__(self) -> Self:
        command = [sys.executable, _SAFE_PATH, "-m", "headwater.running.workers.process_main"]
        with CancelScope(shield=True):  # a start that is cancelled leaves the process to the loop, for a moment
            self._process = await open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
        try:
            self._inputs.set_header(self._order())
            await self._inputs.wait_writable()
        except ReaderLeft as error:
            raise await self._failure(error) from error
        except NotExactError as error:
            await self._kill()
            raise _not_carried("a param cannot be sent to", error) from error
        except BaseException:
            await self._kill()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process, whatever it is doing."""
        await self._kill()

    async def work(self, items: list[Any], results: list[Any], first: int = 0) -> Exception | None:  # noqa: ARG002
        """Call the function with each item, in the process."""
        given, refused = self._written(items)
        try:
            await self._inputs.write(given)
            while len(results) < len(given):
                for unit in await self._results.take():
                    results.extend(self._exact.load_each(unit))
        except NotExactError as error:
            return _not_carried("a result cannot be read from", error)
        except (ReaderLeft, StreamBrokenError) as error:
            return await self._failure(error)
        return refused

    def _written(self, items: list[Any]) -> tuple[list[bytes], ProcessError | None]:
        """Return the inputs for each item, or for those before the first that has no exact form, and its error."""
        given: list[bytes] = []
        try:
            for item in items:
                given.append(self._exact.dump([*self._inputs_of(item)]))  # noqa: PERF401 - those before are sent
        except NotExactError as error:
            return given, _not_carried("an item cannot be sent to", error)
        return given, None

    def _inputs_of(self, item: Any) -> tuple[Any, ...]:
        mapped = self._step.mapped
        if self._step.method.batched:
            return (item,)
        if mapped is None:
            return tuple(item)
        return (*self._arguments[:mapped], item, *self._arguments[mapped + 1 :])

    def _order(self) -> dict[str, Any]:
        """Return what the process needs to find the step again; secrets cross in the clear, on a private pipe."""
        bound = self._step.bound
        given = dict(bound.instance) if bound.instance is not None else dict(bound.arguments)
        return {
            "sys_path": sys.path,
            "origin": asdict(bound.definition.origin),
            "method": self._step.method.name,
            "ports": self._ports,
            "execution_id": self._scope.execution_id,
            "step_id": self._scope.path + self._step.id,
            "key": self._scope.key + self._step.id,
            "attempt": self._attempt,
            "connected": [output.name for output in self._step.outputs if output.edges],
            "allowed": sorted(self._scope.allowed),
            "params": self._exact.dump(given),
            "files": files_of_modules(),
            "confined": [*folders_of(confinements())],
            "trace": self._trace(),
        }

    def _trace(self) -> dict[str, str]:
        """Return the headers that carry the current span to the process, if the program uses OpenTelemetry."""
        headers: dict[str, str] = {}
        if "opentelemetry.trace" in sys.modules:
            with entered_all(self._scope.inside(self._step)):
                import_module("opentelemetry.propagate").inject(headers)
        return headers

    async def _send(self, data: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            await self._process.stdin.send(data)

    async def _receive(self) -> bytes:
        return b"" if self._process is None or self._process.stdout is None else await self._process.stdout.receive()

    def _report(self, progress: Sequence[Any]) -> None:
        self._scope.progress(self._step, *progress)

    async def _failure(self, error: Exception) -> ProcessError:
        """Return the error of the function, or of a process that has vanished without a word about its step."""
        if isinstance(error, StreamBrokenError) and error.step_id is not None:
            *notes, raised = error.__notes__
            failure = process_error(str(error), RaisedError.from_note(raised))
            for note in notes:
                failure.add_note(note)
        else:
            code = None if self._process is None else await self._process.wait()
            failure = ProcessError(f"the worker process ended unexpectedly, with exit code {code}")
            failure.__cause__ = error
        return failure

    async def _kill(self) -> None:
        with CancelScope(shield=True):
            if self._process is not None:
                if self._process.returncode is None:
                    self._process.kill()
                await self._process.wait()
                await self._process.aclose()


def _not_carried(what: str, error: NotExactError) -> ProcessError:
    failure = ProcessError(f"{what} the worker process: {error}")
    failure.__cause__ = error
    return failure
