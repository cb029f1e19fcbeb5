"""The command `headwater`: its commands, and what they all have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater import __version__
from headwater.cli.commands import documents, kinds, projects, runs
from headwater.cli.terminal import show

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="headwater",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        show(f"headwater {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Run typed streaming pipelines from JSON documents."""
    del version


app.command("run", short_help="Run a pipeline.")(runs.run)
app.command("check", short_help="Tell everything that is wrong with a document.")(documents.check)
app.command("plan", short_help="Show how a pipeline would run.")(documents.plan)
app.command("graph", short_help="Draw a pipeline.")(documents.graph)
app.command("schema", short_help="Write the JSON Schema of documents, events or params.")(kinds.schema)
app.command("steps", short_help="List the kinds of steps, or describe one.")(kinds.list_steps)
app.command("replay", short_help="Show a run again from its events.")(runs.replay)
app.command("new", short_help="Begin a project with a pipeline, a step and a test.")(projects.new)
