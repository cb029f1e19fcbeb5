# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""What the check of a graph says of deadlocks, and what happens: on random graphs they agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from headwater import ConfigError, DeadlockError, Pipeline, Stream, step
from headwater.api import compiled
from headwater.running.hosts import pulse
from tests.running import kinds

ITEMS = 40
BUFFER = 2


@step("agreement.numbers")
async def numbers() -> AsyncIterator[int]:
    for number in range(ITEMS):
        yield number


@step("agreement.lookup")
async def lookup(items: Stream[int], table: list[int]) -> AsyncIterator[int]:
    async for item in items:
        yield item + len(table)


@step("agreement.weigh")
def weigh(item: int, total: int) -> int:
    return item * total


def random_graph(seed: int) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """Return the steps, edges and options of a pipeline whose edges carry many items or one value of them all."""
    random = Random(seed)
    steps: dict[str, Any] = {"numbers0": numbers, "numbers1": numbers}
    edges: list[Any] = []
    streams, values = ["numbers0", "numbers1", "input0", "input1"], ["sum"]
    options: dict[str, Any] = {}

    def add(name: str, kind: Any, **inputs: str) -> str:
        steps[name] = kind
        edges.extend({"from": source, "to": f"{name}.{port}", "buffer": BUFFER} for port, source in inputs.items())
        return name

    add("input0", kinds.async_pass, numbers="input")
    add("input1", kinds.async_double, number="input0")
    add("sum", kinds.async_sum, numbers="input")
    for place in range(random.randint(2, 6)):
        first, second = random.sample(streams, 2)
        match random.randint(0, 4):
            case 0:
                streams.append(add(f"double{place}", kinds.async_double, number=first))
            case 1:
                values.append(add(f"sum{place}", kinds.async_sum, numbers=first))
            case 2:
                streams.append(add(f"lookup{place}", lookup, items=first, table=second))
            case 3:
                streams.append(add(f"weigh{place}", weigh, item=first, total=random.choice(values)))
            case _:
                streams.append(add(f"pass{place}", kinds.async_pass, numbers=first))
                edges.append({"from": second, "to": f"pass{place}.numbers", "buffer": BUFFER})
                options[f"pass{place}"] = {"merge": random.choice(["concat", "interleave"])}
    return steps, edges, options


def make(seed: int) -> Pipeline:
    """Return the pipeline of a seed, checked for an input of many items."""
    steps, edges, options = random_graph(seed)
    ends = {edge["from"] for edge in edges}
    edges += [{"from": name, "to": "output", "buffer": BUFFER} for name in steps if name not in ends]
    pipeline = Pipeline("agreement", steps=steps, edges=edges, options=options)
    pipeline.plan(stream_input=True)
    return pipeline


def refuses(seed: int) -> bool:
    """Return whether the check refuses the pipeline of a seed."""
    try:
        make(seed)
    except ConfigError as error:
        return [problem.code for problem in error.problems if problem.code != "deadlock-risk"] == []
    return False


@pytest.mark.parametrize("seed", range(60))
async def test_check_refuses_just_what_stands_still(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check, a graph that it refuses comes to a deadlock that the watch reports, and no other one does."""
    refused = refuses(seed)
    monkeypatch.setattr(pulse, "_INTERVAL_S", 0.001)
    monkeypatch.setattr(compiled, "check_deadlocks", lambda *_, **__: None)
    stands_still = False
    try:
        await make(seed).run(iter(range(ITEMS)))
    except DeadlockError:
        stands_still = True
    assert stands_still is refused


def test_random_graphs_are_of_both_sorts() -> None:
    """The agreement is tried on graphs that deadlock and on graphs that do not."""
    refused = [refuses(seed) for seed in range(60)]
    assert min(refused.count(True), refused.count(False)) > 10
