"""Records by their keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.toolkit import collision_free, key_finder, rows_by_key

KEYS = st.sampled_from([0, 1, 1.0, True, False, "0", "1", 2.5])


@given(st.lists(KEYS), st.lists(KEYS, max_size=4))
def test_finds_what_a_search_through_the_table_finds(keys: list[Any], table: list[Any]) -> None:
    """A lookup is a search for the first row with an equal key, where a boolean is no number."""
    rows = [{"k": key, "row": number} for number, key in enumerate(table)]
    found = rows_by_key(rows, ["k"], on_duplicate="first")
    find = key_finder(["k"])
    for key in keys:
        equal = [row for row in rows if row["k"] == key and (type(row["k"]) is bool) is (type(key) is bool)]
        assert found.get(find({"k": key})) == (equal[0] if equal else None)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ([{"k": 1}, {"k": 2}, {"k": 3}], {"max_rows": 2}, "the table has 3 rows, more than 2; raise max_rows"),
        ([{"k": 1}, {"k": 1}], {}, "row 2 of the table has the same 'k' as one before; set on_duplicate"),
        ([{"k": None}], {}, "row 1 of the table has no value for its key 'k'"),
    ],
)
def test_refuses_a_table_when_rows_cannot_all_be_found(table: list[Any], options: dict[str, Any], message: str) -> None:
    """A table that is too large, or has rows without a key of their own, is an error."""
    with pytest.raises(ValueError, match=message):
        rows_by_key(table, ["k"], **options)


def test_large_numbers_share_no_hash_when_they_are_keys() -> None:
    """Python gives all multiples of one number the same hash, so a table of them would take quadratic time."""
    multiples = [number * (2**61 - 1) for number in range(1_000)]
    assert len(set(map(hash, multiples))) == 1
    assert len({hash(collision_free(number)) for number in multiples}) == 1_000
    assert [collision_free(number) for number in multiples] == multiples
    find = key_finder(["n"])
    assert hash(find({"n": 2**80})) == hash(find({"n": float(2**80)}))
    assert [collision_free(number) for number in (7, 0.5, float("inf"))] == [7, 0.5, float("inf")]
