"""Texts that are nearly the same as one before are left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, StepError, run_sync
from headwater_steps.text.near_duplicates import Seen, distinct, runs_of
from tests.effort import effort

RUNS = st.sets(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 12), min_size=1, max_size=12)


def both(items: Any, **params: Any) -> tuple[list[Any], list[Any]]:
    """Return the texts that are kept, and what is told of the others."""
    steps = {"once": distinct.with_params(**params)}
    output = run_sync(Pipeline("once", steps=steps, output=["once", "once.similar"]), iter(items)).output
    return output["once.out"], output["once.similar"]


@given(st.lists(RUNS, max_size=20), st.sampled_from([0.1, 0.25, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0]))
def test_finds_what_a_comparison_with_all_finds(sets: list[set[int]], similarity: float) -> None:
    """The index misses no set that is similar, and finds none that is not: always the first of those before."""
    seen = Seen(similarity)
    kept: list[set[int]] = []
    for runs in sets:
        likeness = [len(known & runs) / len(known | runs) for known in kept]
        first = next((index for index, part in enumerate(likeness) if part >= similarity), None)
        found = seen.like(runs)
        assert (None if found is None else (found.ordinal, found.similarity)) == (
            None if first is None else (first, likeness[first])
        )
        seen.add(runs)
        kept.append(runs)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("The ferry is late", "the FERRY, is... late!", True),
        ("caf\u00e9 at the quay", "cafe\u0301 at the quay", True),
        ("", " ... ", True),
        ("one word", "word one", False),
        ("a b c d", "a b c e", False),
        ("a b", "a b c", False),
    ],
)
def test_compares_words_and_their_order(left: str, right: str, same: bool) -> None:
    """Case, marks, spaces and the form of composed letters do not count; words and their order do."""
    assert (runs_of(left, 3) == runs_of(right, 3)) is same


async def test_shows_which_text_another_is_like() -> None:
    """What is left out goes to the side port, with the number of the first text that it is like, and how much."""
    items = [{"t": "one two three four"}, {"t": "quite different words here"}, {"t": "one two three four five"}]
    kept, similar = both([*items, items[1]], by="t", similarity=0.5, run_words=2)
    assert kept == items[:2]
    assert [(other.number, other.item, other.like, other.similarity) for other in similar] == [
        (3, items[2], 1, 0.75),
        (4, items[1], 2, 1.0),
    ]


async def test_leaves_out_without_a_reader_on_the_side() -> None:
    """The side port may lead nowhere."""
    pipeline = Pipeline("once", steps={"once": distinct})
    result = await pipeline.run(["a b c d", "A B C D", "b c d e"])
    assert result.output == ["a b c d", "b c d e"]


@pytest.mark.parametrize(
    ("items", "params", "message"),
    [
        (["a", 7], {}, "item 2 is the number 7, not a string"),
        ([{"text": "a"}, {"txt": "b"}], {"by": "text"}, "there is no field 'text' in item 2 with the fields 'txt'"),
        (["a", "b", "b", "c"], {"max_texts": 2}, "more than 2 different items"),
    ],
)
async def test_says_what_cannot_be_compared(items: list[Any], params: dict[str, Any], message: str) -> None:
    """What is no text, and texts beyond the bound, are errors that say what to do."""
    with pytest.raises(StepError, match=message):
        await Pipeline("once", steps={"once": distinct.with_params(**params)}).run(iter(items))


@pytest.mark.parametrize("params", [{"similarity": 0}, {"similarity": 1.1}, {"run_words": 0}, {"max_texts": 0}])
def test_refuses_params_that_make_no_sense(params: dict[str, Any]) -> None:
    """Wrong params are refused when the step is configured."""
    with pytest.raises(ValueError, match=next(iter(params))):
        distinct.with_params(**params)


@pytest.mark.parametrize("marks", ["\u0301\u0316" * 50_000, "\u3099" * 100_000], ids=["two", "one"])
def test_takes_bounded_work_when_text_has_a_long_run_of_marks(marks: str) -> None:
    """The time to bring marks into order grows with the square of their number."""
    units, runs = effort(lambda: runs_of(f"a{marks} b", 1), limit=50)
    assert len(runs) == 2
    assert units < 50
