"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.completion import complete_configs, complete_modules, complete_permissions, complete_settings

__all__ = ["Allow", "Config", "Debug", "Settings", "Steps"]


def _checked_settings(settings: list[str] | None) -> list[str] | None:
    for text in settings or ():
        if not text.partition("=")[0] or "=" not in text:
            message = f"expected NAME=VALUE, found {text!r}"
            raise typer.BadParameter(message)
    return settings


Config = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="The document: a JSON file, or YAML with the extra; - is standard input.",
        autocompletion=complete_configs,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Give a parameter its value. Repeatable.",
        callback=_checked_settings,
        autocompletion=complete_settings,
    ),
]
Steps = Annotated[
    list[str] | None,
    typer.Option(
        "--steps",
        metavar="FILE_OR_MODULE",
        help="Import further kinds of steps. Repeatable.",
        autocompletion=complete_modules,
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="PERMISSION",
        help="Let the document use kinds that need this permission. Repeatable.",
        autocompletion=complete_permissions,
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
