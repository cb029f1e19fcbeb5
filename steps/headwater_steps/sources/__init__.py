"""Kinds `source.*` and `file.*`: files and standard input as streams, in constant memory whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.sources.csv_files import csv
    from headwater_steps.sources.each_file import found_lines, found_text
    from headwater_steps.sources.file_search import files
    from headwater_steps.sources.jsonl_files import jsonl
    from headwater_steps.sources.standard_input import stdin
    from headwater_steps.sources.text_files import lines, text

__all__ = ["csv", "files", "found_lines", "found_text", "jsonl", "lines", "stdin", "text"]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "csv_files": "csv",
        "each_file": "found_lines found_text",
        "file_search": "files",
        "jsonl_files": "jsonl",
        "standard_input": "stdin",
        "text_files": "lines text",
    },
)
