"""Chance that can be repeated: samples, shuffled streams, parts to train and to test with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, Runner, run_sync
from headwater.testing import endless_stream
from headwater_steps.streams import Sample, shuffle, split

VECTORS = json.loads(Path(__file__).parents[1].joinpath("data", "stream_vectors.json").read_text("utf-8"))


def only(target: Any, **options: Any) -> Pipeline:
    """Return a pipeline of one step."""
    return Pipeline("only", steps={"step": target}, **options)


def output(target: Any, items: Any) -> Any:
    """Return what a step makes of some items."""
    return run_sync(only(target), iter(items)).output


# ---- sample


@given(st.lists(st.integers(), max_size=30, unique=True), st.integers(1, 40), st.integers(0, 5))
def test_sample_chooses_so_many_in_their_order(items: list[int], n: int, seed: int) -> None:
    """The sample is a part of the items, as large as asked for, in the same order."""
    chosen = output(Sample(n=n, seed=seed), items)
    assert len(chosen) == min(n, len(items))
    assert chosen == [item for item in items if item in set(chosen)]


def test_sample_gives_each_item_the_same_chance() -> None:
    """Over many seeds, each of twenty items is in about a quarter of the samples of five."""
    counts = Counter(item for seed in range(400) for item in output(Sample(n=5, seed=seed), range(20)))
    assert set(counts) == set(range(20))
    assert all(60 < count < 140 for count in counts.values())


@pytest.mark.parametrize("params", [{"n": 10}, {"fraction": 0.1}])
async def test_sample_is_the_same_for_the_same_seed(params: dict[str, Any]) -> None:
    """The seed decides, not the event loop and not the edges."""
    narrow = only(Sample(**params), edges=[{"from": "input", "to": "step", "buffer": 3}])
    chosen = (await narrow.run(range(1_000))).output
    assert chosen == output(Sample(**params), range(1_000))
    assert chosen != output(Sample(**params, seed=1), range(1_000))


@pytest.mark.parametrize(("fraction", "low", "high"), [(0.0, 0, 0), (0.25, 180, 320), (1.0, 1_000, 1_000)])
def test_sample_passes_a_part_on(fraction: float, low: int, high: int) -> None:
    """About so many items pass, none or all of them at the ends."""
    assert low <= len(output(Sample(fraction=fraction), range(1_000))) <= high


async def test_sample_of_a_part_needs_no_end() -> None:
    """Items are passed on as they come."""
    async with Runner().start(only(Sample(fraction=0.5)), endless_stream(int)) as execution:
        async for item in execution.output:
            if item > 100:
                break
        execution.cancel()


# ---- shuffle


@given(st.lists(st.integers()), st.integers(0, 5), st.integers(1, 60))
def test_shuffle_gives_the_same_items(items: list[int], seed: int, max_items: int) -> None:
    """Nothing is lost or there twice, and none comes much earlier than it was."""
    numbered = list(enumerate(items))
    mixed = output(shuffle.with_params(seed=seed, max_items=max_items), numbered)
    assert sorted(mixed) == numbered
    assert all(number - place <= max_items for place, (number, _) in enumerate(mixed))


def test_shuffle_gives_every_order_the_same_chance() -> None:
    """Over many seeds, each of the six orders of three items comes about as often as the others."""
    orders = Counter(tuple(output(shuffle.with_params(seed=seed), "abc")) for seed in range(600))
    assert len(orders) == 6
    assert all(60 < count < 140 for count in orders.values())


async def test_shuffle_is_the_same_for_the_same_seed() -> None:
    """The seed decides, not the event loop and not the edges."""
    target = shuffle.with_params(seed=7, max_items=20)
    narrow = only(target, edges=[{"from": "input", "to": "step", "buffer": 3}])
    mixed = (await narrow.run(range(100))).output
    assert mixed == output(target, range(100))
    assert mixed != output(shuffle.with_params(seed=8, max_items=20), range(100))


# ---- split


@pytest.mark.parametrize("case", VECTORS["train_test_split"]["cases"], ids=str)
async def test_split_gives_as_many_as_elsewhere(case: dict[str, Any]) -> None:
    """The parts are as large as in other programs that use the same generator."""
    target = split.with_params(test_fraction=case["test_split"], seed=case["seed"])
    parts = (await only(target).run(range(1_000))).output
    train, test = parts["step.train"], parts["step.test"]
    assert (len(train), len(test)) == (case["train"], case["test"])
    assert sorted(train + test) == list(range(1_000))
    assert (train, test) == (sorted(train), sorted(test))


@pytest.mark.parametrize(("fraction", "empty"), [(0.0, "step.test"), (1.0, "step.train")])
def test_split_leaves_a_part_empty_at_the_ends(fraction: float, empty: str) -> None:
    """With the chance 0 or 1, all items go the same way."""
    assert output(split.with_params(test_fraction=fraction), range(1_000))[empty] == []
