"""Compressed files: every format, whatever is in it, and what is told of one that is cut off or damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import MissingExtraError, StepContext, StepError
from headwater.toolkit import Archive, Unpacker, packer
from headwater_steps.files import compression
from headwater_steps.files.compression import DamagedFileError
from headwater_steps.sources import csv, jsonl, lines, text
from tests.steps.reading import CONTEXT, cause, items_of, read

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMATS: list[Any] = [
    pytest.param("gzip", ".gz", partial(gzip.compress, mtime=0), id="gzip"),
    pytest.param("bzip2", ".bz2", bz2.compress, id="bzip2"),
    pytest.param("xz", ".xz", partial(lzma.compress, preset=0), id="xz"),
    pytest.param("zstd", ".zst", zstd.compress, id="zstd"),
]
Compress = Callable[[bytes], bytes]


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
@pytest.mark.parametrize(
    ("source", "content", "expected"),
    [
        (lines, "a\nb\n", ["a", "b"]),
        (text, "a\nb\n", "a\nb\n"),
        (jsonl, '1\n{"a": 2}\n', [1, {"a": 2}]),
        (csv, "a\n1\n", [{"a": "1"}]),
    ],
)
def test_source_reads_a_compressed_file(
    tmp_path: Path, name: str, suffix: str, compress: Compress, *, source: Any, content: str, expected: Any
) -> None:
    """The end of the name tells the format, or a param does; files may consist of several compressed parts."""
    data = compress(content[:3].encode()) + compress(content[3:].encode())
    named, other = tmp_path / f"data{suffix.upper()}", tmp_path / "data"
    named.write_bytes(data)
    other.write_bytes(data)
    assert read(source, named).output == expected
    assert read(source, other, compression=name).output == expected
    if source is not text:
        assert read(source, named).header.size_bytes == len(data)


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
def test_source_reads_a_compressed_file_as_it_is_when_asked(
    tmp_path: Path, name: str, suffix: str, compress: Compress
) -> None:
    """A name may end so and the file not be compressed."""
    path = tmp_path / f"data{suffix}"
    path.write_text("plain\n")
    assert read(lines, path, compression="none").output == ["plain"]


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
@pytest.mark.parametrize("kept", [0, 10, 100, -1, -6])
def test_source_reports_that_a_compressed_file_is_cut_off(
    tmp_path: Path, name: str, suffix: str, compress: Compress, kept: int
) -> None:
    """A file whose end is missing is an error, and never taken for a shorter one."""
    path = tmp_path / f"data{suffix}"
    path.write_bytes(compress(os.urandom(50_000).hex().encode())[:kept])
    with pytest.raises(StepError) as error:
        read(lines, path)
    assert isinstance(error.value.__cause__, DamagedFileError)
    assert cause(error).startswith(f"{path}: the {name} data are cut off after ")
    assert cause(error).endswith(" bytes of content; get the whole file")


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
def test_source_reports_that_a_file_is_of_another_format(
    tmp_path: Path, name: str, suffix: str, compress: Compress
) -> None:
    """A file that is not what its name says is an error with what to do."""
    path = tmp_path / f"data{suffix}"
    path.write_text("this is plain text, and long enough to be a header\n")
    with pytest.raises(StepError) as error:
        read(lines, path)
    assert isinstance(error.value.__cause__, DamagedFileError)
    assert cause(error).startswith(
        f"{path}: invalid {name} data after 0 bytes of content; set compression to its format, or repair the file: "
    )


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
def test_source_reports_that_a_compressed_file_is_damaged(
    tmp_path: Path, name: str, suffix: str, compress: Compress
) -> None:
    """A wrong byte in the middle is found by the checks of the format."""
    path = tmp_path / f"data{suffix}"
    content = os.urandom(50_000).hex().encode()
    checked = {int(zstd.CompressionParameter.checksum_flag): 1}
    data = bytearray(zstd.compress(content, options=checked) if name == "zstd" else compress(content))
    data[-2 if name == "zstd" else len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(StepError) as error:
        read(lines, path)
    assert isinstance(error.value.__cause__, DamagedFileError)
    assert f"invalid {name} data after" in cause(error)


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
@pytest.mark.parametrize("tail", ["garbage", "cut header", "cut body", "cut checksum", "wrong byte", "other format"])
@pytest.mark.parametrize("padding", [0, 512])
def test_source_reads_what_is_whole_and_fails_when_a_later_stream_is_damaged(
    tmp_path: Path, name: str, suffix: str, compress: Compress, *, tail: str, padding: int
) -> None:
    """Every line before the damage is read; what follows a stream is another stream, or an error."""
    second = compress(b"salt\n" * 20)
    wrong = bytearray(second)
    wrong[0] ^= 0xFF
    other = bz2.compress(b"x\n") if name != "bzip2" else gzip.compress(b"x\n")
    after = {
        "garbage": b"this is no stream",
        "cut header": second[:3],
        "cut body": second[: len(second) // 2],
        "cut checksum": second[:-2],
        "wrong byte": bytes(wrong),
        "other format": other,
    }[tail]
    path = tmp_path / f"data{suffix}"
    path.write_bytes(compress(b"water\nreed\n") + bytes(padding) + after)
    read_lines: list[str] = []
    with pytest.raises(DamagedFileError, match=r"after \d+ bytes of content"):
        for frame in lines(CONTEXT, path=path):
            read_lines += items_of([frame])
    assert read_lines[:2] == ["water", "reed"]
    assert set(read_lines[2:]) <= {"salt"}


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
@pytest.mark.parametrize("layout", ["pad", "between", "empty", "many"])
def test_source_reads_all_streams_when_zeros_stand_between_and_after_them(
    tmp_path: Path, name: str, suffix: str, compress: Compress, layout: str
) -> None:
    """Blocks of tapes and devices are filled with zeros, and tools join files as they are."""
    one, two = compress(b"water\n"), compress(b"salt\n")
    data = {
        "pad": one + two + bytes(10_240),
        "between": one + bytes(512) + two,
        "empty": one + compress(b"") + two,
        "many": one + two + compress(b"reed\n") * 500,
    }[layout]
    path = tmp_path / f"data{suffix}"
    path.write_bytes(data)
    expected = ["water", "salt", *(["reed"] * 500 if layout == "many" else [])]
    assert read(lines, path).output == expected


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
def test_source_detects_compressed_data_when_the_name_says_nothing(
    tmp_path: Path, name: str, suffix: str, compress: Compress
) -> None:
    """The first bytes decide, also against the name; `none` reads the bytes as they are."""
    rotated, misnamed = tmp_path / "access.log.1", tmp_path / ("log.bz2" if name != "bzip2" else "log.gz")
    for path in (rotated, misnamed):
        path.write_bytes(compress(b"water\nsalt\n"))
        assert read(lines, path).output == ["water", "salt"]
    assert read(lines, rotated, compression="none", encoding="latin-1").output != ["water", "salt"]


@pytest.mark.parametrize("start", ["", "B", "BZ", "BZh9", "BZh91AY&S", "(", "\x1f", "(\n"])
def test_source_reads_text_when_it_begins_as_compressed_data_could(tmp_path: Path, start: str) -> None:
    """Only all of the first bytes of a format mean that format."""
    path = tmp_path / "poem.txt"
    path.write_text(start)
    assert read(text, path).output == start
    path.write_text(f"{start}tern\n")
    assert read(lines, path).output == f"{start}tern".split("\n")


def test_source_detects_compressed_data_when_a_pipe_brings_single_bytes(tmp_path: Path) -> None:
    """The first bytes are put together, and a line of text is emitted without waiting for more than it needs."""
    content = gzip.compress(b"water\nsalt\n")
    whole = b"".join(compression.content(tmp_path / "pipe", "auto", iter([bytes([byte]) for byte in content])))
    assert whole == b"water\nsalt\n"
    blocks = iter([b"reed\n", b"salt\n"])
    assert next(compression.content(tmp_path / "pipe", "auto", blocks)) == b"reed\n"
    assert next(blocks) == b"salt\n"


@given(
    parts=st.lists(st.binary(max_size=3_000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=6),
    padding=st.integers(0, 9),
    archive=st.sampled_from(["gzip", "bzip2", "xz", "zstd"]),
)
def test_unpacker_returns_the_same_wherever_the_data_is_split(
    parts: list[bytes], cuts: list[int], padding: int, archive: Archive
) -> None:
    """What was compressed comes back, whatever the streams, the zeros after them, and the pieces it arrives in."""
    data = b""
    for part in parts:
        one = packer(archive)
        data += one.compress(part) + one.flush() + bytes(padding)
    unpacker = Unpacker(archive, "data")
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [piece for start, end in pairwise(edges) for piece in unpacker.feed(data[start:end])]
    unpacker.finish()
    assert b"".join(pieces) == b"".join(parts)


@given(
    content=st.binary(max_size=500),
    kept=st.floats(0, 1, exclude_max=True),
    archive=st.sampled_from(["gzip", "bzip2", "xz", "zstd"]),
)
def test_unpacker_fails_wherever_the_data_is_cut_off(content: bytes, kept: float, archive: Archive) -> None:
    """No prefix of a stream is taken for the whole."""
    one = packer(archive)
    data = one.compress(content) + one.flush()
    unpacker = Unpacker(archive, "data")
    found = b"".join(unpacker.feed(data[: int(len(data) * kept)]))
    assert content.startswith(found)
    with pytest.raises(DamagedFileError, match="cut off"):
        unpacker.finish()


def test_source_refuses_xz_when_it_needs_more_memory_than_the_limit(tmp_path: Path) -> None:
    """A small file may ask for a dictionary of a gigabyte; the highest level of the tool xz needs far less."""
    path = tmp_path / "data.xz"
    data = bytearray(lzma.compress(b"water\n", preset=0))
    header = slice(12, 12 + 4 * data[12])
    data[16] = 36  # the size of the dictionary: 1 GiB
    data[header.stop : header.stop + 4] = zlib.crc32(data[header]).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(StepError) as error:
        read(lines, path)
    assert cause(error).startswith(f"{path}: the xz data need more than 128 MiB of memory to be decompressed")
    path.write_bytes(lzma.compress(b"water\n", preset=9 | lzma.PRESET_EXTREME))
    assert read(lines, path).output == ["water"]


@pytest.mark.parametrize(("name", "suffix", "compress"), FORMATS)
def test_source_emits_progress_by_the_compressed_bytes(
    tmp_path: Path, name: str, suffix: str, compress: Compress
) -> None:
    """The fraction is that of the file, so that it reaches one at its end."""
    path = tmp_path / f"data{suffix}"
    path.write_bytes(compress(b"".join(os.urandom(50).hex().encode() + b"\n" for _ in range(20_000))))
    reported: list[float | None] = []
    context = StepContext("execution", "lines", report=lambda fraction, _message, _data: reported.append(fraction))
    assert len(items_of(lines(context, path=path))) == 20_000
    assert len(reported) > 1
    assert reported == sorted(reported, key=lambda fraction: fraction or 0)
    assert reported[-1] is not None
    assert 0.8 < reported[-1] <= 1


def test_source_says_what_to_install_for_zstandard(tmp_path: Path) -> None:
    """Without the optional dependency the error names the extra."""
    script = (
        "import sys; sys.modules.update({'backports': None, 'compression': None})\n"
        "from headwater.toolkit import Unpacker\n"
        "from headwater import MissingExtraError\n"
        "try:\n"
        "    Unpacker('zstd', 'log.zst')\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "a file that is compressed by Zstandard needs an optional dependency: pip install 'headwater[zstd]'\n"
    )
    assert issubclass(MissingExtraError, ImportError)


MEMORY = """
import resource, sys
from headwater import Pipeline, run_sync
from headwater_steps import sources, streams

def run(path):
    steps = {"read": getattr(sources, sys.argv[1]).with_params(path=path), "n": streams.count}
    return run_sync(Pipeline("count", steps=steps)).output

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

run(sys.argv[2])
before = peak()
print(run(sys.argv[3]), peak() - before)
"""


@pytest.mark.parametrize(
    ("kind", "suffix", "compress"),
    [
        ("lines", "", bytes),
        ("jsonl", "", bytes),
        ("csv", "", bytes),
        *(("lines", *one.values[1:]) for one in FORMATS),
    ],
)
def test_source_takes_constant_memory_whatever_the_size(
    tmp_path: Path, kind: str, suffix: str, compress: Compress
) -> None:
    """A file of 30 MB takes hardly more memory than one of 3 MB, also one that expands a thousandfold."""
    first, line = ("a,b\n", f"{'a' * 499},{'b' * 499}\n") if kind == "csv" else ("", f'"{"y" * 997}"\n')
    small, large = tmp_path / f"small{suffix}", tmp_path / f"large{suffix}"
    small.write_bytes(compress((first + line * 3_000).encode()))
    large.write_bytes(compress((first + line * 30_000).encode()))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, kind, str(small), str(large)], capture_output=True, text=True, check=True
    )
    items, growth_kib = map(int, done.stdout.split())
    assert items == 30_000
    assert growth_kib < 6_144
