"""Files of comma-separated values: what is a row, a cell, a type, and what becomes of bad rows."""

from __future__ import annotations

import csv as csv_module
import io
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater import Pipeline, StepError
from headwater_steps.files import BadLineError, BadRow, FileFooter, FileHeader
from headwater_steps.files.bad_rows import BadRows
from headwater_steps.files.csv_dialect import CsvDialect
from headwater_steps.files.csv_rows import CsvRows
from headwater_steps.sources import csv
from headwater_steps.streams import count
from tests.steps.reading import CONTEXT, cause, items_of, read, reject


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for the file under test."""
    return tmp_path / "data.csv"


def rows(names: list[str] | None = None, on_bad: str = "fail", **dialect: Any) -> CsvRows:
    """Return rows to be fed."""
    bad_rows = BadRows("test", on_bad, CONTEXT)
    return CsvRows("test", names, {}, dialect=CsvDialect(**dialect), encoding="utf-8", bad_rows=bad_rows)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("a,b\n1,2\n3,4\n", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], id="rows"),
        pytest.param("a,b\r\n1,2\r\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], id="CR LF and no last end"),
        pytest.param('a\n"x, ""y"" z"\n', [{"a": 'x, "y" z'}], id="quotes"),
        pytest.param('a,b\n"1\n2\r\n3",x\n', [{"a": "1\n2\r\n3", "b": "x"}], id="lines in a cell"),
        pytest.param('a\n5" pipe\n', [{"a": '5" pipe'}], id="quote within a cell without quotes"),
        pytest.param("a,b\n\n1,2\n\r\n", [{"a": "1", "b": "2"}], id="blank lines"),
        pytest.param("a,b\n,\n", [{"a": "", "b": ""}], id="empty cells"),
        pytest.param("\ufeffa\n1\n", [{"a": "1"}], id="byte order mark"),
        pytest.param("a\n\x0b1\x0c\x85\u2028\n", [{"a": "\x0b1\x0c\x85\u2028"}], id="only LF ends a line"),
        pytest.param("a,b\n", [], id="names alone"),
        pytest.param("", [], id="empty"),
    ],
)
def test_csv_reads_rows_by_the_names_of_the_first(file: Path, content: str, expected: list[dict[str, str]]) -> None:
    """Rows become objects, by RFC 4180."""
    file.write_bytes(content.encode())
    result = read(csv, file)
    assert result.output == expected
    assert result.header == FileHeader(path=str(file), size_bytes=len(content.encode()))
    assert result.footer.items == len(expected)
    assert result.footer.lines == len(io.StringIO(content, newline="\n").readlines())


def test_csv_counts_blank_lines(file: Path) -> None:
    """Lines with nothing on them are no rows, and are told in the footer."""
    file.write_bytes(b"\na,b\n\n1,2\r\n\r\n")
    assert read(csv, file).footer == FileFooter(lines=5, items=1, blank_lines=3)


@pytest.mark.parametrize(
    ("params", "content", "expected"),
    [
        ({"delimiter": ";"}, "a;b\n1,5;2\n", [{"a": "1,5", "b": "2"}]),
        ({"delimiter": "\t"}, "a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ({"quote": "'"}, "a,b\n'1,\"',2\n", [{"a": '1,"', "b": "2"}]),
        ({"quote": None}, 'a,b\n"1,2\n', [{"a": '"1', "b": "2"}]),
        ({"names": ["x", "y"]}, "a,b\n1,2\n", [{"x": "a", "y": "b"}, {"x": "1", "y": "2"}]),
        ({"encoding": "utf-16"}, "a,b\nä,€\n", [{"a": "ä", "b": "€"}]),
    ],
)
def test_csv_reads_other_dialects(file: Path, params: dict[str, Any], content: str, expected: list[Any]) -> None:
    """The delimiter, the quote, names for a file without them, and the encoding can be set."""
    file.write_bytes(content.encode(params.get("encoding", "utf-8")))
    assert read(csv, file, **params).output == expected


TYPES = {"t": "text", "i": "integer", "n": "number", "b": "boolean", "d": "date", "at": "datetime"}


def test_csv_reads_typed_columns(file: Path) -> None:
    """Cells become values of their types, with spaces around them or not; empty ones are null, but for texts."""
    file.write_text(
        "t,i,n,b,d,at\n"
        " x,-12, 1.50 ,true,2026-11-21,2026-11-21T09:31:00Z\n"
        "007,+3,.5e-3,No,2026-02-28,2026-11-21T09:31:00+00:00\n"
        ",,,,,\n"
    )
    at = datetime(2026, 11, 21, 9, 31, tzinfo=UTC)
    assert read(csv, file, types=TYPES).output == [
        {"t": " x", "i": -12, "n": 1.5, "b": True, "d": date(2026, 11, 21), "at": at},
        {"t": "007", "i": 3, "n": 0.0005, "b": False, "d": date(2026, 2, 28), "at": at},
        {"t": "", "i": None, "n": None, "b": None, "d": None, "at": None},
    ]


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("i", "1.0", "an integer such as -12"),
        ("i", "1_000", "an integer such as -12"),
        ("i", "٣", "an integer such as -12"),
        ("i", "9" * 5_000, "an integer such as -12"),
        ("n", "1_0", "a number such as -1.5e3"),
        ("n", "nan", "a number such as -1.5e3"),
        ("n", "1e999", "a number such as -1.5e3"),
        ("n", "1,5", "a number such as -1.5e3"),
        ("b", "maybe", "true, false, yes, no, 1 or 0"),
        ("d", "2026-02-30", "a date such as 2026-11-21"),
        ("at", "noon", "a date and time such as 2026-11-21T09:31:00Z"),
    ],
)
def test_csv_names_the_cell_that_is_not_of_its_type(file: Path, column: str, cell: str, expected: str) -> None:
    """The reason has the column, the cell and what was expected."""
    file.write_text(f'{column}\n"{cell}"\n')
    shown = cell if len(cell) <= 40 else f"{cell[:39]}…"
    with pytest.raises(StepError) as error:
        read(csv, file, types={column: TYPES[column]})
    assert cause(error) == (
        f"{file}:2: column {column!r}: expected {expected}, found {shown!r}; "
        "repair the row, or set on_bad to skip or reject"
    )


BAD = [
    pytest.param("1\n", "the row has 1 cells, but there are 2 columns", id="too few"),
    pytest.param("1,2,3\n", "the row has 3 cells, but there are 2 columns", id="too many"),
    pytest.param('"1"x,2\n', "there is something between the end of a quoted cell and the next delimiter", id="quotes"),
    pytest.param("1\r2,3\n", "there is a lone carriage return in a cell without quotes", id="CR"),
    pytest.param("\udcff,2\n", "some bytes are not valid utf-8", id="bytes"),
    pytest.param("x" * 131_073 + ",2\n", "a cell is longer than 131,072 characters", id="long cell"),
]


@pytest.mark.parametrize(("row", "reason"), BAD)
@pytest.mark.parametrize("before", [0, 1_500])
def test_csv_reports_a_bad_row_and_reads_on(file: Path, row: str, reason: str, before: int) -> None:
    """A bad row is told with its line and text, wherever it stands, and the rows around it are read."""
    cell = f"{'a' * 50}\n{'b' * 50}"
    good = f'"{cell}",2\n'
    file.write_bytes(f"x,y\n{good * before}{row}{good}".encode(errors="surrogateescape"))
    line = 2 * before + 2
    with pytest.raises(StepError) as error:
        read(csv, file)
    assert isinstance(error.value.__cause__, BadLineError)
    assert cause(error).startswith(f"{file}:{line}: {reason}")

    result = read(csv, file, on_bad="skip")
    assert result.output == [{"x": cell, "y": "2"}] * (before + 1)
    assert result.footer.first_bad_lines[0] == line

    values, (bad, *_), footer = reject(csv, path=file)
    assert (values, footer) == (result.output, result.footer)
    assert bad.line == line
    assert bad.reason.startswith(reason)
    assert bad.text == row.split("\n", maxsplit=1)[0].encode(errors="surrogateescape").decode(errors="replace")


def test_csv_gives_the_whole_of_a_bad_row_of_several_lines(file: Path) -> None:
    """The text of a rejected row has all its lines."""
    file.write_text('a,b\n"1\n2",3,4\n5,6\n')
    assert reject(csv, path=file) == (
        [{"a": "5", "b": "6"}],
        [BadRow(line=2, reason="the row has 3 cells, but there are 2 columns", text='"1\n2",3,4')],
        FileFooter(lines=4, items=1, bad_rows=1, first_bad_lines=(2,)),
    )


def test_csv_reports_a_quote_without_an_end(file: Path) -> None:
    """The line of an opening quote without an end is a bad row, and the lines after it are read."""
    file.write_text('a\n1\n"2\n3\n')
    result = read(csv, file, on_bad="skip")
    assert (result.output, result.footer.first_bad_lines) == ([{"a": "1"}, {"a": "3"}], (3,))
    with pytest.raises(StepError, match="3: a quoted cell has no end"):
        read(csv, file)


def test_csv_reads_on_after_a_quote_without_an_end_in_a_long_file(file: Path) -> None:
    """A missing quote costs its own row alone, although the reader looks for its end as far as a cell may reach."""
    file.write_text("a,b\n1,2\n" + '"3,4\n' + "5,6\n" * 80_000)
    result = read(csv, file, on_bad="skip")
    assert result.footer.lines == 80_003
    assert result.footer.bad_rows == 1
    assert result.footer.items == 80_001


def test_csv_bounds_an_unclosed_quote_to_its_row(file: Path) -> None:
    """The reason names the lines of the quote and of the one that seems to close it; good rows are kept."""
    file.write_text('name,depth\npond,"3 m\nbrook,1\nmoor,2\nlake,"9"\nweir,4\n')
    good, (bad,), footer = reject(csv, path=file)
    assert [row["name"] for row in good] == ["brook", "moor", "lake", "weir"]
    assert (bad.line, bad.text) == (2, 'pond,"3 m')
    assert bad.reason.startswith("the quote that opens a cell on line 2 is closed only on line 5: there is something")
    assert (footer.lines, footer.bad_rows) == (6, 1)


def test_csv_names_the_line_of_the_quote_when_the_row_begins_before_it(file: Path) -> None:
    """A cell of several lines that is closed well is part of the bad row."""
    file.write_text('a,b,c\n"1\n2",3,"4\n5,6,7\n8,9,"10"\n')
    good, (bad,), _ = reject(csv, path=file)
    assert [row["a"] for row in good] == ["5", "8"]
    assert (bad.line, bad.text) == (2, '"1\n2",3,"4')
    assert "on line 3 is closed only on line 5" in bad.reason


def test_csv_takes_linear_time_when_every_line_opens_a_quote() -> None:
    """Lines are read again a few times at most: then a bad row has all lines up to the next closing quote."""
    reading = rows(["a", "b"], "skip")
    line = b'a",""",\n'
    read_chars = 0
    for _ in range(40):
        before = reading._reread_chars
        list(reading.feed(line * 1_000))
        read_chars += max(0, before - reading._reread_chars)
    with suppress(BadLineError):
        list(reading.flush())
    assert reading._reread_chars >= 0


LINES = st.lists(st.sampled_from(["a,b", '"a,b', 'a,"b', '"a","b"', 'a,"""b', "a", "a,b,c", "", "#a,b", '"a\nb",c']))


@given(LINES, st.integers(1, 30), st.sampled_from([{}, {"comment": "#"}, {"fills": True}, {"skip_lines": 2}]))
def test_csv_accounts_for_every_line_wherever_the_file_is_split(
    content: list[str], size: int, dialect: dict[str, Any]
) -> None:
    """Items and bad rows are the same however the bytes arrive, and lines after the last bad row are not lost."""

    def outcome(step: int) -> tuple[list[Any], FileFooter]:
        reading = rows(["x", "y"], "skip", **dialect)
        data = "\n".join(content).encode()
        frames: list[Any] = []
        for start in range(0, len(data), step):
            frames += reading.feed(data[start : start + step])
        frames += reading.flush()
        return items_of(frames), reading.footer()

    whole, footer = outcome(1 << 20)
    assert outcome(size) == (whole, footer)
    assert footer.lines == len(io.StringIO("\n".join(content), newline="\n").readlines())
    assert footer.items == len(whole)


@pytest.mark.parametrize(
    ("params", "content", "expected"),
    [
        ({"ragged": "fill"}, "a,b\n1\n2,3\n", [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]),
        ({"ragged": "cut"}, "a,b\n1,2,3,4\n", [{"a": "1", "b": "2"}]),
        ({"ragged": "fit"}, "a,b\n1\n1,2,3\n", [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]),
        ({"ragged": "fill", "types": {"b": "integer"}}, "a,b\n1\n", [{"a": "1", "b": None}]),
        ({"comment": "#"}, '# made by hand\na,b\n#1,2\n"#1\n# 2",3\n', [{"a": "#1\n# 2", "b": "3"}]),
        ({"skip_lines": 2}, 'Report "x\n\na,b\n1,2\n', [{"a": "1", "b": "2"}]),
        ({"skip_lines": 9}, "a,b\n1,2\n", []),
        ({"headers": "rename"}, "id,,id,id_2\n1,2,3,4\n", [{"id": "1", "column_2": "2", "id_3": "3", "id_2": "4"}]),
        ({"skip_initial_space": True}, 'a, b\n1, "Oslo, Norway"\n', [{"a": "1", "b": "Oslo, Norway"}]),
        ({"escape": "\\"}, 'a,b\n"say \\"x\\"",1\\,2\n', [{"a": 'say "x"', "b": "1,2"}]),
        ({"escape": "\\"}, 'a,b\n"a ""b""",c\n', [{"a": 'a "b"', "b": "c"}]),
        (
            {"decimal": ",", "delimiter": ";", "types": {"a": "number", "b": "number"}},
            "a;b\n1,50;-2e3\n;,5\n",
            [{"a": 1.5, "b": -2000.0}, {"a": None, "b": 0.5}],
        ),
    ],
)
def test_csv_reads_files_as_people_write_them(
    file: Path, params: dict[str, Any], content: str, expected: list[dict[str, Any]]
) -> None:
    """Ragged rows, comments, lines before the table, odd names, spaces, escapes and decimal commas can be read."""
    file.write_text(content)
    assert read(csv, file, **params).output == expected


def test_csv_counts_what_it_leaves_out_and_changes(file: Path) -> None:
    """The footer has the comments and the rows that were filled or cut."""
    file.write_text("title\n#x\na,b\n\n1\n#y\n1,2,3\n4,5\n")
    footer = read(csv, file, skip_lines=1, comment="#", ragged="fit").footer
    assert footer == FileFooter(lines=8, items=3, blank_lines=1, comment_lines=3, ragged_rows=2)


@pytest.mark.parametrize(
    ("params", "content", "reason"),
    [
        ({"ragged": "fill"}, "a,b\n1,2,3\n", "2: the row has 3 cells, but there are 2 columns"),
        ({"ragged": "cut"}, "a,b\n1\n", "2: the row has 1 cells, but there are 2 columns"),
        (
            {},
            'a,b\n1, "Oslo, Norway"\n',
            "a quote after a space does not begin a quoted cell",
        ),
        ({}, "a;b\n1,5;2\n", "2: the row has 2 cells, but there are 1 columns; set delimiter to ';' if that separates"),
        ({}, "a,b\r1,2\r3,4\r", "the file has no line feed: its lines end with a carriage return alone"),
        ({}, "a,b\r1,2\r3,4", "the file has no line feed: its lines end with a carriage return alone"),
        ({"types": {"a": "number"}, "decimal": ","}, 'a\n"1.234,5"\n', "expected a number such as -1,5e3"),
        ({"escape": ","}, "a\n", "delimiter and escape are both ','; set one of them to another character"),
        ({"comment": '"'}, "a\n", "quote and comment are both '\"'"),
        ({}, "# a\n\na,\n", "3: a column has no name"),
    ],
)
def test_csv_names_the_cause_when_a_file_is_of_another_kind(
    file: Path, params: dict[str, Any], content: str, reason: str
) -> None:
    """The message leads to the param, or to the tool, that helps."""
    file.write_bytes(content.encode())
    with pytest.raises(StepError) as error:
        read(csv, file, **{"names": None, **params, **({"comment": "#"} if content.startswith("#") else {})})
    assert reason in cause(error)


def test_csv_refuses_a_row_without_bounds(file: Path) -> None:
    """A row of ever more cells is given up before it fills the memory."""
    file.write_text("a\n" + '"x\n",' * 300_000)
    with pytest.raises(StepError, match=r"2: the row is longer than 1,048,576 characters"):
        read(csv, file, on_bad="skip")
    file.write_text("a\n" + "x" * 2_000_000)
    with pytest.raises(StepError, match=r"2: the row is longer than 1,048,576 characters"):
        read(csv, file, on_bad="skip")


@pytest.mark.parametrize(
    ("content", "params", "message"),
    [
        ("a,a\n", {}, "several columns are called 'a'; correct the first row, or remove it and set names"),
        ("a,\n", {}, "a column has no name"),
        ("a,b\n", {"types": {"c": "date"}}, "types has 'c', but the columns are 'a', 'b'"),
        ("", {"names": ["a"], "types": {"c": "date"}}, "types has 'c', but the columns are 'a'"),
    ],
)
def test_csv_refuses_wrong_names(file: Path, content: str, params: dict[str, Any], message: str) -> None:
    """Names that cannot be told apart, or that types expect in vain, are an error whatever happens to bad rows."""
    file.write_text(content)
    with pytest.raises(StepError) as error:
        read(csv, file, on_bad="skip", **params)
    assert message in cause(error)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"path": "x", "delimiter": ""},
        {"path": "x", "delimiter": ", "},
        {"path": "x", "delimiter": '"'},
        {"path": "x", "quote": "|"},
        {"path": "x", "names": []},
        {"path": "x", "types": {"a": "int"}},
        {"path": "x", "on_bad": "replace"},
    ],
)
def test_csv_refuses_wrong_params(params: dict[str, Any]) -> None:
    """Params are checked before anything is opened."""
    with pytest.raises(ValidationError):
        csv.with_params(**params)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=5)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from(["\n", "\r\n"]), st.data())
def test_csv_reads_what_was_written_however_it_arrives(
    values: list[tuple[str, str]], end: str, data: st.DataObject
) -> None:
    """Whatever the standard library writes comes back, wherever blocks are cut."""
    written = io.StringIO()
    csv_module.writer(written, quoting=csv_module.QUOTE_ALL, lineterminator=end).writerows(values)
    content = written.getvalue().encode()
    reading = rows(["x", "y"])
    frames: list[Any] = []
    while content:
        size = data.draw(st.integers(1, 9))
        frames += reading.feed(content[:size])
        content = content[size:]
    frames += reading.flush()
    expected = [(one.removeprefix("\ufeff") if not index else one, other) for index, (one, other) in enumerate(values)]
    assert [tuple(item.values()) for item in items_of(frames)] in (expected, values)


@pytest.fixture
def numbers(file: Path) -> Path:
    """A file with two columns and 2,000 rows."""
    file.write_text("a,b\n" + "".join(f"{number},x\n" for number in range(2_000)))
    return file


async def test_csv_flows_on_every_event_loop(numbers: Path) -> None:
    """The rows pass the edges of a pipeline, whatever runs it."""
    pipeline = Pipeline("count", steps={"rows": csv.with_params(path=numbers), "n": count})
    assert (await pipeline.run()).output == 2_000
