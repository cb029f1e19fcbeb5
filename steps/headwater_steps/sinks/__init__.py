"""Steps that write files, each whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater_steps.sinks.csv_rows import csv
    from headwater_steps.sinks.json_lines import jsonl
    from headwater_steps.sinks.keyed import files
    from headwater_steps.sinks.plain_text import text

__all__ = ["csv", "files", "jsonl", "text"]

_MODULES = {"csv": "csv_rows", "files": "keyed", "jsonl": "json_lines", "text": "plain_text"}


def __getattr__(name: str) -> Any:
    """Load a step on first use, so that one that is not used costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
