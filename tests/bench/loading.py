"""What it costs to load a large document and to check all of it."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import hops  # noqa: F401 - defines the kind that the document names
from measure import Figure, Row, Value, interleave

from headwater import Pipeline

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
        pipeline = Pipeline.load(text)
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


ROWS = [
    Row("load and check a 10,000-step JSON, CPU", 100, "ms", _load),
    Row("the same against a 1,000-step JSON", 12, "x", _linear),
]
