"""The command `headwater keys`: the API keys of a server."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headwater.toolkit import columns, one_line, plural
from headwater_server.access.api_keys import ApiKeys

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    help="Manage the API keys of a server.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

KeyFile = Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="The file of the keys.")]
_DAY_S = 86_400


@app.command()
def new(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The caller that the key is for.")],
    file: KeyFile = Path("keys.json"),
    days: Annotated[float | None, typer.Option("--days", min=0, help="How long it is valid; without, forever.")] = None,
) -> None:
    """Create a key, and print it: only its hash is kept, so that it cannot be shown again."""
    typer.echo(ApiKeys.create_in(file, name, expires_s=None if days is None else time.time() + days * _DAY_S))
    typer.echo(f"{file} has its hash; keep the key itself, it is not shown again", err=True)


@app.command("list")
def list_keys(file: KeyFile = Path("keys.json")) -> None:
    """List the keys by name, with their dates and states."""
    rows = [("name", "id", "created", "expires", "state")]
    now = datetime.now(UTC)
    for record in sorted(ApiKeys.load(file).records.values(), key=lambda record: (record.name, record.created)):
        is_over = record.expires is not None and record.expires <= now
        state = "revoked" if record.revoked else "expired" if is_over else "valid"
        expires = "never" if record.expires is None else f"{record.expires:%Y-%m-%d %H:%M}"
        rows.append((record.name, record.id, f"{record.created:%Y-%m-%d %H:%M}", expires, state))
    typer.echo("\n".join(columns(rows)))


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the keys, or the id of one of them.")],
    file: KeyFile = Path("keys.json"),
) -> None:
    """Revoke keys; servers that use the file notice it within a second."""
    count = ApiKeys.load(file).revoke(name)
    typer.echo(f"revoked {plural(count, 'key')} of {one_line(name, 100)}")
