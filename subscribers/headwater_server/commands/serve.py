"""The command `serve`: pipelines over HTTP, with a monitor in the browser."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]


def serve(  # noqa: PLR0913 - each is an option
    pipelines: Annotated[
        list[Path], typer.Argument(metavar="FOLDER_OR_DOCUMENT...", help="The documents, or folders of documents.")
    ],
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="API keys of callers, made by headwater keys new.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve other machines without keys: any caller can do everything.")
    ] = False,
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
      headwater serve configs/ --host 0.0.0.0 --keys keys.json
      curl -N http://127.0.0.1:8000/executions/ID/events
    """
    from headwater.toolkit import load_steps
    from headwater_server.access.api_keys import ApiKeys
    from headwater_server.access.origins import check_bind
    from headwater_server.app import create_app
    from headwater_server.commands.serving import Serving

    auth = None if keys is None else ApiKeys.load(keys)
    check_bind(host, auth, insecure=insecure)
    for module in steps or ():
        load_steps(module)
    server = create_app(
        pipelines,
        auth=auth,
        insecure=insecure,
        files=files or (),
        allow=allow or (),
        origins=origins or (),
        drain_s=drain,
    )
    Serving(server, host=host, port=port).run()
