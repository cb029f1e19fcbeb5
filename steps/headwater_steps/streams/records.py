"""The kinds `stream.pick`, `drop`, `rename` and `set`: fields of records, which themselves are never changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from headwater import Step
from headwater.toolkit import (
    MISSING,
    FieldPath,
    MissingFieldError,
    Reads,
    Record,
    field_finder,
    field_locator,
    fields_of,
    overlapping_paths,
    path_parts,
    put_field,
    quote,
    remove_field,
)

__all__ = ["Drop", "Pick", "Rename", "Set"]

Change: TypeAlias = Callable[[Record], dict[str, Any]]
OnMissing: TypeAlias = Literal["fail", "ignore", "null"]
Paths = TypeVar("Paths", bound=Iterable[str])

_MOST_FIELDS = 1_000
_HINT = "set on_missing if not every item has it"


def _apart(paths: Paths) -> Paths:
    """Refuse paths where one leads into what another leads to."""
    if (pair := overlapping_paths(paths)) is not None:
        outer, inner = map(quote, pair)
        if outer == inner:
            raise ValueError(f"{outer} occurs twice")
        raise ValueError(f"{inner} is a part of {outer}; a name with a dot is written in quotes: \"'id.port'\"")
    return paths


FieldPaths = Annotated[list[FieldPath], Field(min_length=1, max_length=_MOST_FIELDS), AfterValidator(_apart)]


class Pick(Step, kind="stream.pick"):
    """Keep some fields of each record, in the order given.

    A field within another, such as `author.name`, keeps its path. An element of a list gets its number as a name.

    Args:
        fields: Paths of the fields to keep.
        on_missing: What happens when a record lacks one of them: `fail` is an error that names it, `ignore` leaves it
            out, `null` gives it the value null.

    Returns:
        A new record, with these fields only.

    Raises:
        MissingFieldError: The record lacks a field, and `on_missing` is `fail`.

    Example:
        >>> pick = Pick(fields=["title", "author.name"])
        >>> pick.run({"author": {"name": "Ida", "born": 1990}, "title": "Rivers", "pages": 90})
        {'title': 'Rivers', 'author': {'name': 'Ida'}}
    """

    fields: FieldPaths
    on_missing: OnMissing = "fail"

    def run(self, item: Annotated[Record, Reads(at="fields")]) -> dict[str, Any]:
        """Return the fields to keep."""
        return self._change(item)

    @cached_property
    def _change(self) -> Change:
        if _is_flat(self.fields) and self.on_missing != "ignore":
            return _picker([path_parts(path)[0] for path in self.fields], strict=self.on_missing == "fail")
        copy = _copier({path: path for path in self.fields}, self.on_missing)
        return lambda item: copy(item, {})


class Drop(Step, kind="stream.drop"):
    """Leave out some fields of each record.

    Args:
        fields: Paths of the fields to leave out, through objects; elements of lists cannot be left out.
        on_missing: What happens when a record lacks one of them: `fail` is an error that names it, `ignore` goes on.

    Returns:
        A new record, with the other fields.

    Raises:
        MissingFieldError: The record lacks a field, and `on_missing` is `fail`.
        TypeError: A path leads through something that is not an object.

    Example:
        >>> Drop(fields=["pages", "author.born"]).run({"author": {"name": "Ida", "born": 1990}, "pages": 90})
        {'author': {'name': 'Ida'}}
    """

    fields: FieldPaths
    on_missing: Literal["fail", "ignore"] = "fail"

    def run(self, item: Annotated[Record, Reads(at="fields")]) -> dict[str, Any]:
        """Return the other fields."""
        return self._change(item)

    @cached_property
    def _change(self) -> Change:
        ways = [(path, field_locator(path)) for path in self.fields]
        strict = self.on_missing == "fail"

        def drop(item: Record) -> dict[str, Any]:
            fields = dict(item)
            for path, locate in ways:
                if remove_field(fields, locate(item)) is MISSING and strict:
                    raise MissingFieldError(path, item, _HINT)
            return fields

        return drop


class Rename(Step, kind="stream.rename"):
    """Rename some fields of each record.

    All fields are renamed at once, so two can exchange their names. A field keeps its place among the others; one that
    moves into or out of another becomes the last there. The name of another field is an error, because that field would
    be lost.

    Args:
        fields: Path of each field with its new path, such as `{"ts": "time"}`; through objects only.
        on_missing: What happens when a record lacks one of them: `fail` is an error that names it, `ignore` goes on.

    Returns:
        A new record, with the same values.

    Raises:
        MissingFieldError: The record lacks a field, and `on_missing` is `fail`.
        ValueError: A new name belongs to another field.
        TypeError: A path leads through something that is not an object.

    Example:
        >>> Rename(fields={"ts": "time"}).run({"ts": 3, "text": "high tide"})
        {'time': 3, 'text': 'high tide'}
    """

    fields: Annotated[dict[FieldPath, FieldPath], Field(min_length=1, max_length=_MOST_FIELDS)]
    on_missing: Literal["fail", "ignore"] = "fail"

    @field_validator("fields")
    @classmethod
    def _check(cls, fields: dict[str, str]) -> dict[str, str]:
        _apart(fields)
        _apart(fields.values())
        return fields

    def run(self, item: Annotated[Record, Reads(at="fields", paths=list)]) -> dict[str, Any]:
        """Return the fields by their new names."""
        return self._change(item)

    @cached_property
    def _change(self) -> Change:
        strict = self.on_missing == "fail"
        if not _is_flat((*self.fields, *self.fields.values())):
            return _mover(self.fields, strict=strict)
        names = {path_parts(old)[0]: path_parts(new)[0] for old, new in self.fields.items()}
        return lambda item: _renamed(item, names, strict=strict)


def _sources(copies: Mapping[str, str]) -> Iterable[str]:
    return copies.values()


class Set(Step, kind="stream.set"):
    """Set fields of each record: to constants, or to the values of other fields.

    Existing values are replaced. All copies are taken from the record as it came, so their order does not matter.

    Args:
        values: Path of each field with its value, the same for all records.
        copies: Path of each field with the path of its value, such as `{"first": "authors.0"}`.
        on_missing: What happens when a record lacks what is copied: `fail` is an error that names it, `ignore` leaves
            the field as it is, `null` gives it the value null.

    Returns:
        A new record, which also has the other fields.

    Raises:
        MissingFieldError: The record lacks what is copied, and `on_missing` is `fail`.
        TypeError: A path leads through something that is not an object.

    Example:
        >>> mark = Set(values={"source": "gauge 7"}, copies={"level": "reading.level_m"})
        >>> mark.run({"reading": {"level_m": 2.5}})
        {'reading': {'level_m': 2.5}, 'source': 'gauge 7', 'level': 2.5}
    """

    values: dict[FieldPath, Any] = Field(default={}, max_length=_MOST_FIELDS)
    copies: dict[FieldPath, FieldPath] = Field(default={}, max_length=_MOST_FIELDS)
    on_missing: OnMissing = "fail"

    @model_validator(mode="after")
    def _check(self) -> Set:
        _apart((*self.values, *self.copies))
        if not (self.values or self.copies):
            raise ValueError("expected something to set: values or copies")
        return self

    def run(self, item: Annotated[Record, Reads(at="copies", paths=_sources)]) -> dict[str, Any]:
        """Return the record with the fields that are set."""
        return self._change(item)

    @cached_property
    def _change(self) -> Change:
        flat = {path: value for path, value in self.values.items() if _is_flat([path])}
        constants = {path_parts(path)[0]: value for path, value in flat.items()}
        deep = [(field_locator(path), value) for path, value in self.values.items() if path not in flat]
        copy = _copier(self.copies, self.on_missing)
        if not (deep or self.copies):
            return lambda item: {**fields_of(item), **constants}

        def set_fields(item: Record) -> dict[str, Any]:
            fields = {**fields_of(item), **constants}
            for locate, value in deep:
                put_field(fields, locate(item), value)
            return copy(item, fields)

        return set_fields


def _is_flat(paths: Iterable[str]) -> bool:
    """Return whether all paths are names of fields of the record itself."""
    return all(len(path_parts(path)) == 1 for path in paths)


def _picker(names: Sequence[str], *, strict: bool) -> Change:
    """Return a function that picks fields of the record itself."""

    def pick(item: Record) -> dict[str, Any]:
        fields = fields_of(item)
        try:
            return {name: fields[name] for name in names}
        except KeyError as error:
            if strict:
                raise MissingFieldError(error.args[0], item, _HINT) from None
        return {name: fields.get(name) for name in names}

    return pick


def _copier(sources: Mapping[str, str], on_missing: OnMissing) -> Callable[[Record, dict[str, Any]], dict[str, Any]]:
    """Return a function that copies fields of an item into a new record, given their sources by their targets."""
    ways = [(path, field_finder(path), field_locator(target)) for target, path in sources.items()]

    def copy(item: Record, fields: dict[str, Any]) -> dict[str, Any]:
        for path, find, locate in ways:
            value = find(item)
            if value is MISSING:
                if on_missing == "fail":
                    raise MissingFieldError(path, item, _HINT)
                if on_missing == "ignore":
                    continue
                value = None
            put_field(fields, locate(item), value)
        return fields

    return copy


def _renamed(item: Record, names: Mapping[str, str], *, strict: bool) -> dict[str, Any]:
    """Return the fields of a record by their new names, each in its place."""
    fields = fields_of(item)
    if strict and not names.keys() <= fields.keys():
        raise MissingFieldError(next(name for name in names if name not in fields), item, _HINT)
    new_name = names.get
    renamed = {new_name(name, name): value for name, value in fields.items()}
    if len(renamed) < len(fields):
        raise _taken(next(new for old, new in names.items() if old in fields and new in fields.keys() - names))
    return renamed


def _mover(paths: Mapping[str, str], *, strict: bool) -> Change:
    """Return a function that moves fields from path to path."""
    ways = [(old, field_locator(old), new, field_locator(new), field_finder(new)) for old, new in paths.items()]

    def move(item: Record) -> dict[str, Any]:
        places = [(old(item), new(item)) for _, old, _, new, _ in ways]
        if all(len(old) == len(new) == 1 for old, new in places):
            return _renamed(item, {old: new for (old,), (new,) in places}, strict=strict)
        fields = dict(item)
        moved: list[tuple[str, tuple[str, ...], Callable[[Any], Any], Any]] = []
        for (path, _, new_path, _, find_new), (old, new) in zip(ways, places, strict=True):
            value = remove_field(fields, old)
            if value is not MISSING:
                moved.append((new_path, new, find_new, value))
            elif strict:
                raise MissingFieldError(path, item, _HINT)
        for new_path, new, find_new, value in moved:
            if find_new(fields) is not MISSING:
                raise _taken(new_path)
            put_field(fields, new, value)
        return fields

    return move


def _taken(name: str) -> ValueError:
    return ValueError(
        f"the field {quote(name)} already exists and would be lost; drop it before, or choose another name"
    )
