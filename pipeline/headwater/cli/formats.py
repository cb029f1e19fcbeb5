"""What the input of a pipeline may be written in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["InputFormat"]


class InputFormat(StrEnum):
    """What the input is written in; `AUTO` leaves it to the name of the file, or to its first line."""

    AUTO = "auto"
    JSON = "json"
    JSONL = "jsonl"
    TEXT = "text"
