"""The kind `control.remote`: a pipeline on another server as a step."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import anyio
from pydantic import BaseModel, Field, PrivateAttr, SecretStr, model_validator

from headwater import (
    Batch,
    Emits,
    Flavor,
    Footer,
    Header,
    MissingExtraError,
    Step,
    StepContext,
    Stream,
    StreamType,
    Task,
)
from headwater.toolkit import Decisive, HostPattern

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from headwater_client.remote_execution import RemoteExecution
    from headwater_client.server_client import Client

__all__ = ["Remote", "RemotePort"]

PERMISSION: Final = "private-network"
"""The permission for servers at addresses that are not public."""

Item = Literal["any", "string", "integer", "number", "boolean", "object", "array"]
_TYPES: Final[Mapping[str, Any]] = {
    "any": Any,
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, Any],
    "array": list[Any],
}
_ANY: Final = StreamType(Any, Any, Any)
_REMOTE: Final = Task("remote", unary_input=Any, stream_input=_ANY, unary_output=Any, stream_output=_ANY)


class RemotePort(BaseModel, extra="forbid", frozen=True):
    """What goes into the pipeline on the server, or comes out of it."""

    streaming: Annotated[bool, Field(description="Whether it is a stream of items, or one value.")] = True
    item: Annotated[Item, Field(description="JSON type of the value or of each item.")] = "any"
    header: Annotated[bool, Field(description="Whether the stream has a header.")] = False
    footer: Annotated[bool, Field(description="Whether the stream has a footer.")] = False

    @property
    def type(self) -> StreamType:
        """The type as the engine has it."""
        frame = {True: Any, False: None}
        return StreamType(_TYPES[self.item], frame[self.header], frame[self.footer])


class Remote(Step, kind="control.remote"):
    """Run a pipeline on another Headwater server as one step.

    A stream goes there and back item by item, with its header and footer, and with backpressure both ways. When this
    execution is cancelled or fails, so does the one on the server; when that one fails, its error is the cause of the
    error of this step. A connection that breaks is made again, and no item is lost.

    Only hosts in `hosts` are connected to, and only at public addresses: the addresses of a name are checked before one
    is connected to. Addresses of private networks need the operator's permission `private-network`.

    The document declares what the pipeline there reads and writes, since nothing is asked before it runs. What does not
    fit is an error when it arrives.

    Args:
        url: The server, such as `https://example.org:8000`.
        pipeline: The name of the pipeline there.
        parameters: Values of the parameters that the pipeline declares.
        key: The key for the server, as `${secret.NAME}`.
        reads: What goes into the pipeline; by default a stream of anything.
        writes: What comes out of it; by default a stream of anything.
        output: The name of the output to read, if the pipeline has several.
        give_up_s: For how long it tries to reach the server while nothing succeeds, in seconds.

    Raises:
        ServerError: The server refuses the execution, or cannot be reached.

    Example:
        >>> remote = Remote(url="https://words.example.org", hosts=["words.example.org"], pipeline="word-report")
        >>> remote.writes.item
        'any'
    """

    hosts: Annotated[
        list[HostPattern],
        Decisive(),
        Field(
            min_length=1,
            max_length=1_000,
            description="Hosts that may be connected to: `api.example.com`, `*.example.com` for those below it, `*` "
            "for all. Without a port (`api.example.com:8000`, `:*` for any), default ports are allowed.",
        ),
    ]
    url: Annotated[str, Field(max_length=2_000)]
    pipeline: Annotated[str, Field(min_length=1, max_length=200)]
    parameters: Mapping[str, Any] = {}
    key: SecretStr | None = None
    reads: RemotePort = RemotePort()
    writes: RemotePort = RemotePort()
    output: str | None = None
    give_up_s: Annotated[float, Field(gt=0, le=86_400)] = 60

    _clients: dict[bool, Client] = PrivateAttr(default_factory=dict[bool, Any])
    _group: Any = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _can_connect(self) -> Self:
        try:
            from headwater_client.guarded_transport import check_host
        except ImportError as error:
            raise MissingExtraError("a pipeline on a server", "client") from error
        check_host(self.url, self.hosts)
        return self

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Open the connections, and close them at the end."""
        from headwater_client.attempts import Backoff
        from headwater_client.guarded_transport import GuardedTransport
        from headwater_client.server_client import Client

        key = None if self.key is None else self.key.get_secret_value()
        backoff = Backoff(give_up_s=self.give_up_s)
        public, private = (
            Client(self.url, key, backoff=backoff, transport=GuardedTransport(private=one)) for one in (False, True)
        )
        async with public, private, anyio.create_task_group() as self._group:
            self._clients = {False: public, True: private}
            yield

    def shaped_methods(self, declared: Sequence[Any]) -> Sequence[Any]:
        """Return the one method that the params ask for, with their types."""
        flavor = Flavor((self.reads.streaming, self.writes.streaming))
        method = next(one for one in declared if one.flavor is flavor)
        inputs = [replace(port, type=self.reads.type) for port in method.inputs]
        outputs = [replace(port, type=self.writes.type) for port in method.outputs]
        return [replace(method, inputs=tuple(inputs), outputs=tuple(outputs))]

    @_REMOTE.method(Flavor.UNARY_UNARY)
    async def value_of_value(self, value: Any, ctx: StepContext) -> Any:
        """Run the pipeline for a value, and return its value."""
        return await self._value(value, ctx)

    @_REMOTE.method(Flavor.STREAM_UNARY)
    async def value_of_stream(self, values: Stream[Any, Any, Any], ctx: StepContext) -> Any:
        """Run the pipeline for a stream, and return its value."""
        return await self._value(values, ctx)

    @_REMOTE.method(Flavor.UNARY_STREAM)
    async def stream_of_value(self, value: Any, ctx: StepContext) -> Emits[Any, Header[Any], Footer[Any]]:
        """Run the pipeline for a value, and yield its items."""
        async with aclosing(self._frames(value, ctx)) as frames:
            async for frame in frames:
                yield frame

    @_REMOTE.method(Flavor.STREAM_STREAM)
    async def stream_of_stream(
        self, values: Stream[Any, Any, Any], ctx: StepContext
    ) -> Emits[Any, Header[Any], Footer[Any]]:
        """Run the pipeline for a stream, and yield its items."""
        async with aclosing(self._frames(values, ctx)) as frames:
            async for frame in frames:
                yield frame

    async def _value(self, data: Any, ctx: StepContext) -> Any:
        session = _Session(self._execution(data, ctx))
        try:
            items = await self._stream(await session.begin(self._group)).collect()
        finally:
            await session.end()
        if len(items) != 1:
            raise ValueError(f"the pipeline {self.pipeline!r} wrote {len(items)} items, but one value is expected")
        return items[0]

    async def _frames(self, data: Any, ctx: StepContext) -> AsyncGenerator[Any]:
        session = _Session(self._execution(data, ctx))
        try:
            stream = self._stream(await session.begin(self._group))
            if (header := await stream.header()) is not None:
                yield Header(header)
            async for items in stream.batches():
                yield Batch(items)
            if (footer := await stream.footer()) is not None:
                yield Footer(footer)
        finally:
            await session.end()

    def _execution(self, data: Any, ctx: StepContext) -> RemoteExecution[Any]:
        client = self._clients[PERMISSION in ctx.allowed]
        return client.start(self.pipeline, data, self.parameters, item=self.writes.type)

    def _stream(self, execution: RemoteExecution[Any]) -> Stream[Any, Any, Any]:
        outputs = execution.outputs
        if self.output is None:
            return execution.output
        if self.output not in outputs:
            raise ValueError(f"the pipeline has no output {self.output!r}; it has {', '.join(outputs)}")
        return outputs[self.output]


class _Session:
    """A remote execution in a task of its own, as a step must not hold a task group open while it yields."""

    def __init__(self, execution: RemoteExecution[Any]) -> None:
        self._execution = execution
        self._begun = anyio.Event()
        self._left = anyio.Event()
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope()
        self._is_running = False
        self._failure: Exception | None = None

    async def begin(self, group: TaskGroup) -> RemoteExecution[Any]:
        """Start it, and return it when the server has answered."""
        self._is_running = True
        group.start_soon(self._run)
        await self._begun.wait()
        if self._failure is not None:
            raise self._failure
        return self._execution

    async def end(self) -> None:
        """Cancel it, unless it has ended, and wait until nothing of it is left."""
        if self._is_running:
            self._left.set()
            if not self._begun.is_set():
                self._scope.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                async with self._execution:
                    self._begun.set()
                    await self._left.wait()
        except Exception as error:  # noqa: BLE001 - the step gets it, by the output or at the start
            self._failure = error
        finally:
            self._begun.set()
            self._ended.set()
