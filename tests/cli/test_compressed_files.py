"""Compressed files on the command line: input, output, the timeline and recorded events."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.archives.formats import Archive, packer
from tests.cli.conftest import KINDS, Done

Call = Callable[..., Done]
MakePipeline = Callable[..., str]

NUMBERS = ("cli.numbers", {"count": 3})
SAME = ("cli.same", {})
SUM = ("cli.sum", {})
STRICT = ("cli.strict", {})
STEPS = ("--steps", KINDS)
QUIET = ("--quiet", *STEPS)
FORMATS: list[Any] = [("gzip", ".gz"), ("bzip2", ".bz2"), ("xz", ".xz"), ("zstd", ".zst")]


def compressed(archive: Archive, content: str) -> bytes:
    """Return compressed data of two streams."""
    data = b""
    for part in (content[:2], content[2:]):
        one = packer(archive)
        data += one.compress(part.encode()) + one.flush()
    return data


@pytest.mark.parametrize(("archive", "suffix"), FORMATS)
def test_output_is_compressed_and_read_back_when_its_name_says_so(
    call: Call, pipeline: MakePipeline, archive: Archive, suffix: str
) -> None:
    """What was written is read again, and the name without the suffix decides the format."""
    name = f"numbers.jsonl{suffix}"
    assert call("run", pipeline(NUMBERS), "--output", name, *QUIET) == Done(0, "", "")
    assert Path(name).read_bytes() != b"0\n1\n2\n"
    assert call("run", pipeline(SUM), "--input", name, *QUIET) == Done(0, "3\n", "")
    assert {path.name for path in Path().iterdir()} == {"pipeline.json", name}


@pytest.mark.parametrize(("archive", "suffix"), FORMATS)
def test_input_is_decompressed_by_its_content_when_the_name_says_nothing(
    call: Call, pipeline: MakePipeline, archive: Archive, suffix: str
) -> None:
    """A rotated log and standard input have no suffix that helps."""
    Path("numbers.jsonl").write_bytes(compressed(archive, "4\n5\n"))
    assert call("run", pipeline(SUM), "--input", "numbers.jsonl", *QUIET) == Done(0, "9\n", "")
    command = [sys.executable, "-m", "headwater.cli", "run", pipeline(SUM), "--input", "-", *QUIET]
    done = subprocess.run(
        command, input=Path("numbers.jsonl").read_bytes(), capture_output=True, check=False, timeout=240
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"9\n", b"")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl.gz", gzip.compress(b"1\n2\n", mtime=0)[:-3], "the gzip data are cut off after 4 bytes of content"),
        ("a.jsonl.gz", b"", "the gzip data are cut off after 0 bytes of content"),
        ("a.jsonl.gz", b"1\n2\n", "invalid gzip data after 0 bytes of content; repair the file, or rename it if"),
        ("a.jsonl.bz2", bz2.compress(b"1\n") + b"junk", "invalid bzip2 data after 2 bytes of content"),
        ("a.jsonl", lzma.compress(b"1\n") + b"this is no stream", "invalid xz data after 2 bytes of content"),
    ],
)
def test_input_is_an_error_when_it_is_damaged(
    call: Call, pipeline: MakePipeline, name: str, content: bytes, reason: str
) -> None:
    """A damaged input fails the run with the name of the file, and no result is written."""
    document = pipeline(SUM)
    Path(name).write_bytes(content)
    done = call("run", document, "--input", name, "--output", "sum.txt", *QUIET)
    assert done.code == 2
    assert f"{name}: {reason}" in done.err
    assert not Path("sum.txt").exists()


def test_output_stays_as_it_was_when_the_run_fails(call: Call, pipeline: MakePipeline) -> None:
    """Half a compressed file never takes the place of a whole one."""
    document = pipeline(("cli.numbers", {"count": 5}), STRICT)
    Path("out.txt.gz").write_bytes(b"old")
    assert call("run", document, "--output", "out.txt.gz", *QUIET).code == 1
    assert Path("out.txt.gz").read_bytes() == b"old"


def test_timeline_is_compressed_when_its_name_says_so(call: Call, pipeline: MakePipeline) -> None:
    """Browsers show compressed drawings as they are."""
    assert call("run", pipeline(NUMBERS), "--timeline", "run.svg.gz", *QUIET).code == 0
    assert gzip.decompress(Path("run.svg.gz").read_bytes()).rstrip().endswith(b"</svg>")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Zstandard is part of Python")
@pytest.mark.parametrize("option", ["--output", "--timeline"])
def test_nothing_runs_when_a_file_to_write_needs_an_extra(
    call: Call, pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """The error comes before the run, not when there is something to write."""
    monkeypatch.setitem(sys.modules, "backports", None)
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    done = call("run", pipeline(NUMBERS), option, "run.zst", *STEPS)
    assert done.code == 2
    assert "started" not in done.err
    assert "pip install 'headwater[zstd]'" in done.err
    assert not Path("run.zst").exists()


@pytest.mark.parametrize(("archive", "suffix"), FORMATS)
@pytest.mark.parametrize("named", [True, False])
def test_replay_decompresses_events(
    call: Call, pipeline: MakePipeline, *, archive: Archive, suffix: str, named: bool
) -> None:
    """A recorded file that was compressed shows what it showed before."""
    assert call("run", pipeline(NUMBERS), "--events", "run.jsonl", *STEPS).code == 0
    plain = call("replay", "run.jsonl", "--speed", "0")
    name = f"run.jsonl{suffix}" if named else "old.jsonl"
    Path(name).write_bytes(compressed(archive, Path("run.jsonl").read_text()))
    assert call("replay", name, "--speed", "0") == plain
    assert plain.code == 0


def test_replay_fails_when_compressed_events_are_cut_off(call: Call, pipeline: MakePipeline) -> None:
    """The events before the cut are shown, and the end is an error."""
    assert call("run", pipeline(NUMBERS), "--events", "run.jsonl", *QUIET).code == 0
    Path("run.jsonl.gz").write_bytes(gzip.compress(Path("run.jsonl").read_bytes())[:-3])
    done = call("replay", "run.jsonl.gz", "--speed", "0")
    assert done.code == 1
    assert "run.jsonl.gz: the gzip data are cut off after" in done.err


def test_events_are_refused_when_the_name_is_that_of_a_compressed_file(call: Call, pipeline: MakePipeline) -> None:
    """Events are appended as they happen, so a name that promises compressed data would be wrong."""
    done = call("run", pipeline(NUMBERS), "--events", "run.jsonl.gz", *STEPS)
    assert (done.code, done.out) == (2, "")
    assert "run.jsonl.gz: the events cannot be written: events are written line by line" in done.err
