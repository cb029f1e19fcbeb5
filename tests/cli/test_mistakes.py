"""What the command line says to wrong calls and wrong documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from tests.cli.conftest import KINDS, Done

Call = Callable[..., Done]
Write = Callable[[str, Any], str]

GOOD = {
    "name": "good",
    "parameters": {"count": {"type": "integer", "default": 3}, "names": {"type": "array", "default": []}},
    "steps": [{"id": "numbers", "kind": "cli.numbers", "params": {"count": "${parameters.count}"}}],
}
SUM = {"name": "sum", "steps": [{"id": "sum", "kind": "cli.sum"}]}
TYPO = {"name": "typo", "steps": [{"id": "numbers", "kind": "cli.nubmers"}], "outptu": "numbers"}
TYPES = {
    "name": "types",
    "steps": [{"id": "numbers", "kind": "cli.numbers"}, {"id": "upper", "kind": "cli.upper"}],
}

CASES: list[tuple[list[str], int, list[str]]] = [
    # what is typed, exit code, texts on standard error
    (["check"], 2, ["Missing argument", "CONFIG"]),
    (["rnu", "good.json"], 2, ["No such command 'rnu'", "Did you mean 'run'"]),
    (["run", "good.json", "--setp", "a=1"], 2, ["No such option", "--setp"]),
    (["run", "good.json", "--set", "count"], 2, ["--set", "expected NAME=VALUE, found 'count'"]),
    (["run", "good.json", "--set", "=3"], 2, ["expected NAME=VALUE"]),
    (["run", "good.json", "--set", "count=x"], 2, ["'count'", "expected a whole number", "good.json:1:"]),
    (["run", "good.json", "--set", "cuont=1"], 2, ["unknown-parameter", "did you mean 'count'"]),
    (["run", "good.json", "--set", "names=a"], 2, ["'names'", "found the string 'a'"]),
    (["run", "none.json"], 2, ["none.json", "cannot be read"]),
    (["run", "god.json"], 2, ["did you mean 'good.json'"]),
    (["run", "."], 2, ["expected a file, found a folder"]),
    (["run", "good.json", "--input", "good.json"], 2, ["reads no input", "leave it out"]),
    (["run", "sum.json"], 2, ["needs data for its input: sum", "--input"]),
    (["run", "sum.json", "--input", "none.txt"], 2, ["none.txt", "the input cannot be read: No such file"]),
    (["run", "sum.json", "--input", "."], 2, ["the input is a folder"]),
    (["run", "sum.json", "--input", "broken.json"], 2, ["broken.json", "the input is not a JSON value"]),
    (["run", "sum.json", "--input", "broken.jsonl"], 2, ["broken.jsonl:2:", "the line is not a JSON value"]),
    (["run", "sum.json", "--input", "words.txt"], 1, ["failed", "expected int", "'water'"]),
    (["run", "upper.json", "--input", "latin.txt"], 2, ["latin.txt:1:2: the byte 0xe9 is not UTF-8"]),
    (["run", "upper.json", "--input", "wide.txt"], 2, ["wide.txt:1: the input is UTF-16-LE", "iconv -f utf-16-le"]),
    (["run", "good.json", "--output", "no/where.txt"], 2, ["no/where.txt", "written: the folder no does not exist"]),
    (["run", "good.json", "--output", "."], 2, ["cannot be written"]),
    (["run", "good.json", "--steps", "none.py"], 2, ["there is no file 'none.py'"]),
    (["run", "good.json", "--steps", "empty.py"], 2, ["defines no step", "@step"]),
    (["run", "good.json", "--steps", "bad.py"], 2, ["bad.py:1", "SyntaxError"]),
    (["check", "typo.json"], 2, ["unknown-key", "'outptu'", "unknown-kind", "'cli.numbers'", "2 problems"]),
    (["check", "types.json"], 2, ["types.json:1:", "int", "str"]),
    (["plan", "typo.json"], 2, ["unknown-kind"]),
    (["plan", "good.json", "--json", "--mermaid"], 2, ["exclude each other"]),
    (["schema", "evnts"], 2, ["no step of kind 'evnts' is known"]),
    (["steps", "cli.nubmers"], 2, ["did you mean 'cli.numbers'"]),
]


@pytest.mark.parametrize(("arguments", "code", "texts"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_mistake_is_reported_when_the_call_or_a_file_is_wrong(
    call: Call, write: Write, arguments: list[str], code: int, texts: list[str]
) -> None:
    """Each mistake gives its exit code and says what is wrong and what to do, without a traceback."""
    for name, content in {"good": GOOD, "sum": SUM, "typo": TYPO, "types": TYPES}.items():
        write(f"{name}.json", content)
    write("upper.json", {"name": "upper", "steps": [{"id": "upper", "kind": "cli.upper"}]})
    write("broken.json", '{"a": ')
    write("broken.jsonl", "1\n{]\n3\n")
    write("words.txt", "water\n")
    write("empty.py", "")
    write("bad.py", "def\n")
    Path("latin.txt").write_bytes(b"c\xe9\n")
    Path("wide.txt").write_bytes("salt\n".encode("utf-16-le"))
    done = call(*arguments, "--steps", KINDS)
    assert done.code == code, done.err
    assert [text for text in texts if text not in done.err] == [], done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_place_is_shown_with_a_caret_when_a_document_is_wrong(call: Call, write: Write) -> None:
    """The line of the document stands there, with a caret under the mistake, also behind wide characters."""
    write("wide.json", '{\n  "name": "水水", "stepps": 1,\n  "steps": [{"id": "same", "kind": "cli.same"}]\n}\n')
    done = call("check", "wide.json", "--steps", KINDS)
    assert done.code == 2
    assert done.err.splitlines() == [
        "wide.json:2:17: unknown key 'stepps' in the document [unknown-key]",
        '  2 |   "name": "水水", "stepps": 1,',
        "    |                   ^",
        "  at $.stepps",
        "  hint: did you mean 'steps'?",
    ]


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        (
            "tabs.json",
            '{\n\t"name": "a",\t"stepps": 1\n}',
            ['  2 |  "name": "a", "stepps": 1', "    |               ^"],
        ),
        (
            "marks.json",
            '{"name": "e\u0301", "stepps": 1}',
            ['  1 | {"name": "e\u0301", "stepps": 1}', "    |               ^"],
        ),
        ("a.yaml", "name: a\nstepps: 1\n", ["  2 | stepps: 1", "    | ^"]),
        ("b.yaml", "name: a\nsteps:\n  - id: [\n", ["  4 | ", "    | ^"]),
        ("windows.json", '{\r\n  "name": "a",\r\n  "stepps": 1\r\n}', ['  3 |   "stepps": 1', "    |   ^"]),
    ],
)
def test_caret_stands_under_the_mistake_whatever_is_before_it(
    call: Call, write: Write, name: str, text: str, shown: list[str]
) -> None:
    """Tabs, combining marks, YAML and the line ends of Windows do not move the caret."""
    Path(write(name, "")).write_bytes(text.encode())
    lines = [line.rstrip() for line in call("check", name, "--steps", KINDS).err.splitlines()]
    places = [index for index, line in enumerate(lines) if line == shown[0].rstrip()]
    assert [lines[index + 1] for index in places if lines[index + 1] == shown[1]], "\n".join(lines)


@contextmanager
def standard_input(content: bytes) -> Iterator[None]:
    """Give standard input, the descriptor itself, some content for a while."""
    before = os.dup(0)
    with TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        os.dup2(file.fileno(), 0)
        try:
            yield
        finally:
            os.dup2(before, 0)
            os.close(before)


@pytest.mark.parametrize(
    "document", [b'{"name": "a",\n "stepps": 1}', b"name: a\nstepps: 1\n", b"\n\n# YAML\nstepps: 1\n"]
)
def test_line_is_shown_when_the_document_comes_from_standard_input(call: Call, document: bytes) -> None:
    """`-` is standard input, JSON or YAML, and its mistakes are shown like those of a file."""
    with standard_input(document):
        done = call("check", "-")
    errors = done.err
    line = document.decode().count("\n", 0, document.index(b"stepps")) + 1
    assert done.code == 2
    assert f"standard input:{line}:" in errors
    shown = errors.splitlines()
    assert any("stepps" in before and caret.split() == ["|", "^"] for before, caret in pairwise(shown)), errors
    assert "/tmp" not in errors


@pytest.mark.parametrize(("document", "text"), [(b"", "found the end"), (b"[1]", "expected"), (b"\xff{", "UTF-8")])
def test_standard_input_is_refused_when_it_is_no_document(call: Call, document: bytes, text: str) -> None:
    """Nothing, a list and broken text are told as such."""
    with standard_input(document):
        done = call("check", "-")
    assert done.code == 2
    assert text in done.err
    assert "Traceback" not in done.err


def test_document_runs_when_it_comes_from_standard_input(call: Call) -> None:
    """What passes the check runs, parameters included, and cannot be the input at the same time."""
    with standard_input(json.dumps(GOOD).encode()):
        assert call("run", "-", "--set", "count=2", "--quiet", "--steps", KINDS) == Done(0, "0\n1\n", "")
    both = call("run", "-", "--input", "-")
    assert both.code == 2
    assert "cannot both be standard input" in both.err


def test_document_may_be_a_pipe(tmp_path: Path) -> None:
    """A named pipe, such as a shell makes for `<(...)`, is read once, and its lines are shown all the same."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "headwater.cli", "check", str(pipe), "--set", "a=1", "--steps", KINDS]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        pipe.write_text('{"stepps": 1}')
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 2
    assert f"{pipe}:1:2" in errors.decode()
    assert '  1 | {"stepps": 1}' in errors.decode()


@pytest.mark.parametrize("command", ["run", "check", "plan", "graph"])
def test_kind_is_refused_unless_the_operator_allows_it(call: Call, write: Write, command: str) -> None:
    """A document cannot use a kind that needs a permission, until `--allow` gives it."""
    write("launch.json", {"name": "launch", "steps": [{"id": "launch", "kind": "cli.launch"}]})
    write("in.txt", "x")
    arguments = [command, "launch.json", "--steps", KINDS, *(["--input", "in.txt"] if command == "run" else [])]
    refused = call(*arguments)
    assert refused.code == 2
    assert "--allow launching" in refused.err
    assert call(*arguments, "--allow", "launching").code == 0


def test_surroundings_are_shown_when_the_line_is_very_long(call: Call, write: Write) -> None:
    """Of a document in one long line only the surroundings of the mistake are shown, and the caret still fits."""
    steps = [{"id": "a", "kind": "cli.same"}]
    write("long.json", {"name": "long", "description": "x" * 5000, "stepps": 1, "steps": steps})
    done = call("check", "long.json", "--steps", KINDS)
    _, shown, caret, *_ = done.err.splitlines()
    assert len(shown) < 120
    assert shown[caret.index("^") :].startswith('"stepps"')


def test_terminal_is_safe_when_a_document_has_control_characters(call: Call, write: Write) -> None:
    """An escape sequence in a document does not reach the terminal."""
    write("escape.json", '{"name": "a", "steps": [{"id": "a", "kind": "cli.same"}], "\x1b[31m": 1}')
    done = call("check", "escape.json", "--steps", KINDS)
    assert done.code == 2
    assert "\x1b" not in done.err


def test_traceback_is_shown_when_asked_for(call: Call, pipeline: Callable[..., str]) -> None:
    """With --debug the traceback of a failed step leads to its line."""
    document = pipeline(("cli.numbers", {"count": 5}), ("cli.strict", {}))
    assert "Traceback" not in call("run", document, "--steps", KINDS).err
    done = call("run", document, "--steps", KINDS, "--debug")
    assert done.code == 1
    assert "Traceback" in done.err
    assert "kinds_for_cli.py" in done.err


@pytest.mark.parametrize("name", ["keys.json", "keys.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        "canary-4711\n",
        "TOKEN=canary-4711\nOTHER=canary-4711\n",
        "root:canary-4711:0:0\n- [x",
        '{"token": "canary-4711", "type": 3}',
        '{"token": "canary-4711",}',
        "token: canary-4711\ntype: [\n",
        "-----BEGIN KEY-----\ncanary-4711\n",
        "\tcanary-4711",
    ],
)
def test_file_is_not_shown_when_it_is_no_document(call: Call, write: Write, name: str, text: str) -> None:
    """Whoever can name a file, such as by a link in a repository, does not learn what is in it."""
    Path(write(name, "")).write_text(text, "utf-8")
    done = call("check", name)
    assert done.code == 2
    assert name in done.err
    assert "canary" not in done.err
    assert "4711" not in done.err
