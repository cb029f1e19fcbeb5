"""Steps that read files and other sources as streams, in constant memory whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.sources.csv_rows import csv
    from headwater_steps.sources.folder import files
    from headwater_steps.sources.found import found_lines, found_text
    from headwater_steps.sources.json_lines import jsonl
    from headwater_steps.sources.plain_text import lines, text
    from headwater_steps.sources.standard_input import stdin

__all__ = ["csv", "files", "found_lines", "found_text", "jsonl", "lines", "stdin", "text"]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "csv_rows": "csv",
        "folder": "files",
        "found": "found_lines found_text",
        "json_lines": "jsonl",
        "plain_text": "lines text",
        "standard_input": "stdin",
    },
)
