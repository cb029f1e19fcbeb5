"""A step that adds to each record what a table has for its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync as run_in_thread
from pydantic import BaseModel, Field, model_validator

from headwater import Footer, Outputs, SidePort, Step, StepContext, Stream, To
from headwater.toolkit import (
    FieldPath,
    OnDuplicate,
    Record,
    fields_of,
    key_finder,
    path_parts,
    put_field,
    quote,
    remove_field,
    rows_by_key,
)

__all__ = ["JoinLookup", "Joined", "LookupFooter"]

Key = FieldPath | Annotated[list[FieldPath], Field(min_length=1, max_length=16)]
"""The field, or the fields together, that records are joined by."""


class LookupFooter(BaseModel, frozen=True):
    """What came of a lookup.

    Args:
        items: Items that were read.
        found: Items whose key is in the table.
        missed: All other items.
        rows: Rows that can be found.
        duplicates: Rows that cannot, because another one has their key.
    """

    items: int
    found: int
    missed: int
    rows: int
    duplicates: int


class Joined(Outputs):
    """What a lookup writes: the items with what was found, and on the side those that nothing was found for."""

    out: Stream[dict[str, Any], None, LookupFooter]
    missed: SidePort[Record]


class JoinLookup(Step, kind="stream.join_lookup"):
    """Add to each record the fields that a table has for its key.

    The whole table is read, and kept in memory, before the first item. So the two must come from different sources: a
    document in which one step feeds both is refused, as its items would wait for the table and the table for them.

    A key is compared by value: 1 equals 1.0, but neither `true` nor "1". An item without a key, or with the key null,
    is one that nothing is found for; a row of the table without one is an error. A footer tells the counts.

    Args:
        key: Path of the field of the items to look up; or several, which are compared together.
        table_key: Path of the same in the rows of the table; by default, as in the items.
        how: What happens to an item that nothing is found for: `left` passes it on with null for the fields of the
            table, `inner` leaves it out. In any case the port `missed` gets it, when that leads somewhere.
        into: Path of a new field that gets the row as a whole; by default, the fields of the row but for the key are
            put among those of the item.
        prefix: What their names then begin with. A field that an item has already is an error, never replaced.
        on_duplicate: What happens when two rows have one key: `fail` ends with an error, `first` and `last` keep that
            one.
        max_rows: Most rows of the table; more are an error.

    Yields:
        The items with what was found; on the side those that nothing was found for; the footer.

    Raises:
        ValueError: The table is too large, or has a row without a key, or two with the same; an item has a field that
            the row found for it has too.
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
    prefix: Annotated[str, Field(max_length=64, pattern=r"^[^.]*$")] = ""
    on_duplicate: OnDuplicate = "fail"
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000

    @model_validator(mode="after")
    def _check(self) -> JoinLookup:
        if self.into is not None and self.prefix:
            raise ValueError("expected into or prefix, found both: a row as a whole needs no prefix")
        if len(_paths(self.key)) != len(self._table_paths):
            raise ValueError("expected as many fields in table_key as in key")
        return self

    async def run(self, items: Stream[Record], table: list[Record], ctx: StepContext) -> AsyncIterator[Joined]:
        """Look up every item."""
        rows = await run_in_thread(self._rows, table)
        find, add = key_finder(_paths(self.key)), self._adder(rows)
        is_left, tells = self.how == "left", "missed" in ctx.connected
        read = missed = 0
        async for item in items:
            read += 1
            row = rows.get(find(item))
            if row is None:
                missed += 1
                if tells or not is_left:
                    ctx.progress(message=f"nothing is found for item {read}", compensations=1)
                if tells:
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
            remove_field(fields, path_parts(path))
        return {self.prefix + name: value for name, value in fields.items()} if self.prefix else fields

    def _adder(self, rows: Mapping[Any, dict[str, Any]]) -> Callable[[Record, dict[str, Any] | None], dict[str, Any]]:
        """Return a function that adds what was found, or null for all of it, to an item."""
        if self.into is not None:
            into = path_parts(self.into)
            return lambda item, row: _with(item, into, row)
        nulls = dict.fromkeys(name for row in rows.values() for name in row)
        return lambda item, row: _merged(fields_of(item), nulls if row is None else row)


def _paths(key: str | list[str]) -> Sequence[str]:
    return [key] if isinstance(key, str) else key


def _with(item: Record, path: Sequence[str], row: dict[str, Any] | None) -> dict[str, Any]:
    fields = dict(item)
    put_field(fields, path, row)
    return fields


def _merged(fields: dict[str, Any], columns: dict[str, Any]) -> dict[str, Any]:
    merged = {**fields, **columns}
    if len(merged) < len(fields) + len(columns):
        name = next(name for name in fields if name in columns)
        raise ValueError(f"the item and the row of the table both have a field {quote(name)}; set prefix, or into")
    return merged
