"""The client of a server: its pipelines and executions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import quote

import anyio
from typing_extensions import TypeVar

from headwater import MissingExtraError
from headwater_client.attempts import Backoff

try:
    from headwater_client.connection import Connection
except ImportError as _error:
    raise MissingExtraError("the client of a server", "client") from _error
from headwater_client.remote_execution import RemoteExecution
from headwater_client.starting import Found, Started

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import httpx2

    from headwater import Result, StreamSubscriber, StreamType
    from headwater.toolkit import EventFunction

__all__ = ["Client", "run_sync"]

Item = TypeVar("Item", default=Any)


class Client:
    """Runs pipelines on a server: an asynchronous context manager, on asyncio and trio.

    What happens to the connection does not reach the program: the client connects again, and goes on where it was, so
    that no event and no item is missing or comes twice. What it cannot make good is an error.

    Args:
        url: The server, such as `http://127.0.0.1:8000`; with a path when it is mounted in another app.
        key: The API key or token of the caller.
        backoff: How long it waits between attempts to connect, and when it gives up.
        transport: What sends the requests, for tests and proxies.

    Example:
        >>> async def main() -> None:  # doctest: +SKIP
        ...     async with Client("http://127.0.0.1:8000") as client:
        ...         result = await client.run("word-report", parameters={"path": "README.md"})
        ...         print(result.output)
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        backoff: Backoff | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = Connection(url, key, backoff or Backoff(), transport)

    async def __aenter__(self) -> Self:
        await self._connection.http.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        with anyio.CancelScope(shield=True):
            await self._connection.http.__aexit__(exc_type, exc, traceback)

    @overload
    def start(
        self,
        pipeline: str,
        data: Any = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        item: type[Item],
        subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    ) -> RemoteExecution[Item]: ...

    @overload
    def start(
        self,
        pipeline: str,
        data: Any = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        item: StreamType | Mapping[str, Any] | Any = Any,
        subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    ) -> RemoteExecution: ...

    def start(
        self,
        pipeline: str,
        data: Any = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        item: Any = Any,
        subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    ) -> RemoteExecution[Any]:
        """Return an execution, which runs on the server inside its `async with` block.

        Args:
            pipeline: The name of the pipeline.
            data: One value, or any iterable or async iterable of items, for the pipeline's free input; iterators,
                streams and long lists are sent while they are read, with backpressure.
            parameters: Values for the parameters of the document.
            item: Type of the items of the output, or a `StreamType`; of several outputs, a mapping of them by name.
                Without it, items are what JSON has.
            subscribers: Receivers of the events of the execution.

        Returns:
            The execution. Entering it raises what the server refuses: `ConfigError` with all problems when the
            pipeline, its parameters or its input are wrong, and `RequestRefusedError` for the rest.
        """
        begin = Started(self._connection, quote(pipeline, safe=""), data, parameters or {})
        return RemoteExecution(begin, item=item, subscribers=subscribers)

    async def run(
        self,
        pipeline: str,
        data: Any = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        item: Any = Any,
        subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    ) -> Result:
        """Run a pipeline to its end.

        Args:
            pipeline: As for `start`, as are all others.
            data: As for `start`.
            parameters: As for `start`.
            item: As for `start`.
            subscribers: As for `start`.

        Returns:
            The outcome.

        Raises:
            ConfigError: The pipeline, its parameters or its input are wrong.
            ExecutionError: The execution did not complete.
            ServerError: The server refuses it, or cannot be reached.
        """
        async with self.start(pipeline, data, parameters, item=item, subscribers=subscribers) as execution:
            return await execution.result()

    def execution(
        self, execution_id: str, *, item: Any = Any, subscribers: Sequence[StreamSubscriber | EventFunction] = ()
    ) -> RemoteExecution[Any]:
        """Return an execution that exists; leaving its block does not cancel it.

        Args:
            execution_id: Its id.
            item: As for `start`.
            subscribers: As for `start`.

        Returns:
            The execution. Entering it raises `UnknownExecutionError` when the server does not know it.
        """
        begin = Found(self._connection, quote(execution_id, safe=""))
        return RemoteExecution(begin, item=item, subscribers=subscribers)

    async def pipelines(self) -> list[dict[str, Any]]:
        """Return the pipelines of the server.

        Returns:
            For each its `name`, `description`, `state` (`ready` or `broken`) and `problems`.

        Raises:
            ServerError: The server refuses it, or cannot be reached.
        """
        found: list[dict[str, Any]] = (await self._connection.request("GET", "/pipelines"))["pipelines"]
        return found

    async def pipeline(self, name: str) -> dict[str, Any]:
        """Return one pipeline.

        Args:
            name: Its name.

        Returns:
            Also its `document`, and the JSON Schemas of its `parameters`, `inputs` and `outputs`.

        Raises:
            ServerError: The server does not have it, or cannot be reached.
        """
        found: dict[str, Any] = await self._connection.request("GET", f"/pipelines/{quote(name, safe='')}")
        return found

    async def executions(
        self, *, pipeline: str | None = None, state: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the caller's executions, the newest first, as the server describes them.

        Args:
            pipeline: Only those of this pipeline.
            state: Only those in this state: `running`, `completed`, `failed` or `cancelled`.

        Raises:
            ServerError: The server refuses it, or cannot be reached.
        """
        given = {"pipeline": pipeline, "state": state}
        query = {name: value for name, value in given.items() if value is not None}
        before: dict[str, str] = {}
        while True:
            page = await self._connection.request("GET", "/executions", params={**query, **before})
            for form in page["executions"]:
                yield form
            if page["next"] is None or not page["executions"]:
                return
            before = {"before": page["executions"][-1]["id"]}


def run_sync(
    url: str,
    pipeline: str,
    data: Any = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    item: Any = Any,
    subscribers: Sequence[StreamSubscriber | EventFunction] = (),
    backend: str = "asyncio",
) -> Result:
    """Run a pipeline on a server to its end from code that is not asynchronous, such as a script.

    Args:
        url: The server.
        pipeline: The name of the pipeline.
        data: As for `Client.start`.
        parameters: As for `Client.start`.
        key: The API key or token of the caller.
        item: As for `Client.start`.
        subscribers: As for `Client.start`.
        backend: `asyncio` or `trio`.

    Returns:
        The outcome.

    Raises:
        ConfigError: The pipeline, its parameters or its input are wrong.
        ExecutionError: The execution did not complete.
        ServerError: The server refuses it, or cannot be reached.
        RuntimeError: It was called inside a running event loop; use `Client` there.

    Example:
        >>> run_sync("http://127.0.0.1:8000", "word-report", "to be or not to be").output  # doctest: +SKIP
        ['2 to', '2 be', '1 or', '1 not']
    """

    async def main() -> Result:
        async with Client(url, key) as client:
            return await client.run(pipeline, data, parameters, item=item, subscribers=subscribers)

    return anyio.run(main, backend=backend)
