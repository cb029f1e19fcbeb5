"""New projects, from the files in `project/`: a pipeline, a step of its own, a test, and settings for an editor."""

from __future__ import annotations

import json
import keyword
import os
import re
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from headwater.cli.kind_text import schema_text
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
"""Each file of a project, and its template."""

_SCHEMA = "pipeline.schema.json"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_TAKEN = frozenset({"test", "tests"})
_MAY_HOLD = frozenset({".git"})


def make_project(folder: Path) -> str:
    """Create a project that does not exist yet, named after its folder; return a message about its use."""
    name = folder.resolve().name
    package = package_name(name)
    if folder.exists() and (not folder.is_dir() or {entry.name for entry in folder.iterdir()} - _MAY_HOLD):
        hint = "give another name, or the path of an empty folder"
        raise ConfigError(Problem("in-use", "already exists and is not empty", file=str(folder), hint=hint))
    checkout = _checkout()
    made: list[str] = []
    for target, source in _FILES.items():
        text = (
            (files("headwater.cli") / "project" / source)
            .read_text("utf-8")
            .replace("@install@", _install_command(checkout))
        )
        made.append(_filled(target, name, package))
        _write(folder / made[-1], _filled(text, name, package))
    load_step_modules([str(folder / package / "steps.py")])  # so that the schema knows the step
    _write(folder / _SCHEMA, schema_text("config") + "\n")
    return _next_steps(folder, package, [*made, _SCHEMA], checkout)


def package_name(name: str) -> str:
    """Return the name of the Python package of a project.

    Example:
        >>> package_name("Word-lengths")
        'word_lengths'
    """
    package = name.lower().replace("-", "_")
    if not _NAME.fullmatch(name):
        message = f"{name!r} is not a valid project name; expected letters, digits, - and _, starting with a letter"
        raise ConfigError(Problem("bad-name", message, hint="choose a name such as word-lengths"))
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package in _TAKEN or _is_installed(package):
        message = f"the project name {name!r} would hide the module {package!r} of Python or of an installed package"
        raise ConfigError(Problem("bad-name", message, hint=f"choose another name, such as my-{name}"))
    return package


def _is_installed(package: str) -> bool:
    """Return whether an import of the name finds more than a plain folder in the current folder."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def _install_command(checkout: Path | None) -> str:
    """Return the command that installs a project, with Headwater from where it is installed from itself."""
    return "pip install -e '.[test]'" if checkout is None else f"pip install -e '{checkout}[cli]' -e '.[test]'"


def _checkout() -> Path | None:
    """Return the folder that Headwater was installed from; None when it came from a package index or a wheel."""
    origin: dict[str, Any] = json.loads(distribution("headwater").read_text("direct_url.json") or "{}")
    if "dir_info" not in origin or not (path := unquote(urlsplit(str(origin["url"])).path)):
        return None
    return Path(path) if Path(path, "pyproject.toml").is_file() else None


def _filled(text: str, name: str, package: str) -> str:
    return text.replace("@name@", name).replace("@package@", package)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _next_steps(folder: Path, package: str, made: list[str], checkout: Path | None) -> str:
    place = os.path.relpath(folder)
    shown = "\n".join(f"  {PurePosixPath(place, file)}" for file in sorted(made))
    go = "" if place == "." else f"  cd {place}\n"
    steps = f"--steps {package}.steps"
    return "\n".join(
        [
            f"created:\n{shown}\n\nnext steps:",
            f"{go}  headwater run pipeline.json {steps} --input README.md",
            f"  headwater graph pipeline.json {steps}",
            "  pytest\n",
            f"README.md shows how to install the project; after that, leave out {steps}.",
            f"Headwater comes from {checkout or 'the package index'}.",
        ]
    )
