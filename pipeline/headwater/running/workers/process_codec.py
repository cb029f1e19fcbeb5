"""How items cross to a worker process and back: as exact JSON, which never names code."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.kinds.definition import Origin
from headwater.kinds.outputs import Failed, Outputs, Routed
from headwater.kinds.registry import FILE_MODULE, import_module_of
from headwater.running.failures import reason_of
from headwater.running.workers.raised_errors import RaisedError
from headwater.shapes import is_sequence
from headwater.streams.exact.exact_json import ExactJson
from headwater.streams.exact.exact_types import register_record
from headwater.streams.pipe import Codec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["WRITTEN_ITEMS", "FailedThere", "WorkerModules", "files_of_modules", "written_results"]

register_record(Outputs)
register_record(Routed)


def _unread(unit: bytes) -> list[bytes]:
    return [unit]


def _joined(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


_HEADERS = ExactJson()

WRITTEN_ITEMS = Codec(_joined, _unread, _HEADERS.dump, _HEADERS.load)
"""Each item is written before its frame, and read after it: where one fails, the others are not lost with it."""


@dataclass(frozen=True, slots=True)
class FailedThere:
    """What crosses in the place of a result that a batch could not make."""

    message: str
    known: RaisedError


def written_results(results: Any) -> Any:
    """Return the results of a batch as they cross to the program: an error is its message."""
    if not is_sequence(results):
        return results
    return [
        FailedThere(reason_of(one.error), RaisedError.of(one.error)) if isinstance(one, Failed) else one
        for one in results
    ]


def files_of_modules() -> dict[str, str]:
    """Return the files of the modules that a worker process cannot import by name: the program, and files of steps."""
    modules = {
        name: getattr(module, "__file__", None)
        for name, module in list(sys.modules.items())
        if name == "__main__" or name.startswith(FILE_MODULE)
    }
    return {name: file for name, file in modules.items() if file is not None}


class WorkerModules:
    """Finds, in a worker process, the modules of the classes that its program sends, and imports them if need be."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self.written_as: dict[str, str] = {}  # the program here has another name than where it runs

    def find(self, name: str) -> ModuleType | None:
        """Return a module by the name that it has in the program, or None."""
        file = self._files.get(name)
        try:
            if file is None:
                return sys.modules.get(name) or import_module(name)
            module = import_module_of(Origin(name, "", file, 0))
        except Exception:  # noqa: BLE001 - whatever an import raises; what cannot be found is reported with its name
            return None
        self.written_as[module.__name__] = name
        return module
