"""The commands `run` and `replay`: they show an execution, a new one or one that was recorded."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

import sys
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.command_options import Document, OutputFormat, RunOptions, WatchOptions, command

if TYPE_CHECKING:
    from headwater.cli.runs.targets import Opening

__all__ = ["replay", "run"]


@command
def run(
    document: Document,
    options: RunOptions,
    watch: WatchOptions,
    *,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            help="The file with the key for a server; without it, the variable HEADWATER_KEY.",
        ),
    ] = None,
    debug: bool,
) -> None:
    """Run a pipeline: progress is shown on standard error, results go to standard output.

    \b
    Examples:
      headwater run configs/word-report.json --set path=README.md
      cat notes.txt | headwater run shout.json --input - | head -3
      headwater run configs/access-log.json --events run.jsonl --timeline run.svg
      headwater run a.json --output-format headwater |
        headwater run b.json --input - --input-format headwater
      headwater run http://127.0.0.1:8000/pipelines/word-report --set path=README.md

    \b
    Results are written one item per line: strings as they are, anything else as JSON.
    With several outputs each line is {"output": STEP, "item": ...}.

    \b
    A URL runs a pipeline of a server there; input, results and progress are the same.

    \b
    Exit codes:
      0    OK
      1    the execution failed, or something could not be written
      2    the document, the input or the command line is wrong
      130  stopped by Ctrl-C
      141  the reader of standard output left
      143  stopped by SIGTERM
    """
    if options.input == "-" and document.config == Path("-"):
        message = "the document and the input cannot both be standard input"
        raise typer.BadParameter(message)
    if options.output_format is OutputFormat.HEADWATER and options.output == "-" and sys.stdout.isatty():
        message = "a stream of Headwater is not text for a terminal; give it to another command, or use --output FILE"
        raise typer.BadParameter(message)
    _check_files(document, options, watch)
    from headwater.cli.runs.executing import run_target

    run_target(_target_of(document, key_file), options, watch, debug=debug)


def _target_of(document: Document, key_file: Path | None) -> Opening:
    from headwater.cli.runs.targets import local_target, target_at, url_in

    if (url := url_in(document.config)) is None:
        if key_file is not None:
            message = "--key-file is for a pipeline on a server; give a URL, such as http://HOST/pipelines/NAME"
            raise typer.BadParameter(message)
        return local_target(document.load())
    if document.steps or document.allow:
        message = "a server has its own steps and permissions; leave out --steps and --allow"
        raise typer.BadParameter(message)
    return target_at(*url, document.settings or (), key_file)


def _check_files(document: Document, options: RunOptions, watch: WatchOptions) -> None:
    """Refuse a file for two purposes, where one of them would replace what the other needs."""
    read = {"the document": document.config, "--input": options.input}
    written = {"--output": options.output, "--events": watch.events, "--timeline": watch.timeline}
    purposes: dict[str, str] = {}
    for purpose, file in {**read, **written}.items():
        path = "-" if file is None else str(file)
        if path == "-" or (Path(path).exists() and not Path(path).is_file()):  # such as /dev/null
            continue
        other = purposes.setdefault(realpath(path), purpose)
        # The output replaces its file when it is complete, so it may replace the input that it was made of.
        if other != purpose and purpose in written and (other, purpose) != ("--input", "--output"):
            raise typer.BadParameter(f"{other} and {purpose} are one file, {path}; choose another file for {purpose}")


@command
def replay(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="The file that --events wrote.")],
    *,
    speed: Annotated[
        float, typer.Option("--speed", min=0.0, help="How many times as fast as the run; 0 shows all at once.")
    ] = 1.0,
    execution: Annotated[
        str | None, typer.Option("--execution", metavar="ID", help="Show only the execution whose id begins so.")
    ] = None,
) -> None:
    """Show a run again from its events, as it was shown live.

    \b
    Examples:
      headwater run configs/access-log.json --events run.jsonl
      headwater replay run.jsonl
      headwater replay run.jsonl --speed 0

    \b
    Nothing is run. Pauses are cut to 2 seconds. A file with several executions shows
    one after the other. Lines that are not events are reported and skipped; the exit
    code is then 1.
    """
    from headwater.cli.runs.replaying import replay_events

    replay_events(events, speed=speed, execution=execution)
