"""The kind `text.distinct`: items whose text is not nearly that of one before."""

from __future__ import annotations

import re
import sys
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from math import ceil
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, Field

from headwater import Outputs, SidePort, StepContext, Stream, To, step
from headwater.toolkit import MISSING, FieldPath, MissingFieldError, Reads, field_column, field_label, in_words
from headwater_steps.text.words_and_case import words

__all__ = ["Likeness", "Seen", "SimilarItem", "distinct", "runs_of"]

Item = TypeVar("Item")

_ROUNDING = 1e-9
_LONG_TEXT = 1_000


def runs_of(text: str, length: int) -> set[int]:
    """Return the runs of words in some text, as hashes that are equal within a process.

    Case, composed or decomposed letters, and what is between words do not matter. Text with fewer words is one run.

    Example:
        >>> len(runs_of("To be, or not to be!", 2)), runs_of("To be", 2) == runs_of("to  BE...", 2)
        (4, True)
    """
    in_order = list(words(unicodedata.normalize("NFKC", _with_few_marks(text)).casefold()))
    if len(in_order) <= length:
        return {hash(tuple(in_order))}
    return set(map(hash, zip(*(in_order[start:] for start in range(length)), strict=False)))


def _with_few_marks(text: str) -> str:
    """Return text without runs of more than 30 marks, as the stream-safe text of UAX 15.

    The time to normalize a run grows with the square of its length.
    """
    return text if text.isascii() or len(text) < _LONG_TEXT else _long_marks().sub(r"\1", text)


@cache
def _long_marks() -> re.Pattern[str]:
    """Return the pattern of runs of more than 30 characters that normalization may reorder or compose."""
    marks = "".join(map(re.escape, filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))))
    return re.compile(f"([{marks}]{{30}})[{marks}]++")


class Likeness(NamedTuple):
    """Which text is similar, by its place from 0, and the share of common runs."""

    ordinal: int
    similarity: float


class Seen:
    """Sets of runs, and an exact index of those that are similar.

    Two sets that have enough in common share a run among the few smallest of each: only these are in the index, and
    only the sets that are found there are compared (prefix filtering: Chaudhuri, Ganti, Kaushik 2006,
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
        """Return the first set that is similar, or None."""
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
        """Add a set that is not empty."""
        for run in self._smallest(runs):
            self._index[run].append(len(self._sets))
        self._sets.append(array("q", runs))

    def _smallest(self, runs: set[int]) -> list[int]:
        """Return as many of the smallest as needed, so that the others are too few to make a set similar."""
        needed = ceil(self._similarity * len(runs) - _ROUNDING)
        return sorted(runs)[: len(runs) - needed + 1]


class SimilarItem(BaseModel, frozen=True):
    """An item that was left out.

    Args:
        number: Its number in the stream, from 1.
        item: The item.
        like: Number of the item before that it is similar to.
        similarity: How similar they are, up to 1.
    """

    number: int
    item: Any
    like: int
    similarity: float


class Distinct(Outputs, Generic[Item]):
    """The outputs of `text.distinct`: the first of similar items, and on the side port the others."""

    out: Stream[Item]
    similar: SidePort[SimilarItem]


@step("text.distinct", blocking=True)
def distinct(
    items: Annotated[Iterable[Item], Reads(str, at="by")],
    ctx: StepContext,
    *,
    by: FieldPath | None = None,
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8,
    run_words: Annotated[int, Field(ge=1, le=100)] = 3,
    max_texts: Annotated[int, Field(ge=1)] = 100_000,
) -> Iterator[Distinct[Item]]:
    """Leave out items whose text is nearly the same as that of one before.

    The similarity of two items is the number of runs of words that they have in common, divided by the number of all
    runs in one or the other (w-shingling with the index of Jaccard: Broder 1997,
    https://doi.org/10.1109/SEQUEN.1997.666900). All similar pairs are found, and no others: nothing is estimated. But
    only words and their order count: sentences that say the same in other words are not similar, and a number or a
    `not` that differs in a long text hardly matters. Case, punctuation and spaces do not count at all.

    For each text that is passed on, 8 bytes per word are kept in memory, and some more for the index. Header and footer
    are not passed on.

    Args:
        items: Strings; with `by`, objects that have a string in that field.
        ctx: Knows whether the port `similar` is connected.
        by: The field with the text; the whole item by default.
        similarity: The similarity from which on an item is left out, up to 1 for the same runs of words.
        run_words: Words in a run. With 1 the order of the words hardly counts; the longer the runs, the more of them a
            changed word changes.
        max_texts: Most different items to keep in memory; more are an error.

    Yields:
        The first of the items that are nearly the same. The others go to the port `similar`, if that is connected, each
        with the number of the one that it is similar to.

    Raises:
        TypeError: Something is not a string.
        ValueError: There are more different items than `max_texts`.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> texts = ["The ferry is late today.", "the ferry is late, today", "The ferry is on time."]
        >>> run_sync(Pipeline("once", steps={"once": distinct}), iter(texts)).output
        ['The ferry is late today.', 'The ferry is on time.']
    """
    seen = Seen(similarity)
    numbers = array("q")
    texts = field_column(by)
    is_connected = "similar" in ctx.connected
    for number, item in enumerate(items, 1):
        runs = runs_of(_text(item, texts([item])[0], by, number), run_words)
        likeness = seen.like(runs)
        if likeness is None:
            if len(seen) == max_texts:
                raise ValueError(f"more than {max_texts} different items; raise max_texts, or process them in parts")
            seen.add(runs)
            numbers.append(number)
            yield To("out", item)
        elif is_connected:
            like = numbers[likeness.ordinal]
            yield To("similar", SimilarItem(number=number, item=item, like=like, similarity=likeness.similarity))


def _text(item: Any, value: Any, by: str | None, number: int) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING:
        raise MissingFieldError(by or "", item, "set by to the field with the text", number)
    raise TypeError(f"{field_label(by, number)} is {in_words(value)}, not a string; set by to the field with the text")
