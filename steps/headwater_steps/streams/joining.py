"""The kind `stream.join_lookup`: the fields of a table for the key of each record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync as run_in_thread
from pydantic import BaseModel, Field, model_validator

from headwater import Footer, Outputs, SidePort, Step, StepContext, Stream, To
from headwater.toolkit import (
    FieldPath,
    OnDuplicate,
    Reads,
    Record,
    field_locator,
    fields_of,
    key_finder,
    put_field,
    quote,
    remove_field,
    rows_by_key,
)

__all__ = ["JoinLookup", "Joined", "LookupFooter"]

Key = FieldPath | Annotated[list[FieldPath], Field(min_length=1, max_length=16)]
"""The field, or the fields, that records are joined by."""


class LookupFooter(BaseModel, frozen=True):
    """Counts of a lookup.

    Args:
        items: Items that were read.
        found: Items whose key is in the table.
        missed: All other items.
        rows: Rows that can be found.
        duplicates: Rows that cannot be found, because another one has their key.
    """

    items: int
    found: int
    missed: int
    rows: int
    duplicates: int


class Joined(Outputs):
    """The outputs of a lookup: items with the fields of their row, and on the side port items without a row."""

    out: Stream[dict[str, Any], None, LookupFooter]
    missed: SidePort[Record]


class JoinLookup(Step, kind="stream.join_lookup"):
    """Add to each record the fields that a table has for its key.

    The whole table is read, and kept in memory, before the first item. So the two must come from different sources: a
    document in which one step feeds both is refused, because items and table would wait for each other.

    Keys are compared by value: 1 equals 1.0, but neither `true` nor "1". For an item without a key, or with the key
    null, nothing is found; a row of the table without a key is an error. A footer has the counts.

    Args:
        key: Path of the field of the items to look up, or several paths that are the key together.
        table_key: The same for the rows of the table; by default `key`.
        how: What happens to an item without a row: `left` passes it on with null for the fields of the table, `inner`
            leaves it out. In both cases the port `missed` gets it, if that is connected.
        into: Path of a new field for the whole row; by default, the fields of the row, without the key, are added to
            those of the item.
        prefix: Prefix of their names. A field that the item already has is an error, and never replaced.
        on_duplicate: What happens when two rows have the same key: `fail` is an error, `first` and `last` keep that
            row.
        max_rows: Most rows of the table; more are an error.

    Yields:
        The items with the fields of their row, the items without one on the port `missed`, the footer.

    Raises:
        ValueError: The table is too large, or has a row without a key, or two with the same; an item and its row have a
            field of the same name.
        TypeError: A key is a list or an object.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.rivers")
        ... def rivers() -> list[dict[str, str]]:
        ...     return [{"code": "I", "river": "Ilm"}]
        >>> join = JoinLookup(key="gauge", table_key="code")
        >>> edges = ["input -> join.items", "rivers -> join.table"]
        >>> pipeline = Pipeline("levels", steps={"rivers": rivers, "join": join}, edges=edges)
        >>> run_sync(pipeline, [{"gauge": "I", "level_m": 2.5}]).output
        [{'gauge': 'I', 'level_m': 2.5, 'river': 'Ilm'}]
    """

    key: Key
    table_key: Key | None = None
    how: Literal["left", "inner"] = "left"
    into: FieldPath | None = None
    prefix: Annotated[str, Field(max_length=64)] = ""
    on_duplicate: OnDuplicate = "fail"
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000

    @model_validator(mode="after")
    def _check(self) -> JoinLookup:
        if self.into is not None and self.prefix:
            raise ValueError("expected into or prefix, found both: a whole row needs no prefix")
        if len(_paths(self.key)) != len(self._table_paths):
            raise ValueError("expected as many fields in table_key as in key")
        return self

    async def run(
        self, items: Annotated[Stream[Record], Reads(at="key")], table: list[Record], ctx: StepContext
    ) -> AsyncIterator[Joined]:
        """Look up every item."""
        rows = await run_in_thread(self._rows, table)
        find, add = key_finder(_paths(self.key)), self._adder(rows)
        is_left, is_connected = self.how == "left", "missed" in ctx.connected
        read = missed = 0
        async for item in items:
            read += 1
            row = rows.get(find(item))
            if row is None:
                missed += 1
                if is_connected or not is_left:
                    ctx.progress(message=f"there is no row for item {read}", compensations=1)
                if is_connected:
                    yield To("missed", item)
            if row is not None or is_left:
                yield To("out", add(item, row))
        counts = {"found": read - missed, "missed": missed, "rows": len(rows), "duplicates": len(table) - len(rows)}
        yield To("out", Footer(LookupFooter(items=read, **counts)))

    @property
    def _table_paths(self) -> Sequence[str]:
        return _paths(self.key if self.table_key is None else self.table_key)

    def _rows(self, table: Sequence[Record]) -> dict[Any, dict[str, Any]]:
        """Return what each key adds to an item."""
        rows = rows_by_key(table, self._table_paths, on_duplicate=self.on_duplicate, max_rows=self.max_rows)
        return {key: fields_of(row) if self.into is not None else self._columns(row) for key, row in rows.items()}

    def _columns(self, row: Record) -> dict[str, Any]:
        """Return the fields of a row by the names that they get."""
        fields = dict(row)
        for path in self._table_paths:
            remove_field(fields, field_locator(path)(row))
        return {self.prefix + name: value for name, value in fields.items()} if self.prefix else fields

    def _adder(self, rows: Mapping[Any, dict[str, Any]]) -> Callable[[Record, dict[str, Any] | None], dict[str, Any]]:
        """Return a function that adds a row, or null for all its fields, to an item."""
        if self.into is not None:
            into = field_locator(self.into)
            return lambda item, row: _with(item, into, row)
        nulls = dict.fromkeys(name for row in rows.values() for name in row)
        return lambda item, row: _merged(fields_of(item), nulls if row is None else row)


def _paths(key: str | list[str]) -> Sequence[str]:
    return [key] if isinstance(key, str) else key


def _with(item: Record, locate: Callable[[Record], Sequence[str]], row: dict[str, Any] | None) -> dict[str, Any]:
    fields = dict(item)
    put_field(fields, locate(item), row)
    return fields


def _merged(fields: dict[str, Any], columns: dict[str, Any]) -> dict[str, Any]:
    merged = {**fields, **columns}
    if len(merged) < len(fields) + len(columns):
        name = next(name for name in fields if name in columns)
        raise ValueError(f"the item and the row of the table both have a field {quote(name)}; set prefix, or into")
    return merged
