"""Hostile documents: mutated by structure, loaded under an audit hook in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from headwater.config.load import load
from headwater.errors import ConfigError

CASES = int(os.environ.get("HEADWATER_FUZZ_CASES", "2000"))
FUZZER = Path(__file__).with_name("fuzzer.py")


def test_opens_imports_and_spawns_nothing_when_documents_are_hostile() -> None:
    """Mutated documents give a spec or a ConfigError, in bounded time, without any side effect."""
    command = [sys.executable, str(FUZZER), str(CASES)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["cases"] == CASES
    assert report["loaded"] > 0, "no mutation was harmless: the seeds are broken"
    assert report["refused"] > 0
    assert report["slowest_ms"] < 50, report
    print(f"slowest: {report['slowest_ms']:.1f} ms: {report['slowest']}")  # noqa: T201 - shown by `make fuzz ARGS=-s`


def with_cycle() -> dict[str, Any]:
    """Return a document that contains itself, twice on each level."""
    inner: dict[str, Any] = {}
    inner["params"], inner["again"] = inner, [inner, inner]
    return {"name": "x", "steps": [inner]}


def doubled() -> list[Any]:
    """Return a list that would have 2 ** 60 values, were it written out."""
    shared: list[Any] = []
    for _ in range(60):
        shared = [shared, shared]
    return shared


EDGES = '{"name": "x", "steps": [{"id": "a", "kind": "k"}], "edges": [' + '"a->a",' * 1_000_000 + '"a->a"]}'
HUGE = [
    pytest.param('{"name": "' + "x" * (64 * 2**20) + '"}', "too-large", id="64 MB"),
    pytest.param('{"name": ' + "[" * 10_000 + "]" * 10_000 + "}", "too-deep", id="depth 10,000"),
    pytest.param('{"name": ' + '{"a":' * 10_000, "too-deep", id="depth 10,000, unclosed"),
    pytest.param('{"name": ' + "[" * 500 + "]" * 500 + "}", "too-deep", id="depth 500"),
    pytest.param(EDGES, "too-many", id="a million edges"),
    pytest.param('{"name": "x", "steps": [' + "1," * 20_000 + "1]}", "too-many", id="20,000 steps"),
    pytest.param('{"name": "x", "name": "y"}', "duplicate-key", id="duplicate keys"),
    pytest.param('{"name": NaN}', "not-a-number", id="NaN"),
    pytest.param('{"name": "x", "steps": [-Infinity]}', "not-a-number", id="Infinity"),
    pytest.param('{"name": ' + "1" * 100_000 + "}", "number-too-large", id="100,000 digits"),
    pytest.param('{"name": "\ud800"}', "bad-text", id="surrogate in the text"),
    pytest.param({"name": float("nan")}, "not-a-number", id="NaN in a dict"),
    pytest.param({"name": "\udfff"}, "bad-text", id="surrogate in a dict"),
    pytest.param({"name": object()}, "wrong-type", id="object in a dict"),
    pytest.param({1: "x"}, "wrong-type", id="key that is a number"),
    pytest.param(with_cycle(), "cycle", id="cycle"),
    pytest.param({"name": doubled()}, "too-large", id="exponential sharing"),
    pytest.param([], "unreadable", id="no document at all"),
]


@pytest.mark.parametrize(("source", "code"), HUGE)
def test_refuses_within_a_second_when_a_document_exceeds_a_limit(source: Any, code: str) -> None:
    """The reason is told, and no other error ever comes out."""
    start = time.thread_time()
    with pytest.raises(ConfigError) as caught:
        load(source).problems.raise_if_any()
    assert code in {problem.code for problem in caught.value.problems}
    assert time.thread_time() - start < 1.0


def test_opens_nothing_but_regular_files_when_given_a_path(tmp_path: Path) -> None:
    """A FIFO would block, a device never ends, a folder is no document."""
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), tmp_path, tmp_path / "missing.json", tmp_path / "nul\0.json"):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert caught.value.problems[0].code == "unreadable"


def test_names_a_neighbor_when_the_file_is_missing(tmp_path: Path) -> None:
    """A misspelled file name gets a did-you-mean."""
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "reprot.json")
    assert "report.json" in caught.value.problems[0].hint


def test_reads_no_more_than_the_limit_when_a_file_is_larger(tmp_path: Path) -> None:
    """A sparse file of a terabyte is refused by its size."""
    path = tmp_path / "big.json"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.problems[0].code == "too-large"


def test_tells_the_place_when_a_file_is_not_utf8(tmp_path: Path) -> None:
    """Line and column count characters before the bad byte."""
    path = tmp_path / "latin.json"
    path.write_bytes('{\n "é": "'.encode() + b"\xe9" + b'"}')
    with pytest.raises(ConfigError) as caught:
        load(path)
    problem = caught.value.problems[0]
    assert (problem.code, problem.line, problem.column) == ("bad-encoding", 2, 8)


def test_accepts_a_byte_order_mark_when_a_file_has_one(tmp_path: Path) -> None:
    """Editors of Windows write one; positions do not count it."""
    path = tmp_path / "bom.json"
    path.write_text('\ufeff{"name": "x", "steps": [{"id": "a", "kind": "k"}], "x": 1}', encoding="utf-8")
    loaded = load(path)
    assert loaded.spec.name == "x"
    assert [(one.line, one.column) for one in loaded.problems.listed()] == [(1, 52)]


REPEATED = [
    pytest.param('{"name": "x", "steps": [' + "1," * 4_900 + "1]}", id="numbers for steps"),
    pytest.param('{"name": "x", "steps": [' + "{}," * 3_300 + "{}]}", id="empty steps"),
    pytest.param("{" + '"a":1,' * 1_600 + '"a":1}', id="duplicate keys"),
    pytest.param('{"a":[' + "NaN," * 2_400 + "1]}", id="not numbers"),
    pytest.param("{" + "".join(f'"k{n}":1,' for n in range(1_000)) + '"k":1}', id="unknown keys"),
    pytest.param('{"name":"' + "${a}" * 2_400 + '"}', id="templates"),
    pytest.param("{" + "[" * 9_990, id="brackets"),
    pytest.param('{"' + "\\" * 9_990, id="backslashes"),
]


@pytest.mark.parametrize("text", REPEATED)
def test_takes_no_time_when_one_mistake_is_repeated_all_over(text: str) -> None:
    """The number of problems that are told is bounded, and so is what each one costs."""
    assert len(text) <= 10_000
    seconds = []
    for _ in range(3):
        start = time.thread_time()
        with pytest.raises(ConfigError):
            load(text).problems.raise_if_any()
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.05
