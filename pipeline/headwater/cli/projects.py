"""A new project from the files in `project/`: a pipeline, a step of its own, a test, and what an editor needs."""

from __future__ import annotations

import keyword
import os
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from headwater.cli.kinds import schema_text
from headwater.cli.loading import load_step_modules
from headwater.errors import ConfigError, Problem

__all__ = ["make_project", "package_name"]

_FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "README.md": "README.md.txt",
        "pipeline.json": "pipeline.json.txt",
        "@package@/__init__.py": "init.py.txt",
        "@package@/steps.py": "steps.py.txt",
        "tests/test_@package@.py": "test.py.txt",
        "pyproject.toml": "pyproject.toml.txt",
        ".vscode/settings.json": "settings.json.txt",
        ".gitignore": "gitignore.txt",
    }
)
"""Where each file goes, and what it is made from."""

_SCHEMA = "pipeline.schema.json"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_TAKEN = frozenset({"test", "tests"})
_MAY_HOLD = frozenset({".git"})


def make_project(folder: Path) -> str:
    """Make a project, which must not be there yet.

    Args:
        folder: Where; its last part is the name of the project.

    Returns:
        What was made, and what to do with it.

    Raises:
        ConfigError: The name cannot be that of a project, or the folder is in use.
        OSError: A file cannot be written.
    """
    name = folder.resolve().name
    package = package_name(name)
    if folder.exists() and (not folder.is_dir() or {entry.name for entry in folder.iterdir()} - _MAY_HOLD):
        hint = "give another name, or the path of an empty folder"
        raise ConfigError(
            Problem("in-use", "there is something already, and nothing is overwritten", file=str(folder), hint=hint)
        )
    made: list[str] = []
    for target, source in _FILES.items():
        text = (files("headwater.cli") / "project" / source).read_text("utf-8")
        made.append(_filled(target, name, package))
        _write(folder / made[-1], _filled(text, name, package))
    load_step_modules([str(folder / package / "steps.py")])  # so that the schema knows the step
    _write(folder / _SCHEMA, schema_text("config") + "\n")
    return _told(folder, package, [*made, _SCHEMA])


def package_name(name: str) -> str:
    """Return the name of the package that belongs to the name of a project.

    Args:
        name: Name of the project, such as `word-lengths`.

    Returns:
        A name that Python can import, such as `word_lengths`.

    Raises:
        ConfigError: There is no such name, or another package has it.

    Example:
        >>> package_name("Word-lengths")
        'word_lengths'
    """
    package = name.lower().replace("-", "_")
    if not _NAME.fullmatch(name):
        message = f"{name!r} cannot be the name of a project: expected letters, digits, - and _, a letter first"
        raise ConfigError(Problem("bad-name", message, hint="such as word-lengths"))
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in _TAKEN or _is_installed(package):
        message = f"a project {name!r} would hide the module {package!r} of Python or of an installed package"
        raise ConfigError(Problem("bad-name", message, hint=f"choose another name, such as my-{name}"))
    return package


def _is_installed(package: str) -> bool:
    """Return whether an import of the name finds something that is not just a folder in the current one."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def _filled(text: str, name: str, package: str) -> str:
    return text.replace("@name@", name).replace("@package@", package)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _told(folder: Path, package: str, made: list[str]) -> str:
    place = os.path.relpath(folder)
    shown = "\n".join(f"  {PurePosixPath(place, file)}" for file in sorted(made))
    go = "" if place == "." else f"  cd {place}\n"
    steps = f"--steps {package}.steps"
    return "\n".join(
        [
            f"made:\n{shown}\n\nnow:",
            f"{go}  headwater run pipeline.json {steps} --input README.md",
            f"  headwater graph pipeline.json {steps}",
            "  pytest\n",
            f"README.md tells how to install it; then {steps} need not be given any more.",
        ]
    )
