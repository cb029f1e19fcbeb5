"""Plug-ins: what installed packages offer under the entry-point groups of Headwater."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Group", "by_name", "installed", "load_entry", "load_plugin", "mentioned", "provider"]


class Group(StrEnum):
    """An entry-point group; the name of an entry point is that of what it offers."""

    STEPS = "headwater.steps"
    SUBSCRIBERS = "headwater.subscribers"
    COMMANDS = "headwater.commands"
    RUNNERS = "headwater.runners"
    STORES = "headwater.stores"
    EXECUTORS = "headwater.executors"

    @property
    def noun(self) -> str:
        """What a plug-in of the group is called in a message."""
        return self.value.rpartition(".")[2].removesuffix("s")


def by_name(entries: Iterable[EntryPoint]) -> dict[str, list[EntryPoint]]:
    """Return entry points by their names; more than one for a name is a conflict between packages."""
    named: dict[str, list[EntryPoint]] = {}
    for entry in entries:
        same = named.setdefault(entry.name, [])
        if not any(_is_same(one, entry) for one in same):
            same.append(entry)
    return named


def _is_same(one: EntryPoint, other: EntryPoint) -> bool:
    """Return whether one package is listed twice; two packages may have modules of the same name, too."""
    names = [entry.dist.name if entry.dist else None for entry in (one, other) if one.value == other.value]
    return len(names) == 2 and names[0] == names[1]


def installed(group: Group) -> Mapping[str, list[EntryPoint]]:
    """Return the entry points of a group by their names, without importing anything."""
    from importlib.metadata import entry_points

    return by_name(entry_points(group=group))


def mentioned(group: Group) -> bool:
    """Return whether an installed package may offer something under a group.

    The full search costs a quarter of the time of `--help`, and mostly finds nothing.
    """
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    return any(_mentions(folder or ".", group.encode()) for folder in sys.path)


def _mentions(folder: str, group: bytes) -> bool:
    """Return whether the metadata in a folder names a group; anything but a folder of packages may do so."""
    if not os.path.isdir(folder):  # noqa: PTH112 - pathlib would cost more than the search
        return os.path.exists(folder)  # noqa: PTH110 - as above; an archive
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".egg"):
                return True
            if entry.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(f"{entry.path}/entry_points.txt", "rb") as file:  # noqa: PTH123 - as above
                        if group in file.read():
                            return True
                except OSError:
                    continue  # a package without entry points
    return False


def provider(entry: EntryPoint) -> str:
    """Return the package that offers an entry point, and the place in it."""
    return f"{entry.dist.name if entry.dist else 'an unknown distribution'} ({entry.value})"


def load_plugin(group: Group, name: str) -> Any:
    """Import what a package offers under a name."""
    entries = installed(group)
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise HeadwaterError(f"no installed package provides the {group.noun} {name!r}; installed are: {known}")
    return load_entry(group, entries[name])


def load_entry(group: Group, entries: list[EntryPoint]) -> Any:
    """Import the one entry point of a name."""
    entry, *others = entries
    if others:
        places = " and by ".join(map(provider, entries))
        raise HeadwaterError(f"the {group.noun} {entry.name!r} is provided by {places}; uninstall one of them")
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        message = f"the {group.noun} {entry.name!r} of {provider(entry)} cannot be imported: {reason}"
        raise HeadwaterError(message) from error
