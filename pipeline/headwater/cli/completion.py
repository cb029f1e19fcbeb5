"""Completions for shells. Nothing is ever reported here: a wrong document completes nothing.

Shells put what is offered into the command line, and some evaluate it. So nothing is offered from a document or a
folder that a shell could take for more than a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from headwater.shapes import is_list, is_object

__all__ = [
    "complete_configs",
    "complete_kinds",
    "complete_modules",
    "complete_permissions",
    "complete_settings",
    "complete_subjects",
]

_PLAIN = re.compile(r"[\w .,:/@%+=-]*")
_NOT_PLAIN = re.compile(r"[^\w .,:/@%+=-]+")
_DESCRIPTION_CHARS = 200
_DOCUMENTS = frozenset({".json", ".yaml", ".yml"})


def complete_configs(incomplete: str) -> list[str]:
    """Return the documents and folders that begin as typed."""
    return list(_files(incomplete, _DOCUMENTS))


def complete_modules(incomplete: str) -> list[str]:
    """Return the Python files and folders that begin as typed."""
    return list(_files(incomplete, frozenset({".py"})))


def complete_kinds(incomplete: str) -> list[str]:
    """Return the kinds of steps that begin as typed, without importing them."""
    from headwater.kinds.registry import registry

    return [kind for kind in registry.kinds() if kind.startswith(incomplete)]


def complete_subjects(incomplete: str) -> list[str]:
    """Return the subjects of schemas that begin as typed."""
    return [name for name in ("config", "events") if name.startswith(incomplete)] + complete_kinds(incomplete)


def complete_permissions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the permissions that the kinds of the document need and that begin as typed."""
    steps = _document(ctx).get("steps")
    needed = {_permission(step.get("kind")) for step in (steps if is_list(steps) else ()) if is_object(step)}
    return sorted(name for name in needed if name and name.startswith(incomplete))


def _permission(kind: object) -> str:
    """Return the permission that a kind needs; empty if none."""
    from headwater.errors import HeadwaterError
    from headwater.kinds.registry import registry

    try:
        found = registry.find(kind) if isinstance(kind, str) else None
    except HeadwaterError:
        return ""
    return "" if found is None else found.definition.permission


def complete_settings(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the parameters of the document that begin as typed, with their descriptions."""
    declared = _document(ctx).get("parameters")
    given = {text.partition("=")[0] for text in ctx.params.get("settings") or ()}
    offered = [
        (f"{name}={value}", _description(declaration))
        for name, declaration in (declared.items() if is_object(declared) else ())
        if name not in given
        for value in _values(declaration) or [""]
    ]
    return [
        (setting, description)
        for setting, description in offered
        if setting.startswith(incomplete) and _PLAIN.fullmatch(setting)
    ]


def _values(declaration: object) -> list[str]:
    """Return the values that a parameter may have, if there are few."""
    if not is_object(declaration):
        return []
    allowed = declaration.get("enum")
    if is_list(allowed):
        return [one if isinstance(one, str) else json.dumps(one) for one in allowed]
    return ["true", "false"] if declaration.get("type") == "boolean" else []


def _description(declaration: object) -> str:
    text = str(declaration.get("description", "")) if is_object(declaration) else ""
    return _NOT_PLAIN.sub(" ", text[:_DESCRIPTION_CHARS])


def _document(ctx: typer.Context) -> dict[str, Any]:
    """Return the document that the command names; empty if it cannot be read."""
    from headwater.config.notation.reading import read_source
    from headwater.errors import HeadwaterError

    # Arguments are not assigned yet while the option that is completed has no value.
    config = Path(ctx.params.get("config") or (ctx.args or [""])[0])
    if not config.is_file():
        return {}
    try:
        return read_source(config).document
    except HeadwaterError:
        return {}


def _files(incomplete: str, suffixes: frozenset[str]) -> Iterator[str]:
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(Path(f"{folder}{slash}" or ".").iterdir())
    except OSError:
        return
    for entry in entries:
        if not _PLAIN.fullmatch(entry.name):
            continue
        if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
            if entry.is_dir():
                yield f"{folder}{slash}{entry.name}/"
            elif entry.suffix.lower() in suffixes:
                yield f"{folder}{slash}{entry.name}"
