"""Loads and plans mutated documents under an audit hook; test_hostile.py runs it in a process of its own: hooks stay.

Run it as `python -m tests.config.fuzzer CASES [SEED]`.
"""

# ruff: noqa: T201 - what it prints is its report

from __future__ import annotations

import copy
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from headwater import ConfigError, Pipeline
from headwater.cli.plan_text import plan_json, plan_text
from headwater.kinds.registry import registry
from tests.config import kinds
from tests.effort import effort, unit_s

SEED = 20261121
LIMIT = 5
"""The most units of work that a document of 10 kB may take: a twentieth of a second of a slow machine."""

FORBIDDEN = ("open", "import", "exec", "compile", "os.", "subprocess.", "socket.", "shutil.", "ctypes.")
KEYWORDS = [
    "name", "steps", "edges", "id", "kind", "params", "from", "to", "when", "where", "buffer", "merge", "output",
    "parameters", "type", "default", "streaming", "timeout", "all", "any", "not", "field", "matches", "in", "eq", "ge",
    "policy", "unequal", "pad", "buffer_bytes", "on_full",
    "__class__", "__import__", "$schema", "", "\0", "a" * 300, "é", "\U0001f600",
]  # fmt: skip
ATOMS: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 10**400, 0.5, -0.0, 1e308, "", "a", "a -> b", "->", "a.b.c -> d", "${", "${}",
    "${parameters.n}", "${env.HOME}", "${env.PATH}", "${secret.KEY}", "x${secret.KEY}", "$${a}",
    "${parameters.n.__class__}",
    "a -> a", "b -> a", "input -> a", "a -> output", "input -> output", "output -> input", "a.good -> b.left",
    "a.bad -> b.right", "a.out", "input", "output", "interleave", "concat", {"left": "concat", "text": "interleave"},
    "zip", "latest", "first", {"policy": "zip"}, {"policy": "zip", "unequal": "pad", "pad": 0},
    {"left": {"policy": "zip"}},
    "drop_oldest", "wait", "pad", "shortest",
    "map", "collect", "join", "split", "one", "reading",
    "os.system", "os:system", "__import__('os')", "/etc/passwd",
    "../../x", "file:///etc/passwd",
    "(a+)+$", "(a{50}){50}", r"\w{99}", "[" * 50, "(" * 50, r"(?x)a{9}#(", "\ud800", "\x00", "\u202e", "a" * 2_000,
    [], {},
    {"$ref": "#"}, {"$ref": "http://["}, {"anyOf": [{"$ref": "#/$defs/b"}] * 3}, {"$id": "b", "$schema": "x"},
    "#/$defs/b", "a" * 290, "(?P<x>a|b)" * 40, "[" + "é-ü" * 90 + "]", {"type": ["x"] * 50},
    [[]], {"a": {}}, {"field": "a.b", "ge": 1}, {"matches": r"\p{L}{30}"}, {"all": []}, {"not": {"eq": 1}},
]  # fmt: skip
VARIABLES: list[Any] = [
    "${env.HOME}", "x${env.HOME}x", "${env.HOME:integer}", "${env.LIST:array}", "${env.TABLE:object}", "${env.HOMES}",
    "${env.HOME:-x}", "$${env.HOME}", "${env.HEADWATER_SECRET_KEY}", "${secret.KEY}", ["${env.HOME}", "${env.HOME}"],
    {"eq": "${env.HOME}"}, {"in": "${env.LIST:array}"}, {"matches": "(${env.HOME}"}, {"gt": "${env.HOME}"},
    {"field": "${env.HOME}", "eq": 1}, {"eq": "${secret.KEY}"}, {"all": [{"not": {"eq": "x${env.HOME}"}}]},
]  # fmt: skip
SEEDS: list[dict[str, Any]] = [
    {
        "name": "one",
        "parameters": {"n": {"type": "integer", "default": 3}, "s": {"type": "string", "default": "x"}},
        "steps": [
            {"id": "a", "kind": "say.repeat", "params": {"times": "${parameters.n}", "mark": "${env.HOME}"}},
            {"id": "b", "kind": "say.keep", "params": {"where": {"field": "x", "ge": 1}, "token": "${secret.KEY}"}},
        ],
        "edges": ["a -> b", {"from": "b", "to": "output", "buffer": 4, "when": {"matches": "^a"}}],
        "streaming": {"enabled": True, "emit_items": "all"},
        "timeout": {"total_s": 3},
    },
    {"name": "two", "steps": [{"id": "a", "kind": "say.repeat", "concurrency": 2}]},
    {
        "name": "three",
        "steps": [
            {"id": "lines", "kind": "source.lines", "params": {"path": "/etc/passwd"}},
            {"id": "words", "kind": "text.words"},
            {"id": "long", "kind": "stream.filter", "params": {"where": {"length_at_least": 4}}},
            {"id": "groups", "kind": "stream.group_count", "params": {"top": 3}, "inline": True},
            {"id": "rows", "kind": "sink.jsonl", "params": {"path": "/etc/group"}},
        ],
    },
    {
        "name": "four",
        "steps": [
            {"id": "a", "kind": "say.texts"},
            {"id": "b", "kind": "say.sort"},
            {"id": "c", "kind": "say.zip", "merge": "interleave"},
            {"id": "d", "kind": "say.read_titled"},
            {"id": "e", "kind": "say.titled"},
            {"id": "f", "kind": "say.reader", "task": "reading"},
        ],
        "edges": [
            "a -> b", "b.good -> c.left", "b.bad -> c.right", "a -> c.left", "e -> d",
            {"from": "e", "to": "f", "adapt": "join"},
        ],
        "output": ["c", "d.out", "f"],
    },
    {
        "name": "nested",
        "parameters": {"n": {"type": "integer", "default": 3}},
        "steps": [
            {"id": "a", "kind": "control.pipeline", "params": {
                "pipeline": {
                    "name": "inner",
                    "parameters": {"m": {"type": "integer"}},
                    "steps": [
                        {"id": "x", "kind": "say.repeat", "params": {"times": "${parameters.m}"}},
                        {"id": "y", "kind": "control.loop", "params": {
                            "pipeline": {"name": "again", "steps": [{"id": "z", "kind": "text.strip"}]},
                            "until": {"length_at_most": 3},
                        }},
                    ],
                    "edges": ["x -> y"],
                },
                "parameters": {"m": "${parameters.n}"},
            }},
            {"id": "b", "kind": "control.switch", "params": {"cases": {"c": {"matches": "^a"}}, "default": "d"}},
            {"id": "e", "kind": "control.map", "params": {
                "pipeline": {"name": "each", "steps": [{"id": "w", "kind": "text.words"}]},
            }},
        ],
        "edges": ["a -> b", "b.c -> e"],
    },
    {
        "name": "five",
        "steps": [
            {"id": "a", "kind": "stream.validate", "params": {"schema": {
                "$id": "https://example.com/a", "properties": {"x": {"$ref": "#/$defs/b"}, "y": {"pattern": "^a"}},
                "$defs": {"b": {"$id": "b", "$anchor": "c", "items": {"$ref": "#c"}}},
                "allOf": [{"enum": [1]}, {"$ref": "b"}],
            }}},
            {"id": "b", "kind": "text.find", "params": {"pattern": r"\b\w+\b"}},
            {"id": "c", "kind": "text.extract", "params": {"pattern": r"(?P<x>\d+)-(?P<y>\S+)", "only": ["x"]}},
        ],
    },
]  # fmt: skip
TEXT_KINDS = ["say.repeat", "say.same", "say.reader", "say.zip", "say.texts", "text.upper", "text.words"]
CANARY = "canary-4711"
ENVIRONMENT = {
    "HOME": "/srv/walrus-nightjar",
    "LIST": '["walrus-1", "nightjar"]',
    "TABLE": '{"walrus": "nightjar", "eq": ["walrus"]}',
    "HEADWATER_SECRET_KEY": CANARY,
}
LEAKS = (CANARY, "walrus", "nightjar", "srv")
"""What nothing may show: the secret, and any part of what variables hold."""
STYLES: tuple[Any, ...] = ("mermaid", "dot", "svg", "text")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container with each of its keys or indexes."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        container = pending.pop()
        entries = list(container.items()) if isinstance(container, dict) else list(enumerate(container))
        found.extend((container, key) for key, _ in entries)
        pending.extend(item for _, item in entries if isinstance(item, (dict, list)))
    return found


def mutate(document: Any, rng: random.Random) -> None:
    """Change one place of a document; a kind or an edge may come anywhere."""
    spots = places(document)
    if not spots:
        return
    container, key = rng.choice(spots)
    match rng.randrange(8):
        case 6:
            container[key] = rng.choice(registry.kinds())
        case 7:
            container[key] = " -> ".join(rng.choices("abcdef", k=2))
        case 0:
            container[key] = copy.deepcopy(rng.choice(ATOMS))
        case 1 if isinstance(container, dict):
            container[rng.choice(KEYWORDS)] = container.pop(key)
        case 2:
            del container[key]
        case 3 if isinstance(container, dict):
            container[rng.choice(KEYWORDS)] = copy.deepcopy(rng.choice(ATOMS))
        case 4 if isinstance(container, list):
            container.extend(copy.deepcopy(container[:3]) * rng.choice([1, 2, 20]))
        case _:
            other, name = rng.choice(spots)
            container[key] = copy.deepcopy(other[name])


def mutate_text(text: str, rng: random.Random) -> str:
    """Change some characters of a text."""
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        at = rng.randrange(1, len(text) + 1)
        piece = rng.choice(
            ["{", "}", "[", "]", ",", ":", '"', "\\", "'", "//", "NaN", "1e999", "\\ud800", "\n", "é", "\0"]
        )
        text = text[:at] + piece + text[at + rng.randrange(3) :]
    return text


def graph(rng: random.Random) -> dict[str, Any]:
    """Return a document with random kinds, joined by random edges, most of them forward."""
    size = rng.choice([1, 2, 3, 5, 8, 20, 60])
    names = rng.choice([TEXT_KINDS, registry.kinds()])
    steps: list[dict[str, Any]] = [{"id": f"s{number}", "kind": rng.choice(names)} for number in range(size)]
    for one in steps:
        if rng.random() < 0.2:
            one["merge"] = rng.choice(
                ["interleave", "concat", "zip", "latest", "first", {"policy": "zip", "unequal": "pad"}]
            )
    document: dict[str, Any] = {"name": "random", "steps": steps}
    if rng.random() < 0.8:
        document["edges"] = [edge(size, rng) for _ in range(rng.randrange(2 * size))]
    return document


def edge(size: int, rng: random.Random) -> Any:
    """Return an edge between two of that many steps."""
    source, target = rng.randrange(size), rng.randrange(size)
    if source > target and rng.random() < 0.9:
        source, target = target, source
    writes, reads = rng.choice(["", "", ".out", ".good", ".bad"]), rng.choice(["", "", ".items", ".text", ".left"])
    ends = f"s{source}{writes}", f"s{target}{reads}"
    match rng.randrange(8):
        case 0:
            return {"from": ends[0], "to": ends[1], "adapt": rng.choice(["map", "collect", "join", "split", "one"])}
        case 1:
            return {"from": ends[0], "to": ends[1], "when": {"exists": True}}
        case 2:
            return rng.choice([f"input -> {ends[1]}", f"{ends[0]} -> output"])
        case _:
            return " -> ".join(ends)


def make(rng: random.Random) -> str:
    """Return a hostile document below 10 kB; some have nothing wrong but variables and secrets where none belongs."""
    if rng.random() < 0.25:
        asking = copy.deepcopy(rng.choice(SEEDS))
        for _ in range(rng.choice([1, 1, 2])):
            container, key = rng.choice(places(asking))
            container[key] = copy.deepcopy(rng.choice(VARIABLES))
        return json.dumps(asking)
    document = graph(rng) if rng.random() < 0.3 else copy.deepcopy(rng.choice(SEEDS))
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 40])):
        mutate(document, rng)
    return mutate_text(json.dumps(document), rng)[:10_000]


def attempt(text: str) -> bool:
    """Load and plan a document and say whether it is good; any error but ConfigError gets out."""
    try:
        pipeline = load(text)
        pipeline.plan(stream_input=True)
    except ConfigError:
        return False
    return True


def load(text: str) -> Pipeline:
    """Load and plan a document with secrets and variables."""
    pipeline = Pipeline.loads(text, secrets={"KEY": CANARY}, env=ENVIRONMENT)
    pipeline.plan()
    return pipeline


def leak(text: str) -> str:
    """Return what shows a secret or a value of a variable when a document is loaded; empty when nothing does."""
    views: list[str] = []
    try:
        pipeline = load(text)
        plan, loaded = pipeline.plan(), pipeline.compiled.loaded
        views += [repr((pipeline, plan, loaded, pipeline.compiled.options)), pipeline.to_json()]
        views += [plan_json(plan, pipeline.analyze()), plan_text(plan), *map(pipeline.draw, STYLES)]
        pipeline.plan(stream_input=True)
    except ConfigError as error:
        views += [str(error), repr(error.problems)]
    written = text.lower()
    return next((one for one in views for word in LEAKS if word in one.lower() and word not in written), "")


def measure(text: str, around_s: float) -> tuple[bool, float]:
    """Return whether a document is good, and how many units of work it takes; what seems too much is tried again."""
    start = time.thread_time()
    good = attempt(text)
    units = (time.thread_time() - start) / around_s
    return (good, units) if units < LIMIT else (good, effort(lambda: attempt(text), limit=LIMIT)[0])


def audit(violations: list[str]) -> Callable[[str, Any], None]:
    """Return a hook that notes what loading a document must never do."""

    def hook(event: str, args: Any) -> None:
        if event.startswith(FORBIDDEN):
            violations.append(f"{event} {args!r}"[:200])

    return hook


def warm_up() -> None:
    """Use everything once: each kind is imported, and so is what a library imports when it is first used."""
    for kind in registry.kinds():
        registry.find(kind)
    wrong = {"steps": [{"id": 3, "kind": "say.nothing", "oops": "\ud800"}], "edges": ["x", "a -> b"]}
    for seed in SEEDS:
        assert attempt(json.dumps(seed)), "a mutation of what is wrong already shows little"
        attempt(json.dumps({**seed, **wrong}))
        leak(json.dumps(seed))
    attempt('{"steps": "a"}')  # the message takes the schema of documents, for which pydantic imports a module


def main(cases: int, seed: int = SEED) -> int:
    """Load that many documents and report."""
    assert kinds.repeat is registry.find("say.repeat")
    rng = random.Random(seed)
    warm_up()
    violations: list[str] = []
    sys.addaudithook(audit(violations))
    loaded, most_units, hardest, around_s = 0, 0.0, "", unit_s()
    for _ in range(cases):
        text = make(rng)
        try:
            good, units = measure(text, around_s)
        except Exception as error:
            print(f"{type(error).__name__}: {error}\n{text}")
            raise
        loaded += good
        if shown := leak(text):
            print(f"what the author may not see is shown: {shown[:2_000]}\n{text}")
            return 1
        if units > most_units:
            most_units, hardest = units, text
        if violations:
            print(f"{violations}\n{text}")
            return 1
    report = {"cases": cases, "loaded": loaded, "refused": cases - loaded, "most_units": most_units, "hardest": hardest}
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
