"""The modules of the installed packages and what they import, read from the sources without running them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import of a module.

    Args:
        importer: The module that imports.
        target: The module imported, as precisely as the statement tells.
        line: Line of the statement, from 1.
        at_import: Whether it runs when the importer is imported: not in a function, not under TYPE_CHECKING.
    """

    importer: str
    target: str
    line: int
    at_import: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


@cache
def modules(package: str) -> dict[str, Path]:
    """Return the modules of an installed package by name, with their files."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    found = {}
    for location in spec.submodule_search_locations or ():
        for file in Path(location).rglob("*.py"):
            parts = (package, *file.relative_to(location).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def imports(package: str) -> tuple[Import, ...]:
    """Return every import in every module of an installed package, wherever it stands."""
    known = frozenset(modules(package))
    return tuple(
        found
        for name, file in sorted(modules(package).items())
        for found in read_imports(name, ast.parse(file.read_bytes(), file), file.name == "__init__.py", known)
    )


def read_imports(importer: str, tree: ast.AST, is_package: bool, known: frozenset[str]) -> Iterator[Import]:
    """Yield the imports of one module; `from package import name` is of `package.name` if that is known."""
    for node, at_import in _statements(tree, at_import=True):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            base = _absolute(importer, node, is_package)
            names = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in known else base for name in names]
        for target in dict.fromkeys(targets):
            yield Import(importer, target, node.lineno, at_import)


def _absolute(importer: str, node: ast.ImportFrom, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = importer.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def _statements(node: ast.AST, *, at_import: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, at_import
    elif isinstance(node, ast.If) and _asks_type_checking(node.test):
        for child in node.body:
            yield from _statements(child, at_import=False)
        for child in node.orelse:
            yield from _statements(child, at_import=at_import)
    else:
        inner = at_import and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from _statements(child, at_import=inner)


def _asks_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
