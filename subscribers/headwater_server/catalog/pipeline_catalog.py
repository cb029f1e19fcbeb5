"""The pipelines by name: documents of a folder, and pipelines that a program has made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from anyio import to_thread
from pydantic_core import to_json

from headwater import Pipeline, Problem
from headwater.toolkit import confined_to, decided_by_parameters, paths_outside
from headwater_server.catalog.entry import Entry, entry_of, load_entry, uploaded_entry
from headwater_server.refusals import Refusal

__all__ = ["Catalog", "Source"]

Source = str | Path | Pipeline | Iterable[str | Path | Pipeline]
"""A folder of documents, a document, a pipeline, or several of them."""

_SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
_MOST_BOUND: Final = 256
_MOST_BOUND_BYTES: Final = 65_536  # of the parameters of one


class Catalog:
    """The pipelines that a server offers, by their names; a broken document is listed, and disturbs no other."""

    def __init__(self, source: Source, allow: Collection[str] = (), files: Collection[Path] = ()) -> None:
        self._allow = frozenset(allow)
        self._files = tuple(files)
        self._sources = _sources(source)
        self._entries: dict[str, Entry] = {}
        self._uploaded: dict[tuple[str, str], Entry] = {}
        self._bound: OrderedDict[tuple[str | None, str, bytes], Pipeline] = OrderedDict()
        self.reload()

    @property
    def files(self) -> list[Path]:
        """The folders and files that documents come from."""
        return [source for source in self._sources if isinstance(source, Path)]

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def visible_to(self, caller: str) -> Iterator[Entry]:
        """Yield the pipelines that a caller can run: those of the server, and the documents that it has uploaded."""
        yield from self
        yield from (entry for (owner, _), entry in self._uploaded.items() if owner == caller)

    async def upload(self, document: Mapping[str, Any], caller: str, most: int) -> Entry:
        """Add a document of a caller, or replace the one of the same name."""
        entry = await to_thread.run_sync(uploaded_entry, document, caller)
        if (problem := _unreachable(entry)) is not None:
            raise Refusal(422, problem.code, f"{problem.message}; {problem.hint}", problems=[problem])
        if entry.name in self._entries:
            raise Refusal(409, "name-taken", f"the server has a pipeline {entry.name!r}; choose another name")
        key = (caller, entry.name)
        if key not in self._uploaded and sum(owner == caller for owner, _ in self._uploaded) >= most:
            raise Refusal(429, "too-many-documents", f"{most} documents are yours, which is the limit; delete some")
        self._uploaded[key] = entry
        self._forget(caller, entry.name)
        return entry

    def delete(self, name: str, caller: str) -> None:
        """Remove a document that a caller has uploaded."""
        entry = self.get(name, caller)
        if entry.owner is None:
            raise Refusal(409, "not-uploaded", "only documents that you have uploaded can be deleted")
        del self._uploaded[caller, name]
        self._forget(caller, name)

    def get(self, name: str, caller: str) -> Entry:
        """Return the entry of a name, or refuse the request."""
        if (entry := self._entries.get(name) or self._uploaded.get((caller, name))) is None:
            raise Refusal(404, "unknown-pipeline", f"there is no pipeline {name!r}")
        return entry

    async def bind(self, name: str, caller: str, parameters: Mapping[str, Any]) -> Pipeline:
        """Return a pipeline with values for its parameters; the latest combinations are kept."""
        entry = self.get(name, caller)
        key = (entry.owner, name, to_json(dict(sorted(parameters.items()))))
        if (known := self._bound.get(key)) is not None:
            self._bound.move_to_end(key)
            return known
        pipeline = await to_thread.run_sync(self._checked, entry, parameters)
        if len(key[2]) <= _MOST_BOUND_BYTES and entry in (
            self._entries.get(name),
            self._uploaded.get((caller, name)),
        ):  # else it was replaced meanwhile
            self._bound[key] = pipeline
            if len(self._bound) > _MOST_BOUND:
                self._bound.popitem(last=False)
        return pipeline

    def _checked(self, entry: Entry, parameters: Mapping[str, Any]) -> Pipeline:
        """Bind parameters, which may name no file outside of the folders that the operator gives."""
        documents = [] if entry.owner is not None else [file if file.is_dir() else file.parent for file in self.files]
        with confined_to([*self._files, *documents], writable=()):
            pipeline = entry.bound(parameters, self._allow)
        if entry.owner is None and (problems := decided_by_parameters(pipeline, parameters)):
            message = "a parameter cannot decide what the server reaches or runs"
            raise Refusal(422, "parameter-decides", f"{message}: {problems[0].message}", problems=problems)
        if problems := paths_outside(pipeline, self._files):
            message = "the pipeline would use files outside of the folders that the server was started with (--files)"
            raise Refusal(422, "outside-roots", f"{message}: {problems[0].message}", problems=problems)
        return pipeline

    def _forget(self, caller: str, name: str) -> None:
        """Forget the pipelines that were made of an earlier document."""
        for key in [key for key in self._bound if key[:2] == (caller, name)]:
            del self._bound[key]

    def reload(self) -> None:
        """Load all documents again; executions that run keep what they were started with."""
        entries: dict[str, Entry] = {}
        for source in self._sources:
            for entry in _entries(source, self._allow):
                _add(entries, entry)
        self._entries = entries
        self._bound.clear()


def _sources(source: Source) -> list[Path | Pipeline]:
    if isinstance(source, Pipeline):
        return [source]
    if isinstance(source, str | Path):
        return [Path(source)]
    return [one if isinstance(one, Pipeline) else Path(one) for one in source]


def _entries(source: Path | Pipeline, allow: frozenset[str]) -> Iterator[Entry]:
    if isinstance(source, Pipeline):
        yield entry_of(source)
        return
    if source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.suffix in _SUFFIXES and path.is_file())
    else:
        paths = [source]
    for path in paths:
        if (entry := load_entry(path, allow)) is not None:
            yield entry


def _add(entries: dict[str, Entry], entry: Entry) -> None:
    """Add an entry; a second one with the same name is listed under the name of its file, as broken."""
    if (problem := _unreachable(entry)) is not None:
        entry.problems = (*entry.problems, problem)
    if (other := entries.get(entry.name)) is None:
        entries[entry.name] = entry
        return
    file = "a pipeline of the program" if other.path is None else str(other.path.name)
    message = f"the name {entry.name!r} is that of {file}, too"
    hint = "choose another name"
    path = "" if entry.path is None else str(entry.path)
    entry.problems = (*entry.problems, Problem("duplicate-name", message, "$.name", file=path or None, hint=hint))
    entry.name = f"{entry.name} ({Path(path).name})" if path else f"{entry.name} (2)"
    entries[entry.name] = entry


def _unreachable(entry: Entry) -> Problem | None:
    """Return the problem of a name that cannot be a part of a path."""
    if "/" not in entry.name and entry.name not in {".", ".."}:
        return None
    message = f"no path on a server leads to a pipeline with the name {entry.name!r}"
    file = None if entry.path is None else str(entry.path)
    return Problem("unreachable-name", message, "$.name", file=file, hint="choose a name without a slash")
