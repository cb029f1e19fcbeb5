"""Kinds `sink.*`: files that appear when they are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.sinks.keyed_files import files
    from headwater_steps.sinks.single_file import csv, jsonl, text

__all__ = ["csv", "files", "jsonl", "text"]

__getattr__: Callable[[str], Any] = on_first_use(__name__, {"keyed_files": "files", "single_file": "csv jsonl text"})
