"""Identifiers: what a name in a document may look like, and ids for executions."""

from __future__ import annotations

import re
import uuid

__all__ = ["KIND_PATTERN", "NAME_PATTERN", "new_execution_id"]

NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
"""What the id of a step, the name of a port or a parameter looks like (ASCII, at most 128 characters)."""

KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
"""What the kind of a step looks like: dotted lower-case words, such as `text.words`."""


def new_execution_id() -> str:
    """Return a new id that no other execution has.

    Returns:
        32 hexadecimal digits of random bits (a version 4 UUID, RFC 9562).

    Example:
        >>> len(new_execution_id())
        32
    """
    return uuid.uuid4().hex
