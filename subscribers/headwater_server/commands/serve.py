"""The command `serve`: pipelines over HTTP, with a monitor in the browser."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater_server.commands.serve_options import AccessOptions, Choices
from headwater_server.server_extra import needing_the_extra

__all__ = ["serve"]

Several = list[str] | None


def serve(  # noqa: PLR0913 - each is an option of the command
    pipelines: Annotated[
        list[Path], typer.Argument(metavar="FOLDER_OR_DOCUMENT...", help="The documents, or folders of documents.")
    ],
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    files: Annotated[
        list[Path] | None, typer.Option("--files", metavar="DIR", help="A folder whose files steps may use.")
    ] = None,
    steps: Annotated[Several, typer.Option("--steps", metavar="FILE|MODULE", help="More kinds of steps.")] = None,
    allow: Annotated[
        Several, typer.Option("--allow", metavar="PERMISSION", help="A permission, such as process.")
    ] = None,
    allow_documents: Annotated[
        bool, typer.Option("--allow-documents", help="Let callers upload documents, which have no permissions.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="The API keys of callers; see headwater keys.")
    ] = None,
    jwks: Annotated[
        str | None, typer.Option("--jwks", metavar="FILE|URL", help="Keys of an issuer of JSON Web Tokens.")
    ] = None,
    issuer: Annotated[str, typer.Option("--issuer", metavar="ISS", help="The issuer of the tokens.")] = "",
    audience: Annotated[str, typer.Option("--audience", metavar="AUD", help="The audience of the tokens.")] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines in without keys: they can do everything.")
    ] = False,
    origins: Annotated[
        Several, typer.Option("--origin", metavar="URL", help="An origin whose pages may use the server.")
    ] = None,
    limits: Annotated[
        Several, typer.Option("--limit", metavar="NAME=NUMBER", help="A limit, such as executions=50.")
    ] = None,
    drain: Annotated[float, typer.Option("--drain", min=0.0, help="Seconds for what runs at the end.")] = 30.0,
    reload: Annotated[bool, typer.Option("--reload", help="Reload documents and steps that change.")] = False,
    ws_compression: Annotated[bool, typer.Option("--ws-compression", help="Compress WebSocket messages.")] = False,
) -> None:
    """Serve pipelines over HTTP, SSE and WebSocket, with a monitor in the browser.

    \b
    Examples:
      headwater serve configs/
      headwater serve configs/ --port 8080 --files data/ --steps my_steps.py --reload
      headwater keys new --name ci && headwater serve configs/ --host 0.0.0.0 --keys keys.json

    \b
    The monitor is at http://127.0.0.1:8000, the description of the API at /docs.
    Without keys, only this machine may use the server.

    \b
    On SIGTERM or Ctrl-C, nothing new is started, what runs gets --drain seconds, and
    what still runs then is cancelled. A second signal stops the server at once.
    """
    with needing_the_extra():
        from headwater_server.commands.serving import Serving

    access = AccessOptions(
        keys=keys, jwks=jwks, issuer=issuer, audience=audience, insecure=insecure, origins=origins or []
    )
    choices = Choices(
        pipelines=pipelines,
        host=host,
        port=port,
        files=files or [],
        steps=steps or [],
        allow=allow or [],
        allow_documents=allow_documents,
        limits=limits or [],
        drain_s=drain,
        reload=reload,
        ws_compression=ws_compression,
    )
    Serving(choices, access).run()
