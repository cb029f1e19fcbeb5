"""Metrics as tables on a terminal, with rich."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TextIO

from headwater.errors import MissingExtraError

try:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ImportError as _error:
    raise MissingExtraError("tables of metrics in color", "cli") from _error

if TYPE_CHECKING:
    from headwater_subscribers.metrics.metrics_text import TextTable

__all__ = ["write_tables"]

_STYLES: Final = {"met": "green", "missed": "bold red", "no data": "dim"}


def write_tables(tables: Iterable[TextTable], file: TextIO) -> None:
    """Write tables.

    Args:
        tables: What is to be written.
        file: The terminal.
    """
    console = Console(file=file, highlight=False)
    for table in tables:
        console.print(_drawn(table.fitted(console.width)), "")


def _drawn(table: TextTable) -> Table:
    drawn = Table(
        box=None, padding=(0, 2, 0, 0), header_style="dim", caption=table.note or None, caption_justify="left"
    )
    for heading in table.headings:
        is_figure = heading in table.figures
        drawn.add_column(heading, justify="right" if is_figure else "left", no_wrap=True, overflow="ellipsis")
    for row in table.rows:
        drawn.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    return drawn
