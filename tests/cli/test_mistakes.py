"""What the command line says to wrong calls and wrong documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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
    (["run", "good.json", "--set", "names=a"], 2, ["'names'", "found the text 'a'"]),
    (["run", "none.json"], 2, ["none.json", "cannot be read"]),
    (["run", "god.json"], 2, ["did you mean 'good.json'"]),
    (["run", "."], 2, ["this is a folder"]),
    (["run", "good.json", "--input", "good.json"], 2, ["reads no input", "leave it out"]),
    (["run", "sum.json"], 2, ["needs data for its input: sum", "--input"]),
    (["run", "sum.json", "--input", "none.txt"], 2, ["none.txt", "the input cannot be read: No such file"]),
    (["run", "sum.json", "--input", "."], 2, ["this is a folder"]),
    (["run", "sum.json", "--input", "broken.json"], 2, ["broken.json", "no JSON value"]),
    (["run", "sum.json", "--input", "broken.jsonl"], 2, ["broken.jsonl:2: the line is no JSON value"]),
    (["run", "sum.json", "--input", "words.txt"], 1, ["failed", "expected int", "'water'"]),
    (["run", "upper.json", "--input", "latin.txt"], 2, ["latin.txt:1:2: the byte 0xe9 is not UTF-8"]),
    (["run", "good.json", "--output", "no/where.txt"], 2, ["no/where.txt", "cannot be written: No such file"]),
    (["run", "good.json", "--output", "."], 2, ["cannot be written"]),
    (["run", "good.json", "--steps", "none.py"], 2, ["none.py", "cannot be imported"]),
    (["run", "good.json", "--steps", "empty.py"], 2, ["defines no step", "@step"]),
    (["run", "good.json", "--steps", "bad.py"], 2, ["bad.py:1", "SyntaxError"]),
    (["check", "typo.json"], 2, ["unknown-key", "'outptu'", "unknown-kind", "'cli.numbers'", "2 problems"]),
    (["check", "types.json"], 2, ["types.json:1:", "int", "str"]),
    (["plan", "typo.json"], 2, ["unknown-kind"]),
    (["plan", "good.json", "--json", "--mermaid"], 2, ["exclude each other"]),
    (["schema", "evnts"], 2, ["no step has the kind 'evnts'"]),
    (["steps", "cli.nubmers"], 2, ["did you mean 'cli.numbers'"]),
]


@pytest.mark.parametrize(("arguments", "code", "texts"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_mistake_is_told_when_the_call_or_a_file_is_wrong(
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
