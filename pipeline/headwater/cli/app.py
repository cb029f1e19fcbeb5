"""The command `headwater` and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater import __version__
from headwater.cli.commands import catalog, importing, inspection, new, run_and_replay
from headwater.cli.installed_commands import CommandGroup
from headwater.cli.terminal import show

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="headwater",
    cls=CommandGroup,
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


app.command("run", short_help="Run a pipeline.")(run_and_replay.run)
app.command("check", short_help="Report every problem of a document.")(inspection.check)
app.command("plan", short_help="Show how a pipeline would run.")(inspection.plan)
app.command("graph", short_help="Draw a pipeline.")(inspection.graph)
app.command("schema", short_help="Write the JSON Schema of documents, events or params.")(catalog.schema)
app.command("steps", short_help="List the kinds of steps, or describe one.")(catalog.list_steps)
app.command("replay", short_help="Show a run again from its events.")(run_and_replay.replay)
app.command("import", short_help="Translate a document of another engine.")(importing.import_document)
app.command("new", short_help="Create a project with a pipeline, a step and a test.")(new.new)
