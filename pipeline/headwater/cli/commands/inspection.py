"""The commands `check`, `plan` and `graph`: they look at a document and run nothing."""

# ruff: noqa: D301 - a real backspace makes typer keep the lines of a paragraph as they are

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from headwater.cli.command_options import Document, command
from headwater.cli.terminal import say, show, styled
from headwater.errors import ConfigError

if TYPE_CHECKING:
    from headwater.api.pipeline import Pipeline
    from headwater.errors import Problem
    from headwater.graph.analysis import Analysis
    from headwater.graph.drawing.draw import DrawingStyle

__all__ = ["check", "graph", "plan"]

_Name = TypeVar("_Name", bound=str)
_StreamInput = Annotated[
    bool, typer.Option("--stream-input", help="Plan for an input of many items, also where a step takes one value.")
]


@command
def check(
    document: Document,
    *,
    stream_input: Annotated[
        bool | None,
        typer.Option(
            "--stream-input/--no-stream-input",
            help="Check for an input of many items alone, or of one value alone; by default for both.",
        ),
    ] = None,
) -> None:
    """Check a document: report every problem with its place and how to fix it.

    \b
    Examples:
      headwater check configs/word-report.json --set path=README.md
      generate-a-config | headwater check -

    \b
    A document that passes can be run. The last line says if it takes an input of
    one value only: a run with many items is then refused before it reads any of
    them. What would hang for many items is refused, unless --no-stream-input says
    that the input is one value.

    \b
    Exit codes:
      0  OK
      2  the document or the command line is wrong
    """
    from headwater.cli.plan_text import plan_summary
    from headwater.cli.reporting import say_problems

    pipeline = document.load()
    plan = pipeline.plan(stream_input=bool(stream_input))
    refused = () if stream_input else _refused_streams(pipeline)
    if stream_input is None and (hanging := [problem for problem in refused if problem.code == "deadlock-risk"]):
        raise ConfigError(hanging)
    if plan.warnings:
        say_problems(plan.warnings, noun="warning", color="yellow")
    limit = ", for an input of one value only" if refused else ""
    say(f"{document.name}: {styled('OK', 'green')}, {plan_summary(plan)}{limit}")


@command
def plan(
    document: Document,
    *,
    stream_input: _StreamInput = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the plan as JSON.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Write a drawing as Mermaid text.")] = False,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Show which steps can work at once, and what fails with a step.")
    ] = False,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Show the critical path of the last run recorded in a file.")
    ] = None,
) -> None:
    """Show how a pipeline would run: steps, edges with their types, buffers, and where each step runs.

    \b
    Examples:
      headwater plan configs/word-report.json --set path=README.md
      headwater plan configs/word-report.json --set path=README.md --json
      headwater plan configs/word-report.json --set path=README.md --events run.jsonl

    \b
    Nothing is opened, and no step acquires anything.
    """
    _one_of({"json": as_json, "mermaid": as_mermaid}, "text")
    from headwater.cli.plan_text import graph_text, plan_json, plan_text

    pipeline = document.load()
    analysis = _analysis(pipeline, events) if analyze or events else None
    planned = pipeline.plan(stream_input=stream_input)
    if as_mermaid:
        show(graph_text(planned, "mermaid"))
    else:
        write = plan_json if as_json else plan_text
        show(write(planned, analysis, slo=pipeline.compiled.loaded.spec.slo))


@command
def graph(
    document: Document,
    *,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Write Mermaid text, for documents.")] = False,
    as_dot: Annotated[bool, typer.Option("--dot", help="Write DOT text, for Graphviz.")] = False,
    as_svg: Annotated[bool, typer.Option("--svg", help="Write a self-contained picture.")] = False,
) -> None:
    """Draw a pipeline, as lines of text or in the format of an option.

    \b
    Examples:
      headwater graph configs/access-log.json
      headwater graph configs/access-log.json --svg > access-log.svg
      headwater graph configs/access-log.json --dot | dot -Tpdf > access-log.pdf

    \b
    Each step stands below all steps that write to it, with the types of what flows
    between them. In a picture a thick line is a stream, a thin one a single value,
    a dashed one has a condition, and a band joins the steps that run as one.
    """
    styles: dict[DrawingStyle, bool] = {"mermaid": as_mermaid, "dot": as_dot, "svg": as_svg}
    style: DrawingStyle = _one_of(styles, "text")
    from headwater.cli.plan_text import graph_text

    show(graph_text(document.load().plan(), style))


def _refused_streams(pipeline: Pipeline) -> Sequence[Problem]:
    """Return why a run with an input of many items would be refused, in a pipeline that works for a single value."""
    try:
        pipeline.plan(stream_input=True)
    except ConfigError as error:
        return error.problems
    return ()


def _one_of(options: Mapping[_Name, bool], default: _Name) -> _Name:
    """Return the name of the option that is given, and refuse several that exclude each other."""
    given = [name for name, is_given in options.items() if is_given]
    if len(given) > 1:
        message = f"{' and '.join(f'--{name}' for name in given)} exclude each other"
        raise typer.BadParameter(message)
    return given[0] if given else default


def _analysis(pipeline: Pipeline, events: Path | None) -> Analysis:
    from headwater.cli.analysis_text import recorded_metrics

    return pipeline.analyze(None if events is None else recorded_metrics(events))
