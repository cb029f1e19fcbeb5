from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from headwater.events.plain import plain, preview, short_repr


class Color(Enum):
    RED = "red"


@dataclass
class Pair:
    left: int
    right: Any
    hidden: str = field(default="canary", repr=False)


class Account(BaseModel):
    name: str
    password: SecretStr


PLAIN = [
    (None, None),
    (True, True),
    ("text", "text"),
    (1.5, 1.5),
    (float("-inf"), "-inf"),
    (Color.RED, "red"),
    ((1, (2, 3)), [1, [2, 3]]),
    (deque([1]), [1]),
    (frozenset({1}), [1]),
    ({1: "a", "b": {}}, {"1": "a", "b": {}}),
    (Pair(1, [Color.RED]), {"left": 1, "right": ["red"]}),
    (Account(name="n", password=SecretStr("canary")), {"name": "n", "password": "**********"}),
    (Path("a/b"), "a/b"),
    (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (b"\x00", "b'\\x00'"),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN)
def test_plain_turns_known_types_into_json_data(value: Any, expected: Any) -> None:
    """Each type has the JSON that a reader would expect."""
    assert plain(value) == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(object()) | st.dates(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=20,
)


@given(value=anything)
def test_plain_always_gives_what_json_can_hold(value: Any) -> None:
    """The result goes through a strict encoder, and being plain it stays as it is."""
    data = plain(value)
    json.dumps(data, allow_nan=False).encode("utf-8")
    assert plain(data) == data


def test_plain_shares_nothing_that_changes_later() -> None:
    """An event shows a value as it was, not as it has become since."""
    value = {"list": [1]}
    data = plain(value)
    value["list"].append(2)
    assert data == {"list": [1]}


@pytest.mark.parametrize(
    ("value", "shown", "size_bytes", "truncated"),
    [
        ("water", "water", 5, False),
        ("w" * 2000, "w" * 1000, 2000, True),
        ("ü" * 600, "ü" * 500, 1200, True),
        ("w" * 50_000, "w" * 1000, 50_000, True),
        ([1, 2], [1, 2], 5, False),
        (list(range(1000)), json.dumps(list(range(1000)), separators=(",", ":"))[:1000], 3891, True),
        (list(range(1_000_000)), json.dumps(list(range(1000)), separators=(",", ":"))[:1000], None, True),
        (bytes(5000), short_repr(bytes(5000)), 5000, False),
    ],
    ids=["text", "long text", "text cut inside a character", "very long text", "list", "long list", "huge list", "raw"],
)
def test_preview_shows_the_beginning_and_the_size(
    value: Any, shown: Any, size_bytes: int | None, truncated: bool
) -> None:
    """A large item is cut, and its size shows how much is missing."""
    assert preview(value) == (shown, size_bytes, truncated)


def test_short_repr_survives_a_repr_that_raises() -> None:
    """A foreign class cannot make its description fail."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert short_repr(Broken()) == "<Broken without a repr>"


def test_short_repr_is_bounded() -> None:
    """The description of a huge value is small."""
    assert len(short_repr("x" * 1_000_000)) == 200
