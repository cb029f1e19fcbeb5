"""Upper bounds on the size of modules, classes and folders, and distinct names of modules."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.project.sources import modules

PACKAGES = ("headwater", "headwater_steps", "headwater_subscribers", "headwater_server", "headwater_client")
MODULE_LINES, CLASS_LINES, FOLDER_MODULES = 350, 200, 15

COPIED = {"headwater.wire.stream_reader": 550}
"""Modules that other programs copy as one file, and so cannot be divided, with a bound of their own."""

SAME_NAMES = {
    "__init__",
    # The command of a thing, and what the command prints.
    "kinds",
    "projects",
}
"""Base names that several modules have on purpose."""


def sources() -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of every module of every package."""
    for package in PACKAGES:
        yield from modules(package).items()


def classes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the name of every class of a module, and how many lines it has with its decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node.name, (node.end_lineno or first) - first + 1


def test_no_module_is_too_long() -> None:
    """A module is one noun, and a reader sees all of it."""
    lengths = {name: len(file.read_text("utf-8").splitlines()) for name, file in sources()}
    assert not {name for name, length in lengths.items() if length > COPIED.get(name, MODULE_LINES)}


def test_no_class_is_too_long() -> None:
    """A class that does several things is several classes."""
    lengths = [found for _, file in sources() for found in classes(ast.parse(file.read_bytes()))]
    assert not {name for name, length in lengths if length > CLASS_LINES}


def test_no_folder_has_too_many_modules() -> None:
    """A folder is a room whose modules a reader can keep in mind, `__init__.py` among them."""
    folders: dict[str, int] = defaultdict(int)
    for name, file in sources():
        folders[name if file.name == "__init__.py" else name.rpartition(".")[0]] += 1
    assert not {name for name, count in folders.items() if count > FOLDER_MODULES}


def test_no_base_name_is_used_twice() -> None:
    """The last line of a stack trace says which module it is, whatever its folder."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, file in sources():
        places[file.stem].append(name)
    assert {stem for stem, names in places.items() if len(names) > 1} <= SAME_NAMES
