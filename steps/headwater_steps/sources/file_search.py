"""The kind `source.files`: the files of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from errno import ELOOP
from fnmatch import translate
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, PlainSerializer

from headwater import Footer, StepContext, step
from headwater.toolkit import PathUse, refuse_outside

__all__ = ["FolderFooter", "FoundFile", "files"]

_ANY_FOLDERS = "**"
_Identity = tuple[int, int]


def printable_path(path: str) -> str:
    r"""Return a path with the bytes of a name that are not UTF-8 in hexadecimal digits.

    Example:
        >>> print(printable_path("caf\udce9.txt"))
        caf\xe9.txt
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return path


class FoundFile(BaseModel, frozen=True):
    r"""A file of a folder.

    Args:
        path: The path of the file, from the folder as it was given. In JSON, bytes of a name that are not UTF-8 are
            written as `\xe9`; such a path names the file for people, but cannot be opened.
        size_bytes: Its size.
    """

    path: Annotated[str, PlainSerializer(printable_path, return_type=str, when_used="json")]
    size_bytes: int


class FolderFooter(BaseModel, frozen=True):
    """What is known about a folder after its last file.

    Args:
        files: How many files were found.
        size_bytes: Size of all of them together.
    """

    files: int
    size_bytes: int


def _checked(pattern: str) -> str:
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts or "" in parts:
        raise ValueError("expected a pattern of paths below the folder, without .. and with single / between names")
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_checked)]
Searched = Annotated[Path, PathUse(writes=False, names=lambda params: params["pattern"])]


@step("source.files", blocking=True)
def files(
    ctx: StepContext,
    *,
    folder: Searched,
    pattern: Pattern = "*",
    hidden: bool = False,
    follow_links: bool = False,
    on_none: Literal["fail", "ignore"] = "fail",
) -> Iterator[FoundFile | Footer[FolderFooter]]:
    r"""Find the files of a folder whose names match a pattern, in the order of their names.

    In each folder, files and folders come in the order of their names by code points, so that the order is the same
    everywhere. Only regular files, and links to them, count.

    Args:
        ctx: Knows when the step is cancelled.
        folder: Where to look; a relative path starts at the working directory.
        pattern: Which files: `*.txt` in the folder itself, `*/*.txt` one below, `**/*.txt` in it and everywhere below;
            `*` stands for any characters, `?` for one, `[ab]` for one of those. Case matters.
        hidden: Whether names that start with a dot match where the pattern does not start with a dot.
        follow_links: Whether links to folders are followed. A link to a folder that contains it is not followed, nor,
            below a link, another link to a folder that was searched before. A link to nothing or to itself is not a
            file.
        on_none: What happens when no file matches: `fail`, because it is mostly a mistake, or `ignore`.

    Yields:
        The files, and a footer with their number and size.

    Raises:
        OSError: There is no such folder, or a folder cannot be read.
        ValueError: No file matches.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("b.txt", "a.txt", "c.log"):
        ...         _ = Path(folder, name).write_text(name)
        ...     result = run_sync(Pipeline("find", steps={"texts": files.with_params(folder=folder, pattern="*.txt")}))
        ...     [Path(found.path).name for found in result.output], result.footer
        (['a.txt', 'b.txt'], FolderFooter(files=2, size_bytes=10))
    """
    search = _Search(pattern, hidden=hidden, follow_links=follow_links, stop=lambda: ctx.cancelled)
    count = size_bytes = 0
    for found in search.within(folder):
        count += 1
        size_bytes += found.size_bytes
        yield found
    if not count and on_none == "fail":
        hint = "correct folder or pattern, or set on_none to ignore"
        raise ValueError(f"no file in {folder} matches {pattern!r}, of {search.seen} that were looked at; {hint}")
    yield Footer(FolderFooter(files=count, size_bytes=size_bytes))


class _Search:
    """One walk through a folder; at each place, the state is the set of parts of the pattern that may come next."""

    def __init__(self, pattern: str, *, hidden: bool, follow_links: bool, stop: Callable[[], bool]) -> None:
        parts = pattern.split("/")
        self._parts = [*parts, "*"] if parts[-1] == _ANY_FOLDERS else parts
        self._matches = [re.compile(translate(part)).match for part in self._parts]
        self._hidden = hidden
        self._follow_links = follow_links
        self._stop = stop
        self._searched: set[tuple[_Identity, frozenset[int]]] = set()
        self.seen: int = 0

    def within(self, folder: Path) -> Iterator[FoundFile]:
        """Yield the files in a folder that match."""
        refuse_outside(folder)
        return self._walk(str(folder), self._reachable({0}), (_identity(folder.stat()),))

    def _walk(
        self, folder: str, places: frozenset[int], way: tuple[_Identity, ...], *, linked: bool = False
    ) -> Iterator[FoundFile]:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            if self._stop():
                return
            below = self._after(entry.name, places)
            if _is_endless(entry):
                continue
            if entry.is_dir(follow_symlinks=self._follow_links):
                identity, is_link = _identity(entry.stat()), entry.is_symlink()
                was_searched = (identity, below) in self._searched
                if below and identity not in way and not (linked and is_link and was_searched):
                    refuse_outside(entry.path)
                    self._searched.add((identity, below))
                    yield from self._walk(entry.path, below, (*way, identity), linked=linked or is_link)
            elif entry.is_file():
                self.seen += 1
                if len(self._parts) in below:
                    refuse_outside(entry.path)
                    yield FoundFile(path=entry.path, size_bytes=entry.stat().st_size)

    def _after(self, name: str, places: frozenset[int]) -> frozenset[int]:
        """Return the places in the pattern that a name leads to from some others."""
        after: set[int] = set()
        for place in places:
            if place == len(self._parts):
                continue
            part = self._parts[place]
            if name.startswith(".") and not (self._hidden or part.startswith(".")):
                continue
            if part == _ANY_FOLDERS:
                after.add(place)
            elif self._matches[place](name):
                after.add(place + 1)
        return self._reachable(after)

    def _reachable(self, places: set[int]) -> frozenset[int]:
        """Add the places that follow without a name, because `**` may match no folder at all."""
        for place in range(len(self._parts)):
            if place in places and self._parts[place] == _ANY_FOLDERS:
                places.add(place + 1)
        return frozenset(places)


def _is_endless(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a link that leads to itself."""
    try:
        entry.is_file()
    except OSError as error:
        if error.errno == ELOOP:
            return True
        raise
    return False


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino
