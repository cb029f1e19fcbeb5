"""The commands that show a run: a new one, or one that was recorded."""

# ruff: noqa: D301 - a real backspace tells typer to leave the lines of a paragraph as they are

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.formats import InputFormat
from headwater.cli.options import Allow, Config, Debug, Settings, Steps
from headwater.cli.problems import reporting

__all__ = ["replay", "run"]


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
    allow: Allow = None,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Append every event to a file, as a line of JSON.")
    ] = None,
    metrics: Annotated[bool, typer.Option("--metrics", help="Show the figures of the run at its end.")] = False,
    timeline: Annotated[
        Path | None,
        typer.Option("--timeline", metavar="FILE.svg", help="Draw when each step ran and waited, at the end."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing while it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write text in the results as JSON too.")] = False,
    debug: Debug = False,
) -> None:
    """Run a pipeline: its progress is shown on standard error, its results go to standard output.

    \b
    Examples:
      headwater run configs/word-report.json --set path=README.md
      cat notes.txt | headwater run shout.json --input - | head -3
      headwater run configs/access-log.json --events run.jsonl --timeline run.svg

    \b
    Results are written one item per line: text as it is, anything else as JSON.
    With several outputs each line is {"output": STEP, "item": ...}.

    \b
    Exit codes:
      0    done
      1    the execution failed, or something could not be written
      2    the document or the call is wrong
      130  stopped by Ctrl-C
      141  the reader of standard output left
      143  stopped by SIGTERM
    """
    if input_ == "-" and str(config) == "-":
        message = "the document and the input cannot both be standard input"
        raise typer.BadParameter(message)
    with reporting(debug=debug):
        from headwater.cli.loading import load_pipeline
        from headwater.cli.runs.executing import RunOptions, run_pipeline
        from headwater.cli.runs.watching import WatchOptions

        pipeline = load_pipeline(config, settings or (), steps or (), allow or ())
        watch = WatchOptions(quiet=quiet, events=events, metrics=metrics, timeline=timeline)
        run_pipeline(pipeline, RunOptions(input_, input_format, output, as_json=as_json, debug=debug, watch=watch))


def replay(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="The file that --events wrote.")],
    *,
    speed: Annotated[
        float,
        typer.Option("--speed", min=0.0, help="How many times as fast as it was; 0 is at once."),
    ] = 1.0,
    execution: Annotated[
        str | None, typer.Option("--execution", metavar="ID", help="Show this execution only; its id may be cut.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Show a run again from its events, as it was shown while it ran.

    \b
    Examples:
      headwater run configs/access-log.json --events run.jsonl
      headwater replay run.jsonl
      headwater replay run.jsonl --speed 0

    \b
    Nothing is run. Where nothing happened for long, the pause is cut to 2 seconds.
    A file with several executions shows one after the other. Lines that are no
    event are told and left out; then the exit code is 1.
    """
    with reporting(debug=debug):
        from headwater.cli.runs.replaying import replay_events

        replay_events(events, speed=speed, execution=execution)
