"""The command `headwater watch`: shows an execution on a server while it runs."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import anyio
import typer

from headwater import HeadwaterError
from headwater_client.remote_target import key_from, split_url
from headwater_client.server_client import Client
from headwater_subscribers import ConsoleSubscriber

__all__ = ["watch"]

_FAILED, _INTERRUPTED = 1, 130


def watch(
    url: Annotated[str, typer.Argument(metavar="URL", help="The execution, such as http://HOST/executions/ID.")],
    *,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            help="The file with the key for the server; without it, the variable HEADWATER_KEY.",
        ),
    ] = None,
) -> None:
    """Show an execution on a server while it runs, as `headwater run` shows one; Ctrl-C leaves it alone.

    \b
    Example:
      headwater watch http://127.0.0.1:8000/executions/3f0c2a

    \b
    Exit codes:
      0    the execution has completed
      1    it failed or was cancelled, or the server cannot be reached
      2    the URL or the command line is wrong
      130  stopped by Ctrl-C; the execution goes on
    """
    server, execution_id = split_url(url, "executions")
    status = anyio.run(_watch, server, execution_id, key_from(key_file))
    if status is None:
        typer.echo(f"headwater: the execution goes on; watch it again with: headwater watch {url}", err=True)
        raise typer.Exit(_INTERRUPTED)
    if status != "completed":
        raise typer.Exit(_FAILED)


async def _watch(server: str, execution_id: str, key: str | None) -> str | None:
    """Show the execution to its end, and return how it ended; None after Ctrl-C."""
    status: str | None = None
    failure: HeadwaterError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_at_interrupt, group.cancel_scope)
        try:
            status = await _show(server, execution_id, key)
        except HeadwaterError as error:  # as it is, rather than in a group
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return status


async def _cancel_at_interrupt(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()


async def _show(server: str, execution_id: str, key: str | None) -> str:
    async with (
        Client(server, key) as client,
        client.execution(execution_id, subscribers=[ConsoleSubscriber()]) as execution,
    ):
        async for _ in execution.events(types={"pipeline_complete", "pipeline_error", "pipeline_cancelled"}):
            pass
    return execution.status
