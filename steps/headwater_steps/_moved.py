"""Old names of modules, for installations whose entry points were written before the modules moved."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PREFIX = "headwater_steps."
_MOVED = {
    "shaping": "streams",
    "web": "http",
    "records": "streams",
    "records.fields": "streams.records",
    "records.joining": "streams.joining",
    "records.validation": "streams.validation",
    "shaping.augmentation": "streams.augmentation",
    "shaping.batches": "streams.batches",
    "shaping.chance": "streams.sampling",
    "shaping.choice": "streams.filtering",
    "shaping.counts": "streams.counts",
    "shaping.duplicates": "streams.duplicates",
    "shaping.figures": "streams.aggregates",
    "shaping.order": "streams.sorting",
    "shaping.pace": "streams.pacing",
    "sinks.csv_rows": "sinks.single_file",
    "sinks.json_lines": "sinks.single_file",
    "sinks.keyed": "sinks.keyed_files",
    "sinks.plain_text": "sinks.single_file",
    "sources.csv_rows": "sources.csv_files",
    "sources.folder": "sources.file_search",
    "sources.found": "sources.each_file",
    "sources.json_lines": "sources.jsonl_files",
    "sources.plain_text": "sources.text_files",
    "text.passages": "text.chunks",
    "text.sentence": "text.sentences",
    "text.similarity": "text.near_duplicates",
    "text.templates": "text.field_templates",
    "text.wording": "text.words_and_case",
    "web.bodies": "http.streaming",
    "web.enrichment": "http.enrichment",
    "web.requests": "http.requests",
}


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname.removeprefix(_PREFIX) in _MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return import_module(_PREFIX + _MOVED[spec.name.removeprefix(_PREFIX)])

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is imported already."""


sys.meta_path.insert(0, _Finder())
