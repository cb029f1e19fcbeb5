"""Steps that read files and other sources as streams, in constant memory whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater_steps.sources.csv_rows import csv
    from headwater_steps.sources.folder import files
    from headwater_steps.sources.found import found_lines, found_text
    from headwater_steps.sources.json_lines import jsonl
    from headwater_steps.sources.plain_text import lines, text
    from headwater_steps.sources.standard_input import stdin

__all__ = ["csv", "files", "found_lines", "found_text", "jsonl", "lines", "stdin", "text"]

_MODULES = {
    "csv": "csv_rows",
    "files": "folder",
    "found_lines": "found",
    "found_text": "found",
    "jsonl": "json_lines",
    "lines": "plain_text",
    "stdin": "standard_input",
    "text": "plain_text",
}


def __getattr__(name: str) -> Any:
    """Load a step on first use, so that one that is not used costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
