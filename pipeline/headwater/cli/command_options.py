"""What commands share: groups of options, and how a function becomes a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from headwater.cli.completion import complete_configs, complete_modules, complete_permissions, complete_settings

if TYPE_CHECKING:
    from headwater.api.pipeline import Pipeline

__all__ = ["Document", "InputFormat", "OutputFormat", "RunOptions", "StepModules", "WatchOptions", "command"]

StepModules = Annotated[
    list[str] | None,
    typer.Option(
        "--steps",
        metavar="FILE_OR_MODULE",
        help="Import more kinds of steps. Repeatable.",
        autocompletion=complete_modules,
    ),
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def _checked_settings(settings: list[str] | None) -> list[str] | None:
    for text in settings or ():
        if not text.partition("=")[0] or "=" not in text:
            message = f"expected NAME=VALUE, found {text!r}"
            raise typer.BadParameter(message)
    return settings


@dataclass(frozen=True, slots=True)
class Document:
    """The document that a command reads, and what its author leaves to the caller."""

    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG",
            help="The document: a JSON file, or YAML with the extra; - is standard input.",
            autocompletion=complete_configs,
        ),
    ]
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a parameter of the document. Repeatable.",
            callback=_checked_settings,
            autocompletion=complete_settings,
        ),
    ] = None
    steps: StepModules = None
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="PERMISSION",
            help="Allow kinds that need this permission. Repeatable.",
            autocompletion=complete_permissions,
        ),
    ] = None

    @property
    def name(self) -> str:
        """What messages call the document."""
        return "standard input" if str(self.config) == "-" else str(self.config)

    def load(self) -> Pipeline:
        """Load the pipeline."""
        from headwater.cli.loading import load_pipeline

        return load_pipeline(self.config, self.settings or (), self.steps or (), self.allow or ())


class InputFormat(StrEnum):
    """The format of the input; `AUTO` goes by the name of the file, or by its first line."""

    AUTO = "auto"
    JSON = "json"
    JSONL = "jsonl"
    TEXT = "text"
    HEADWATER = "headwater"


class OutputFormat(StrEnum):
    """The format of the output."""

    TEXT = "text"
    JSONL = "jsonl"
    HEADWATER = "headwater"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where the data of a run comes from, and where its results go."""

    input: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="FILE|-", help="The input of the pipeline; - is standard input."),
    ] = None
    input_format: Annotated[
        InputFormat, typer.Option("--input-format", help="The format of the input, if its name does not say it.")
    ] = InputFormat.AUTO
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE|-", help="Where results go; - is standard output.")
    ] = "-"
    output_format: Annotated[
        OutputFormat,
        typer.Option("--output-format", help="The format of the results; headwater is for another run to read."),
    ] = OutputFormat.TEXT
    as_json: Annotated[
        bool, typer.Option("--json", help="Write strings in the results as JSON too, like --output-format jsonl.")
    ] = False


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What is shown and recorded of a run, besides its results."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Append every event to a file, as a line of JSON.")
    ] = None
    metrics: Annotated[bool, typer.Option("--metrics", help="Show the metrics of the run at its end.")] = False
    timeline: Annotated[
        Path | None,
        typer.Option("--timeline", metavar="FILE.svg", help="Draw when each step ran and waited, at the end."),
    ] = None


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function as typer reads it: groups of options spread out, `--debug` added, and errors reported."""
    own = inspect.signature(function, eval_str=True).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}
    spread = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in own.items()
        if name != "debug"
        for option in (_options_of(groups[name]) if name in groups else [one])
    ]
    debug = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Debug)

    @wraps(function)
    def run(*, debug: bool, **given: Any) -> None:
        from headwater.cli.reporting import reporting

        with reporting(debug=debug):
            for name, group in groups.items():
                given[name] = group(**{option.name: given.pop(option.name) for option in _options_of(group)})
            function(**given, **({"debug": debug} if "debug" in own else {}))

    cast("Any", run).__signature__ = inspect.Signature([*spread, debug])
    return run


def _options_of(group: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(group, eval_str=True).parameters.values())
