"""Public names of a package that are imported from their modules on first use (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["on_first_use"]


def on_first_use(package: str, homes: Mapping[str, str], root: str | None = None) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package whose names cost nothing until they are used; `dir` lists them all.

    Args:
        package: The package, which also imports the names under `TYPE_CHECKING`.
        homes: Each module, relative to the root, with its public names between spaces.
        root: The package that the modules are relative to; by default, the package itself.

    Returns:
        A function that imports a name.

    Example:
        >>> import headwater.streams
        >>> find = on_first_use("headwater.streams", {"meter": "Meter"})
        >>> find("Meter").__module__, "Meter" in dir(headwater.streams)
        ('headwater.streams.meter', True)
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}
    module = sys.modules[package]

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{root or package}.{home_of[name]}"), name)
        setattr(module, name, value)
        return value

    vars(module)["__dir__"] = lambda: sorted({*vars(module), *home_of})
    return find
