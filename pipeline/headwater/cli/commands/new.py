"""The command `new`."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.command_options import command

__all__ = ["new"]


@command
def new(
    folder: Annotated[
        Path, typer.Argument(metavar="NAME", help="The folder to create; the project is named after it.")
    ],
) -> None:
    """Create a project: a pipeline, a step of its own, a test that passes, and a schema for the editor.

    \b
    Example:
      headwater new word-lengths
      cd word-lengths
      headwater run pipeline.json --steps word_lengths.steps --input README.md

    \b
    Nothing is overwritten: the folder must not exist yet, or be empty.
    """
    from headwater.cli.new_project import make_project
    from headwater.cli.terminal import say

    say(make_project(folder))
