"""What the command `graph` draws, and where."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import KINDS, Done

Call = Callable[..., Done]
MakePipeline = Callable[..., str]

NUMBERS = ("cli.numbers", {"count": 3})
NAMED = ("cli.named", {})
SUM = ("cli.sum", {})
STEPS = ("--steps", KINDS)
EDGES = ["numbers -> sum", {"from": "numbers", "to": "named", "when": {"gt": 0}}]


def test_graph_is_a_tree_of_text_when_nothing_else_is_asked_for(call: Call, pipeline: MakePipeline) -> None:
    """Steps stand below those that write to them, with kinds, types and conditions in columns."""
    done = call("graph", pipeline(NUMBERS, SUM, NAMED, edges=EDGES), *STEPS)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "● numbers  cli.numbers",
        "│  stream of int",
        "├─● sum    cli.sum",
        "│ ○ output  int",
        '╰┄● named  cli.named  when {"gt": 0}',
        "  ○ output  stream of str",
    ]


@pytest.mark.parametrize(
    ("option", "start", "end"),
    [("--mermaid", "flowchart LR\n", "\n"), ("--dot", "digraph {\n", "\n}\n"), ("--svg", "<svg ", "</svg>\n")],
)
def test_graph_is_drawn_for_others_when_asked_for(
    call: Call, pipeline: MakePipeline, option: str, start: str, end: str
) -> None:
    """Each option gives the drawing alone, so that it can be sent to a file or a program."""
    done = call("graph", pipeline(NUMBERS, NAMED), option, *STEPS)
    assert done.out.startswith(start)
    assert done.out.endswith(end)
    assert "cli.named" in done.out
    assert done.err == ""


def test_graph_has_only_ascii_when_the_encoding_has_no_lines(pipeline: MakePipeline) -> None:
    """Where the signs of the drawing cannot be written, others stand for them."""
    command = [sys.executable, "-m", "headwater.cli", "graph", pipeline(NUMBERS, SUM, NAMED, edges=EDGES), *STEPS]
    environment: dict[str, Any] = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("ascii").splitlines()[2] == "+-* sum    cli.sum"


def test_graph_refuses_two_styles(call: Call, pipeline: MakePipeline) -> None:
    """A drawing has one style."""
    done = call("graph", pipeline(NUMBERS), "--svg", "--dot", *STEPS)
    assert done.code == 2
    assert "--dot and --svg exclude each other" in done.err


def test_large_picture_is_refused_with_a_way_out(call: Call, write: Callable[[str, Any], str]) -> None:
    """A pipeline with more steps than a picture can show is drawn by Graphviz, and as text."""
    steps = [{"id": f"n{number}", "kind": "cli.same"} for number in range(3_000)]
    document = write("large.json", {"name": "large", "steps": steps})
    refused = call("graph", document, "--svg", *STEPS)
    assert refused.code == 1
    assert "at most 3,000 nodes" in refused.err
    assert "--dot" in refused.err
    assert call("graph", document, *STEPS).out.count("cli.same") == 3_000
