"""Two runs of the command, joined into one typed stream."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.wire import FrameDecoder, FrameKind
from tests.cli.conftest import KINDS, Done, start

Call = Callable[..., Done]
Write = Callable[[str, Any], str]

TYPED = ("--output-format", "headwater", "--quiet")
FROM_PIPE = ("--input", "-", "--input-format", "headwater", "--quiet")
NUMBERS = {"id": "numbers", "kind": "cli.numbers", "params": {"count": 1000}}


def document(name: str, *steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a document."""
    return {"name": name, "steps": list(steps), **keys}


@pytest.fixture
def numbers(write: Write) -> str:
    """Return a pipeline whose output is numbers."""
    return write("numbers.json", document("numbers", NUMBERS))


@pytest.fixture
def total(write: Write) -> str:
    """Return a pipeline that adds numbers up."""
    return write("total.json", document("total", {"id": "sum", "kind": "stream.sum"}))


@pytest.mark.parametrize("name", ["stream.hw", "stream.hw.gz", "stream.hw.zst"])
def test_output_of_one_run_is_the_input_of_another(call: Call, numbers: str, total: str, name: str) -> None:
    """A typed stream may be a file, also a compressed one."""
    assert call("run", numbers, "--steps", KINDS, *TYPED, "--output", name).code == 0
    done = call("run", total, "--input", name, "--input-format", "headwater", "--quiet")
    assert (done.code, done.out, done.err) == (0, "499500\n", "")


def test_two_runs_are_joined_by_a_pipe(numbers: str, total: str) -> None:
    """A shell joins two processes into one stream."""
    writer = start("run", numbers, "--steps", KINDS, *TYPED)
    assert writer.stdout is not None
    reader = start("run", total, *FROM_PIPE, stdin=writer.stdout.fileno())
    writer.stdout.close()
    out, err = reader.communicate(timeout=120)
    assert (reader.returncode, out, err) == (0, b"499500\n", b"")
    writer.stdout = None
    assert (writer.communicate(timeout=120)[1], writer.returncode) == (b"", 0)


def test_strings_and_their_ends_cross_exactly(call: Call, write: Write) -> None:
    """Items with line ends are not cut into lines, and headers and footers cross as well."""
    Path("text.txt").write_text("one\r\ntwo\u2028\n\n", "utf-8")
    reads = {"id": "lines", "kind": "source.lines", "params": {"path": "text.txt"}}
    batches = {"id": "batch", "kind": "stream.batch", "params": {"size": 2}}
    assert call("run", write("a.json", document("a", reads, batches)), *TYPED, "--output", "s.hw").code == 0
    flat = write("b.json", document("b", {"id": "flat", "kind": "stream.flatten"}))
    done = call("run", flat, "--input", "s.hw", "--input-format", "headwater", "--json", "--quiet")
    assert [json.loads(line) for line in done.out.split("\n")[:-1]] == ["one", "two\u2028", ""]


@pytest.mark.parametrize("cut", [-1, -20, 200, 80, 3, 0])
def test_stream_that_was_cut_fails_the_run_that_reads_it(call: Call, numbers: str, total: str, cut: int) -> None:
    """A part of a stream is never taken for all of it."""
    assert call("run", numbers, "--steps", KINDS, *TYPED, "--output", "s.hw").code == 0
    Path("cut.hw").write_bytes(Path("s.hw").read_bytes()[:cut])
    done = call("run", total, "--input", "cut.hw", "--input-format", "headwater", "--quiet")
    assert (done.code, done.out) == (1, "")
    assert "the stream was cut off after" in done.err


def test_writer_that_is_killed_breaks_the_stream(write: Write, total: str) -> None:
    """What dies in the middle says nothing, and its reader knows."""
    hanging = write("hanging.json", document("hanging", {**NUMBERS, "params": {"count": 1000, "hang": True}}))
    writer = start("run", hanging, "--steps", KINDS, *TYPED)
    assert writer.stdout is not None
    reader = start("run", total, *FROM_PIPE, stdin=subprocess.PIPE)
    assert reader.stdin is not None
    decoder = FrameDecoder()
    read_items = 0
    while read_items < 1000:  # all that the writer has is in the pipe
        data = writer.stdout.read1(65_536)  # type: ignore[attr-defined]
        reader.stdin.write(data)
        for kind, payload in decoder.feed(data):
            read_items += {FrameKind.ITEM: 1, FrameKind.ITEMS: payload.count(b",") + 1}.get(FrameKind(kind), 0)
    writer.kill()
    writer.communicate(timeout=60)
    out, err = reader.communicate(timeout=120)
    assert (reader.returncode, out) == (1, b"")
    assert b"the stream was cut off after 1,000 items" in err


def test_run_that_fails_breaks_its_stream_with_the_reason(write: Write, call: Call, total: str) -> None:
    """The reader names the step of the other run."""
    failing = write("failing.json", document("failing", NUMBERS, {"id": "check", "kind": "cli.strict"}))
    writer = start("run", failing, "--steps", KINDS, *TYPED)
    sent, _ = writer.communicate(timeout=120)
    assert writer.returncode == 1
    Path("broken.hw").write_bytes(sent)
    done = call("run", total, "--input", "broken.hw", "--input-format", "headwater", "--quiet")
    assert (done.code, done.out) == (1, "")
    assert "step 'check' failed" in done.err


def test_several_outputs_are_refused(call: Call, write: Write) -> None:
    """One stream has one output."""
    two = [{**NUMBERS, "id": one} for one in ("left", "right")]
    done = call("run", write("two.json", document("two", *two, edges=[])), "--steps", KINDS, *TYPED)
    assert done.code == 2
    assert "the format headwater is one stream, but the pipeline has the outputs left, right" in done.err


def test_typed_stream_is_not_taken_for_text(call: Call, numbers: str, write: Write) -> None:
    """Without its format, the input is refused with what to do."""
    assert call("run", numbers, "--steps", KINDS, *TYPED, "--output", "s.hw").code == 0
    shout = write("shout.json", document("shout", {"id": "upper", "kind": "text.upper"}))
    done = call("run", shout, "--input", "s.hw", "--quiet")
    assert done.code == 2
    assert "found a stream of Headwater; read it with --input-format headwater" in done.err


def test_memory_is_constant_while_many_items_cross(write: Write) -> None:
    """Neither process keeps what has passed."""
    many = write("many.json", document("many", {**NUMBERS, "params": {"count": 300_000}}))
    count = write("count.json", document("count", {"id": "count", "kind": "stream.count"}))
    writer = start("run", many, "--steps", KINDS, *TYPED)
    assert writer.stdout is not None
    reader = start("run", count, *FROM_PIPE, stdin=writer.stdout.fileno())
    writer.stdout.close()
    writer.stdout = None
    most = dict.fromkeys((writer, reader), 0)
    while reader.poll() is None:
        for process in most:
            try:
                most[process] = max(most[process], psutil.Process(process.pid).memory_info().rss)
            except psutil.Error:
                continue
    assert reader.communicate(timeout=120)[0] == b"300000\n"
    assert (writer.communicate(timeout=120)[1], writer.returncode) == (b"", 0)
    assert max(most.values()) < 150 * 2**20, sys.version
