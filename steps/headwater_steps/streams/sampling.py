"""The kinds `stream.sample`, `shuffle` and `split`: random, but the same for the same seed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Annotated, Generic, Self, TypeAlias, TypeVar

from pydantic import Field, model_validator

from headwater import Batch, Outputs, Step, Stream, To, step

__all__ = ["Parts", "Sample", "shuffle", "split"]

Item = TypeVar("Item")

Seed: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class Sample(Step, kind="stream.sample"):
    """Choose random items: a number of them, or a fraction.

    Every item is equally likely to be chosen, and the chosen ones keep their order. The same items with the same
    seed give the same sample. Header and footer are not passed on.

    Args:
        n: How many items to choose; all of them if there are no more. They are kept in memory, and come after all items
            were read (algorithm R of Vitter 1985, https://doi.org/10.1145/3147.3165).
        fraction: Probability of each item to be chosen, from 0 to 1. Items are passed on as they come, so about that
            fraction of them is chosen. Give either this or `n`.
        seed: Seed of the generator.

    Yields:
        The chosen items.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("some", steps={"some": Sample(n=3)}), range(100)).output
        [6, 28, 43]
    """

    n: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    fraction: Fraction | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _gives_one(self) -> Self:
        if (self.n is None) is (self.fraction is None):
            raise ValueError("expected either n or fraction: how many items to choose, or the probability of each")
        return self

    async def run(self, items: Stream[Item]) -> AsyncIterator[Batch[Item]]:
        """Pass on the chosen items."""
        random = Random(self.seed)  # noqa: S311 - repeatable, not secret
        if self.n is None:
            fraction = self.fraction or 0.0
            async for batch in items.batches():
                yield Batch([item for item in batch if random.random() < fraction])
        else:
            yield Batch(await _reservoir(items, self.n, random))


async def _reservoir(items: Stream[Item], size: int, random: Random) -> list[Item]:
    """Return a number of the items, each with the same probability, in their order."""
    chosen: list[tuple[int, Item]] = []
    before = 0
    async for batch in items.batches():
        for number, item in enumerate(batch, before):
            if number < size:
                chosen.append((number, item))
            elif (place := int(random.random() * (number + 1))) < size:
                chosen[place] = number, item
        before += len(batch)
    chosen.sort(key=lambda pair: pair[0])
    return [item for _, item in chosen]


@step("stream.shuffle")
async def shuffle(
    items: Stream[Item], *, seed: Seed = 0, max_items: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
) -> AsyncIterator[Batch[Item]]:
    """Bring items into random order.

    A stream of up to `max_items` is shuffled completely: every order is equally likely. Of a longer one, that many are
    kept in memory, and each further item takes the place of one of them, which leaves; so no item comes more than
    `max_items` places earlier than it was. The same items with the same seed give the same order. Header and
    footer are not passed on.

    Args:
        items: Anything.
        seed: Seed of the generator.
        max_items: Most items to keep in memory.

    Yields:
        The same items.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> run_sync(Pipeline("mixed", steps={"mixed": shuffle}), range(6)).output
        [4, 2, 1, 0, 5, 3]
    """
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    waiting: list[Item] = []
    async for batch in items.batches():
        free = max_items - len(waiting)
        waiting += batch[:free]
        leaving = batch[free:]
        for index, item in enumerate(leaving):
            place = int(random.random() * max_items)
            leaving[index], waiting[place] = waiting[place], item
        yield Batch(leaving)
    random.shuffle(waiting)
    yield Batch(waiting)


class Parts(Outputs, Generic[Item]):
    """The outputs of a random split."""

    train: Item
    test: Item


@step("stream.split")
async def split(items: Stream[Item], *, test_fraction: Fraction, seed: Seed = 0) -> AsyncIterator[Batch[Parts[Item]]]:
    """Split a stream at random into a part to train with and a part to test with.

    Each item goes to `test` with the same probability, independent of the others. The same items with the same seed are
    split the same way: `random.Random(seed)` of Python gives one number per item, and items with a number above
    `test_fraction` go to `train`. Header and footer are not passed on.

    Args:
        items: Anything.
        test_fraction: Probability of each item to go to `test`, from 0 to 1.
        seed: Seed of the generator.

    Yields:
        Every item, to one of the two ports.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> parts = run_sync(Pipeline("parts", steps={"parts": split.with_params(test_fraction=0.25)}), range(8)).output
        >>> parts["parts.train"], parts["parts.test"]
        ([0, 1, 2, 3, 4, 5, 6, 7], [])
    """
    random = Random(seed).random  # noqa: S311 - repeatable, not secret
    async for batch in items.batches():
        yield Batch([To("train" if random() > test_fraction else "test", item) for item in batch])
