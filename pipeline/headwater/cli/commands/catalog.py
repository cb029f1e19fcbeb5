"""The commands `steps` and `schema`: which kinds there are, and what documents and events look like."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from typing import Annotated

import typer

from headwater.cli.command_options import StepModules, command
from headwater.cli.completion import complete_kinds, complete_subjects
from headwater.cli.terminal import show

__all__ = ["list_steps", "schema"]


@command
def schema(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[config|events|KIND]",
            help="What to describe: documents, events, or the params of a kind.",
            autocompletion=complete_subjects,
        ),
    ] = "config",
    *,
    steps: StepModules = None,
) -> None:
    """Write the JSON Schema of documents, of events, or of the params of one kind of step.

    \b
    Examples:
      headwater schema > pipeline.schema.json
      headwater schema events
      headwater schema stream.filter
    """
    from headwater.cli.kind_text import schema_text
    from headwater.cli.loading import load_step_modules

    load_step_modules(steps or ())
    show(schema_text(subject))


@command
def list_steps(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="The kind to describe in full.", autocompletion=complete_kinds),
    ] = None,
    *,
    steps: StepModules = None,
) -> None:
    """List the kinds of steps, or describe one in full.

    \b
    Examples:
      headwater steps
      headwater steps text.words
    """
    from headwater.cli.kind_text import kind_text, kinds_text
    from headwater.cli.loading import load_step_modules

    load_step_modules(steps or ())
    show(kinds_text() if kind is None else kind_text(kind))
