"""The faces of packages: public names that are imported from their modules when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["on_first_use"]


def on_first_use(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Let a package have names that cost nothing until they are used; `dir` lists them all.

    Args:
        package: The package, which tells type checkers of the names by imports under `TYPE_CHECKING`.
        homes: Where the names live: each module of the package, with its public names between spaces.

    Returns:
        What the package is to have as its `__getattr__`.

    Example:
        >>> import headwater.streams
        >>> find = on_first_use("headwater.streams", {"meter": "Meter"})
        >>> find("Meter").__module__, "Meter" in dir(headwater.streams)
        ('headwater.streams.meter', True)
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}
    face = sys.modules[package]

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home_of[name]}"), name)
        setattr(face, name, value)
        return value

    vars(face)["__dir__"] = lambda: sorted({*vars(face), *home_of})
    return find
