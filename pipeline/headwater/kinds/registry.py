"""Kinds by name: installed ones by entry point, decorated ones while they exist."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import sys
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from itertools import dropwhile
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, cast

from headwater.errors import Problem, StepDefinitionError
from headwater.ids import closest
from headwater.kinds.definition import Origin, StepDefinition, Target
from headwater.plugins import Group, by_name, provider

__all__ = ["FILE_MODULE", "Registry", "import_module_of", "load_steps", "registry"]

FILE_MODULE = "_headwater_steps_"
_loading: ContextVar[bool] = ContextVar("loading", default=False)
"""Whether a module is being imported for one of its kinds: a clash of another kind is reported when that is used."""


class Registry:
    """The kinds of steps that documents can name.

    `installed` returns the entry points of installed packages; each is loaded when its kind is used.
    """

    def __init__(self, installed: Callable[[], Iterable[EntryPoint]]) -> None:
        self._installed = installed
        self._loaded: dict[str, Target] = {}
        self._defined: dict[str, list[weakref.ref[Any]]] = {}
        self._lock = RLock()

    def add(self, target: Target) -> None:
        """Register a step for as long as something else holds it.

        A step of the same file and qualified name replaces the one before, as when a module is reloaded; so does one
        of the same name in the main program, as each cell of a notebook is a file of its own.
        """
        kind = target.definition.kind
        with self._lock:
            if not _loading.get():
                for rival in self._rivals(kind, target):
                    raise StepDefinitionError(_duplicate(kind, rival, target))
            others = [one for one in self._living(kind) if not _same_place(one, target)]
            self._defined[kind] = [weakref.ref(one) for one in (*others, target)]

    def find(self, kind: str) -> Target | None:
        """Return the step of a kind, or None; an installed one is imported when it is found for the first time."""
        found = self._loaded.get(kind) or self._load(kind)
        if found is None and (living := self._living(kind)):
            found = living[-1]
        if found is not None:
            for rival in self._rivals(kind, found):
                raise StepDefinitionError(_duplicate(kind, found, rival))
        return found

    def kinds(self) -> list[str]:
        """Return all kinds, sorted, without importing anything."""
        return sorted({*self._entries, *(kind for kind in list(self._defined) if self._living(kind))})

    def suggest(self, kind: str) -> list[str]:
        """Return at most three kinds that resemble a misspelled one, the most similar first."""
        return closest(kind, self.kinds(), most=3)

    @cached_property
    def _entries(self) -> dict[str, list[EntryPoint]]:
        return by_name(self._installed())

    def _load(self, kind: str) -> Target | None:
        installed = self._entries.get(kind, ())
        if not installed:
            return None
        if len(installed) > 1:
            places = " and by ".join(map(provider, installed))
            hint = "uninstall one of them"
            raise StepDefinitionError(Problem("duplicate-kind", f"kind {kind!r} is installed by {places}", hint=hint))
        found = self._loaded[kind] = _imported(installed[0])
        return found

    def _living(self, kind: str) -> list[Target]:
        return [target for ref in self._defined.get(kind, ()) if (target := ref()) is not None]

    def _rivals(self, kind: str, target: Target) -> list[Target]:
        """Return other steps of a kind, after collecting classes that only their reference cycles keep alive."""
        if all(_same_place(one, target) for one in self._living(kind)):
            return []
        gc.collect()
        return [one for one in self._living(kind) if not _same_place(one, target)]


def load_steps(file_or_module: str, *, again: bool = False) -> list[str]:
    """Import a file or module that the operator named.

    Args:
        file_or_module: The path of a file that ends in `.py`, or the name of a module.
        again: Whether to run it again if it was imported, as its file has changed; pipelines that were loaded keep the
            steps that they have. When that fails, the steps stay as they were.

    Returns:
        The kinds that it defines, sorted.

    Raises:
        StepDefinitionError: It cannot be imported, or defines no step.
    """
    is_file = file_or_module.endswith(".py")
    path = str(Path(file_or_module).resolve()) if is_file else None
    if (problem := _not_importable(file_or_module, is_file=is_file)) is not None:
        raise StepDefinitionError(problem)
    try:
        if path is None:
            module = import_module(file_or_module)
            module = importlib.reload(module) if again else module
        else:
            module = _import_file(path, again=again)
    except StepDefinitionError:  # its problems have their places
        raise
    except (Exception, SystemExit) as error:
        raise _failed(f"{file_or_module!r} cannot be imported", error, path) from error
    kinds = sorted(set(_kinds_in(module)))
    if not kinds:
        hint = "decorate a function with @step, or derive a class from Step"
        raise StepDefinitionError(Problem("no-steps", f"{file_or_module!r} defines no step", file=path, hint=hint))
    return kinds


def _not_importable(file_or_module: str, *, is_file: bool) -> Problem | None:
    """Return the problem with the name of a file or module, before anything is imported."""
    path = Path(file_or_module)
    if is_file:
        message = f"there is no file {file_or_module!r}"
        return None if path.is_file() else Problem("import-failed", message, hint="correct the path")
    if file_or_module and not (path.suffix and path.is_file()):
        return None
    message = f"{file_or_module!r} is neither a Python file nor the name of a module"
    return Problem("import-failed", message, hint="name a file that ends in .py, or a module such as my_package.steps")


def import_module_of(origin: Origin) -> ModuleType:
    """Return the module of a step, imported if need be, as a worker process does."""
    module = sys.modules.get(origin.module)
    if origin.module == "__main__" and getattr(module, "__file__", None) != origin.file:
        return _import_file(origin.file)  # the program that started this process, not the one that runs in it
    if module is not None:
        return module
    is_file = origin.module.startswith(FILE_MODULE)
    return _import_file(origin.file) if is_file else import_module(origin.module)


registry: Registry = Registry(lambda: entry_points(group=Group.STEPS))
"""The kinds of this process."""


def _imported(entry: EntryPoint) -> Target:
    token = _loading.set(True)
    try:
        target: Any = entry.load()
    except (Exception, SystemExit) as error:
        raise _failed(f"kind {entry.name!r}, installed by {provider(entry)}, cannot be imported", error) from error
    finally:
        _loading.reset(token)
    definition = getattr(target, "definition", None)
    if not isinstance(definition, StepDefinition) or definition.kind != entry.name:
        message = f"{provider(entry)} is installed as the step of kind {entry.name!r}, but it is {target!r}"
        raise StepDefinitionError(
            Problem("not-a-step", message, hint="correct the entry point, or the kind of the step")
        )
    return cast("Target", target)


def _import_file(path: str, *, again: bool = False) -> ModuleType:
    """Import a file under a name that depends on nothing but its path."""
    digest = hashlib.sha256(path.encode()).hexdigest()[:12]
    name = f"{FILE_MODULE}{Path(path).stem}_{digest}"
    known = sys.modules.get(name)
    if known is not None and not again:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        if known is not None:
            sys.modules[name] = known
        raise
    return module


def _kinds_in(module: ModuleType) -> Iterator[str]:
    """Yield the kinds that a module defines or imports, and those of its submodules when it is a package."""
    inside = f"{module.__name__}."
    for value in list(vars(module).values()):
        definition = getattr(value, "definition", None)
        if isinstance(definition, StepDefinition):
            yield definition.kind
    for name in list(sys.modules):
        if name.startswith(inside) and hasattr(module, "__path__"):
            yield from _kinds_in(sys.modules[name])


def _failed(what: str, error: BaseException, path: str | None = None) -> StepDefinitionError:
    """Return the error for an import that failed, placed at the last line of the file that was executed."""
    frames = _frames(error, path)
    column: int | None = None
    file, line = (frames[-1].filename, frames[-1].lineno) if frames else (path, None)
    text = str(error).partition("\n")[0]
    if isinstance(error, SyntaxError):
        file, line, column, text = error.filename, error.lineno, error.offset or None, error.msg
    problem = Problem("import-failed", f"{what}: {type(error).__name__}: {text}", file=file, line=line, column=column)
    return StepDefinitionError([problem, *(error.problems if isinstance(error, StepDefinitionError) else ())])


def _frames(error: BaseException, path: str | None) -> list[traceback.FrameSummary]:
    """Return the frames of a file; without one, those of the modules that the import executed."""
    frames: Iterable[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    if path is None:
        frames = dropwhile(lambda frame: not frame.filename.startswith("<frozen importlib"), frames)
    return [frame for frame in frames if path in {None, frame.filename} and Path(frame.filename).is_file()]


def _duplicate(kind: str, first: Target, second: Target) -> Problem:
    one, other = first.definition.origin, second.definition.origin
    message = f"kind {kind!r} is defined twice: {one.qualname} in {one} and {other.qualname} in {other}"
    return Problem("duplicate-kind", message, file=other.file, line=other.line, hint="give one of them another kind")


def _same_place(one: Target, other: Target) -> bool:
    if one is other:
        return True
    first, second = one.definition.origin, other.definition.origin
    in_main = first.module == second.module == "__main__"
    return first.qualname == second.qualname and (in_main or first.file == second.file)
