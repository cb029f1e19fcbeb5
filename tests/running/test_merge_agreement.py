# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Random graphs with rounds: what the check of a graph accepts never stands still, and what it refuses often does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from headwater import ConfigError, DeadlockError, ExecutionError, Pipeline, Stream, step
from headwater.api import compiled
from headwater.running.hosts import pulse
from tests.running import kinds

ITEMS = 40
SEEDS = range(150)


@step("rounds.numbers")
async def numbers() -> AsyncIterator[int]:
    for number in range(ITEMS):
        yield number


@step("rounds.add")
def add(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


@step("rounds.add_later")
async def add_later(pairs: Stream[tuple[int, int]]) -> AsyncIterator[int]:
    async for pair in pairs:
        yield sum(pair)


@step("rounds.some")
async def some(items: Stream[int]) -> AsyncIterator[int]:
    async for item in items:
        if item % 3 == 0:
            yield item


def random_graph(seed: int) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """Return the steps, edges and options of a pipeline in which branches meet."""
    random = Random(seed)
    steps: dict[str, Any] = {"numbers0": numbers, "numbers1": numbers}
    edges: list[Any] = []
    options: dict[str, Any] = {}
    streams = ["numbers0", "numbers0", "numbers1"]

    def edge(source: str, target: str) -> None:
        when = {"when": {"lt": 7}} if random.random() < 0.1 else {}
        edges.append({"from": source, "to": target, "buffer": random.randint(1, 3), **when})

    for place in range(random.randint(3, 8)):
        first, second = random.sample(streams, 2)
        kind = random.choice([kinds.async_double, kinds.def_double, some, add, add, add_later])
        name = f"step{place}"
        steps[name] = kind
        edge(first, name)
        if kind in {add, add_later} and first != second:
            edge(second, name)
            options[name] = {"merge": random.choice([{"policy": "zip", "unequal": "pad", "pad": 0}, "zip", "latest"])}
        elif kind in {add, add_later}:
            steps[name] = kinds.async_double
        streams.append(name)
    return steps, edges, options


def make(seed: int) -> Pipeline:
    steps, edges, options = random_graph(seed)
    ends = {edge["from"] for edge in edges}
    edges += [{"from": name, "to": "output", "buffer": 1} for name in steps if name not in ends]
    return Pipeline("rounds", steps=steps, edges=edges, options=options)


def refuses(seed: int) -> bool:
    """Return whether the check refuses the pipeline of a seed because of a deadlock."""
    try:
        make(seed)
    except ConfigError as error:
        return {problem.code for problem in error.problems} == {"deadlock-risk"}
    return False


async def stands_still(seed: int) -> bool:
    """Return whether a pipeline of a seed comes to a deadlock that the watch reports."""
    try:
        await make(seed).run()
    except ExecutionError as error:
        return isinstance(error, DeadlockError)
    return False


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_is_accepted_does_not_stand_still(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of different numbers of items may fail, but they end."""
    if refuses(seed):
        pytest.skip("it is refused")
    monkeypatch.setattr(pulse, "_INTERVAL_S", 0.001)
    assert not await stands_still(seed)


async def test_what_is_refused_often_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is not much stricter than what happens with these buffers and items."""
    refused = [seed for seed in SEEDS if refuses(seed)]
    monkeypatch.setattr(pulse, "_INTERVAL_S", 0.001)
    monkeypatch.setattr(compiled, "check_deadlocks", lambda *_, **__: None)
    found = [await stands_still(seed) for seed in refused[:40]]
    assert len(SEEDS) * 0.1 < len(refused) < len(SEEDS) * 0.9
    assert sum(found) > len(found) / 2
