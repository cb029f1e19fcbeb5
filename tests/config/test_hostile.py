"""Hostile documents: mutated by structure, loaded under an audit hook in a process of their own; and huge ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater import ConfigError, Pipeline
from tests.config import fuzzer, kinds
from tests.effort import effort

SECOND = 100
"""The most units of work that any document may take to be refused, or to be planned: a second of a slow machine."""

CASES = int(os.environ.get("HEADWATER_FUZZ_CASES", "2000"))
ROOT = Path(__file__).parents[2]
assert kinds.repeat, "imported for its kinds, which the documents name"


def test_opens_imports_and_spawns_nothing_when_documents_are_hostile() -> None:
    """Mutated documents give a spec or a ConfigError, with bounded work, without any side effect."""
    command = [sys.executable, "-m", "tests.config.fuzzer", str(CASES)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["cases"] == CASES
    assert report["loaded"] > 0, "no mutation was harmless: the seeds are broken"
    assert report["refused"] > 0
    assert report["most_units"] < fuzzer.LIMIT, report
    print(f"most work: {report['most_units']:.1f} units: {report['hardest']}")  # noqa: T201 - shown by `make fuzz ARGS=-s`


def refused(source: Any) -> ConfigError:
    """Return the error that a source is refused with."""
    with pytest.raises(ConfigError) as caught:
        (Pipeline.loads if isinstance(source, str) else Pipeline.load)(source)
    return caught.value


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


def nested(depth: int) -> Any:
    """Return a list in a list in a list ..."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Endless(dict[str, Any]):
    """A dict that is not what it says."""

    def items(self) -> Any:
        """Return items without end."""
        return iter(lambda: ("name", "x"), None)

    def __len__(self) -> int:
        return 0


class Raising(dict[str, Any]):
    """A dict that cannot be read."""

    def __iter__(self) -> Any:
        raise RuntimeError("no")

    __getitem__ = get = items = keys = values = __contains__ = __iter__  # type: ignore[assignment] # on purpose


def steps_and(count: int, edges: str, kind: str = "say.same") -> str:
    """Return a document with that many steps and some edges."""
    steps = ",".join(f'{{"id":"s{number}","kind":"{kind}"}}' for number in range(count))
    return f'{{"name":"x","steps":[{steps}],"edges":[{edges}]}}'


def arrows(pairs: list[tuple[int, int]]) -> str:
    """Return edges between numbered steps."""
    return ",".join(f'"s{source}->s{target}"' for source, target in pairs)


ONE = '{"name": "x", "steps": [{"id": "a", "kind": "say.same"}], "edges": ['
ROUND = [(number, (number + 1) % 10_000) for number in range(10_000)]
ROUNDS = [(number, number ^ 1) for number in range(1_000)]
FAN_OUT, FAN_IN = [(0, number) for number in range(1, 10_000)], [(number, 9_999) for number in range(9_999)]
LADDER = [(n, n + step) for n in range(9_997) for step in (1, 2, 3)]
UNKNOWN = ",".join(f'{{"id":"s{number}","kind":"say.sam{number}"}}' for number in range(5_000))
STRAYS = ",".join(f'"s{number}->t{number}"' for number in range(10_000))
WRONG = ",".join(f'{{"id":"s{number}","kind":"say.repeat","params":{{"tims":1}}}}' for number in range(5_000))
HUGE = [
    # sizes
    pytest.param('{"name": "' + "x" * (64 * 2**20) + '"}', "too-large", id="64 MB of text"),
    pytest.param('{"name": [' + "1," * (32 * 2**20) + "1]}", "too-large", id="64 MB of numbers"),
    pytest.param('{"name": "' + "é" * (3 * 2**20) + '"}', "wrong-value", id="3 M characters of two bytes"),
    pytest.param('{"name": "x", "a": [' + "1," * (3 * 2**20) + "1]}", "too-large", id="6 MB of numbers"),
    pytest.param('{"name": "x", "a": [' + "{}," * (2 * 2**20) + "{}]}", "too-large", id="6 MB of objects"),
    pytest.param('{"name": ' + "[" * 10_000 + "]" * 10_000 + "}", "too-deep", id="depth 10,000"),
    pytest.param('{"name": ' + '{"a":' * 10_000, "too-deep", id="depth 10,000, unclosed"),
    pytest.param('{"name": ' + "[" * 500 + "]" * 500 + "}", "too-deep", id="depth 500"),
    pytest.param('{"name": ' + "[" * 7_000_000, "too-deep", id="depth 7 million"),
    pytest.param(ONE + '"a->a",' * 1_000_000 + '"a->a"]}', "too-large", id="a million edges"),
    pytest.param(ONE + '{"from":"a"},' * 1_000_000 + '"a->a"]}', "too-large", id="a million edges as objects"),
    pytest.param('{"name": "x", "steps": [' + "1," * 20_000 + "1]}", "too-many", id="20,000 steps"),
    pytest.param('{"name": "x", "steps": [' + "1," * 9_999 + "1]}", "wrong-type", id="10,000 numbers for steps"),
    pytest.param(ONE + "1," * 49_999 + "1]}", "wrong-type", id="50,000 numbers for edges"),
    # values
    pytest.param('{"name": "x", "name": "y"}', "duplicate-key", id="duplicate keys"),
    pytest.param("{" + '"a":1,' * 1_000_000 + '"a":1}', "duplicate-key", id="a million duplicate keys"),
    pytest.param('{"name": NaN}', "not-a-number", id="NaN"),
    pytest.param('{"name": "x", "steps": [-Infinity]}', "not-a-number", id="Infinity"),
    pytest.param('{"name": 1e999}', "number-too-large", id="1e999"),
    pytest.param('{"name": ' + "1" * 100_000 + "}", "number-too-large", id="100,000 digits"),
    pytest.param('{"name": ' + "1" * 7_000_000 + "}", "number-too-large", id="7 million digits"),
    pytest.param(ONE + '"a->a",' * 60_000 + '"a->a"]}', "too-many", id="60,000 edges"),
    pytest.param("{" + ",".join(f'"k{n}":1' for n in range(200_000)) + "}", "missing-key", id="200,000 keys"),
    pytest.param('{"name": [' + "[1]," * 100_000 + "[1]]}", "wrong-type", id="100,000 lists"),
    pytest.param('{"name": [' + "1," * 300_000 + "1}", "syntax", id="wrong bracket after 300,000 values"),
    pytest.param('{"a": [' + "1," * 300_000 + "NaN]}", "too-large", id="NaN after 300,000 values"),
    pytest.param('{"name": 1.' + "1" * 7_000_000 + "}", "wrong-type", id="7 million decimals"),
    pytest.param('{"name": "x", "a": [' + "9e307," * 1_000_000 + "1]}", "too-large", id="a million large numbers"),
    # texts
    pytest.param('{"name": "\ud800"}', "bad-text", id="surrogate in the text"),
    pytest.param('{"name": "\\ud800"}', "bad-text", id="surrogate that is escaped"),
    pytest.param('{"name": "x\0"}', "syntax", id="NUL in a text"),
    pytest.param('{"name": "x\\u0000", "steps": []}', "wrong-value", id="NUL that is escaped"),
    pytest.param('\0{"name": "x"}', "unreadable", id="NUL before the document"),
    # Python objects
    pytest.param({"name": float("nan")}, "not-a-number", id="NaN in a dict"),
    pytest.param({"name": "\udfff"}, "bad-text", id="surrogate in a dict"),
    pytest.param({"name": object()}, "wrong-type", id="object in a dict"),
    pytest.param({"name": "x", "steps": {1, 2}}, "wrong-type", id="set in a dict"),
    pytest.param({"name": b"x"}, "wrong-type", id="bytes in a dict"),
    pytest.param({"name": 10**100_000}, "wrong-type", id="huge number in a dict"),
    pytest.param({"name": nested(10_000)}, "too-deep", id="depth 10,000 in a dict"),
    pytest.param({1: "x"}, "wrong-type", id="key that is a number"),
    pytest.param({"name": "x", "steps": [{None: 1}]}, "wrong-type", id="key that is None"),
    pytest.param({("name",): "x"}, "wrong-type", id="key that is a tuple"),
    pytest.param(with_cycle(), "cycle", id="cycle"),
    pytest.param({"name": doubled()}, "too-large", id="exponential sharing"),
    pytest.param(Endless(name="x"), "too-large", id="dict without end"),
    pytest.param({"name": "x", "steps": [Endless(id="a")]}, "too-large", id="dict without end, inside"),
    pytest.param(Raising(name="x"), "unreadable", id="dict that cannot be read"),
    pytest.param([], "unreadable", id="no document at all"),
    pytest.param(None, "unreadable", id="nothing"),
    # graphs
    pytest.param(steps_and(10_000, arrows(ROUND)), "cycle", id="one cycle of 10,000 steps"),
    pytest.param(steps_and(1_000, arrows(ROUNDS)), "cycle", id="500 cycles"),
    pytest.param(steps_and(10_000, arrows(ROUND[1:] * 4)), "duplicate-edge", id="each edge four times"),
    pytest.param(steps_and(10_000, arrows(FAN_IN)), "merge-missing", id="10,000 edges into one step"),
    pytest.param(steps_and(10_000, arrows(LADDER)), "merge-missing", id="more paths than atoms"),
    pytest.param(steps_and(5_000, STRAYS), "unknown-step", id="10,000 edges to nowhere"),
    pytest.param(steps_and(1, '"s0->s0",' * 9_999 + '"s0->s0"'), "self-loop", id="10,000 self-loops"),
    pytest.param(steps_and(10_000, '"s0->s1"'), "unused-step", id="10,000 steps without edges"),
    pytest.param(steps_and(10_000, arrows(ROUND[:-1]), "say.read_titled"), "header-mismatch", id="10,000 mismatches"),
    pytest.param('{"name":"x","steps":[' + UNKNOWN + "]}", "unknown-kind", id="5,000 unknown kinds"),
    pytest.param('{"name":"x","steps":[' + WRONG + "]}", "unknown-param", id="5,000 unknown params"),
]
LARGE = [
    pytest.param(steps_and(10_000, arrows(ROUND[:-1])), id="chain of 10,000"),
    pytest.param(steps_and(10_000, arrows(FAN_OUT)), id="fan-out of 10,000"),
    pytest.param(
        steps_and(10_000, arrows(FAN_IN)).replace('"s9999","kind"', '"s9999","merge":"interleave","kind"', 1),
        id="fan-in of 10,000",
    ),
    pytest.param(
        steps_and(10_000, arrows(FAN_IN), "say.texts").replace(
            '"s9999","kind":"say.texts"', '"s9999","merge":"concat","kind":"say.same"', 1
        ),
        id="fan-in of 10,000, one after the other",
    ),
    pytest.param(
        steps_and(10_000, arrows(FAN_IN), "say.texts").replace(
            '"s9999","kind":"say.texts"', '"s9999","merge":"zip","kind":"say.same"', 1
        ),
        id="fan-in of 10,000, in tuples",
    ),
    pytest.param(
        re.sub(r'("id":"s(?![01]"|9999")\d+")', r'\1,"merge":"latest"', steps_and(10_000, arrows(LADDER))),
        id="tuples of tuples of tuples",
    ),
    pytest.param(
        steps_and(10_000, arrows(FAN_IN)).replace('"s9999","kind"', '"s9999","merge":"zip","kind"', 1),
        id="fan-in of 10,000 branches of the input, in tuples",
    ),
    pytest.param(
        re.sub(r'("id":"s(?![01]"|9999")\d+")', r'\1,"merge":"interleave"', steps_and(10_000, arrows(LADDER))),
        id="more paths than atoms",
    ),
]


def checking(kind: str, params: list[dict[str, Any]], **others: Any) -> str:
    """Return a document with a step of one kind for each of some params."""
    steps = [{"id": f"s{number}", "kind": kind, "params": one} for number, one in enumerate(params)]
    return json.dumps({"name": "x", "steps": steps, **others})


def schema_of(kind: str, count: int, part: Any) -> str:
    """Return a document whose only schema has many parts; `part` makes one of its number."""
    return checking("stream.validate", [{"schema": {kind: {f"p{number}": part(number) for number in range(count)}}}])


PARAMETERS = {f"known{number:05}": {"type": "string", "default": "x"} for number in range(8_000)}
COSTLY = [
    # patterns
    pytest.param(checking("text.find", [{"pattern": "a" * 296}] * 100), "refused-value", id="one pattern, refused"),
    pytest.param(
        checking("text.find", [{"pattern": "a" * 200 + "b" * number} for number in range(96)]),
        "refused-value",
        id="many patterns, refused",
    ),
    pytest.param(
        checking("text.extract", [{"pattern": f"(?P<a>{number}[^é]{{99}})", "only": ["a"]} for number in range(500)]),
        "refused-value",
        id="many patterns with groups",
    ),
    pytest.param(
        checking("stream.filter", [{"where": {"matches": rf"\w{{24}}{number}"}} for number in range(500)]),
        "bad-operand",
        id="many patterns of conditions",
    ),
    # schemas
    pytest.param(
        schema_of("properties", 2_000, lambda number: {"$ref": f"https://example.com/{number}"}),
        "bad-schema",
        id="references to addresses",
    ),
    pytest.param(
        schema_of("properties", 20_000, lambda number: {"$ref": f"#a{number}"}), "bad-schema", id="missing anchors"
    ),
    pytest.param(
        schema_of("properties", 60_000, lambda number: {"type": f"t{number}"}), "bad-schema", id="wrong types"
    ),
    pytest.param(
        schema_of("$defs", 40_000, lambda number: {"$id": f"https://example.com/{number}", "$ref": "0"}),
        "bad-schema",
        id="too many crossed ids",
    ),
    pytest.param(
        checking("stream.validate", [{"schema": {"items": {"type": "x"}, "title": str(n)}} for n in range(9_000)]),
        "bad-schema",
        id="a wrong schema in each step",
    ),
    # templates
    pytest.param(
        checking(
            "say.options", [{"names": [f"${{parameters.unknown{n:05}}}" for n in range(8_000)]}], parameters=PARAMETERS
        ),
        "unknown-parameter",
        id="8,000 parameters and 8,000 others",
    ),
    pytest.param(
        checking("say.options", [{"names": ["${bad}"] * 80_000}, *[{"size": 10}] * 1_000]),
        "bad-template",
        id="80,000 bad templates and wrong params",
    ),
    pytest.param(
        checking("say.options", [{"names": [f"${{secret.S{n}}}" for n in range(100_000)]}]),
        "unknown-secret",
        id="100,000 unknown secrets",
    ),
    # names
    pytest.param('{"' + "k" * 8_000_000 + '": 1}', "unknown-key", id="a key of 8 MB"),
    pytest.param('{"' + "k" * 4_000_000 + '": 1e999, "' + "l" * 4_000_000 + '": 1}', "unknown-key", id="two long keys"),
    pytest.param(
        checking("say.options", [{"n" * 126 + f"{number:02}": 1} for number in range(90)]),
        "unknown-param",
        id="many long names",
    ),
    pytest.param(checking("say.options", [{"size": 10}] * 9_000), "wrong-value", id="a wrong param in each step"),
]


@pytest.mark.parametrize(("source", "code"), [*HUGE, *COSTLY])
def test_refuses_with_bounded_work_when_a_document_exceeds_a_limit(source: Any, code: str) -> None:
    """The reason is reported, and no other error is raised."""
    units, error = effort(lambda: refused(source), limit=SECOND)
    assert code in {problem.code for problem in error.problems}, error.problems[:5]
    assert units < SECOND


@pytest.mark.parametrize("text", LARGE)
def test_plans_with_bounded_work_when_a_document_is_large_but_good(text: str) -> None:
    """What is within the limits is never refused for its size, whatever its shape."""
    units, plan = effort(lambda: Pipeline.loads(text).plan(), limit=SECOND)
    assert units < SECOND
    assert len(plan.steps) == 10_000


YAML = [
    pytest.param("steps: 0x" + "f" * 1_900_000, "number-too-large", id="hexadecimal digits"),
    pytest.param("steps: 0o" + "7" * 1_900_000, "number-too-large", id="octal digits"),
    pytest.param("steps: " + "1" * 1_900_000, "number-too-large", id="digits"),
    pytest.param("steps: 0b" + "1" * 1_900_000, "wrong-type", id="binary digits, a string"),
    pytest.param("steps: 1" + ":20" * 600_000, "wrong-type", id="base 60, a string"),
    pytest.param("steps: 1." + "1" * 1_900_000, "wrong-type", id="decimals"),
    pytest.param("steps: 1e" + "9" * 1_900_000, "number-too-large", id="exponent"),
    pytest.param("steps: 2026-01-01" + "0" * 1_900_000, "wrong-type", id="date, a string"),
    pytest.param("steps:\n" + f"  - 0x{'f' * 4_000}\n" * 480, "number-too-large", id="many numbers"),
    pytest.param("a: 1\n" * 300_000, "duplicate-key", id="one key all over"),
]


@pytest.mark.parametrize(("text", "code"), YAML)
def test_refuses_yaml_with_bounded_work_whatever_its_scalars_are(tmp_path: Path, text: str, code: str) -> None:
    """A number is refused for its length before it is made one, and what is not of the core schema is a string."""
    path = tmp_path / "odd.yaml"
    path.write_text(f"name: x\n{text}\n")
    units, error = effort(lambda: refused(path), limit=SECOND / 4)
    assert units < SECOND / 4
    assert code in {problem.code for problem in error.problems}, error.problems[:3]


def test_reports_the_place_of_a_number_with_too_many_digits() -> None:
    """Only Python can give one; no checker of params reads it."""
    steps = [{"id": "a", "kind": "say.options", "params": {"names": ["x", 10**5_000]}}]
    problems = refused({"name": "x", "steps": steps}).problems
    assert [(one.code, one.path) for one in problems] == [("number-too-large", "$.steps[0].params.names[1]")]


def test_opens_nothing_but_regular_files_when_given_a_path(tmp_path: Path) -> None:
    """A FIFO would block, a device never ends, a folder is no document."""
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), tmp_path, tmp_path / "missing.json", tmp_path / "nul\0.json"):
        with pytest.raises(ConfigError) as caught:
            Pipeline.load(path)
        assert caught.value.problems[0].code == "unreadable"


def test_names_a_neighbor_when_the_file_is_missing(tmp_path: Path) -> None:
    """A misspelled file name gets a did-you-mean."""
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(tmp_path / "reprot.json")
    assert "report.json" in caught.value.problems[0].hint


def test_reads_no_more_than_the_limit_when_a_file_is_larger(tmp_path: Path) -> None:
    """A sparse file of a terabyte is refused by its size."""
    path = tmp_path / "big.json"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(path)
    assert caught.value.problems[0].code == "too-large"


def test_reports_the_place_when_a_file_is_not_utf8(tmp_path: Path) -> None:
    """Line and column count characters before the bad byte."""
    path = tmp_path / "latin.json"
    path.write_bytes('{\n "é": "'.encode() + b"\xe9" + b'"}')
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(path)
    problem = caught.value.problems[0]
    assert (problem.code, problem.line, problem.column) == ("bad-encoding", 2, 8)


def test_accepts_a_byte_order_mark_when_a_file_has_one(tmp_path: Path) -> None:
    """Editors of Windows write one; positions do not count it."""
    path = tmp_path / "bom.json"
    good = '\ufeff{"name": "x", "steps": [{"id": "a", "kind": "say.same"}]'
    path.write_text(good + "}", encoding="utf-8")
    assert Pipeline.load(path).name == "x"
    path.write_text(good + ', "x": 1}', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(path)
    assert [(one.line, one.column) for one in caught.value.problems] == [(1, 59)]


TEXT = '{"name": "é", "steps": []}'
BYTES = [
    pytest.param(b'{"name": "\xff"}', "bad-encoding", id="byte that is never in UTF-8"),
    pytest.param(b'{"name": "\xed\xa0\x80"}', "bad-encoding", id="surrogate in UTF-8"),
    pytest.param(b'{"name": "\xc0\x80"}', "bad-encoding", id="NUL in two bytes"),
    pytest.param(b'{"name": "\xe2\x82', "bad-encoding", id="cut within a character"),
    pytest.param(TEXT.encode("utf-16"), "bad-encoding", id="UTF-16"),
    pytest.param(TEXT.encode("utf-16-le"), "bad-encoding", id="UTF-16 without its mark"),
    pytest.param(TEXT.encode("utf-32"), "bad-encoding", id="UTF-32"),
    pytest.param(TEXT.encode("latin-1"), "bad-encoding", id="Latin-1"),
    pytest.param(b"\xef\xbb\xbf" * 2 + TEXT.encode(), "syntax", id="two byte order marks"),
    pytest.param(b"", "syntax", id="empty file"),
    pytest.param(b"\0" * 1_000_000, "syntax", id="a megabyte of NUL"),
    pytest.param(b" " * 7_000_000, "syntax", id="7 megabytes of blanks"),
    pytest.param(b"\x89PNG\r\n\x1a\n", "bad-encoding", id="picture"),
]


@pytest.mark.parametrize(("content", "code"), BYTES)
def test_gives_the_reason_with_bounded_work_when_a_file_is_not_text(tmp_path: Path, content: bytes, code: str) -> None:
    """Whatever the bytes are, there is one problem with a place."""
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    units, error = effort(lambda: refused(path), limit=SECOND)
    assert units < SECOND
    assert [(one.code, one.line is not None) for one in error.problems] == [(code, True)]


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
def test_takes_little_work_when_one_mistake_is_repeated_all_over(text: str) -> None:
    """The number of problems that are reported is bounded, and so is what each one costs."""
    assert len(text) <= 10_000
    units, _ = effort(lambda: refused(text), limit=SECOND / 20)
    assert units < SECOND / 20
