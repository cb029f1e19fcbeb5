"""A server in a process of its own, from its start to its graceful stop."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from errno import EADDRINUSE
from importlib.util import find_spec
from logging import LogRecord, getLogger
from pathlib import Path
from socket import AI_PASSIVE, SOCK_STREAM, create_server, getaddrinfo, socket
from typing import TYPE_CHECKING, Any

import anyio
import typer
import uvicorn

from headwater import HeadwaterError
from headwater.toolkit import load_steps, one_line, plural
from headwater_server.access.origins import check_bind
from headwater_server.asgi_app import Server, create_app
from headwater_server.commands.serve_options import limits_of
from headwater_server.routes.guarded import single_error

if TYPE_CHECKING:
    from headwater_server.commands.serve_options import AccessOptions, Choices

__all__ = ["Serving"]

_WATCH_AGAIN_S = 1
_LAST_ANSWERS_S = 5  # for connections to end, once nothing runs any more


class Serving:
    """One run of the command `serve`."""

    def __init__(self, choices: Choices, access: AccessOptions) -> None:
        self._choices = choices
        auth = access.auth()
        check_bind(choices.host, auth, insecure=access.insecure)
        for path in choices.pipelines:
            if not path.exists():
                raise typer.BadParameter(f"there is no file or folder {str(path)!r}")
        for folder in choices.files:
            if not folder.is_dir():
                raise typer.BadParameter(f"--files {folder} is not a folder")
        for module in choices.steps:
            load_steps(module)
        self._modules = {str(Path(name).resolve()): name for name in choices.steps if name.endswith(".py")}
        self._server = create_app(
            choices.pipelines,
            auth=auth,
            insecure=access.insecure,
            origins=access.origins,
            limits=limits_of(choices.limits),
            files=choices.files,
            allow=choices.allow,
            allow_documents=choices.allow_documents,
            drain_s=choices.drain_s,
        )

    def run(self) -> None:
        """Serve until a signal comes."""
        anyio.run(self._run, backend_options={"use_uvloop": find_spec("uvloop") is not None})

    async def _run(self) -> None:
        choices = self._choices
        config = uvicorn.Config(
            self._server,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=choices.ws_compression,
            ws_max_size=self._server.service.limits.message_bytes,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        getLogger("uvicorn.error").addFilter(_is_fault)
        listener = _Uvicorn(config, self._say_ready)
        with ExitStack() as stack:
            sockets = _listening(stack, choices.host, choices.port)
            await self._serve(listener, sockets)

    async def _serve(self, listener: _Uvicorn, sockets: list[socket]) -> None:
        choices = self._choices
        async with self._server.lifespan(), anyio.create_task_group() as group:
            group.start_soon(_stop_at_signal, self._server, listener)
            if choices.reload:
                group.start_soon(self._reload)
            await listener.serve(sockets)
            group.cancel_scope.cancel()

    def _say_ready(self, addresses: list[str]) -> None:
        entries = list(self._server.service.catalog)
        broken = [entry for entry in entries if entry.problems]
        for address in addresses:
            _say(f"serving {plural(len(entries), 'pipeline')} on {address}")
        for entry in broken:
            _say(f"{entry.name} is broken: {one_line(str(entry.problems[0]), 300)}")

    async def _reload(self) -> None:
        """Load documents and step modules again when they change; what runs keeps what it was started with."""
        from watchfiles import awatch

        said, is_again = "", False
        while True:
            try:
                if is_again and all(path.exists() for path in self._choices.pipelines):
                    await self._load_again(set(self._modules))  # what changed while nothing was watched
                is_again = True
                async for changes in awatch(*self._choices.pipelines, *self._modules):
                    said = ""
                    await self._load_again({path for _, path in changes})
                    if not all(path.exists() for path in self._choices.pipelines):
                        break  # a folder that comes back is another one, and has to be watched anew
            except Exception as error:  # noqa: BLE001 - such as a name that is not UTF-8; the server goes on
                if said != (said := one_line(str(single_error(error)), 300)):
                    _say(f"changes cannot be watched, which is tried again: {said}")
            await anyio.sleep(_WATCH_AGAIN_S)

    async def _load_again(self, changed: set[str]) -> None:
        modules = self._modules
        for path in changed & modules.keys():
            try:
                load_steps(modules[path], again=True)
            except HeadwaterError as error:
                _say(f"{modules[path]} stays as it was: {one_line(str(error), 300)}")
        await anyio.to_thread.run_sync(self._server.service.catalog.reload)
        entries = list(self._server.service.catalog)
        broken = [entry.name for entry in entries if entry.problems]
        _say(f"reloaded {plural(len(entries), 'pipeline')}{': broken: ' if broken else ''}{', '.join(broken)}")


async def _stop_at_signal(server: Server, listener: _Uvicorn) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if number == signal.SIGINT:
                _say("stopping; press Ctrl-C again to stop at once")
            break
        async with anyio.create_task_group() as group:
            group.start_soon(_drain, server, listener, group.cancel_scope)
            async for _ in signals:
                listener.should_exit = listener.force_exit = True
                group.cancel_scope.cancel()


async def _drain(server: Server, listener: _Uvicorn, scope: anyio.CancelScope) -> None:
    await server.stop()
    listener.should_exit = True
    scope.cancel()


def _is_fault(record: LogRecord) -> bool:
    """Return whether a record of uvicorn is worth a line; a WebSocket that was refused with an answer is not."""
    return "without completing handshake" not in record.getMessage()


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its own signal handlers, which says where it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Any) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the command."""
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        names = [listening.getsockname()[:2] for one in self.servers for listening in one.sockets]
        self._on_ready([f"http://{f'[{host}]' if ':' in host else host}:{port}" for host, port in names])


def _listening(stack: ExitStack, host: str, port: int) -> list[socket]:
    """Return sockets that listen on all addresses of a name, on one port."""
    sockets: list[socket] = []
    try:
        found = getaddrinfo(host or None, port, type=SOCK_STREAM, flags=AI_PASSIVE)
        for family, address in dict.fromkeys((family, address[0]) for family, _, _, _, address in found):
            chosen = sockets[0].getsockname()[1] if sockets else port
            sockets.append(stack.enter_context(create_server((str(address), chosen), family=family)))
    except OSError as error:
        hint = "choose another --port" if error.errno == EADDRINUSE else "correct --host or --port"
        raise HeadwaterError(f"the server cannot listen on {host}:{port}: {error.strerror}; {hint}") from None
    return sockets


def _say(message: str) -> None:
    typer.echo(f"headwater: {message}", err=True)
