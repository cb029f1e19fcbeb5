"""The step that leaves out texts that are nearly the same as one before."""

from __future__ import annotations

import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, Field

from headwater import Outputs, SidePort, StepContext, Stream, To, step
from headwater.toolkit import MISSING, FieldPath, field_column, field_label, in_words
from headwater_steps.text.words_and_case import words

__all__ = ["Likeness", "Seen", "SimilarItem", "distinct", "runs_of"]

Item = TypeVar("Item")

_ROUNDING = 1e-9


def runs_of(text: str, length: int) -> set[int]:
    """Return the runs of words in a text, as hashes that are the same within a process.

    Example:
        >>> len(runs_of("To be, or not to be!", 2)), runs_of("To be", 2) == runs_of("to  BE...", 2)
        (4, True)
    """
    in_order = list(words(unicodedata.normalize("NFKC", text).casefold()))
    if len(in_order) <= length:
        return {hash(tuple(in_order))}
    return set(map(hash, zip(*(in_order[start:] for start in range(length)), strict=False)))


class Likeness(NamedTuple):
    """Which text is like another, and how much."""

    ordinal: int
    similarity: float


class Seen:
    """Sets of runs, and an exact index of those that are similar.

    Two sets of which enough is common share a run among the few smallest of each: only these are in the index, and only
    the sets that are found there are compared (prefix filtering: Chaudhuri, Ganti, Kaushik 2006,
    https://doi.org/10.1109/ICDE.2006.9; Bayardo, Ma, Srikant 2007, https://doi.org/10.1145/1242572.1242591).

    Example:
        >>> seen = Seen(0.5)
        >>> seen.add({1, 2, 3})
        >>> seen.like({2, 3, 4}), seen.like({3, 4, 5})
        (Likeness(ordinal=0, similarity=0.5), None)
    """

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._sets: list[array[int]] = []
        self._index: defaultdict[int, list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._sets)

    def like(self, runs: set[int]) -> Likeness | None:
        """Return the first set that is similar to another one, or None."""
        candidates = {ordinal for run in self._smallest(runs) for ordinal in self._index.get(run, ())}
        for ordinal in sorted(candidates):
            known = self._sets[ordinal]
            if min(len(known), len(runs)) / max(len(known), len(runs)) < self._similarity:
                continue
            common = len(runs.intersection(known))
            similarity = common / (len(known) + len(runs) - common)
            if similarity >= self._similarity:
                return Likeness(ordinal, similarity)
        return None

    def add(self, runs: set[int]) -> None:
        """Add a set."""
        for run in self._smallest(runs):
            self._index[run].append(len(self._sets))
        self._sets.append(array("q", runs))

    def _smallest(self, runs: set[int]) -> list[int]:
        """Return so many of the smallest that the others are too few to make a set similar."""
        needed = ceil(self._similarity * len(runs) - _ROUNDING)
        return sorted(runs)[: len(runs) - needed + 1]


class SimilarItem(BaseModel, frozen=True):
    """An item that was left out.

    Args:
        number: Its number in the stream, from 1.
        item: The item.
        like: Number of the item before that it is like.
        similarity: How much it is like that one, up to 1.
    """

    number: int
    item: Any
    like: int
    similarity: float


class Distinct(Outputs, Generic[Item]):
    """What becomes of an item: it is passed on, or given on the side."""

    out: Stream[Item]
    similar: SidePort[SimilarItem]


@step("text.distinct", blocking=True)
def distinct(
    items: Iterable[Item],
    ctx: StepContext,
    *,
    by: FieldPath | None = None,
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8,
    run_words: Annotated[int, Field(ge=1, le=100)] = 3,
    max_texts: Annotated[int, Field(ge=1)] = 100_000,
) -> Iterator[Distinct[Item]]:
    """Leave out texts that are nearly the same as one before.

    How near two texts are is how many runs of words they have in common, as a part of all the runs that one or the
    other has (w-shingling with the index of Jaccard: Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900). All
    pairs that are near enough are found, and no others: nothing is estimated. But that is about words and their order:
    texts that say the same in other words are far apart, and a number or a `not` that differs in a long text is hardly
    noticed. Capital letters, marks and spaces between the words do not count at all.

    Of each text that is passed on, 8 bytes per word are kept in memory, and some more for the index. Header and footer
    are not passed on.

    Args:
        items: Texts; with `by`, objects that have a text in that field.
        ctx: Tells whether the port `similar` leads somewhere.
        by: The field with the text; the whole item by default.
        similarity: From how much on a text is left out, up to 1: the same runs of words.
        run_words: Words in a run. With 1 the order of the words hardly counts; the longer the runs, the more of them a
            changed word changes.
        max_texts: Most texts to keep in memory; more are an error.

    Yields:
        The first text of those that are nearly the same. The others go to the port `similar`, if that leads somewhere,
        each with the number of the one that it is like.

    Raises:
        TypeError: Something is no text.
        ValueError: There are more texts than `max_texts`.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> texts = ["The ferry is late today.", "the ferry is late, today", "The ferry is on time."]
        >>> run_sync(Pipeline("once", steps={"once": distinct}), iter(texts)).output
        ['The ferry is late today.', 'The ferry is on time.']
    """
    seen = Seen(similarity)
    numbers = array("q")
    texts = field_column(by)
    tells = "similar" in ctx.connected
    for number, item in enumerate(items, 1):
        runs = runs_of(_text(texts([item])[0], by, number), run_words)
        likeness = seen.like(runs)
        if likeness is None:
            if len(seen) == max_texts:
                raise ValueError(f"more than {max_texts} different texts; raise max_texts, or take them in parts")
            seen.add(runs)
            numbers.append(number)
            yield To("out", item)
        elif tells:
            like = numbers[likeness.ordinal]
            yield To("similar", SimilarItem(number=number, item=item, like=like, similarity=likeness.similarity))


def _text(value: Any, by: str | None, number: int) -> str:
    if isinstance(value, str):
        return value
    what = "missing" if value is MISSING else in_words(value)
    raise TypeError(f"{field_label(by, number)} is {what}, not a text; set by to the field that has the text")
