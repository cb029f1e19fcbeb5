"""Loads mutated documents under an audit hook; test_hostile.py runs it in a process of its own, as hooks stay."""

# ruff: noqa: T201 - what it prints is its report

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from headwater.config.binding import bind_steps
from headwater.config.conditions import Condition
from headwater.config.load import load
from headwater.errors import ConfigError
from headwater.step import Step, step
from headwater.step.registry import Registry

SEED = 20261121
LIMIT_MS = 50
FORBIDDEN = ("open", "import", "exec", "compile", "os.", "subprocess.", "socket.", "shutil.", "ctypes.")
KEYWORDS = [
    "name", "steps", "edges", "id", "kind", "params", "from", "to", "when", "where", "buffer", "merge", "output",
    "parameters", "type", "default", "streaming", "timeout", "all", "any", "not", "field", "matches", "in", "eq", "ge",
    "__class__", "__import__", "$schema", "", "\0", "a" * 300, "é", "\U0001f600",
]  # fmt: skip
ATOMS: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 10**400, 0.5, -0.0, 1e308, "", "a", "a -> b", "->", "a.b.c -> d", "${", "${}",
    "${parameters.n}", "${env.HOME}", "${env.PATH}", "${secret.KEY}", "x${secret.KEY}", "$${a}",
    "${parameters.n.__class__}",
    "os.system", "os:system", "__import__('os')", "fuzz.repeat", "fuzz.keep", "/etc/passwd",
    "../../x", "file:///etc/passwd",
    "(a+)+$", "(a{50}){50}", r"\w{99}", "[" * 50, "(" * 50, r"(?x)a{9}#(", "\ud800", "\x00", "\u202e", "a" * 2_000,
    [], {},
    [[]], {"a": {}}, {"field": "a.b", "ge": 1}, {"matches": r"\p{L}{30}"}, {"all": []}, {"not": {"eq": 1}},
]  # fmt: skip
SEEDS: list[dict[str, Any]] = [
    {
        "name": "one",
        "parameters": {"n": {"type": "integer", "default": 3}, "s": {"type": "string", "default": "${x}"}},
        "steps": [
            {"id": "a", "kind": "fuzz.repeat", "params": {"times": "${parameters.n}", "mark": "${env.HOME}"}},
            {"id": "b", "kind": "fuzz.keep", "params": {"where": {"field": "x", "ge": 1}, "token": "${secret.KEY}"}},
        ],
        "edges": ["a -> b", {"from": "b", "to": "output", "buffer": 4, "when": {"matches": "^a"}}],
        "output": "b",
        "streaming": {"enabled": True, "emit_items": "all"},
        "timeout": {"total_s": 3},
    },
    {"name": "two", "steps": [{"id": "a", "kind": "fuzz.repeat", "merge": {"text": "concat"}, "concurrency": 2}]},
]  # fmt: skip


@step("fuzz.repeat")
def repeat(text: str, *, times: int = 2, mark: str = "", path: Path = Path()) -> str:
    """A step with params of several types."""
    return text * times


class Keep(Step, kind="fuzz.keep"):
    where: Condition
    token: SecretStr = SecretStr("")
    nested: dict[str, list[int]] | None = None

    def run(self, text: str) -> str:
        return text


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
    """Change one place of a document."""
    spots = places(document)
    if not spots:
        return
    container, key = rng.choice(spots)
    match rng.randrange(6):
        case 0:
            container[key] = json.loads(json.dumps(rng.choice(ATOMS)))
        case 1 if isinstance(container, dict):
            container[rng.choice(KEYWORDS)] = container.pop(key)
        case 2:
            del container[key]
        case 3 if isinstance(container, dict):
            container[rng.choice(KEYWORDS)] = json.loads(json.dumps(rng.choice(ATOMS)))
        case 4 if isinstance(container, list):
            container.extend(json.loads(json.dumps(container[:3])) * rng.choice([1, 2, 20]))
        case _:
            other, name = rng.choice(spots)
            container[key] = json.loads(json.dumps(other[name]))


def mutate_text(text: str, rng: random.Random) -> str:
    """Change some characters of a text."""
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        at = rng.randrange(1, len(text) + 1)
        piece = rng.choice(
            ["{", "}", "[", "]", ",", ":", '"', "\\", "'", "//", "NaN", "1e999", "\\ud800", "\n", "é", "\0"]
        )
        text = text[:at] + piece + text[at + rng.randrange(3) :]
    return text


def make(rng: random.Random) -> str:
    """Return a hostile document below 10 kB."""
    document = json.loads(json.dumps(rng.choice(SEEDS)))
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 40])):
        mutate(document, rng)
    return mutate_text(json.dumps(document), rng)[:10_000]


def attempt(text: str, kinds: Registry) -> bool:
    """Load a document and say whether it is good; any error but ConfigError gets out."""
    try:
        loaded = load(text, secrets={"KEY": "canary-4711"}, env={"HOME": "/x"})
        steps = bind_steps(loaded, kinds, loaded.problems)
        loaded.problems.raise_if_any()
        said, good = repr((loaded, steps)), True
    except ConfigError as error:
        said, good = str(error), False
    assert "canary-4711" not in said, "a secret is told"
    return good


def audit(violations: list[str]) -> Callable[[str, Any], None]:
    """Return a hook that notes what loading a document must never do."""

    def hook(event: str, args: Any) -> None:
        if event.startswith(FORBIDDEN):
            violations.append(f"{event} {args!r}"[:200])

    return hook


def main(cases: int) -> int:
    """Load that many documents and report."""
    kinds = Registry(installed=list)
    kinds.add(repeat)
    kinds.add(Keep)
    rng = random.Random(SEED)
    for seed in SEEDS:  # the first use of a library may import what it needs
        attempt(json.dumps(seed), kinds)
        attempt(
            json.dumps({**seed, "steps": [{"id": 3, "kind": "fuzz.nothing", "oops": "\ud800"}], "edges": ["x"]}), kinds
        )
    violations: list[str] = []
    sys.addaudithook(audit(violations))
    good, slowest, slowest_text = 0, 0.0, ""
    for _ in range(cases):
        text = make(rng)
        start = time.thread_time()
        try:
            good += attempt(text, kinds)
        except Exception as error:
            print(f"{type(error).__name__}: {error}\n{text}")
            raise
        took = (time.thread_time() - start) * 1_000
        if took > LIMIT_MS:  # once more: what else runs on the machine has its share in a first reading
            start = time.thread_time()
            attempt(text, kinds)
            took = min(took, (time.thread_time() - start) * 1_000)
        if took > slowest:
            slowest, slowest_text = took, text
        if violations:
            print(f"{violations}\n{text}")
            return 1
    report = {
        "cases": cases,
        "loaded": good,
        "refused": cases - good,
        "slowest_ms": slowest,
        "slowest": slowest_text[:2_000],
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
