"""What the commands write when all is well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import headwater
from tests.cli.conftest import KINDS, Done

Call = Callable[..., Done]
Write = Callable[[str, Any], str]
MakePipeline = Callable[..., str]

NUMBERS = ("cli.numbers", {"count": 3})
SAME = ("cli.same", {})
SUM = ("cli.sum", {})
NAMED = ("cli.named", {})
QUIET = ("--quiet", "--steps", KINDS)


# ---- run: what is written


@pytest.mark.parametrize(
    ("steps", "options", "expected"),
    [
        ([NUMBERS], [], "0\n1\n2\n"),
        ([NUMBERS, NAMED], [], "item 0\nitem 1\nitem 2\n"),
        ([NUMBERS, NAMED], ["--json"], '"item 0"\n"item 1"\n"item 2"\n'),
        ([NUMBERS, SUM], [], "3\n"),
        ([("cli.numbers", {"count": 0})], [], ""),
    ],
)
def test_result_is_written_line_by_line(
    call: Call, pipeline: MakePipeline, steps: Any, options: list[str], expected: str
) -> None:
    """Texts are lines as they are, other items are lines of JSON, and a single value is one line."""
    assert call("run", pipeline(*steps), *options, *QUIET) == Done(0, expected, "")


def test_lines_say_where_they_are_from_when_there_are_several_outputs(call: Call, pipeline: MakePipeline) -> None:
    """With several outputs each line names its own."""
    document = pipeline(NUMBERS, SUM, NAMED, edges=["numbers -> sum", "numbers -> named"])
    done = call("run", document, *QUIET)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["item"] for line in lines if line["output"] == "named"] == ["item 0", "item 1", "item 2"]
    assert [line["item"] for line in lines if line["output"] == "sum"] == [3]
    assert len(lines) == 4


def test_error_is_reported_when_an_item_cannot_be_written(call: Call, pipeline: MakePipeline) -> None:
    """What JSON cannot hold is an error that names the type, and not something that only looks like it."""
    done = call("run", pipeline(NUMBERS, ("cli.odd", {})), *QUIET)
    assert done.code == 1
    assert "slice" in done.err


def test_parameters_have_the_declared_types_when_they_are_set(call: Call, write: Write) -> None:
    """A text of the command line becomes what the document declares."""
    parameters = {"count": {"type": "integer"}, "name": {"type": "string"}}
    steps = [
        {"id": "numbers", "kind": "cli.numbers", "params": {"count": "${parameters.count}"}},
        {"id": "named", "kind": "cli.named", "params": {"name": "${parameters.name}"}},
    ]
    write("set.json", {"name": "set", "parameters": parameters, "steps": steps})
    assert call("run", "set.json", "--set", "count=1", "--set", "name=7=x", *QUIET).out == "7=x 0\n"


# ---- run: what is read


@pytest.mark.parametrize(
    ("name", "content", "kind", "expected"),
    [
        ("a.txt", "one\ntwo", "cli.upper", "ONE\nTWO\n"),
        ("a.txt", "\ufeffone\r\n\ntwo\r\n", "cli.upper", "ONE\n\nTWO\n"),
        ("a.txt", "", "cli.upper", ""),
        ("a.md", "{}", "cli.same", "{}\n"),
        ("a.json", "[1, 2, 3]", "cli.sum", "6\n"),
        ("a.json", '{"a": [1]}', "cli.same", '{"a":[1]}\n'),
        ("a.json", '"one"', "cli.upper", "ONE\n"),
        ("a.jsonl", "1\n\n2\n 3 \n", "cli.sum", "6\n"),
        ("a.NDJSON", '{"a": 1}\n[2]\n', "cli.same", '{"a":1}\n[2]\n'),
    ],
)
def test_name_decides_the_format_of_the_input(
    call: Call, pipeline: MakePipeline, write: Write, *, name: str, content: str, kind: str, expected: str
) -> None:
    """A file is one JSON value, JSON lines or lines of text, by its name."""
    write(name, content)
    assert call("run", pipeline((kind, {})), "--input", name, *QUIET) == Done(0, expected, "")


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("[1]\n{}\n", "cli.upper", "[1]\n{}\n"),  # text is read as it is, whatever it looks like
        ("1\n2\n", "cli.sum", "3\n"),
        ("\n\n1\n2", "cli.sum", "3\n"),
        ("[1,\n2]", "cli.sum", "3\n"),
        ('{"a": 1}\n', "cli.same", '{"a":1}\n'),
        ('{"a":\n1}', "cli.same", '{"a":1}\n'),
        ("salt\n1\n", "cli.same", "salt\n1\n"),
        ("", "cli.sum", "0\n"),
    ],
)
def test_first_line_decides_when_the_input_is_not_text(
    pipeline: MakePipeline, content: str, kind: str, expected: str
) -> None:
    """Standard input is text for a pipeline that reads text; otherwise its first line tells what it is."""
    command = [sys.executable, "-m", "headwater.cli", "run", pipeline((kind, {})), "--input", "-", *QUIET]
    done = subprocess.run(command, input=content.encode(), capture_output=True, check=False, timeout=240)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, expected, "")


def test_format_option_wins_when_the_name_says_another(call: Call, pipeline: MakePipeline, write: Write) -> None:
    """`--input-format` comes before the name of the file."""
    write("numbers.txt", "1\n2\n")
    assert call("run", pipeline(SUM), "--input", "numbers.txt", "--input-format", "jsonl", *QUIET).out == "3\n"


# ---- run: files


def test_file_is_replaced_when_the_run_is_done(call: Call, pipeline: MakePipeline, tmp_path: Path) -> None:
    """A result takes the place of an older one, by way of the link that leads there, and leaves nothing else behind."""
    document = pipeline(NUMBERS)
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert call("run", document, "--output", "link.txt", *QUIET) == Done(0, "", "")
    assert (tmp_path / "real.txt").read_text() == "0\n1\n2\n"
    assert {path.name for path in tmp_path.iterdir()} == {"pipeline.json", "real.txt", "link.txt"}


def test_file_stays_as_it_was_when_the_run_fails(call: Call, pipeline: MakePipeline, tmp_path: Path) -> None:
    """A failed run leaves neither half a result nor a temporary file."""
    document = pipeline(("cli.numbers", {"count": 9}), ("cli.strict", {}))
    (tmp_path / "out.txt").write_text("old")
    assert call("run", document, "--output", "out.txt", *QUIET).code == 1
    assert (tmp_path / "out.txt").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"pipeline.json", "out.txt"}


def test_device_is_written_and_not_replaced_when_it_is_the_output(call: Call, pipeline: MakePipeline) -> None:
    """What is no regular file is written as it is."""
    assert call("run", pipeline(NUMBERS), "--output", "/dev/null", *QUIET).code == 0
    assert Path("/dev/null").is_char_device()


# ---- run: what is shown


def test_failure_is_reported_once_when_a_step_fails(call: Call, pipeline: MakePipeline) -> None:
    """The items before the failure are written, and then the step and its error are named, quietly or not."""
    document = pipeline(("cli.numbers", {"count": 5}), ("cli.strict", {}))
    shown, quiet = call("run", document, "--steps", KINDS), call("run", document, *QUIET)
    assert shown.code == quiet.code == 1
    assert shown.out == quiet.out == "0\n1\n2\n"
    assert "failed at step 'strict': ValueError: three is too much" in shown.err.splitlines()[-1]
    assert "step 'strict' failed: ValueError: three is too much" in quiet.err.splitlines()[-1]


def test_log_goes_to_standard_error_when_a_step_logs(call: Call, pipeline: MakePipeline) -> None:
    """Standard output is for results alone, also when steps log."""
    done = call("run", pipeline(NUMBERS, ("cli.strict", {})), *QUIET)
    assert done.out == "0\n1\n2\n"
    assert done.err.count("looking") == 3


# ---- check and plan


def test_check_says_ok_when_the_document_runs(call: Call, pipeline: MakePipeline) -> None:
    """A good document is told to be well, with its size, and nothing goes to standard output."""
    done = call("check", pipeline(NUMBERS, NAMED), "--steps", KINDS)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("pipeline.json: OK, 2 steps, 2 edges")


BOTH_CASES = {
    "name": "both-cases",
    "steps": [
        {"id": "lower", "kind": "text.lower"},
        {"id": "upper", "kind": "text.upper"},
        {"id": "count", "kind": "stream.count", "merge": "concat"},
    ],
    "edges": ["input -> lower", "input -> upper", "lower -> count", "upper -> count"],
}


def test_check_refuses_what_would_hang_for_an_input_of_many_items(call: Call, write: Write) -> None:
    """A document that only runs for one text passes when an option says that one text is its input."""
    document = write("both.json", json.dumps(BOTH_CASES))
    for arguments in (["check"], ["check", "--stream-input"], ["plan", "--stream-input"]):
        refused = call(*arguments, document)
        assert (refused.code, refused.out) == (2, "")
        assert "for an input of many items" in refused.err
        assert "[deadlock-risk]" in refused.err
        assert "OK" not in refused.err
    done = call("check", document, "--no-stream-input")
    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("both.json: OK, 3 steps")
    assert done.err.splitlines()[-1].endswith(", for an input of one value only")


def test_run_refuses_an_input_of_many_items_when_it_would_hang(call: Call, write: Write) -> None:
    """Nothing starts; one text runs."""
    document = write("both.json", json.dumps(BOTH_CASES))
    done = call("run", document, "--input", write("in.txt", "a\nb\n"), "--quiet")
    assert (done.code, done.out) == (2, "")
    assert "[deadlock-risk]" in done.err
    assert call("run", document, "--input", write("in.json", '"a"'), "--quiet") == Done(0, "2\n", "")


def test_run_reads_nothing_when_the_input_is_refused(call: Call, write: Write, tmp_path: Path) -> None:
    """A named pipe is not even waited for."""
    os.mkfifo(tmp_path / "never-written")
    document = write("both.json", json.dumps(BOTH_CASES))
    with (tmp_path / "never-written").open("rb+", buffering=0):
        done = call("run", document, "--input", str(tmp_path / "never-written"), "--quiet")
    assert (done.code, done.out) == (2, "")
    assert "[deadlock-risk]" in done.err


@pytest.mark.parametrize(
    ("step", "ending"),
    [({"id": "n", "kind": "stream.count"}, "in flight"), ({"id": "r", "kind": "source.text"}, "in flight")],
)
def test_check_says_nothing_of_an_input_when_any_fits(
    call: Call, write: Write, step: dict[str, Any], ending: str
) -> None:
    """A pipeline that reads a stream, or has no input, has no limit."""
    params = {"params": {"path": "a.txt"}} if step["id"] == "r" else {}
    done = call("check", write("any.json", json.dumps({"name": "any", "steps": [step | params]})))
    assert done.err.splitlines()[-1].endswith(ending)


def test_plan_shows_steps_edges_and_bounds(call: Call, pipeline: MakePipeline) -> None:
    """The plan names flavors, types, adapters, capacities, conditions and what runs as one, in aligned columns."""
    edges = [{"from": "numbers", "to": "named", "when": {"gt": 0}}, {"from": "numbers", "to": "sum", "buffer": 7}]
    done = call("plan", pipeline(NUMBERS, NAMED, SUM, edges=edges), "--steps", KINDS)
    assert done.code == 0
    assert "in flight" in done.out.splitlines()[0]
    words = ["source -> stream", "stream -> unary", "stream of int", "map: one item at a time", 'when {"gt":0}', " 7"]
    for text in words:
        assert text in done.out
    starts = {line.index("->") for line in done.out.splitlines() if "  ->  " in line}
    assert len(starts) == 1


def test_plan_names_the_edge_whose_items_are_all_held(call: Call, pipeline: MakePipeline) -> None:
    """The number of items in flight has no bound when a step takes a list of all of them."""
    document = pipeline(NUMBERS, ("cli.all", {}))
    done = call("plan", document, "--steps", KINDS)
    first = done.out.splitlines()[0]
    assert first.endswith("items in flight unbounded: step 'all' holds all of 'numbers.out -> all.values'")
    assert "collect into a list, holds all items" in done.out
    assert json.loads(call("plan", document, "--json", "--steps", KINDS).out)["worst_case_items"] is None


def test_plan_is_complete_when_written_as_json(call: Call, pipeline: MakePipeline) -> None:
    """Programs get the plan as JSON."""
    plan = json.loads(call("plan", pipeline(NUMBERS, SUM), "--json", "--steps", KINDS).out)
    assert [step["id"] for step in plan["steps"]] == ["numbers", "sum"]
    edge = plan["edges"][0]
    assert (edge["from"], edge["to"], edge["item"], edge["streaming"]) == ("numbers.out", "sum.values", "int", True)
    assert plan["worst_case_items"] >= edge["capacity"] > 0


def test_plan_shows_how_edges_meet(call: Call, write: Write) -> None:
    """As text, as JSON and in a drawing: the policy, its options, and the edge whose header and footer pass."""
    steps = [
        {"id": "first", "kind": "cli.numbers"},
        {"id": "second", "kind": "cli.numbers"},
        {"id": "pairs", "kind": "cli.pair", "merge": {"policy": "zip", "unequal": "pad", "pad": -1}},
    ]
    path = write("merged.json", {"name": "merged", "steps": steps, "edges": ["first -> pairs", "second -> pairs"]})
    assert "pair: zip (unequal: pad, pad: -1)" in call("plan", path, "--steps", KINDS).out
    assert '|"int<br>zip"|' in call("plan", path, "--mermaid", "--steps", KINDS).out
    given = json.loads(call("plan", path, "--json", "--steps", KINDS).out)["steps"][2]["inputs"][0]
    assert (given["merge"], given["unequal"], given["pad"]) == ("zip", "pad", -1)
    assert (given["headers_of"], given["footers_of"]) == ([], [])


def test_plan_shows_what_executions_share(call: Call, write: Write) -> None:
    """Breakers, limits, caches and batches are listed with their values, as text and as JSON."""
    policies = {
        "circuit_breaker": {"failures": 1, "reset_s": 9},
        "rate_limit": {"per_s": 5, "burst": 2, "key": ["user", "id"]},
        "cache": {"fields": ["text"], "ttl_s": 60},
        "batch": {"size": 8, "linger_s": 0.5, "across": "runner"},
    }
    options = {"concurrency": 2, "ordered": False}
    steps = [{"id": "m", "kind": "cli.model", **policies, **options}]
    path = write("m.json", {"name": "m", "steps": steps, "slo": {"first_item_p95_s": 0.5, "executions": 100}})
    text = call("plan", path, "--stream-input", "--steps", KINDS).out
    for shown in (
        "2 batches at a time in any order",
        "opens after 1 failure within 60 s, for 9 s",
        "5 calls per second, 2 at once, for each user.id",
        "at most 10,000 results of equal text, for 60 s",
        "at most 8 items, waiting at most 0.5 s, of all executions of a runner",
        "over the last 100 executions of a runner",
        "first_item_p95_s  0.5",
    ):
        assert shown in text
    plan = json.loads(call("plan", path, "--json", "--steps", KINDS).out)
    assert plan["slo"] == {"first_item_p95_s": 0.5}
    [step] = plan["steps"]
    assert step["ordered"] is False
    assert step["policies"]["batch"] == policies["batch"]
    assert step["policies"]["rate_limit"] == policies["rate_limit"]


def test_plan_is_drawn_when_asked_for(call: Call, pipeline: MakePipeline) -> None:
    """`--mermaid` gives a flowchart."""
    assert call("plan", pipeline(NUMBERS, SUM), "--mermaid", "--steps", KINDS).out.startswith("flowchart LR\n")


# ---- schema and steps


def test_schema_accepts_the_document_that_runs(call: Call, pipeline: MakePipeline) -> None:
    """What is written is a JSON Schema that knows the params of the kinds."""
    schema = json.loads(call("schema", "--steps", KINDS).out)
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(Path(pipeline(NUMBERS)).read_text())
    jsonschema.validate(document, schema)
    document["steps"][0]["params"]["count"] = "three"
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)


@pytest.mark.parametrize(("subject", "key"), [("events", "step_progress"), ("cli.numbers", "count")])
def test_schema_describes_what_it_is_asked_for(call: Call, subject: str, key: str) -> None:
    """There are schemas of events, and of the params of each kind."""
    done = call("schema", subject, "--steps", KINDS)
    jsonschema.Draft202012Validator.check_schema(json.loads(done.out))
    assert key in done.out


def test_steps_lists_every_kind_by_family(call: Call) -> None:
    """Installed kinds and those that were named are listed, each with its first line."""
    done = call("steps", "--steps", KINDS)
    lines = done.out.splitlines()
    assert {"cli", "source", "text"} <= set(lines)
    assert any(line.split() == ["cli.numbers", "Count", "from", "zero."] for line in lines)


def test_steps_shows_ports_params_and_example_of_one_kind(call: Call) -> None:
    """One kind is described in full."""
    out = call("steps", "cli.numbers", "--steps", KINDS).out
    for text in ("Count from zero.", "When it is asked", "out  out  stream of int", "count: integer, default 3"):
        assert text in out
    assert "How many numbers to give." in out
    assert json.loads(next(line for line in out.splitlines() if '"kind"' in line))["kind"] == "cli.numbers"
    assert "Args:" not in out


def test_steps_shows_required_params_first_and_every_default(call: Call) -> None:
    """The required params of a kind come first, defaults are those that hold, and a long line is wrapped."""
    out = call("steps", "process.run").out
    params = out.partition("  params\n")[2].partition("  in a document")[0]
    assert params.startswith("    argv: array of (string or the item), required\n")
    assert "    env: object, default {}\n" in params
    assert max(map(len, params.splitlines())) <= 100


# ---- help and extras


@pytest.mark.parametrize("command", ["run", "check", "plan", "schema", "steps"])
def test_help_has_an_example(call: Call, command: str) -> None:
    """Each command shows how it is used."""
    done = call(command, "--help")
    assert done.code == 0
    assert f"headwater {command}" in done.out.partition("Example")[2]


def test_version_is_that_of_the_package(call: Call) -> None:
    """`--version` tells which version is installed."""
    assert call("--version") == Done(0, f"headwater {headwater.__version__}\n", "")


def test_help_is_light() -> None:
    """Help needs neither what runs pipelines nor what draws tables."""
    code = (
        "import sys\nfrom headwater.cli import main\nsys.argv = ['headwater', '--help']\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert not {"rich", "networkx", "structlog", "yaml", "headwater.cli.runs.executing"} & set(done.stderr.split())


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_extra_is_named_when_it_is_not_installed(missing: str) -> None:
    """Without its extra the command says in one line what to install, and exits with 2."""
    code = f"import sys\nsys.modules[{missing!r}] = None\nfrom headwater.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"headwater: the command line needs {missing}: pip install 'headwater[cli]'"]


def test_kind_is_described_by_its_docstring(call: Call) -> None:
    """A kind in full has its ports, those on the side too, what it gives, its errors and its example."""
    shown = call("steps", "cli.sort", "--steps", KINDS).out
    assert re.search(r"odd +stream of int +may stay unconnected", shown)
    parts = (
        "in a document",
        "yields",
        "Even numbers",
        "fails with",
        "ValueError: Never.",
        "in Python",
        ">>> 1 + 1",
        "2",
    )
    places = [shown.index(text) for text in parts]
    assert places == sorted(places)
    assert "Args:" not in shown
    assert "Any numbers" not in shown


def test_kind_shows_the_permission_that_it_needs(call: Call) -> None:
    """What the operator has to give stands in the description."""
    assert "needs a permission: --allow launching" in call("steps", "cli.launch", "--steps", KINDS).out


@pytest.mark.parametrize("command", ["run", "check", "plan", "graph", "schema", "steps", "replay", "new"])
def test_help_has_an_example_that_begins_with_the_command(call: Call, command: str) -> None:
    """Each command explains itself, with something to type."""
    done = call(command, "--help")
    assert done.code == 0
    assert f"  headwater {command}" in done.out.partition("Example")[2]


def test_reads_a_text_input_as_its_lines(call: Callable[..., Done], write: Callable[[str, Any], str]) -> None:
    """Words of two lines stay apart in steps that read parts of a text."""
    config = write("s.json", {"name": "s", "steps": [{"id": "s", "kind": "text.sentences"}]})
    done = call("run", config, "--input", write("poem.txt", "The tide rises\nand falls. Boats wait\n"), "--quiet")
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == [
        "The tide rises",
        "and falls.",
        "Boats wait",
    ]
