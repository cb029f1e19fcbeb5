"""Items as JSON text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from headwater.toolkit import item_json


class Reading(BaseModel):
    """A measured level."""

    level_m: float
    at: datetime


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"a": [1, None, True]}, b'{"a":[1,null,true]}'),
        ("wäter\n", '"wäter\\n"'.encode()),
        (float("inf"), b'"Infinity"'),
        (Reading(level_m=2.5, at=datetime(2026, 1, 2, tzinfo=UTC)), b'{"level_m":2.5,"at":"2026-01-02T00:00:00Z"}'),
        ((1, {2}), b"[1,[2]]"),
    ],
)
def test_writes_one_line_when_the_item_has_a_form_as_json(item: Any, text: bytes) -> None:
    """Data, models and dates become JSON."""
    assert item_json(item) == text


def test_writes_bytes_as_base64_when_asked() -> None:
    """Bytes of any value have a form then."""
    assert item_json({"data": b"\xff\xfe"}, base64_bytes=True) == b'{"data":"__4="}'


@pytest.mark.parametrize("item", [object(), b"\xff", "\udcff", {"a": "\ud800"}])
def test_refuses_what_has_no_form_as_json(item: Any) -> None:
    """The error names the type of the item."""
    with pytest.raises(ValueError, match=f"an item of the output, of type {type(item).__name__}, cannot be written"):
        item_json(item)
