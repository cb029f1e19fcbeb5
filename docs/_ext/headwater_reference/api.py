"""The pages of the Python API, by package and subject; Sphinx fills them from the docstrings."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from headwater import errors
from headwater_reference.markdown import table

PACKAGES = {
    "headwater": "The Python API",
    "headwater.toolkit": "Toolkit for authors of steps",
    "headwater.testing": "Test kit",
    "headwater_subscribers": "Subscribers",
    "headwater_server": "Server",
    "headwater_client": "Client of a server",
}
SUBJECTS = {
    "api": "Pipelines and executions",
    "graph": "Plans",
    "kinds": "Steps",
    "streams": "Streams",
    "wire": "Typed streams as bytes",
    "config": "Conditions",
    "events": "Events",
    "causes": "Errors",
    "errors": "Errors",
}
"""Sub-packages of `headwater` in the order of the page, with their headings."""

_NOT_SHOWN = "BaseModel, BaseException, Exception, OSError, TimeoutError, str, tuple, Sequence, Enum, Generic"


def api_pages() -> dict[str, str]:
    """Return a page for each package with public names."""
    return {f"api/{name}.md": _page(name, title) for name, title in PACKAGES.items()}


def public_names(package: str) -> list[str]:
    """Return the public names of a package."""
    return list(import_module(package).__all__)


def _page(package: str, title: str) -> str:
    parts = [
        f"# {title}\n",
        f"The package `{package}`.\n",
        inspect.cleandoc(import_module(package).__doc__ or "") + "\n",
    ]
    if package == "headwater_subscribers":
        parts.append(_subscribers())
    for subject, names in _by_subject(package).items():
        parts += [f"## {subject}\n"] if subject else []
        parts += [inspect.cleandoc(errors.__doc__ or "") + "\n"] if subject == SUBJECTS["errors"] else []
        parts.append("```{eval-rst}\n" + "\n".join(_directive(package, name) for name in names) + "\n```\n")
    return "\n".join(parts)


def _subscribers() -> str:
    """Return a table of the subscribers with entry points."""
    rows = [
        [f"`{entry.name}`", f"`{entry.attr}`", (inspect.getdoc(entry.load()) or "").partition("\n")[0]]
        for entry in sorted(entry_points(group="headwater.subscribers"), key=lambda entry: entry.name)
    ]
    return table(["name", "class", "what it does"], rows) + "\n"


def _by_subject(package: str) -> dict[str, list[str]]:
    """Return the names of a package by subject; only the large package needs headings."""
    if package != "headwater":
        return {"": public_names(package)}
    found: dict[str, list[str]] = {title: [] for title in SUBJECTS.values()}
    for name in public_names(package):
        found[SUBJECTS[_room_of(getattr(import_module(package), name))]].append(name)
    return found


def _room_of(value: Any) -> str:
    """Return the sub-package of a public name; all errors are in one group."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return "errors"
    return _module_of(value).split(".")[1]


def _module_of(value: Any) -> str:
    """Return the module of a public name; for an alias, Python 3.12 and later only know the module of its variables."""
    owner = value if value.__module__.startswith("headwater") else value.__parameters__[0]
    return str(owner.__module__)


def _directive(package: str, name: str) -> str:
    value = getattr(import_module(package), name)
    if inspect.isclass(value):
        options = f"   :members:\n   :inherited-members: {_NOT_SHOWN}\n   :exclude-members: model_config\n"
        return f".. autoclass:: {package}.{name}\n{options}"
    return f".. {'autofunction' if callable(value) else 'autodata'}:: {package}.{name}\n"


def keep_sentences(_app: object, what: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Replace the colon in a sentence about a result: napoleon would read the words before it as a type."""
    titles = [index for index, line in enumerate(lines) if line.strip() in {"Returns:", "Yields:"}]
    firsts = [index + 1 for index in titles] + ([0] if what in {"property", "attribute", "data"} else [])
    for index in firsts:
        if index < len(lines):
            lines[index] = re.sub(r"(https?://[^\s)]+)", r"``\1``", lines[index].replace(": ", " -- ", 1))


def shorten_defaults(
    _app: object, _what: str, _name: str, _value: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write `...` for a default that cannot be written in Python."""
    return signature and re.sub(r"= ?<.*?>+(?=[,)])", "= ...", signature), returns
