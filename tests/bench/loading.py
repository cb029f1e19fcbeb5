"""The cost of loading and checking a large document, and of refusing a hostile one."""

from __future__ import annotations

import json
import time
from functools import partial
from itertools import pairwise

import hops  # noqa: F401 - defines the kind that the document names
from measure import Figure, Row, Value, interleave

from headwater import ConfigError, Pipeline

__all__ = ["ROWS"]

LARGE, SMALL = 10_000, 1_000
ROUNDS = 7


def document(steps: int) -> str:
    """Return the text of a chain.

    Args:
        steps: How many.
    """
    ids = [f"step{number}" for number in range(steps)]
    parts = {
        "name": "large",
        "steps": [{"id": step_id, "kind": "bench.mapped"} for step_id in ids],
        "edges": [f"{source} -> {target}" for source, target in pairwise(ids)],
    }
    return json.dumps(parts, indent=2)


def _figure(steps: int) -> Figure:
    text = document(steps)

    def load() -> float:
        started = time.process_time()
        pipeline = Pipeline.loads(text)
        spent = time.process_time() - started
        assert len(pipeline.plan().steps) == steps
        return spent

    return Figure(1, load)


def _load() -> Value:
    large = _figure(LARGE)
    interleave([large], ROUNDS)
    return Value(large.ns / 1e6, f"{large.ns / LARGE:,.0f} ns per step")


def _linear() -> Value:
    large, small = _figure(LARGE), _figure(SMALL)
    interleave([large, small], ROUNDS)
    return Value(
        large.ns / small.ns, f"{small.ns / 1e6:.1f} ms for {SMALL:,} steps, {large.ns / 1e6:.1f} ms for {LARGE:,}"
    )


HOSTILE = {
    "200,000 unknown keys": "{" + ",".join(f'"k{number}":1' for number in range(200_000)) + "}",
    "a million keys that are one": "{" + '"a":1,' * 1_000_000 + '"a":1}',
    "a million large numbers": '{"name": "x", "a": [' + "9e307," * 1_000_000 + "1]}",
}
SMALL_HOSTILE = {
    "numbers for steps": '{"name": "x", "steps": [' + "1," * 4_900 + "1]}",
    "empty steps": '{"name": "x", "steps": [' + "{}," * 3_300 + "{}]}",
    "unknown keys": "{" + "".join(f'"k{number}":1,' for number in range(1_000)) + '"k":1}',
}


def _refusal(text: str) -> Figure:
    def refuse() -> float:
        started = time.process_time()
        try:
            Pipeline.loads(text)
        except ConfigError:
            return time.process_time() - started
        raise AssertionError("the document was not refused")

    return Figure(1, refuse)


def _refuse(texts: dict[str, str]) -> Value:
    figures = {name: _refusal(text) for name, text in texts.items()}
    interleave(list(figures.values()), ROUNDS)
    name, figure = max(figures.items(), key=lambda named: named[1].ns)
    return Value(figure.ns / 1e6, name)


ROWS = [
    Row("load and check a 10,000-step JSON, CPU", 100, "ms", _load),
    Row("the same against a 1,000-step JSON", 12, "x", _linear),
    Row("refuse the hardest of hostile documents, CPU", 1_000, "ms", partial(_refuse, HOSTILE)),
    Row("refuse the hardest of hostile documents of 10 kB, CPU", 50, "ms", partial(_refuse, SMALL_HOSTILE)),
]
