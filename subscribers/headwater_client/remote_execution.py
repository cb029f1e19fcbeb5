"""An execution on a server, with the surface of a local one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from headwater import ExecutionError, Result
from headwater.toolkit import Observable
from headwater_client.remote_lifecycle import RemoteLifecycle

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from headwater import Stream, StreamSubscriber
    from headwater.toolkit import EventFunction
    from headwater_client.starting import Begin

__all__ = ["RemoteExecution"]

Item = TypeVar("Item", default=Any)


class RemoteExecution(Observable, Generic[Item]):
    """A pipeline that runs on a server; made by `Client.start` and used as an asynchronous context manager.

    It has the surface of a local `Execution`: outputs and events can be read while they are made, through cuts of the
    connection. An execution that has not ended when the block is left is cancelled, unless it was started elsewhere
    (`Client.execution`). When it has failed, leaving the block raises the error, unless the program was given it.

    Args:
        begin: Starts or finds the execution.
        item: Type of the items of the output, or a `StreamType`; of several outputs, a mapping of them by name.
        subscribers: Receivers of its events.

    Example:
        >>> async def main(client: Client) -> None:  # doctest: +SKIP
        ...     async with client.start("word-report", "to be or not to be") as execution:
        ...         async for line in execution.output:
        ...             print(line)
    """

    def __init__(
        self, begin: Begin, *, item: Any = Any, subscribers: Sequence[StreamSubscriber | EventFunction] = ()
    ) -> None:
        self._life = RemoteLifecycle(begin)
        self._item = item
        self._subscribers = subscribers
        self._result: Result | None = None

    def __getattr__(self, name: str) -> Any:
        # What `Observable` has is known when the server has answered.
        if name == "_context":
            return self._life.context
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    @property
    def execution_id(self) -> str:
        """Id of the execution, which the server gives it."""
        return self._life.context.execution_id

    @property
    def status(self) -> str:
        """`running`, `completed`, `failed` or `cancelled`, as it is known here."""
        return self._life.status

    @property
    def outputs(self) -> Mapping[str, Stream[Any, Any, Any]]:
        """The streams of the pipeline's outputs, by the id of the step that writes them.

        Raises:
            RuntimeError: The execution was not started.
        """
        return {name: output.stream for name, output in self._life.outputs.by_name.items()}

    @property
    def output(self) -> Stream[Item, Any, Any]:
        """The stream of the pipeline's only output; a unary output is a stream of one item.

        Raises:
            LookupError: The pipeline has several outputs; see `outputs`.
            RuntimeError: The execution was not started.
        """
        outputs = self.outputs
        if len(outputs) != 1:
            raise LookupError(f"the pipeline has {len(outputs)} outputs ({', '.join(outputs)}); use execution.outputs")
        return next(iter(outputs.values()))

    async def result(self, *, check: bool = True) -> Result:
        """Wait for the end and return the outcome; outputs that the program does not read are collected.

        Args:
            check: Whether to raise when the execution failed or was cancelled.

        Returns:
            The result, as a local execution has it.

        Raises:
            ExecutionError: The execution did not complete; its `result` holds what came before.
            ServerError: The connection was lost for too long, or the server does not know the execution any more.
            RuntimeError: The execution was not started.
        """
        life = self._life
        if self._result is None:
            await life.outputs.collect()
            form = await life.wait_ended()
            await life.wait_copied()
            life.outputs.raise_fault()
            self._result = self._made_result(form)
        if check and (error := life.give_error()) is not None:
            if isinstance(error, ExecutionError):
                error.result = self._result
            raise error
        return self._result

    def cancel(self, reason: str = "cancel() was called") -> None:
        """Stop the execution; what was emitted stays readable. Cancelling twice, or after the end, does no harm.

        This may be called in any thread, and in a signal handler.

        Args:
            reason: What the `pipeline_cancelled` event gives as the reason.
        """
        self._life.cancel(reason)

    async def __aenter__(self) -> Self:
        await self._life.start(self._item, self._subscribers)
        super().__init__(self._life.context, self._life.awaiting_events)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancel what still runs, and wait until it has ended; raise the failure that the program missed."""
        if (missed := await self._life.stop(exc_type, exc, traceback)) is not None:
            raise missed

    def _made_result(self, form: Mapping[str, Any]) -> Result:
        header, footer = self._life.outputs.frames
        return Result(
            status=form["state"],
            output=self._life.outputs.value,
            execution_id=self.execution_id,
            duration_s=form["duration_s"],
            header=header,
            footer=footer,
            error=self._life.error,
            events=self.log,
            lost_subscribers=tuple(self._context.lost),
        )
