from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_subscribers.console.tree import ASCII_LINES, tree_rows

GRAPHS: dict[str, tuple[dict[str, list[str]], str]] = {
    "chain": ({"a": [], "b": ["a"], "c": ["b"]}, "a\nb\nc"),
    "alone": ({"a": []}, "a"),
    "nothing": ({}, ""),
    "side by side": ({"a": [], "b": [], "c": []}, "a\nb\nc"),
    "fan-out": ({"a": [], "b": ["a"], "c": ["a"], "d": ["c"]}, "a\n├─ b\n└─ c\n   d"),
    "diamond": (
        {"a": [], "b": ["a"], "c": ["a"], "d": ["b"], "e": ["c", "d"], "f": ["e"]},
        "a\n├─ b\n│  d\n├─ c\ne < c, d\nf",
    ),
    "branches of a branch": (
        {"a": [], "b": ["a"], "c": ["a"], "d": ["b"], "e": ["b"]},
        "a\n├─ b\n│  ├─ d\n│  └─ e\n└─ c",
    ),
    "two beginnings": ({"a": [], "b": [], "c": ["b"], "d": ["a", "c"]}, "┌─ a\n├─ b\n│  c\nd < a, c"),
    "two pipelines": ({"a": [], "b": ["a"], "c": []}, "┌─ a\n│  b\n└─ c"),
    "joins that overlap": (
        {"a": [], "b": ["a"], "c": ["a"], "d": ["a"], "e": ["b", "c"], "f": ["c", "d"]},
        "a\n├─ b\n├─ c\n├─ d\n├─ e < b, c\nf < c, d",
    ),
    "two edges between the same steps": ({"a": [], "b": ["a", "a"]}, "a\nb"),
    "past a branch": ({"a": [], "b": ["a"], "c": ["a", "b"]}, "a\n├─ b\nc < a, b"),
}


def drawn(sources: dict[str, list[str]], **arguments: Any) -> str:
    """Return the tree as text."""
    rows = tree_rows(sources, **arguments)
    return "\n".join(f"{row.lead}{row.step_id}{' < ' + ', '.join(row.joins) if row.joins else ''}" for row in rows)


@pytest.mark.parametrize("name", GRAPHS)
def test_tree_follows_the_data(name: str) -> None:
    """A chain goes straight down, branches are indented, and what joins them stands below."""
    sources, expected = GRAPHS[name]
    assert drawn(sources) == expected


def test_tree_has_lines_in_ascii() -> None:
    """The shape is the same without Unicode."""
    sources, _ = GRAPHS["diamond"]
    assert drawn(sources, lines=ASCII_LINES) == "a\n|- b\n|  d\n|- c\ne < c, d\nf"


def test_lines_go_on_below_a_step() -> None:
    """Text below the name of a step is beside the lines that pass by."""
    sources, _ = GRAPHS["branches of a branch"]
    below = {row.step_id: row.below for row in tree_rows(sources)}
    assert below == {"a": "│  ", "b": "│  │  ", "d": "│  │  ", "e": "│     ", "c": "   "}


@given(st.lists(st.frozensets(st.integers(0, 30), max_size=4), max_size=30))
def test_every_step_is_drawn_once_below_what_it_needs(reads: list[frozenset[int]]) -> None:
    """Whatever the graph, each step has one row, and a chain's source stands above it."""
    earlier = [sorted(read for read in some if read < number) for number, some in enumerate(reads)]
    sources = {f"s{number}": [f"s{read}" for read in some] for number, some in enumerate(earlier)}
    rows = [row.step_id for row in tree_rows(sources)]
    assert sorted(rows) == sorted(sources)
    for step_id, read in sources.items():
        if len(read) == 1:
            assert rows.index(read[0]) < rows.index(step_id)


def test_tree_of_ten_thousand_steps_is_no_deep_recursion() -> None:
    """A chain as long as a document allows is drawn."""
    sources = {f"s{number}": [f"s{number - 1}"] if number else [] for number in range(10_000)}
    assert len(tree_rows(sources)) == 10_000
