"""New projects, from the files in `project/`: a pipeline, a step of its own, a test, and settings for an editor."""

from __future__ import annotations

import json
import keyword
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

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
    origin = _origin()
    made: list[str] = []
    for target, source in _FILES.items():
        text = (
            (files("headwater.cli") / "project" / source)
            .read_text("utf-8")
            .replace("@install@", origin.install_command)
        )
        made.append(_filled(target, name, package))
        _write(folder / made[-1], _filled(text, name, package))
    load_step_modules([str(folder / package / "steps.py")])  # so that the schema knows the step
    _write(folder / _SCHEMA, schema_text("config") + "\n")
    return _next_steps(folder, package, [*made, _SCHEMA], origin)


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


@dataclass(frozen=True)
class _Origin:
    """Where Headwater was installed from, and the arguments that make pip install it from there; none for an index."""

    place: str
    arguments: tuple[str, ...] = ()

    @property
    def install_command(self) -> str:
        """The command that installs a project together with Headwater."""
        return shlex.join(["pip", "install", *self.arguments, "-e", ".[test]"])


def _origin() -> _Origin:
    """Return what the installation recorded of its origin (PEP 610); a package index leaves no record."""
    record: dict[str, Any] = json.loads(distribution("headwater").read_text("direct_url.json") or "{}")
    if not record:
        return _Origin("the package index")
    url = urlsplit(str(record["url"]))
    if url.scheme != "file":
        source = record.get("vcs_info")
        place = f"{source['vcs']}+{url.geturl()}@{source['commit_id']}" if source else url.geturl()
        return _Origin(place, (f"headwater[cli] @ {place}",))
    path = Path(url2pathname(url.path))
    if not path.exists():
        return _Origin(f"{path}, which does not exist anymore")
    return _Origin(str(path), ("-e", f"{path}[cli]") if "dir_info" in record else (f"{path}[cli]",))


def _filled(text: str, name: str, package: str) -> str:
    return text.replace("@name@", name).replace("@package@", package)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _next_steps(folder: Path, package: str, made: list[str], origin: _Origin) -> str:
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
            f"Headwater comes from {origin.place}.",
        ]
    )
