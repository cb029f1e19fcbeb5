"""The command that begins a project."""

# ruff: noqa: D301 - a real backspace tells typer to leave the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.options import Debug
from headwater.cli.problems import reporting

__all__ = ["new"]


def new(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="The folder to make; its name is the project's.")],
    *,
    debug: Debug = False,
) -> None:
    """Begin a project: a pipeline, a step of its own, a test that passes, and an editor that knows them.

    \b
    Example:
      headwater new word-lengths
      cd word-lengths
      headwater run pipeline.json --steps word_lengths.steps --input README.md

    \b
    Nothing is overwritten: the folder must not be there, or hold nothing yet.
    """
    with reporting(debug=debug):
        from headwater.cli.projects import make_project
        from headwater.cli.terminal import say

        say(make_project(folder))
