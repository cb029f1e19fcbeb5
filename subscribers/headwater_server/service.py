"""What the endpoints of a server share: its pipelines, executions, limits, and who may call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from headwater import Runner
from headwater_server.access.principal import LOCAL, Principal
from headwater_server.executions.executions import Executions
from headwater_server.problems import Refusal

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from headwater_server.catalog.catalog import Catalog
    from headwater_server.executions.held import HeldExecution
    from headwater_server.settings import Limits, Options

__all__ = ["Service"]

Admit = Callable[[Mapping[str, Any]], Awaitable[Principal]]


async def _everybody(_scope: Mapping[str, Any]) -> Principal:
    return LOCAL


class Service:
    """The inside of a server."""

    def __init__(
        self, catalog: Catalog, options: Options, runner: Runner | None = None, admit: Admit | None = None
    ) -> None:
        self.catalog: Catalog = catalog
        self.options: Options = options
        self.admit: Admit = admit or _everybody
        self._given_runner = runner
        self._executions: Executions | None = None

    @property
    def limits(self) -> Limits:
        """The limits of the server."""
        return self.options.limits

    @property
    def executions(self) -> Executions:
        """The executions, while the server runs."""
        if self._executions is None:
            message = "the server was not started: run its lifespan, such as FastAPI(lifespan=server.lifespan)"
            raise Refusal(503, "not-started", message)
        return self._executions

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run executions in the block; those that still run at its end are cancelled."""
        runner = self._given_runner or Runner()
        async with runner, anyio.create_task_group() as group:
            self._executions = Executions(runner, self.limits, group)
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self._executions.drain(0)
                self._executions = None
                group.cancel_scope.cancel()

    async def stop(self) -> None:
        """Refuse new work, and let what runs go on for the time that the options give it."""
        await self.executions.drain(self.options.drain_s)


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
        "pipeline": f"{root}/pipelines/{held.pipeline}",
        **more,
    }
