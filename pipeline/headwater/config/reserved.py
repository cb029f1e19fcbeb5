"""Keys and values of documents that are reserved for later versions; this version refuses them.

To reserve another one, add it here: the loader then reports it as `not-supported`, with its place, instead of taking it
for a misspelling, and the tests cover it. To support one, remove it here and declare it in its class in `spec.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["RESERVED", "reserving"]

_POLICIES = ("rate_limit", "circuit_breaker", "cache", "batch", "fallback")

RESERVED: Final[Mapping[str, tuple[str, ...]]] = {
    # keys, by the title of the part of the document
    "the document": ("retry", *_POLICIES),
    "a step": ("fallback",),
}


def reserving(part: str) -> dict[str, Any]:
    """Return the keywords of a JSON Schema for what a part of the document reserves."""
    return {"x-reserved": list(RESERVED[part])} if part in RESERVED else {}
