"""Samples of the kinds that deal with what is outside: files, programs, the web."""

from __future__ import annotations

from typing import Any, Final

from tests.acceptance.sample import FILES, NO_DATA, OUT, REMOTE, URL, Sample, flat, mapped, record, text

__all__ = ["PLACES"]


def url(number: int) -> str:
    """Return the URL of a page."""
    return f"{URL}/salt?{number}"


def program(script: str, *arguments: Any) -> dict[str, Any]:
    """Return the params of a program: a shell, which is one like any other."""
    return {"argv": ["sh", "-c", script, "sh", *arguments]}


def sized(output: Any) -> Any:
    """Return a summary without the size, which is of no matter."""
    return {name: value for name, value in output.items() if name not in {"size_bytes", "folder"}}


LOCAL: dict[str, Any] = {"hosts": ["127.0.0.1:*"]}
LINES_OUT = ["a rose", "is a rose"]
WRITTEN = {"path": f"{OUT}/it", "items": 2}
LINE_PROGRAM: dict[str, Any] = {"bad_params": ({"argv": []}, ".argv", "1")}

PLACES: Final[dict[str, Sample]] = {
    # ---- sources
    "source.lines": Sample(
        params={"path": f"{FILES}/lines.txt"},
        empty=LINES_OUT,
        endless={"path": f"{FILES}/many.txt"},
        bad_params=({"encoding": "rot13"}, ".encoding", "expected"),
        bad_data=({"path": f"{FILES}/bad.txt"}, r"bad.txt:2: the bytes ff are not valid utf-8"),
        compensated=({"path": f"{FILES}/bad.txt", "on_bad": "skip"}, NO_DATA, 2),
    ),
    "source.jsonl": Sample(
        params={"path": f"{FILES}/scores.jsonl"},
        empty=[{"score": 3}, {"score": 5}],
        endless={"path": f"{FILES}/many.jsonl"},
        bad_params=({"on_bad": "ignore"}, ".on_bad", "expected"),
        bad_data=({"path": f"{FILES}/bad.jsonl"}, "bad.jsonl:2:11: invalid JSON"),
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
        bad_params=({"split": "chunks", "on_bad": "skip"}, ".on_bad", "chunks have no lines"),
    ),
    "source.process": Sample(
        params=program("echo salt; echo water"),
        empty=["salt", "water"],
        endless=program("yes"),
        **LINE_PROGRAM,
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
        bad_data=([1], "should be a valid string"),
    ),
    "sink.files": Sample(
        params={"folder": OUT, "by": "id"},
        one=({"id": 1}, {"items": 1, "files": 1}),
        many=([{"id": 1}, {"id": "x"}], {"items": 2, "files": 2}),
        empty={"items": 0, "files": 0},
        endless=lambda number: {"id": number % 7},
        look=sized,
        bad_params=({"format": "xml"}, ".format", "expected"),
        bad_data=([{"id": 1}, {}], "there is no field 'id' in item 2"),
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
        endless=lambda number: f"{number:01000}",  # long, as each pipe of the program holds 64 KiB
        **LINE_PROGRAM,
        bad_data=(["a\nb"], "has a line feed"),
        compensated=(program(r"cat; printf '\377\n'") | {"on_bad": "replace"}, ["a"], 1),
    ),
    # ---- the web
    "control.remote": Sample(
        params=LOCAL | {"url": REMOTE, "pipeline": "shout"},
        one=("salt", ["SALT"]),
        many=(["salt", "water"], ["SALT", "WATER"]),
        endless=text,
        bad_params=({"hosts": []}, ".hosts", "1"),
        bad_data=([1], "should be a valid string"),
    ),
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
