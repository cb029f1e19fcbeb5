"""Text files read line by line: what is a line, what is told of the file, what becomes of bad lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater import ConfigError, Pipeline, StepContext, StepError, run_sync
from headwater_steps.files import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.rows import TextRows
from headwater_steps.sources import csv, jsonl, lines, text
from headwater_steps.streams import take
from tests.steps.reading import CONTEXT, cause, items_of, pipeline, read, reject


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file under test."""
    return tmp_path / "data.txt"


# ---- lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"a\nb\n", ["a", "b"], id="lines"),
        pytest.param(b"a\nb", ["a", "b"], id="no end of the last line"),
        pytest.param(b"\n\n", ["", ""], id="blank"),
        pytest.param(b"a\r\nb\r\n", ["a", "b"], id="CR LF"),
        pytest.param(b"a\rb\x0bc\x0cd\xc2\x85e\n", ["a\rb\x0bc\x0cd\x85e"], id="only LF ends a line"),
        pytest.param(b"a\r", ["a\r"], id="CR at the end of the file"),
        pytest.param(b"a\r\r\n", ["a\r"], id="CR before CR LF"),
        pytest.param(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"], id="byte order mark"),
        pytest.param("ä€😀\n".encode(), ["ä€😀"], id="characters of two to four bytes"),
    ],
)
def test_lines_are_cut_at_line_feeds(file: Path, content: bytes, expected: list[str]) -> None:
    """A line ends with LF or CR LF, which is no part of it, and the last one may end with the file."""
    file.write_bytes(content)
    result = read(lines, file)
    assert result.output == expected
    assert result.header == FileHeader(path=str(file), size_bytes=len(content))
    assert result.footer == FileFooter(lines=len(expected), items=len(expected))


@pytest.fixture
def numbers(file: Path) -> Path:
    """A file with a number on each of its 2,000 lines."""
    file.write_text("".join(f"{number}\n" for number in range(2_000)))
    return file


async def test_lines_flow_on_every_event_loop(numbers: Path) -> None:
    """The items, the header and the footer are the same whatever runs the pipeline."""
    result = await pipeline(lines, path=numbers).run()
    assert (result.output, result.footer) == (list(map(str, range(2_000))), FileFooter(lines=2_000, items=2_000))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"))))
def test_lines_are_those_that_were_written(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """Whatever texts without line ends are written one to a line come back."""
    file = tmp_path_factory.getbasetemp() / "written.txt"
    file.write_bytes("".join(f"{text}\n" for text in texts).encode())
    assert items_of(lines(CONTEXT, path=file)) == texts


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "iso-8859-15", "utf-32-be"]
)
def test_lines_are_decoded_when_an_encoding_is_given(file: Path, encoding: str) -> None:
    """A line feed is found in the text, not among the bytes, and the mark of UTF-16 is no part of it."""
    file.write_bytes("café\nüber ਊ\n".replace("ਊ", "x" if encoding[:3] != "utf" else "ਊ").encode(encoding))
    assert read(lines, file, encoding=encoding).output[0] == "café"
    assert len(read(lines, file, encoding=encoding).output) == 2


BAD_BYTES = [
    pytest.param("utf-8", b"\xff", "a\ufffdb", "ff", id="utf-8"),
    pytest.param("utf-8", b"\xe2\x82", "a\ufffdb", "e2 82", id="cut off"),
    pytest.param("ascii", b"\xc4", "a\ufffdb", "c4", id="ascii"),
    pytest.param("shift_jis", b"\x81\xff", "a\ufffd\ufffdb", "81", id="shift_jis"),
    pytest.param("utf-16-be", b"\xd8\x00", None, "d8 00", id="half a pair"),
    pytest.param("utf-32-le", b"\0\0\x11\0", None, "00 00 11 00", id="no character"),
]


@pytest.mark.parametrize("before", [0, 1, 1_000, 20_000])
@pytest.mark.parametrize(("encoding", "bad", "shown", "found"), BAD_BYTES)
def test_lines_name_the_line_of_bytes_that_are_no_text(
    file: Path, encoding: str, bad: bytes, *, shown: str | None, found: str, before: int
) -> None:
    """The error tells file, line, bytes and what to do, wherever the bytes stand; what came before is read."""
    good = "a line of text\n".encode(encoding)
    file.write_bytes(good * before + "a".encode(encoding) + bad + "b\n".encode(encoding) + good * 10)
    with pytest.raises(StepError) as error:
        read(lines, file, encoding=encoding)
    assert cause(error).startswith(f"{file}:{before + 1}: the bytes {found}")
    assert cause(error).endswith(f" are not valid {encoding}; set another encoding, or on_bad")
    assert isinstance(error.value.__cause__, BadLineError)
    assert error.value.__cause__.line == before + 1


@pytest.mark.parametrize(("encoding", "bad", "shown", "found"), BAD_BYTES)
def test_lines_leave_out_or_replace_or_reject_bytes_that_are_not_text(
    file: Path, encoding: str, bad: bytes, shown: str | None, found: str
) -> None:
    """Every policy counts the line; one mends it, and one gives it to a port with its number and reason."""
    fine = "fine\r\n".encode(encoding)
    file.write_bytes(fine * 2 + "a".encode(encoding) + bad + "b\r\n".encode(encoding) + fine + fine[: -len(fine) // 3])
    bad_line = {"bad_rows": 1, "first_bad_lines": (3,)}

    skipped = read(lines, file, encoding=encoding, on_bad="skip")
    assert skipped.output[:3] == ["fine"] * 3
    assert len(skipped.output) == 4
    assert skipped.footer == FileFooter(lines=5, items=4, **bad_line)

    replaced = read(lines, file, encoding=encoding, on_bad="replace")
    assert replaced.output[2] == (shown or replaced.output[2])
    assert "\ufffd" in replaced.output[2]
    assert replaced.footer == FileFooter(lines=5, items=5, **bad_line)

    kept, rejected, footer = reject(lines, path=file, encoding=encoding)
    assert (kept, footer) == (skipped.output, skipped.footer)
    assert rejected == [BadRow(line=3, reason=f"the bytes {found} are not valid {encoding}", text=replaced.output[2])]


def test_lines_reject_by_default_where_the_port_leads_somewhere(file: Path) -> None:
    """An edge from the port is enough to say what becomes of bad lines, and each of them is a compensation."""
    file.write_bytes(b"fine\n" + b"bad \xff\n" * 1_000)
    pipeline = Pipeline("read", steps={"source": lines.with_params(path=file)}, output=["source", "source.rejected"])
    result = run_sync(pipeline)
    assert [len(output) for output in result.output.values()] == [1, 1_000]
    assert result.metrics["source"].compensations == 1_000


def test_lines_are_refused_when_rejects_are_not_connected(file: Path) -> None:
    """A policy that needs an edge says so when the pipeline is made."""
    with pytest.raises(ConfigError, match="on_bad is reject, but the port 'rejected' of step"):
        read(lines, file, on_bad="reject")


@pytest.mark.parametrize(("size", "end"), [(10, ""), (9, "\n"), (8, "\r\n")])
def test_lines_read_a_line_that_just_fits(file: Path, size: int, end: str) -> None:
    """The longest line allowed is read, its end counted."""
    file.write_text("ä" * size + end, "utf-8", newline="")
    assert read(lines, file, max_line_chars=10).output == ["ä" * size]


@pytest.mark.parametrize(("size", "end"), [(11, ""), (10, "\n"), (9, "\r\n"), (5_000_000, "")])
def test_lines_refuse_a_line_that_is_too_long(file: Path, size: int, end: str) -> None:
    """A longer line is an error that names it and the param that allows it."""
    file.write_text("short\n" + "x" * size + end, newline="")
    with pytest.raises(StepError) as error:
        read(lines, file, max_line_chars=10)
    assert cause(error).startswith(f"{file}:2: the line is longer than 10 characters; raise max_line_chars")


def test_lines_fail_when_there_is_no_file(tmp_path: Path) -> None:
    """A missing file fails the step, with the path in the message."""
    with pytest.raises(StepError, match=r"step 'source' failed.*nothing\.txt") as error:
        read(lines, tmp_path / "nothing.txt")
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_lines_have_no_size_when_the_file_is_a_device() -> None:
    """What is no regular file has no size to tell."""
    assert read(lines, Path("/dev/null")).header == FileHeader(path="/dev/null", size_bytes=None)


@pytest.mark.parametrize(
    "params",
    [{}, {"path": "x", "encoding": "rot13"}, {"path": "x", "on_bad": "hope"}, {"path": "x", "max_line_chars": 0}],
)
def test_lines_refuse_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        lines.with_params(**params)


def test_lines_stop_reading_when_the_reader_has_enough(file: Path) -> None:
    """A reader that leaves ends the source long before the end of the file."""
    file.write_text("line\n" * 100_000)
    result = run_sync(Pipeline("first", steps={"lines": lines.with_params(path=file), "first": take.with_params(n=3)}))
    assert result.output == ["line"] * 3
    assert result.metrics["lines"].items_out < 2_000


def test_lines_emit_how_far_they_are(file: Path) -> None:
    """A long file is read with progress that grows up to the whole."""
    reported: list[float | None] = []
    file.write_text("a line of text\n" * 20_000)
    context = StepContext("execution", "lines", report=lambda fraction, _message, _data: reported.append(fraction))
    assert len(items_of(lines(context, path=file))) == 20_000
    assert 2 <= len(reported) <= 200
    assert reported == sorted(reported, key=lambda fraction: fraction or 0)
    assert reported[-1] is not None
    assert 0.7 < reported[-1] <= 1


WIDE = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff") | st.sampled_from("\u0a0a\u0a00\u000b")


@given(st.lists(st.text(WIDE)), st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32", "gb18030"]), st.data())
def test_lines_are_the_same_however_their_bytes_arrive(texts: list[str], encoding: str, data: st.DataObject) -> None:
    """Wherever blocks are cut, in characters, line ends and marks as well, the lines are those that were written."""
    content = "".join(f"{text}\r\n" for text in texts).encode(encoding)
    rows = TextRows("test", encoding, 1_000_000, "fail", CONTEXT)
    frames: list[Any] = []
    while content:
        size = data.draw(st.integers(1, 7))
        frames += rows.feed(content[:size])
        content = content[size:]
    frames += rows.flush()
    assert items_of(frames) == texts
    assert rows.footer() == FileFooter(lines=len(texts), items=len(texts))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_lines_drop_a_byte_order_mark_only_at_the_start(file: Path, encoding: str) -> None:
    """A mark in the middle is a character of the text."""
    start = "" if encoding == "utf-16" else "\ufeff"
    file.write_bytes(f"{start}a\n\ufeffb\n".encode(encoding))
    assert read(lines, file, encoding=encoding).output == ["a", "\ufeffb"]


WIDE = [f"utf-{bits}-{order}" for bits in (16, 32) for order in ("le", "be")]


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize("source", [lines, csv, text, jsonl])
def test_sources_name_the_encoding_when_a_file_is_utf_16(
    file: Path, encoding: str, *, is_marked: bool, source: Any
) -> None:
    """A file of another system is an error before any item, not rows with zeros in them."""
    content = ("\ufeff" if is_marked else "") + '"name"\r\n"Oslo"\r\n'
    file.write_bytes(content.encode(encoding))
    with pytest.raises(StepError) as error:
        read(source, file)
    name = encoding[:6] if is_marked else encoding
    assert cause(error).startswith(f"{file}:1: ")
    assert name.upper() in cause(error)
    assert cause(error).endswith("such as with iconv" if source is jsonl else f"set encoding to {name}")
    if source is not jsonl:
        read(source, file, encoding=name)


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        ("utf-16-le", "\ufeffname\n".encode("utf-16-be")),
        ("utf-16", "name\n".encode("utf-16-be")),
        ("latin-1", "\ufeffname\n".encode("utf-16-le")),
        ("cp1252", "\ufeffname\n".encode()),
    ],
)
def test_lines_are_refused_when_their_first_bytes_contradict_the_encoding(
    file: Path, declared: str, content: bytes
) -> None:
    """Every byte is a character in some encodings, so nothing else would show the mistake."""
    file.write_bytes(content)
    with pytest.raises(StepError, match=r"set encoding to utf"):
        read(lines, file, encoding=declared)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"PK\x03\x04\x14\0", "a ZIP archive; save it as CSV if it is a spreadsheet"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"salt.txt" + bytes(249) + b"ustar\0" + b"00", "a tar archive"),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
@pytest.mark.parametrize("source", [lines, csv, text, jsonl])
def test_sources_name_the_format_when_a_file_is_not_text(file: Path, start: bytes, name: str, source: Any) -> None:
    """Another encoding would not help."""
    file.write_bytes(start + bytes(100))
    with pytest.raises(StepError) as error:
        read(source, file)
    assert cause(error).startswith(f"{file}:1: expected text, found {name}")


@pytest.mark.parametrize(
    "content", [b"\0\0\0\0\n", b"\0\n" * 20 + b"\n", b"a\0\0b\0c\n", b"abc\0def\0\n", "Ωμέγα\n".encode(), b"a\0\n"]
)
def test_lines_with_zeros_are_read_when_they_are_not_utf_16(file: Path, content: bytes) -> None:
    """A zero is a character like others."""
    file.write_bytes(content)
    assert read(lines, file).output == content.decode().removesuffix("\n").split("\n")


@pytest.mark.parametrize("content", [b"reed\rmoss\rfern\r", b"reed\rmoss"])
def test_lines_say_so_when_a_file_has_no_line_feed(file: Path, content: bytes) -> None:
    """Lines of old Macs are not one long item."""
    file.write_bytes(content)
    with pytest.raises(StepError) as error:
        read(lines, file)
    assert cause(error).startswith(f"{file}:1: the file has no line feed: its lines end with a carriage return alone")
    assert read(lines, file, on_bad="replace").output == [content.decode()]
    assert read(lines, file, on_bad="skip").footer == FileFooter(lines=1, items=0, bad_rows=1, first_bad_lines=(1,))


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"reed\r", ["reed\r"]), (b"10%\r20%\n", ["10%\r20%"]), (b"reed\nmo\rss", ["reed", "mo\rss"])],
)
def test_lines_keep_a_carriage_return_within_a_line(file: Path, content: bytes, expected: list[str]) -> None:
    """A file that has line feeds has lines."""
    file.write_bytes(content)
    assert read(lines, file).output == expected
