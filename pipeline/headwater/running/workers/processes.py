"""Worker processes: a step's function in an interpreter of its own, for code that needs a whole core."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, ClosedResourceError, EndOfStream, IncompleteRead, open_process
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import SecretBytes, SecretStr, TypeAdapter
from pydantic_core import from_json, to_json

from headwater.errors import HeadwaterError
from headwater.running.workers.process_codec import LENGTH_BYTES, frame, item_adapter, result_adapter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from anyio.abc import Process

    from headwater.graph.plan import PlannedStep
    from headwater.running.host_scope import HostScope
    from headwater.running.workers.worker import Unit

__all__ = ["ProcessError", "ProcessWorker"]


class ProcessError(HeadwaterError):
    """A step failed in its worker process, or the process ended; a note has the traceback from there."""


class ProcessWorker:
    """Calls a plain function in a worker process.

    Args:
        step: The step; its function is found again in the process by kind and module.
        attempt: Which try of the step this is.
        arguments: The inputs around a mapped one, which stands as None; empty when every unit brings all inputs.
        scope: The execution, which takes the progress that the function tells.
    """

    def __init__(self, step: PlannedStep, attempt: int, arguments: Sequence[Any], scope: HostScope) -> None:
        self._step = step
        self._attempt = attempt
        self._arguments = tuple(arguments)
        self._scope = scope
        self._ports = [given.port.name for given in step.inputs]
        self._items: TypeAdapter[Any] = item_adapter(step.method, self._ports)
        self._result: TypeAdapter[Any] = result_adapter(step.method)
        self._process: Process | None = None
        self._answers: BufferedByteReceiveStream | None = None

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "headwater.running.workers.process_main"]
        self._process = await open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
        if self._process.stdout is not None:
            self._answers = BufferedByteReceiveStream(self._process.stdout)
        try:
            await self._send(to_json(self._order()))
        except BaseException:
            await self._kill()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process, whatever it is doing."""
        await self._kill()

    async def work(self, items: list[Any]) -> Unit:
        """Call the function with each item, in the process."""
        try:
            await self._send(self._items.dump_json([self._inputs(item) for item in items]))
            while "progress" in (answer := from_json(await self._receive())):
                self._scope.progress(self._step, *answer["progress"])
        except (EndOfStream, IncompleteRead, ClosedResourceError, OSError) as error:
            raise ProcessError(await self._obituary()) from error
        results = [self._result.validate_python(value) for value in answer["results"]]
        return results, _raised(answer["error"])

    def _inputs(self, item: Any) -> tuple[Any, ...]:
        mapped = self._step.mapped
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
            "step_id": self._step.id,
            "attempt": self._attempt,
            "connected": [output.name for output in self._step.outputs if output.edges],
            "allowed": sorted(self._scope.allowed),
            "params": {name: _revealed(value) for name, value in given.items()},
        }

    async def _send(self, message: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            await self._process.stdin.send(frame(message))

    async def _receive(self) -> bytes:
        if self._answers is None:
            raise EndOfStream
        length = int.from_bytes(await self._answers.receive_exactly(LENGTH_BYTES), "big")
        return await self._answers.receive_exactly(length)

    async def _obituary(self) -> str:
        code = None if self._process is None else await self._process.wait()
        return f"the worker process ended unexpectedly, with exit code {code}"

    async def _kill(self) -> None:
        with CancelScope(shield=True):
            if self._process is not None:
                if self._process.returncode is None:
                    self._process.kill()
                await self._process.wait()
                await self._process.aclose()


def _raised(error: dict[str, str] | None) -> Exception | None:
    if error is None:
        return None
    raised = ProcessError(f"{error['type']}: {error['message']}")
    raised.add_note(error["traceback"])
    return raised


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr | SecretBytes) else value
