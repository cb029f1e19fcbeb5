"""Refuses steps that write a file which another step reads or writes: which content is read or left would be chance.

A step that starts only when it has the value of another one comes after it, so these two may use one file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.config.problems import quote
from headwater.graph.adaptation import STREAM_POLICIES
from headwater.graph.checks.path_params import has_paths, used_paths
from headwater.graph.choices import edges_by_port
from headwater.ids import PATH_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from headwater.config.problems import Problems
    from headwater.graph.checks.path_params import UsedPath
    from headwater.graph.choices import Choice
    from headwater.graph.edges import Edge, End
    from headwater.graph.graph import Graph
    from headwater.kinds.definition import BoundStep

__all__ = ["check_shared_files", "steps_within", "uses_files"]

_ANY_FOLDERS = "**"
_MOST_COMPARISONS = 100_000  # of a file with a pattern; a document could ask for millions


def check_shared_files(graph: Graph, choices: Mapping[str, Choice], problems: Problems) -> None:
    """Report each step that writes a file which another step uses, unless one of them comes after the other."""
    uses = list(_uses(graph, problems))
    if not any(use.path.writes for use in uses):
        return
    earlier: Mapping[str, int] | None = None
    reported: set[_Use] = set()
    for first, later in (*_in_one_place(uses), *_in_folders(uses)):
        earlier = _earlier(graph, choices, uses) if earlier is None else earlier
        if first.step == later.step or earlier[later.step] >> first.number & 1:
            continue
        writer, other = (later, first) if later.path.writes else (first, later)
        if writer in reported:
            continue
        reported.add(writer)
        message = f"step {quote(writer.name)} writes {writer}, which step {quote(other.name)} {other.verb}"
        if str(other) != str(writer):
            message += f" as {other}"
        hint = "give each step a path of its own"
        param = writer.path.param if writer.name == writer.step else ()
        problems.add("shared-file", message, (*graph.place(writer.step), "params", *param), hint)


@dataclass(frozen=True, slots=True)
class _Use:
    """A path that a step reads or writes."""

    number: int
    step: str
    path: UsedPath
    place: PurePath
    name: str

    def __str__(self) -> str:
        given = quote(self.path.path)
        return f"the files {quote(self.path.names)} in {given}" if self.path.names else given

    @property
    def verb(self) -> str:
        """What the step does there, if another one writes there."""
        return "also writes" if self.path.writes else "reads"


def _uses(graph: Graph, problems: Problems) -> Iterator[_Use]:
    """Yield the paths that the steps declare, writers before readers of their values."""
    for number, (step_id, outer) in enumerate(graph.steps.items()):
        if outer.definition.is_shaped or uses_files(outer):
            for name, step in steps_within(step_id, graph.steps):
                if uses_files(step):
                    yield from _uses_of(graph, problems, number, step_id, (name, step))


def uses_files(step: BoundStep) -> bool:
    """Return whether the params of a step have paths of files."""
    return step.has_params and has_paths(step.definition.params_model)


def _uses_of(
    graph: Graph, problems: Problems, number: int, step_id: str, named: tuple[str, BoundStep]
) -> Iterator[_Use]:
    name, step = named
    try:
        for path in used_paths(step):
            # the files of a folder stand for one whose name is the pattern, which other such patterns match
            yield _Use(number, step_id, path, PurePath(path.place, path.names), name)
    except Exception as error:  # noqa: BLE001 - other people's kinds name the files of a folder by code
        message = f"kind {quote(step.definition.kind)} failed to name its files: {type(error).__name__}"
        place = (*graph.place(step_id), "params")
        problems.add("params-failed", message, place, f"its code is in {step.definition.origin}")


def steps_within(step_id: str, steps: Mapping[str, BoundStep], path: str = "") -> Iterator[tuple[str, BoundStep]]:
    """Yield a step by its path, and the steps of its nested pipeline, which use files while it runs."""
    step = steps[step_id]
    yield path + step_id, step
    if step.definition.is_shaped:
        params: dict[str, Any] = getattr(step.instance, "__dict__", {})
        for param in params.values():
            if isinstance(param, NestedPipeline) and param.loaded is not None:
                for inner_id in param.loaded.steps:
                    yield from steps_within(inner_id, param.loaded.steps, f"{path}{step_id}{PATH_SEPARATOR}")


def _in_one_place(uses: Sequence[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """Yield uses of one place: each writer with what was used since the writer before it, each reader with that one."""
    last_writers: dict[PurePath, _Use] = {}
    readers: dict[PurePath, list[_Use]] = {}
    for use in uses:
        if use.place in last_writers:
            yield last_writers[use.place], use
        if use.path.writes:
            for reader in readers.pop(use.place, ()):
                yield reader, use
            last_writers[use.place] = use
        else:
            readers.setdefault(use.place, []).append(use)


def _in_folders(uses: Sequence[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """Yield uses of a file together with those of a folder whose pattern matches it."""
    for file, folder in islice(_near(uses), _MOST_COMPARISONS):
        names = file.place.relative_to(folder.path.place).parts
        if file.place != folder.place and _matches(names, folder.path.names):
            yield min(file, folder, key=_number), max(file, folder, key=_number)


def _near(uses: Sequence[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """Yield uses, at least one of them a writer: the first is somewhere in the folder of the second."""
    folders: dict[PurePath, list[_Use]] = {}
    for use in uses:
        if use.path.names:
            folders.setdefault(PurePath(use.path.place), []).append(use)
    for use in uses if folders else ():
        for parent in use.place.parents:
            for folder in folders.get(parent, ()):
                if use.path.writes or folder.path.writes:
                    yield use, folder


def _number(use: _Use) -> int:
    return use.number


def _matches(names: Sequence[str], pattern: str) -> bool:
    """Return whether a pattern matches the names that lead from its folder to a file."""
    parts = [*pattern.split("/"), "*"] if pattern.endswith(_ANY_FOLDERS) else pattern.split("/")
    places = {0}  # in the pattern, before the next name
    for name in names:
        places = _with_skipped(places, parts)
        any_folders = {place for place in places if place < len(parts) and parts[place] == _ANY_FOLDERS}
        named = {place + 1 for place in places - any_folders if place < len(parts) and _fits(name, parts[place])}
        places = named | any_folders
    return len(parts) in _with_skipped(places, parts)


def _with_skipped(places: set[int], parts: Sequence[str]) -> set[int]:
    """Add the places that follow without a name, because `**` may match no folder at all."""
    reached = set(places)
    for place, part in enumerate(parts):
        if place in reached and part == _ANY_FOLDERS:
            reached.add(place + 1)
    return reached


def _fits(name: str, part: str) -> bool:
    return _expression(part).match(name) is not None and (part.startswith(".") or not name.startswith("."))


@cache
def _expression(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))


def _earlier(graph: Graph, choices: Mapping[str, Choice], uses: Sequence[_Use]) -> Mapping[str, int]:
    """Return, for each step, bits for the numbers of steps that use files and have ended when it starts."""
    numbers = {use.step: 1 << use.number for use in uses}
    earlier: dict[str, int] = {}
    for step in graph.steps:
        bits = 0
        streams = _merged_to_streams(graph, step)
        for edge in graph.edges_into(step):
            if edge.source.step in earlier and _carries_value(edge, choices) and edge.target not in streams:
                bits |= earlier[edge.source.step] | numbers.get(edge.source.step, 0)
        earlier[step] = bits
    return earlier


def _carries_value(edge: Edge, choices: Mapping[str, Choice]) -> bool:
    """Return whether the reader of an edge starts when its writer has ended."""
    writer, reader = choices.get(edge.source.step), choices.get(edge.target.step)
    if writer is None or reader is None:
        return False
    flow = writer.outputs.get(edge.source.port)
    if flow is None or flow.streaming:
        return False
    ports = edges_by_port([edge], reader.method)
    return not any(port.streaming for port in reader.method.inputs if port.name in ports)


def _merged_to_streams(graph: Graph, step: str) -> set[End]:
    """Return the ports whose edges make one stream, so that the step starts when any of them brings a value."""
    if graph.specs[step].merge is None:
        return set()
    edges = Counter(edge.target for edge in graph.edges_into(step))
    shared = ((end, graph.merge(end)) for end, count in edges.items() if count > 1)
    return {end for end, merge in shared if merge is not None and merge.policy in STREAM_POLICIES}
