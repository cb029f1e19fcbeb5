"""The documents of nested pipelines: part of the document around them, or a file in its folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from headwater.config.notation.reading import Source, read_source
from headwater.config.problems import Fault, Place, Problems, quote
from headwater.config.spec import STEPS_LIMIT
from headwater.shapes import is_list

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from headwater.config.load import Loaded
    from headwater.config.problems import JsonPath, Position, Positions

__all__ = ["LEVELS_LIMIT", "Surroundings", "inline_source", "locate", "read_nested", "surroundings_of"]

LEVELS_LIMIT = 12
"""How deep pipelines may be nested."""

_LEAST_STEPS = 10  # what a document counts for, however small it is
_SUFFIXES = {".json", ".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a document stands: its folder, the files around it, and what is left of the limits."""

    folder: Path | None = None
    files: tuple[Path, ...] = ()
    levels: int = 0
    steps_left: list[int] = field(default_factory=lambda: [STEPS_LIMIT])

    def inside(self, file: Path | None = None, folder: Path | None = None) -> Surroundings:
        """Return the surroundings of a nested document: of a file, or of a part of the present document."""
        if file is None:
            return replace(self, levels=self.levels + 1)
        return replace(self, levels=self.levels + 1, folder=folder, files=(*self.files, file))

    def refusal(self, steps: object) -> Fault | None:
        """Return why a document may not be nested here, whatever is in it, and count its steps."""
        if self.levels > LEVELS_LIMIT:
            return Fault("nested-too-deep", f"pipelines are nested more than {LEVELS_LIMIT} levels deep")
        self.steps_left[0] -= max(len(steps) if is_list(steps) else 0, _LEAST_STEPS)
        if self.steps_left[0] < 0:
            return Fault("too-many", f"nested pipelines have more than {STEPS_LIMIT} steps in total")
        return None


def surroundings_of(folder: Path | None, file: str | None) -> Surroundings:
    """Return the surroundings of a document that is in no other one."""
    return Surroundings(folder, () if folder is None or file is None else (Path(file).resolve(),))


def inline_source(document: dict[str, Any], around: Loaded, path: JsonPath, *, has_templates: bool) -> Source:
    """Return a document that stands inside of another one, at a path."""
    positions = around.problems.positions
    problems = Problems(document, None if positions is None else _Within(positions, path), around.file)
    return Source(document, problems, around.file, has_templates)


class _Within:
    """Finds the lines and columns of a document inside of another one."""

    def __init__(self, around: Positions, path: JsonPath) -> None:
        self._around = around
        self._path = path

    def find(self, places: Collection[Place]) -> Mapping[Place, Position]:
        outer = {Place((*self._path, *place.path), place.at_key): place for place in places}
        return {outer[place]: position for place, position in self._around.find(set(outer)).items() if place in outer}


def locate(text: str, surroundings: Surroundings) -> Path | Fault:
    """Return the file that a document names, without links, or why it may not be read."""
    path = PurePosixPath(text)
    if surroundings.folder is None:
        hint = "write the pipeline itself as an object, or load the document from a file"
        return Fault("nested-path", "a pipeline is named by its path, but the document is not a file", hint=hint)
    if path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text or Path(text).drive:
        hint = "write a relative path without '..'"
        return Fault("nested-path", f"{quote(text)} does not lead into the folder of the document", hint=hint)
    if path.suffix.lower() not in _SUFFIXES:
        return Fault("nested-path", f"{quote(text)} is not the name of a document", hint="expected .json or .yaml")
    try:
        file = (surroundings.folder / path).resolve(strict=True)
        inside = file.is_relative_to(surroundings.folder.resolve(strict=True))
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be followed"
        return Fault("unreadable", f"the pipeline {quote(text)} cannot be read: {reason}")
    if not inside:
        hint = "put the file itself into the folder of the document"
        return Fault("nested-path", f"{quote(text)} is a link that leads out of the folder of the document", hint=hint)
    if file in surroundings.files:
        names = " -> ".join(one.name for one in (*surroundings.files[surroundings.files.index(file) :], file))
        return Fault("document-cycle", f"the pipeline contains itself: {names}")
    return file


def read_nested(file: Path, text: str, folder: Path) -> Source:
    """Read the document of a file, which messages show by its path from the folder of the document around it."""
    return read_source(file, shown=str(folder / text))
