"""Steps that write files, each whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.sinks.csv_rows import csv
    from headwater_steps.sinks.json_lines import jsonl
    from headwater_steps.sinks.keyed import files
    from headwater_steps.sinks.plain_text import text

__all__ = ["csv", "files", "jsonl", "text"]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "csv_rows": "csv",
        "json_lines": "jsonl",
        "keyed": "files",
        "plain_text": "text",
    },
)
