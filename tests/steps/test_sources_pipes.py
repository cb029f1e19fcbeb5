"""Sources that never end by themselves: named pipes and standard input, read as they are written, left at any time."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after
from anyio.to_thread import run_sync as run_in_thread

from headwater import ConfigError, ExecutionTimeoutError, Pipeline, Runner, StepError, run_sync
from headwater.toolkit import refuse_private
from headwater_steps.files import FileFooter, FileHeader
from headwater_steps.sources import csv, jsonl, lines, stdin, text
from headwater_steps.streams import take
from headwater_steps.text.chunks import Chunks
from tests.steps.reading import cause, pipeline


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe that nobody writes to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def standard_input() -> Iterator[int]:
    """The end to write to of a pipe that stands for standard input."""
    before = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    with os.fdopen(writing, "wb") as file:
        yield file.fileno()
    os.dup2(before, 0)
    os.close(before)


def opened(path: Path) -> int:
    """Open a named pipe for writing, once it is read."""
    return os.open(path, os.O_WRONLY)


# ---- named pipes


@pytest.mark.parametrize(
    ("source", "first", "rows", "expected"),
    [
        (lines, "", ("a", "b"), ["a", "b"]),
        (jsonl, "", ("1", "2"), [1, 2]),
        (csv, "x,y\n", ("1,2", "3,4"), [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]),
    ],
)
async def test_source_gives_each_row_of_a_pipe_when_it_is_written(
    pipe: Path, source: Any, first: str, *, rows: tuple[str, ...], expected: list[Any]
) -> None:
    """No row waits for another: each is there before the next one is written."""
    seen: list[Any] = []
    async with Runner().start(pipeline(source, path=pipe)) as execution:
        writing = await run_in_thread(opened, pipe)
        os.write(writing, first.encode())
        items = aiter(execution.output)
        with fail_after(60):
            for row in rows:
                os.write(writing, f"{row}\n".encode())
                seen.append(await anext(items))
            os.close(writing)
            assert await anext(items, None) is None
        assert seen == expected
        assert await execution.output.header() == FileHeader(path=str(pipe), size_bytes=None)


@pytest.mark.parametrize("source", [lines, jsonl, csv, text])
@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2", "xz", "zstd"])
async def test_source_is_cancelled_while_it_waits_for_a_pipe(pipe: Path, source: Any, compression: str) -> None:
    """A pipe that nobody ever writes to does not hold the execution."""
    with fail_after(60):
        async with Runner().start(pipeline(source, path=pipe, compression=compression)) as execution:
            async for _ in execution.events(types={"step_start"}):
                break
            execution.cancel()


async def test_source_is_left_while_it_waits_for_a_pipe(pipe: Path) -> None:
    """A reader that has enough ends a source that waits for more."""
    steps = {"lines": lines.with_params(path=pipe), "first": take.with_params(n=1)}
    with fail_after(60):
        async with Runner().start(Pipeline("first", steps=steps)) as execution:
            writing = await run_in_thread(opened, pipe)
            os.write(writing, b"a\nb\n")
            assert (await execution.result()).output == ["a"]
        os.close(writing)


async def test_source_reads_a_compressed_pipe(pipe: Path) -> None:
    """What comes through a pipe may be compressed, and its end is not taken for its being cut off."""
    async with Runner().start(pipeline(lines, path=pipe, compression="gzip")) as execution:
        writing = await run_in_thread(opened, pipe)
        os.write(writing, gzip.compress(b"a\nb\n", mtime=0))
        os.close(writing)
        assert (await execution.result()).output == ["a", "b"]


# ---- standard input


async def test_stdin_gives_each_line_when_it_is_written(standard_input: int) -> None:
    """No line waits for another, and the last one needs no end."""
    async with Runner().start(pipeline(stdin)) as execution:
        items = aiter(execution.output)
        with fail_after(60):
            for line in ("a", "bä"):
                os.write(standard_input, f"{line}\r\n".encode())
                assert await anext(items) == line
            os.write(standard_input, b"c\nd")
            assert await anext(items) == "c"
            _close(standard_input)
            assert await anext(items) == "d"
            assert await anext(items, None) is None
        assert await execution.output.header() == FileHeader(path="standard input", size_bytes=None)
        assert await execution.output.footer() == FileFooter(lines=4, items=4)


def _close(descriptor: int) -> None:
    """Close the other end of a pipe, keeping the number in use for whoever closes it again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


async def test_stdin_gives_chunks_as_they_arrive(standard_input: int) -> None:
    """A chunk is a text, also where a character was cut on its way."""
    async with Runner().start(pipeline(stdin, split="chunks")) as execution:
        items = aiter(execution.output)
        with fail_after(60):
            os.write(standard_input, b"\xef\xbb\xbfa\r\nb\xc3")
            assert await anext(items) == "a\r\nb"
            os.write(standard_input, b"\xa4")
            assert await anext(items) == "ä"
            _close(standard_input)
            assert await anext(items, None) is None
        assert await execution.output.footer() == FileFooter(lines=1, items=2)


async def test_stdin_decompresses_what_is_compressed(standard_input: int) -> None:
    """A compressed log can be piped in as it is."""
    os.write(standard_input, gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b"))
    _close(standard_input)
    with fail_after(60):
        assert (await pipeline(stdin).run()).output == ["a", "b"]


@pytest.mark.parametrize("split", ["lines", "chunks"])
async def test_stdin_is_cancelled_while_it_waits(standard_input: int, split: str) -> None:
    """Standard input that never says anything does not hold the execution, and can be read by the next one."""
    with fail_after(60):
        for _ in range(2):
            async with Runner().start(pipeline(stdin, split=split)) as execution:
                async for _ in execution.events(types={"step_start"}):
                    break
                execution.cancel()


async def test_stdin_is_left_when_the_reader_has_enough(standard_input: int) -> None:
    """A reader that leaves ends it while it waits for more."""
    steps = {"lines": stdin, "first": take.with_params(n=1)}
    os.write(standard_input, b"a\nb\n")
    with fail_after(60):
        assert (await Pipeline("first", steps=steps).run()).output == ["a"]


async def test_stdin_is_read_by_one_step_at_a_time(standard_input: int) -> None:
    """A second reader would get what the first one lacks, so it is refused."""
    async with Runner().start(pipeline(stdin)) as execution:
        async for _ in execution.events(types={"step_start"}):
            break
        os.write(standard_input, b"a\n")
        assert await anext(aiter(execution.output)) == "a"
        with pytest.raises(StepError) as error:
            await pipeline(stdin).run()
        execution.cancel()
    assert cause(error) == "another step reads standard input already; read it in one step, and connect several to it"


@pytest.mark.parametrize(
    ("params", "content", "message"),
    [
        ({}, b"a\nb\xff\n", "standard input:2: the bytes ff are not valid utf-8; set another encoding, or on_bad"),
        ({"max_line_chars": 3}, b"a\nabc\n", "standard input:2: the line is longer than 3 characters"),
        (
            {"split": "chunks"},
            b"a\nb\xff\n",
            "standard input:2: the bytes ff are not valid utf-8; set another encoding",
        ),
        ({}, gzip.compress(b"a\n", mtime=0)[:-1], "standard input: the gzip data are cut off after 2 bytes of content"),
        ({"split": "chunks"}, b"\xff\xfea\0", "standard input:1: the text begins with the byte order mark of UTF-16"),
        ({}, b"s\0a\0l\0t\0", "standard input:1: most characters have bytes of zero, as in UTF-16-LE"),
        ({}, b"a\rb\r", "standard input:1: the file has no line feed"),
        ({"split": "chunks"}, b"a\nb\xc3", "standard input:2: the bytes c3 are not valid utf-8"),
    ],
)
async def test_stdin_reports_what_cannot_be_read(
    standard_input: int, params: dict[str, Any], content: bytes, message: str
) -> None:
    """The error names the line and what to do."""
    os.write(standard_input, content)
    _close(standard_input)
    with pytest.raises(StepError) as error:
        await pipeline(stdin, **params).run()
    assert cause(error).startswith(message)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("utf-16", "aä\n".encode("utf-16-le")),
        ("utf-16", b"\xfe\xff" + "aä\n".encode("utf-16-be")),
        ("utf-32", "aä\n".encode("utf-32-le")),
        ("utf-32", b"\xff\xfe\0\0" + "aä\n".encode("utf-32-le")),
        ("utf-8", b"\xef\xbb\xbfa\xc3\xa4\n"),
        ("latin-1", b"a\xe4\n"),
    ],
)
def test_stdin_takes_the_byte_order_from_the_first_bytes(standard_input: int, encoding: str, sent: bytes) -> None:
    """Chunks have the byte order of their mark, and are little-endian without one; the mark is no text."""
    os.write(standard_input, sent)
    _close(standard_input)
    assert "".join(run_sync(pipeline(stdin, split="chunks", encoding=encoding)).output) == "aä\n"


def test_stdin_repairs_chunks_when_asked(standard_input: int) -> None:
    """Bytes that are no text become U+FFFD."""
    os.write(standard_input, b"a\xffb")
    _close(standard_input)
    assert run_sync(pipeline(stdin, split="chunks", on_bad="replace")).output == ["a\ufffdb"]


COUNT = """
from headwater import Pipeline, run_sync
from headwater_steps import sources, streams

print(run_sync(Pipeline("count", steps={"lines": sources.stdin, "n": streams.count})).output)
"""


def test_stdin_may_be_a_file(tmp_path: Path) -> None:
    """What cannot be waited for is read all the same."""
    path = tmp_path / "input"
    path.write_text("line\n" * 100_000)
    with path.open() as file:
        done = subprocess.run([sys.executable, "-c", COUNT], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout == "100000\n"


PRIVATE = ["/proc/self/environ", "/proc/thread-self/environ", "/proc/self/task/../environ", "/proc/self/mem"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system has no /proc")
@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize("linked", [False, True])
def test_the_environment_of_a_process_is_not_read(path: str, linked: bool, tmp_path: Path) -> None:
    """Secrets are there, which no document is given; a link to it has another name, but is no other file."""
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = str(tmp_path / "link")
    for kind in (text, lines):
        with pytest.raises(StepError, match="hold secrets, so no step reads them"):
            run_sync(pipeline(kind, path=path))
    with pytest.raises(ConfigError, match="hold secrets"):
        Pipeline.load(Path(path))


def test_a_file_of_the_same_name_is_read(tmp_path: Path) -> None:
    """Only those of the system are refused."""
    (tmp_path / "environ").write_text("water")
    assert run_sync(pipeline(text, path=tmp_path / "environ")).output == "water"


@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="the kernel's log cannot be read")
def test_a_time_limit_holds_when_a_regular_file_does_not_end() -> None:
    """The log of the kernel is a regular file without a size whose reader waits for more."""
    document = json.loads(pipeline(lines, path="/proc/kmsg", on_bad="replace").to_json()) | {
        "timeout": {"total_s": 0.2}
    }
    with pytest.raises(ExecutionTimeoutError):
        run_sync(Pipeline.load(document))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system has no /proc")
def test_the_environment_is_refused_under_the_descriptor_that_was_opened(tmp_path: Path) -> None:
    """A link that is replaced after it was looked at does not help, nor does a name of the descriptor."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - not a path of the test
        with pytest.raises(PermissionError, match="hold secrets"):
            refuse_private(tmp_path / "harmless", file.fileno())
        with pytest.raises(StepError, match="hold secrets"):
            run_sync(pipeline(text, path=Path(f"/proc/self/fd/{file.fileno()}")))


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Replace standard input with a file of some content."""
    before = os.dup(0)

    def give(content: bytes) -> None:
        path = tmp_path / "input"
        path.write_bytes(content)
        with path.open("rb") as file:
            os.dup2(file.fileno(), 0)

    yield give
    os.dup2(before, 0)
    os.close(before)


@pytest.mark.parametrize(
    ("split", "content", "expected"),
    [
        ("lines", b"It was\nlate.\n", "It was\nlate.\n"),
        ("chunks", b"It was\nlate.", "It was\nlate."),
    ],
)
def test_text_of_standard_input_keeps_its_line_ends_when_it_is_cut_into_chunks(
    given: Callable[[bytes], None], split: str, content: bytes, expected: str
) -> None:
    """Lines are declared as lines, which steps that read pieces of a text join; chunks have their line ends."""
    given(content)
    cut = Pipeline("cut", steps={"text": stdin.with_params(split=split), "chunks": Chunks(size=1_000)})
    assert [chunk.text for chunk in run_sync(cut).output] == [expected]
