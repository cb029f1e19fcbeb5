"""A sample of every kind that ships: params, what goes in, what comes out, and what is refused.

Texts in params and data may say `${parameters.files}` for a folder of files to read, `${parameters.out}` for an empty
one to write to, and `${parameters.url}` for a server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["FILES", "KEPT", "LONG_ITEMS", "NO_DATA", "SAMPLES", "Sample", "make_files"]

KEPT: Final = ("first", "last")
"""Header and footer of a step that is mapped: those of the stream before it."""

NO_DATA: Final = object()
"""Stands for the data of a step that has no input, or none of this form."""

LONG_ITEMS: Final = 2_000
"""Items of a stream that is as good as endless, because nobody keeps so many."""

FILES: Final = "${parameters.files}"
OUT: Final = "${parameters.out}"
URL: Final = "${parameters.url}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One kind, and what it does.

    Attributes:
        params: Its params.
        one: A value for it, and what comes of it.
        many: Items for it, and what comes of them.
        empty: What comes of no items.
        endless: Makes items without an end. For a kind that takes no items: what makes it go on for long, which is
            params or, for a kind that takes a value, that value.
        frames: Header and footer of what it writes, where there were some before it.
        bad_params: Params that are wrong, the end of their JSON path, and a part of the message.
        bad_data: Data that it cannot use, and a part of the message; params that are wrong only when it runs.
        compensated: Params and items, and how many of them it has to skip, put aside or replace.
        lasting: Params with which it does not end by itself.
        waits: Whether it writes nothing before the end of its input.
        ports: The outputs to read.
        table: Whether it gets a table at its second input.
        look: Takes from an output what is compared.
    """

    params: dict[str, Any] = field(default_factory=dict)
    one: tuple[Any, Any] = (NO_DATA, None)
    many: tuple[Any, Any] = (NO_DATA, None)
    empty: Any = field(default_factory=list)
    endless: Callable[[int], Any] | dict[str, Any] | str
    frames: tuple[Any, Any] = (None, None)
    bad_params: tuple[dict[str, Any], str, str]
    bad_data: tuple[Any, str] | None = None
    compensated: tuple[dict[str, Any], Any, int] | None = None
    lasting: dict[str, Any] = field(default_factory=dict)
    waits: bool = False
    ports: tuple[str, ...] = ("it",)
    table: bool = False
    look: Callable[[Any], Any] = lambda output: output


def make_files(folder: Path) -> None:
    """Make the files that the samples read.

    Args:
        folder: Where.
    """
    lines = {
        "lines.txt": "a rose\nis a rose\n",
        "bad.txt": b"a\n\xff\nb\n\xff\n",
        "scores.jsonl": '{"score": 3}\n{"score": 5}\n',
        "bad.jsonl": '1\n{"score": }\n3\n',
        "prices.csv": "name,price\nsalt,1.5\nwater,\n",
        "bad.csv": "name,price\nsalt\nwater,2\nwater,2,3\n",
        "table.jsonl": '{"code": "I", "river": "Ilm"}\n{"code": "S", "river": "Saale"}\n',
        "many.txt": "".join(f"line {number}\n" for number in range(100_000)),
        "many.csv": "n\n" + "".join(f"{number}\n" for number in range(100_000)),
    }
    for name, content in lines.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "many.jsonl").write_text("".join(f"{number}\n" for number in range(100_000)))
    (folder / "two").mkdir()
    (folder / "two" / "a.txt").write_text("a")
    (folder / "two" / "b.txt").write_text("bb")
    (folder / "many").mkdir()
    for number in range(LONG_ITEMS):
        (folder / "many" / str(number)).touch()
    _make_tokenizer(folder / "tokenizer.json")


def _make_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer: Any = Tokenizer(models.WordLevel({"salt": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def text(number: int) -> str:
    """Return a sentence."""
    return f"Salt and water number {number}.\n"


def record(number: int) -> dict[str, Any]:
    """Return an object."""
    return {"id": number, "name": f"name {number}"}


def url(number: int) -> str:
    """Return the URL of a page."""
    return f"{URL}/salt?{number}"


def mapped(params: dict[str, Any], given: Any, made: Any, **others: Any) -> Sample:
    """Return the sample of a step of single values that gives a value for each."""
    many = [given, given], [made, made]
    return Sample(**{"params": params, "one": (given, made), "many": many, "frames": KEPT} | others)


def flat(params: dict[str, Any], given: Any, made: list[Any], **others: Any) -> Sample:
    """Return the sample of a step of single values that gives a stream for each."""
    many = [given, given], [*made, *made]
    return Sample(**{"params": params, "one": (given, made), "many": many, "frames": KEPT} | others)


def shaping(params: dict[str, Any], items: list[Any], made: Any, one: Any, **others: Any) -> Sample:
    """Return the sample of a step of whole streams, whose first item alone gives `one`."""
    return Sample(**{"params": params, "one": (items[0], one), "many": (items, made), "endless": int} | others)


def program(script: str, *arguments: Any) -> dict[str, Any]:
    """Return the params of a program: a shell, which is one like any other."""
    return {"argv": ["sh", "-c", script, "sh", *arguments]}


TEXT: dict[str, Any] = {"endless": text, "bad_data": ([1], "expected str")}
UNTITLED: dict[str, Any] = {"endless": record, "bad_data": ([{"id": 1}], "name")}
PAIR = r"(?P<name>\w+)=(?P<size>\d+)"
LOCAL: dict[str, Any] = {"hosts": ["127.0.0.1:*"]}
EACH_NUMBER = {"on_missing": "skip"}, [1, None, 3, None], 2
WORDS = ["b", "a", "b"]
AGED = {"properties": {"age": {"type": "integer"}}}
LINES_OUT = ["a rose", "is a rose"]
WRITTEN = {"path": f"{OUT}/it", "items": 2}


def sized(output: Any) -> Any:
    """Return a summary without the size, which is of no matter."""
    return {name: value for name, value in output.items() if name not in {"size_bytes", "folder"}}


_FIGURE: dict[str, Any] = {
    "bad_params": ({"on_missing": "zero"}, ".on_missing", "expected"),
    "bad_data": ([1, "x"], "item 2 is the text 'x', not a number"),
    "compensated": EACH_NUMBER,
}
_LINE_PROGRAM: dict[str, Any] = {"bad_params": ({"argv": []}, ".argv", "1")}

SAMPLES: Final[dict[str, Sample]] = {
    # ---- sources
    "source.lines": Sample(
        params={"path": f"{FILES}/lines.txt"},
        empty=LINES_OUT,
        endless={"path": f"{FILES}/many.txt"},
        bad_params=({"encoding": "rot13"}, ".encoding", "expected"),
        bad_data=({"path": f"{FILES}/bad.txt"}, r"bad.txt:2: the bytes ff are no utf-8 text"),
        compensated=({"path": f"{FILES}/bad.txt", "on_bad": "skip"}, NO_DATA, 2),
    ),
    "source.jsonl": Sample(
        params={"path": f"{FILES}/scores.jsonl"},
        empty=[{"score": 3}, {"score": 5}],
        endless={"path": f"{FILES}/many.jsonl"},
        bad_params=({"on_bad": "ignore"}, ".on_bad", "expected"),
        bad_data=({"path": f"{FILES}/bad.jsonl"}, "bad.jsonl:2:11: no JSON"),
        compensated=({"path": f"{FILES}/bad.jsonl", "on_bad": "skip"}, NO_DATA, 1),
    ),
    "source.csv": Sample(
        params={"path": f"{FILES}/prices.csv", "types": {"price": "number"}},
        empty=[{"name": "salt", "price": 1.5}, {"name": "water", "price": None}],
        endless={"path": f"{FILES}/many.csv", "types": {}},
        bad_params=({"delimiter": "--"}, ".delimiter", "1"),
        bad_data=({"path": f"{FILES}/bad.csv"}, "bad.csv:2: the row has 1 cells, but there are 2 columns"),
        compensated=({"path": f"{FILES}/bad.csv", "on_bad": "skip"}, NO_DATA, 2),
    ),
    "source.text": Sample(
        params={"path": f"{FILES}/lines.txt"},
        empty="a rose\nis a rose\n",
        endless={"path": f"{FILES}/pipe"},
        bad_params=({"max_size_bytes": 0}, ".max_size_bytes", "1"),
        bad_data=({"path": f"{FILES}/none.txt"}, "none.txt"),
        compensated=({"path": f"{FILES}/bad.txt", "on_bad": "replace"}, NO_DATA, 1),
    ),
    "source.files": Sample(
        params={"folder": f"{FILES}/two", "pattern": "*.txt"},
        empty=[{"path": f"{FILES}/two/a.txt", "size_bytes": 1}, {"path": f"{FILES}/two/b.txt", "size_bytes": 2}],
        endless={"folder": f"{FILES}/many", "pattern": "*"},
        bad_params=({"pattern": "../*"}, ".pattern", "without .."),
        bad_data=({"pattern": "*.log"}, r"no file in .* matches '\*.log', of 2 that were looked at"),
    ),
    "source.stdin": Sample(
        params={},
        empty=["from a pipe"],
        endless={},
        bad_params=({"split": "words"}, ".split", "expected"),
        bad_data=({"split": "chunks", "on_bad": "skip"}, "chunks have no lines"),
    ),
    "source.process": Sample(
        params=program("echo salt; echo water"),
        empty=["salt", "water"],
        endless=program("yes"),
        **_LINE_PROGRAM,
        bad_data=(program("echo oh >&2; exit 3"), "the program sh ended with code 3: oh"),
        compensated=(program(r"printf 'a\n\377\n'") | {"on_bad": "skip"}, NO_DATA, 1),
    ),
    "source.http": Sample(
        params=LOCAL | {"url": f"{URL}/lines"},
        empty=LINES_OUT,
        endless={"url": f"{URL}/endless"},
        bad_params=({"hosts": ["http://x"]}, ".hosts[0]", ""),
        bad_data=({"url": f"{URL}/none"}, "404 Not Found"),
        compensated=({"url": f"{URL}/bad", "on_bad": "replace"}, NO_DATA, 1),
    ),
    "file.lines": flat(
        {},
        {"path": f"{FILES}/lines.txt", "size_bytes": 17},
        LINES_OUT,
        endless=lambda number: {"path": f"{FILES}/lines.txt", "size_bytes": 17},
        bad_params=({"encoding": "rot13"}, ".encoding", "expected"),
        bad_data=([{"path": f"{FILES}/none.txt", "size_bytes": 1}], "none.txt"),
        compensated=({"on_bad": "skip"}, [{"path": f"{FILES}/bad.txt", "size_bytes": 1}] * 2, 4),
    ),
    "file.text": mapped(
        {},
        {"path": f"{FILES}/two/b.txt", "size_bytes": 2},
        "bb",
        endless=lambda number: {"path": f"{FILES}/two/b.txt", "size_bytes": 2},
        bad_params=({"on_bad": "skip"}, ".on_bad", "expected"),
        bad_data=([{"path": f"{FILES}/none.txt", "size_bytes": 1}], "none.txt"),
        compensated=({"on_bad": "replace"}, [{"path": f"{FILES}/bad.txt", "size_bytes": 1}] * 2, 2),
    ),
    # ---- sinks
    "sink.jsonl": Sample(
        params={"path": f"{OUT}/it"},
        one=({"a": 1}, WRITTEN | {"items": 1}),
        many=([1, 2], WRITTEN),
        empty=WRITTEN | {"items": 0},
        endless=record,
        look=sized,
        bad_params=({"path": 3}, ".path", "expected"),
        bad_data=([1, float("nan")], "item 2"),
    ),
    "sink.csv": Sample(
        params={"path": f"{OUT}/it"},
        one=({"a": 1}, WRITTEN | {"items": 1}),
        many=([{"a": 1}, {"a": 2}], WRITTEN),
        empty=WRITTEN | {"items": 0},
        endless=record,
        look=sized,
        bad_params=({"columns": []}, ".columns", "1"),
        bad_data=([{"a": 1}, {"b": 2}], "item 2"),
    ),
    "sink.text": Sample(
        params={"path": f"{OUT}/it"},
        one=("a", WRITTEN | {"items": 1}),
        many=(["a", "b"], WRITTEN),
        empty=WRITTEN | {"items": 0},
        endless=text,
        look=sized,
        bad_params=({"encoding": "rot13"}, ".encoding", "expected"),
        bad_data=([1], "expected str"),
    ),
    "sink.files": Sample(
        params={"folder": OUT, "by": "id"},
        one=({"id": 1}, {"items": 1, "files": 1}),
        many=([{"id": 1}, {"id": "x"}], {"items": 2, "files": 2}),
        empty={"items": 0, "files": 0},
        endless=lambda number: {"id": number % 7},
        look=sized,
        bad_params=({"format": "xml"}, ".format", "expected"),
        bad_data=([{"id": 1}, {}], "item 2 has no field 'id'"),
    ),
    # ---- shaping
    "stream.filter": shaping(
        {"where": {"gt": 2}},
        [3, 1, 4],
        [3, 4],
        [3],
        frames=KEPT,
        bad_params=({"where": {"gte": 2}}, ".where.gte", "gte"),
    ),
    "stream.take": shaping(
        {"n": 2}, [1, 2, 3], [1, 2], [1], lasting={"n": 10**9}, bad_params=({"n": -1}, ".n", "from 0")
    ),
    "stream.skip": shaping({"n": 1}, [1, 2, 3], [2, 3], [], bad_params=({"n": -1}, ".n", "from 0")),
    "stream.distinct": shaping(
        {},
        WORDS,
        ["b", "a"],
        ["b"],
        bad_params=({"max_keys": 0}, ".max_keys", "1"),
        bad_data=([set()], "which cannot be compared"),
    ),
    "stream.count": shaping(
        {}, WORDS, 3, 1, empty=0, bad_params=({"by": "x"}, ".by", "unknown param 'by'"), waits=True
    ),
    "stream.group_count": shaping(
        {},
        WORDS,
        [{"key": "b", "count": 2}, {"key": "a", "count": 1}],
        [{"key": "b", "count": 1}],
        waits=True,
        bad_params=({"top": -1}, ".top", "from 0"),
        bad_data=([[1]], "which cannot be a key"),
    ),
    "stream.sum": shaping({}, [1, 2, 4], 7, 1, empty=0, waits=True, **_FIGURE),
    "stream.mean": shaping({}, [1, 2, 6], 3.0, 1.0, empty=None, waits=True, **_FIGURE),
    "stream.min": shaping({}, [3, 1, 2], 1, 3, empty=None, waits=True, **_FIGURE),
    "stream.max": shaping({}, [2, 3, 1], 3, 2, empty=None, waits=True, **_FIGURE),
    "stream.batch": shaping({"size": 2}, [1, 2, 3], [[1, 2], [3]], [[1]], bad_params=({"size": 0}, ".size", "1")),
    "stream.window": shaping(
        {"size": 2, "every": 1},
        [1, 2, 3],
        [[1, 2], [2, 3]],
        [[1]],
        bad_params=({"partial": "pad"}, ".partial", "expected"),
        bad_data=({"partial": "fail", "every": 2}, "the last 1 items are in no window of 2"),
        compensated=({"partial": "drop", "every": 2}, [1, 2, 3], 1),
    ),
    "stream.flatten": Sample(
        one=(NO_DATA, None),
        many=([[1, 2], [], [3]], [1, 2, 3]),
        endless=lambda number: [number],
        bad_params=({"depth": 2}, ".depth", "unknown param 'depth'"),
        bad_data=([[1], 2], "expected"),
    ),
    "stream.sort": shaping(
        {"max_items": 10},
        [3, 1, 2],
        [1, 2, 3],
        [3],
        waits=True,
        bad_params=({"by": []}, ".by", "1"),
        bad_data=([1, "x"], "they have no common order"),
    ),
    "stream.shuffle": shaping(
        {"max_items": 10}, [1, 2, 3], [1, 3, 2], [1], bad_params=({"seed": -1}, ".seed", "from 0")
    ),
    "stream.sample": shaping(
        {"n": 2}, [1, 2, 3], [1, 2], [1], waits=True, bad_params=({"fraction": 0.5}, "", "either n or fraction")
    ),
    "stream.split": shaping(
        {"test_fraction": 0.25},
        [1, 2],
        {"it.train": [1, 2], "it.test": []},
        {"it.train": [1], "it.test": []},
        empty={"it.train": [], "it.test": []},
        ports=("it.train", "it.test"),
        bad_params=({"test_fraction": 2}, ".test_fraction", "1"),
    ),
    "stream.augment": shaping(
        {"using": {"kind": "text.upper"}},
        ["a", "b"],
        ["a", "b", "A", "B"],
        ["a", "A"],
        endless=str,
        bad_params=({"using": {"kind": "text.uper"}}, ".using.kind", "no step of kind 'text.uper'"),
        bad_data=([1], "expected str"),
    ),
    "stream.peek": shaping({"to": "progress"}, WORDS, WORDS, ["b"], bad_params=({"to": "screen"}, ".to", "expected")),
    "stream.rate": shaping(
        {"per_second": 1_000_000, "burst": 1_000_000},
        WORDS,
        WORDS,
        ["b"],
        bad_params=({"per_second": 0}, ".per_second", "greater than 0"),
    ),
    # ---- records
    "stream.pick": mapped(
        {"fields": ["name"]},
        {"id": 1, "name": "Ida"},
        {"name": "Ida"},
        **UNTITLED,
        bad_params=({"fields": []}, ".fields", "1"),
    ),
    "stream.rename": mapped(
        {"fields": {"name": "title"}},
        {"name": "Ida"},
        {"title": "Ida"},
        **UNTITLED,
        bad_params=({"fields": {}}, ".fields", "found an empty object"),
    ),
    "stream.set": mapped(
        {"values": {"x": 1}, "copies": {"title": "name"}},
        {"name": "Ida"},
        {"name": "Ida", "x": 1, "title": "Ida"},
        **UNTITLED,
        bad_params=({"on_missing": "keep"}, ".on_missing", "expected"),
    ),
    "stream.drop": mapped(
        {"fields": ["name"]},
        {"id": 1, "name": "Ida"},
        {"id": 1},
        **UNTITLED,
        bad_params=({"fields": ["a", "a"]}, ".fields", "twice"),
    ),
    "stream.validate": shaping(
        {"schema": AGED},
        [{"age": 3}, {"age": 4}],
        [{"age": 3}, {"age": 4}],
        [{"age": 3}],
        frames=(None, {"items": 2, "good": 2, "bad": 0, "first_bad": []}),
        bad_params=({"schema": {"type": "intger"}}, ".schema.type", "intger"),
        bad_data=([{"age": 1}, {"age": "x"}], r"item 2 is not as the schema wants it: \$.age"),
        compensated=({"on_bad": "skip"}, [{"age": "x"}, {"age": 3}, {"age": "y"}], 2),
    ),
    "stream.join_lookup": shaping(
        {"key": "gauge", "table_key": "code"},
        [{"gauge": "I"}, {"gauge": "S"}],
        [{"gauge": "I", "river": "Ilm"}, {"gauge": "S", "river": "Saale"}],
        [{"gauge": "I", "river": "Ilm"}],
        frames=(None, {"items": 2, "found": 2, "missed": 0, "rows": 2, "duplicates": 0}),
        endless=lambda number: {"gauge": "IS"[number % 2]},
        table=True,
        bad_params=({"how": "outer"}, ".how", "expected"),
        bad_data=([{"gauge": ["I"]}], "the key 'gauge' is a list"),
        compensated=({"how": "inner"}, [{"gauge": "I"}, {"gauge": "X"}, {}], 2),
    ),
    # ---- texts
    "text.upper": mapped({}, "salt", "SALT", **TEXT, bad_params=({"locale": "de"}, ".locale", "unknown param")),
    "text.lower": mapped({}, "SALT", "salt", **TEXT, bad_params=({"locale": "de"}, ".locale", "unknown param")),
    "text.strip": mapped({}, " salt ", "salt", **TEXT, bad_params=({"side": "left"}, ".side", "expected")),
    "text.replace": mapped({"old": "a", "new": "o"}, "salt", "solt", **TEXT, bad_params=({"most": 0}, ".most", "1")),
    "text.words": flat(
        {}, "salt, water", ["salt", "water"], **TEXT, bad_params=({"min_length": 0}, ".min_length", "1")
    ),
    "text.find": flat(
        {"pattern": r"#\w+"},
        "a #small #story",
        ["#small", "#story"],
        **TEXT | {"endless": lambda number: f"#{number}"},
        bad_params=({"pattern": "("}, ".pattern", ""),
    ),
    "text.extract": mapped(
        {"pattern": PAIR, "types": {"size": "integer"}},
        "a=1",
        {"name": "a", "size": 1},
        endless=lambda number: f"n={number}",
        bad_params=({"pattern": r"(?P<a>a*)(?P<b>a*)b"}, ".pattern", ""),
        bad_data=(["a=1", "nothing"], "the pattern does not match: 'nothing'"),
        compensated=({"unmatched": "skip"}, ["a=1", "b", "c=3", "d"], 2),
    ),
    "text.extract_all": flat(
        {"pattern": r"\b" + PAIR},
        "a=1 b=2",
        [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}],
        **TEXT | {"endless": lambda number: f"n={number}"},
        bad_params=({"pattern": r"\w+"}, ".pattern", "named groups"),
    ),
    "text.template": mapped(
        {"template": "$${name} is here"},
        {"name": "Ida"},
        "Ida is here",
        **UNTITLED,
        bad_params=({"template": "$x"}, ".template", "no place for a field"),
    ),
    "text.join": Sample(
        params={"separator": ", "},
        one=("salt", "salt"),
        many=(["salt", "water"], "salt, water"),
        empty="",
        **TEXT,
        waits=True,
        bad_params=({"max_chars": -1}, ".max_chars", "from 0"),
    ),
    "text.distinct": Sample(
        one=("salt", ["salt"]),
        many=(["a b c d", "a, b, c, d!", "e f g"], ["a b c d", "e f g"]),
        endless=lambda number: f"{number} is a number",
        bad_params=({"similarity": 0}, ".similarity", "greater than 0"),
        bad_data=(["a", 1], "item 2 is the number 1, not a text"),
    ),
    "text.sentences": Sample(
        one=(
            "It rains. It pours!",
            [{"text": "It rains.", "start": 0, "end": 9}, {"text": "It pours!", "start": 10, "end": 19}],
        ),
        many=(["It ", "rains."], [{"text": "It rains.", "start": 0, "end": 9}]),
        **TEXT,
        bad_params=({"each": "word"}, ".each", "expected"),
    ),
    "text.chunks": Sample(
        params={"by": "words", "size": 2},
        one=(
            "to be or",
            [{"text": "to be", "start": 0, "end": 5, "index": 0}, {"text": "or", "start": 6, "end": 8, "index": 1}],
        ),
        many=(
            ["to b", "e or"],
            [{"text": "to be", "start": 0, "end": 5, "index": 0}, {"text": "or", "start": 6, "end": 8, "index": 1}],
        ),
        **TEXT,
        bad_params=({"overlap": 2}, ".overlap", "leaves nothing new"),
    ),
    "text.count_tokens": mapped(
        {"tokenizer": f"{FILES}/tokenizer.json"},
        "salt water",
        2,
        **TEXT,
        bad_params=({"tokenizer": ""}, ".tokenizer", "1"),
    ),
    # ---- programs
    "process.run": mapped(
        program("tr a-z A-Z"),
        "salt",
        "SALT",
        endless=text,
        bad_params=({"argv": [{"item": True}]}, "", "expected the program first"),
        bad_data=([1], "expected"),
        compensated=(program(r"printf '\377'") | {"on_bad": "replace"}, ["a", "b"], 2),
    ),
    "process.pipe": Sample(
        params=program("cat"),
        one=("salt", ["salt"]),
        many=(["salt", "water"], ["salt", "water"]),
        frames=(None, {"exit_code": 0, "lines": 2, "items": 2}),
        endless=str,
        **_LINE_PROGRAM,
        bad_data=(["a\nb"], "has a line feed"),
        compensated=(program(r"cat; printf '\377\n'") | {"on_bad": "replace"}, ["a"], 1),
    ),
    # ---- the web
    "http.get": mapped(
        LOCAL,
        f"{URL}/salt",
        "salt",
        endless=url,
        bad_params=({"hosts": []}, ".hosts", "1"),
        bad_data=([f"{URL}/none"], "404 Not Found"),
        compensated=({"on_bad": "replace"}, [f"{URL}/bad", f"{URL}/salt"], 1),
    ),
    "http.enrich": mapped(
        LOCAL | {"url": f"{URL}/{{page}}", "into": "found", "read_as": "text"},
        {"page": "salt"},
        {"page": "salt", "found": "salt"},
        endless=lambda number: {"page": "salt", "number": number},
        bad_params=({"url": "{scheme}://x/"}, ".url", ""),
        bad_data=([{"page": "salt"}, {}], "page"),
    ),
    "http.request": mapped(
        LOCAL,
        {"url": f"{URL}/salt"},
        "salt",
        look=lambda output: [one["body"] for one in output] if isinstance(output, list) else output["body"],
        endless=lambda number: {"url": url(number)},
        bad_params=({"methods": ["GRAB"]}, ".methods[0]", ""),
        bad_data=([{"url": f"{URL}/salt", "method": "DELETE"}], "the method is not among GET, HEAD"),
    ),
    "http.lines": Sample(
        params=LOCAL,
        one=(f"{URL}/lines", LINES_OUT),
        endless=f"{URL}/endless",
        bad_params=({"max_line_chars": 0}, ".max_line_chars", "1"),
        bad_data=(f"{URL}/none", "404 Not Found"),
        compensated=({"on_bad": "skip"}, f"{URL}/bad", 1),
    ),
    "http.chunks": Sample(
        params=LOCAL,
        one=(f"{URL}/salt", ["salt"]),
        endless=f"{URL}/endless",
        bad_params=({"max_redirects": -1}, ".max_redirects", "from 0"),
        bad_data=(f"{URL}/none", "404 Not Found"),
    ),
}
