"""What the endpoints of a server share: its pipelines, executions and streams, and the gate before them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio

from headwater import MissingExtraError, Runner
from headwater_server.access.rates import Quota
from headwater_server.access.rights_watch import Watch
from headwater_server.executions.executions import Executions
from headwater_server.refusals import Refusal
from headwater_server.streaming.broadcast import Broadcast

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from headwater_server.access.gate import Gate
    from headwater_server.catalog.pipeline_catalog import Catalog
    from headwater_server.executions.held import HeldExecution
    from headwater_server.settings import Limits, Options
    from headwater_subscribers import PrometheusSubscriber

__all__ = ["Service", "links_of"]


class Service:
    """The inside of a server."""

    def __init__(self, catalog: Catalog, gate: Gate, options: Options, runner: Runner | None = None) -> None:
        self.catalog: Catalog = catalog
        self.gate: Gate = gate
        self.options: Options = options
        limits = options.limits
        self.streams: Quota = Quota("streams", per_caller=limits.streams_per_caller, total=limits.streams)
        self.watch: Watch = Watch()
        self._metrics = None if runner is not None else _counting()
        self._runner: Runner = runner or Runner([] if self._metrics is None else [self._metrics])
        self._executions: Executions | None = None
        self._broadcast: Broadcast | None = None

    @property
    def limits(self) -> Limits:
        """The limits of the server."""
        return self.options.limits

    @property
    def executions(self) -> Executions:
        """The executions, while the server runs."""
        self.check_running()
        assert self._executions is not None  # noqa: S101 - for type checkers
        return self._executions

    @property
    def broadcast(self) -> Broadcast:
        """What sends events to clients, while the server runs."""
        self.check_running()
        assert self._broadcast is not None  # noqa: S101 - for type checkers
        return self._broadcast

    def check_running(self) -> None:
        """Refuse a request when nothing runs the server."""
        if self._executions is None:
            message = "the server was not started: run its lifespan, such as FastAPI(lifespan=server.lifespan)"
            raise Refusal(503, "not-started", message)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run executions in the block; those that still run at its end are cancelled."""
        async with AsyncExitStack() as stack:
            runner = await stack.enter_async_context(self._runner)
            group = await stack.enter_async_context(anyio.create_task_group())
            self._broadcast = await stack.enter_async_context(Broadcast(send_s=self.limits.send_s))
            group.start_soon(self.watch.run)
            self._executions = executions = Executions(runner, self.limits, self.options.files, group)
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await executions.drain(0)
                self._executions = self._broadcast = None
                group.cancel_scope.cancel()

    def pipeline_metrics(self) -> str:
        """Return the metrics of pipelines and steps as text for Prometheus, if its client library is installed."""
        return "" if self._metrics is None else self._metrics.exposition()

    async def stop(self) -> None:
        """Refuse new work, let what runs go on for the time that the options give it, and end all streams."""
        await self.executions.drain(self.options.drain_s)
        self.broadcast.stop()


def _counting() -> PrometheusSubscriber | None:
    try:
        from headwater_subscribers import PrometheusSubscriber
    except MissingExtraError:
        return None
    return PrometheusSubscriber()


def links_of(connection: HTTPConnection, held: HeldExecution) -> dict[str, str]:
    """Return the addresses of an execution, below where the server is mounted."""
    root = connection.scope.get("root_path", "").rstrip("/")
    own = f"{root}/executions/{held.id}"
    more = {"input": f"{own}/input"} if held.input is not None else {}
    return {
        "self": own,
        "events": f"{own}/events",
        "output": f"{own}/output",
        "result": f"{own}/result",
        "cancel": f"{own}/cancel",
        "pipeline": f"{root}/pipelines/{quote(held.pipeline, safe='')}",
        **more,
    }
