"""The command `serve`: pipelines over HTTP, with a monitor in the browser."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    pipelines: Annotated[
        list[Path], typer.Argument(metavar="FOLDER_OR_DOCUMENT...", help="The documents, or folders of documents.")
    ],
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    files: Annotated[
        list[Path] | None, typer.Option("--files", metavar="DIR", help="A folder whose files steps may use.")
    ] = None,
    steps: Annotated[
        list[str] | None, typer.Option("--steps", metavar="FILE|MODULE", help="A module with more kinds of steps.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="PERMISSION", help="A permission, such as process.")
    ] = None,
    origins: Annotated[
        list[str] | None, typer.Option("--origin", metavar="URL", help="An origin whose pages may use the server.")
    ] = None,
    drain: Annotated[float, typer.Option("--drain", min=0.0, help="Seconds for what runs at the end.")] = 30.0,
) -> None:
    """Serve pipelines over HTTP, SSE and WebSocket, with a monitor in the browser.

    \b
    Examples:
      headwater serve configs/
      headwater serve configs/ --port 8080 --files data/ --steps my_steps.py
      curl -N http://127.0.0.1:8000/executions/ID/events
    """
    from headwater_server.commands.serving import Serving

    Serving(
        pipelines,
        host=host,
        port=port,
        files=files or [],
        steps=steps or [],
        allow=allow or [],
        origins=origins or [],
        drain_s=drain,
    ).run()
