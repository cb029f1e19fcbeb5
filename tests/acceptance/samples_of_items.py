"""Samples of the kinds that shape what flows: streams of anything, records, texts."""

from __future__ import annotations

from typing import Any, Final

from tests.acceptance.sample import FILES, KEPT, NO_DATA, Sample, flat, mapped, record, shaping, text

__all__ = ["ITEMS"]

TEXT: dict[str, Any] = {"endless": text, "bad_data": ([1], "expected str")}
UNTITLED: dict[str, Any] = {"endless": record, "bad_data": ([{"id": 1}], "name")}
PAIR = r"(?P<name>\w+)=(?P<size>\d+)"
WORDS = ["b", "a", "b"]
AGED = {"properties": {"age": {"type": "integer"}}}
FIGURE: dict[str, Any] = {
    "bad_params": ({"on_missing": "zero"}, ".on_missing", "expected"),
    "bad_data": ([1, "x"], "item 2 is the string 'x', not a number"),
    "compensated": ({"on_missing": "skip"}, [1, None, 3, None], 2),
}

STRIP: dict[str, Any] = {"name": "strip", "steps": [{"id": "strip", "kind": "text.strip"}]}

ITEMS: Final[dict[str, Sample]] = {
    # ---- what runs
    "control.pipeline": mapped(
        {"pipeline": STRIP},
        " a ",
        "a",
        bad_params=({"pipeline": 1}, ".pipeline", "expected a pipeline, or the path of one"),
        **TEXT,
    ),
    "control.map": mapped(
        {"pipeline": STRIP},
        " a ",
        "a",
        bad_params=({"pipeline": [1]}, ".pipeline", "expected a pipeline, or the path of one"),
        **TEXT,
    ),
    "control.loop": mapped(
        {"pipeline": STRIP, "until": {"length_at_most": 9}},
        " a ",
        "a",
        endless=lambda _: " a ",
        bad_params=({"max_iterations": 0}, ".max_iterations", "from 1"),
        bad_data=(["x" * 10], "did not hold within 100 iterations"),
    ),
    "control.switch": mapped(
        {"cases": {"small": {"lt": 10}}, "default": "large"},
        3,
        {"it.small": 3},
        many=([3, 30, 4], {"it.small": [3, 4], "it.large": [30]}),
        endless=lambda number: number,
        empty={"it.small": [], "it.large": []},
        frames=(None, None),
        ports=("it.small", "it.large"),
        bad_params=({"cases": {}}, ".cases", "1 to 100 fields"),
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
    "stream.sum": shaping({}, [1, 2, 4], 7, 1, empty=0, waits=True, **FIGURE),
    "stream.mean": shaping({}, [1, 2, 6], 3.0, 1.0, empty=None, waits=True, **FIGURE),
    "stream.min": shaping({}, [3, 1, 2], 1, 3, empty=None, waits=True, **FIGURE),
    "stream.max": shaping({}, [2, 3, 1], 3, 2, empty=None, waits=True, **FIGURE),
    "stream.batch": shaping({"size": 2}, [1, 2, 3], [[1, 2], [3]], [[1]], bad_params=({"size": 0}, ".size", "1")),
    "stream.window": shaping(
        {"size": 2, "every": 1},
        [1, 2, 3],
        [[1, 2], [2, 3]],
        [[1]],
        bad_params=({"on_partial": "pad"}, ".on_partial", "expected"),
        bad_data=({"on_partial": "fail", "every": 2}, "the last 1 items are in no window of 2"),
        compensated=({"on_partial": "skip", "every": 2}, [1, 2, 3], 1),
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
        bad_data=([{"age": 1}, {"age": "x"}], r"item 2 does not match the schema: \$.age"),
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
        compensated=({"on_unmatched": "skip"}, ["a=1", "b", "c=3", "d"], 2),
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
        bad_params=({"template": "$x"}, ".template", "is not a field"),
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
        bad_data=(["a", 1], "item 2 is the number 1, not a string"),
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
}
