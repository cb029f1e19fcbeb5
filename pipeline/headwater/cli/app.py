"""The commands and their options. What a command needs is imported when it runs, so that help comes at once."""

# ruff: noqa: D301 - a real backspace tells typer to leave the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater import __version__
from headwater.cli.formats import InputFormat
from headwater.cli.problems import reporting
from headwater.cli.terminal import say, show, styled

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="headwater",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _checked_settings(settings: list[str] | None) -> list[str] | None:
    for text in settings or ():
        if not text.partition("=")[0] or "=" not in text:
            message = f"expected NAME=VALUE, found {text!r}"
            raise typer.BadParameter(message)
    return settings


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        show(f"headwater {__version__}")
        raise typer.Exit


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The document: a JSON file, or YAML with the extra.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Give a parameter its value. Repeatable.", callback=_checked_settings
    ),
]
Steps = Annotated[
    list[str] | None,
    typer.Option("--steps", metavar="FILE_OR_MODULE", help="Import further kinds of steps. Repeatable."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Run typed streaming pipelines from JSON documents."""
    del version


@app.command(short_help="Run a pipeline.")
def run(  # noqa: PLR0913 - each argument is an option of the command
    config: Config,
    *,
    settings: Settings = None,
    input_: Annotated[
        str | None, typer.Option("--input", "-i", metavar="FILE|-", help="The pipeline's input; - is standard input.")
    ] = None,
    input_format: Annotated[
        InputFormat, typer.Option("--input-format", help="What the input is written in; its name tells otherwise.")
    ] = InputFormat.AUTO,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE|-", help="Where results go; - is standard output.")
    ] = "-",
    steps: Steps = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing while it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write text in the results as JSON too.")] = False,
    debug: Debug = False,
) -> None:
    """Run a pipeline: its progress is shown on standard error, its results go to standard output.

    \b
    Examples:
      headwater run configs/word-report.json --set path=README.md
      cat notes.txt | headwater run shout.json --input - | head -3

    \b
    Results are written one item per line: text as it is, anything else as JSON.
    With several outputs each line is {"output": STEP, "item": ...}.

    \b
    Exit codes:
      0    done
      1    the execution failed
      2    the document or the call is wrong
      130  stopped by Ctrl-C
      141  the reader of standard output left
      143  stopped by SIGTERM
    """
    with reporting(debug=debug):
        from headwater.cli.executing import RunOptions, run_pipeline
        from headwater.cli.loading import load_pipeline

        pipeline = load_pipeline(config, settings or (), steps or ())
        run_pipeline(pipeline, RunOptions(input_, input_format, output, quiet=quiet, as_json=as_json, debug=debug))


@app.command(short_help="Tell everything that is wrong with a document.")
def check(config: Config, *, settings: Settings = None, steps: Steps = None, debug: Debug = False) -> None:
    """Tell everything that is wrong with a document, with its place and what to do.

    \b
    Example:
      headwater check configs/word-report.json --set path=README.md

    \b
    What passes, runs. Exit codes: 0 all is well, 2 something is wrong.
    """
    with reporting(debug=debug):
        from headwater.cli.loading import load_pipeline
        from headwater.cli.plans import plan_summary
        from headwater.cli.problems import say_problems

        plan = load_pipeline(config, settings or (), steps or ()).plan()
        if plan.warnings:
            say_problems(plan.warnings, noun="warning", color="yellow")
        say(f"{config}: {styled('well', 'green')}, {plan_summary(plan)}")


@app.command(short_help="Show how a pipeline would run.")
def plan(
    config: Config,
    *,
    settings: Settings = None,
    steps: Steps = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the plan as JSON.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Write a drawing as Mermaid text.")] = False,
    debug: Debug = False,
) -> None:
    """Show how a pipeline would run: steps, edges with their types, buffers, and where each step runs.

    \b
    Examples:
      headwater plan configs/word-report.json --set path=README.md
      headwater plan configs/word-report.json --set path=README.md --mermaid

    \b
    Nothing is opened, and no step acquires anything.
    """
    if as_json and as_mermaid:
        message = "--json and --mermaid exclude each other"
        raise typer.BadParameter(message)
    with reporting(debug=debug):
        from headwater.cli.loading import load_pipeline
        from headwater.cli.plans import plan_json, plan_text

        pipeline = load_pipeline(config, settings or (), steps or ())
        if as_mermaid:
            show(pipeline.draw().rstrip("\n"))
        else:
            show(plan_json(pipeline.plan()) if as_json else plan_text(pipeline.plan()))


@app.command(short_help="Write the JSON Schema of documents, events or params.")
def schema(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[config|events|KIND]", help="What to describe: documents, events, or the params of a kind."
        ),
    ] = "config",
    *,
    steps: Steps = None,
    debug: Debug = False,
) -> None:
    """Write the JSON Schema of documents, of events, or of the params of one kind of step.

    \b
    Examples:
      headwater schema > pipeline.schema.json
      headwater schema events
      headwater schema stream.filter
    """
    with reporting(debug=debug):
        from headwater.cli.kinds import schema_text
        from headwater.cli.loading import load_step_modules

        load_step_modules(steps or ())
        show(schema_text(subject))


@app.command("steps", short_help="List the kinds of steps, or describe one.")
def list_steps(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="The kind to describe in full.")] = None,
    *,
    steps: Steps = None,
    debug: Debug = False,
) -> None:
    """List the kinds of steps, or describe one in full.

    \b
    Examples:
      headwater steps
      headwater steps text.words
    """
    with reporting(debug=debug):
        from headwater.cli.kinds import kind_text, kinds_text
        from headwater.cli.loading import load_step_modules

        load_step_modules(steps or ())
        show(kinds_text() if kind is None else kind_text(kind))
