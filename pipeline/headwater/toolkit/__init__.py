"""What authors of steps and subscribers need beyond the basics: fields, bad items, atomic files, patterns and more.

The steps and subscribers that ship with Headwater are written with these names and those of `headwater` alone. Each is
imported from its module when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.abort_hooks import at_abort
    from headwater.archives.content import Content, DamagedFileError, Unpacker, open_unpacked
    from headwater.archives.foreign import foreign_format
    from headwater.archives.formats import Archive, Packer, archive_by_name, archive_suffix, packer, without_suffix
    from headwater.config.data_params import DataParam
    from headwater.config.nested.pipeline_param import NestedForm, NestedPipeline
    from headwater.config.notation.reading import read_source
    from headwater.config.notation.schema_words import in_words
    from headwater.config.notation.strict_json import read_json, read_json_lines
    from headwater.config.parameters import parameter_values, parameters_schema
    from headwater.config.problems import Fault, JsonPath, Problems, path_text, quote
    from headwater.config.templates import SECRET_PREFIX
    from headwater.display import cells, columns, countdown, duration, one_line, plural, quantity, shorten
    from headwater.events.chunk import EventBatch
    from headwater.events.event import gap_event
    from headwater.events.log import EventLog, EventReader
    from headwater.events.notices import notice, operator_log
    from headwater.events.plain import plain, preview
    from headwater.events.step_state import State
    from headwater.events.subscriber import EventFunction, Policy, event_filter
    from headwater.files.confinement import FileRefusedError, confined_to, open_inside, refuse_outside
    from headwater.files.private_files import refuse_private
    from headwater.graph.checks.decisive_params import Decisive, decided_by_parameters
    from headwater.graph.checks.outside_roots import paths_outside
    from headwater.graph.checks.path_params import InputPath, OutputPath, PathUse
    from headwater.graph.checks.topological_order import find_cycles, topological_order
    from headwater.kinds.registry import load_steps
    from headwater.limits.patterns import PATTERN_LENGTH_LIMIT, compile_pattern
    from headwater.limits.work_budget import WorkBudget, WorkLimitError, charged, work_budget
    from headwater.numerals import decimal_number, whole_number
    from headwater.shapes import is_list, is_mapping, is_object, is_sequence
    from headwater.streams.bounded.item_size import item_size as item_size
    from headwater.streams.ends import NOTHING, ChannelStatistics
    from headwater.streams.nap import Bell
    from headwater.toolkit.allowed_hosts import AllowedHosts, HostPattern, address_fault
    from headwater.toolkit.atomic_files import Place, atomic_file, sync_folder
    from headwater.toolkit.descriptors import chunks_of
    from headwater.toolkit.fields import (
        MISSING,
        FieldPath,
        MissingFieldError,
        Record,
        field_column,
        field_finder,
        field_label,
        field_locator,
        fields_of,
        overlapping_paths,
        path_parts,
        put_field,
        remove_field,
        replace_field,
    )
    from headwater.toolkit.item_faults import ItemFaults, OnBad
    from headwater.toolkit.json_items import item_json
    from headwater.toolkit.line_input import TextLines, json_lines, text_lines
    from headwater.toolkit.loop_calls import LoopCalls
    from headwater.toolkit.nesting_step import NestingStep
    from headwater.toolkit.observable import Observable
    from headwater.toolkit.tables import LARGEST_SPREAD, OnDuplicate, collision_free, key_finder, rows_by_key
    from headwater.toolkit.transform import Transform
    from headwater.types.reads import ByParam, NeededWhen, Reads
    from headwater.wide_text import wide_encoding

__all__ = [
    "LARGEST_SPREAD",
    "MISSING",
    "NOTHING",
    "PATTERN_LENGTH_LIMIT",
    "SECRET_PREFIX",
    "AllowedHosts",
    "Archive",
    "Bell",
    "ByParam",
    "ChannelStatistics",
    "Content",
    "DamagedFileError",
    "DataParam",
    "Decisive",
    "EventBatch",
    "EventFunction",
    "EventLog",
    "EventReader",
    "Fault",
    "FieldPath",
    "FileRefusedError",
    "HostPattern",
    "InputPath",
    "ItemFaults",
    "JsonPath",
    "LoopCalls",
    "MissingFieldError",
    "NeededWhen",
    "NestedForm",
    "NestedPipeline",
    "NestingStep",
    "Observable",
    "OnBad",
    "OnDuplicate",
    "OutputPath",
    "Packer",
    "PathUse",
    "Place",
    "Policy",
    "Problems",
    "Reads",
    "Record",
    "State",
    "TextLines",
    "Transform",
    "Unpacker",
    "WorkBudget",
    "WorkLimitError",
    "address_fault",
    "archive_by_name",
    "archive_suffix",
    "at_abort",
    "atomic_file",
    "cells",
    "charged",
    "chunks_of",
    "collision_free",
    "columns",
    "compile_pattern",
    "confined_to",
    "countdown",
    "decided_by_parameters",
    "decimal_number",
    "duration",
    "event_filter",
    "field_column",
    "field_finder",
    "field_label",
    "field_locator",
    "fields_of",
    "find_cycles",
    "foreign_format",
    "gap_event",
    "in_words",
    "is_list",
    "is_mapping",
    "is_object",
    "is_sequence",
    "item_json",
    "item_size",
    "json_lines",
    "key_finder",
    "load_steps",
    "notice",
    "on_first_use",
    "one_line",
    "open_inside",
    "open_unpacked",
    "operator_log",
    "overlapping_paths",
    "packer",
    "parameter_values",
    "parameters_schema",
    "path_parts",
    "path_text",
    "paths_outside",
    "plain",
    "plural",
    "preview",
    "put_field",
    "quantity",
    "quote",
    "read_json",
    "read_json_lines",
    "read_source",
    "refuse_outside",
    "refuse_private",
    "remove_field",
    "replace_field",
    "rows_by_key",
    "shorten",
    "sync_folder",
    "text_lines",
    "topological_order",
    "whole_number",
    "wide_encoding",
    "without_suffix",
    "work_budget",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "archives.content": "Content DamagedFileError Unpacker open_unpacked",
        "archives.foreign": "foreign_format",
        "archives.formats": "Archive Packer archive_by_name archive_suffix packer without_suffix",
        "abort_hooks": "at_abort",
        "config.parameters": "parameter_values parameters_schema",
        "toolkit.json_items": "item_json",
        "toolkit.line_input": "TextLines json_lines text_lines",
        "events.log": "EventLog EventReader",
        "config.data_params": "DataParam",
        "config.nested.pipeline_param": "NestedForm NestedPipeline",
        "config.notation.reading": "read_source",
        "config.notation.strict_json": "read_json read_json_lines",
        "graph.checks.decisive_params": "Decisive decided_by_parameters",
        "graph.checks.outside_roots": "paths_outside",
        "graph.checks.path_params": "InputPath OutputPath PathUse",
        "config.problems": "Fault JsonPath Problems path_text quote",
        "config.templates": "SECRET_PREFIX",
        "config.notation.schema_words": "in_words",
        "toolkit.descriptors": "chunks_of",
        "display": "cells columns countdown duration one_line plural quantity shorten",
        "events.chunk": "EventBatch",
        "events.event": "gap_event",
        "events.notices": "notice operator_log",
        "events.plain": "plain preview",
        "events.step_state": "State",
        "events.subscriber": "EventFunction Policy event_filter",
        "graph.checks.topological_order": "find_cycles topological_order",
        "types.reads": "ByParam NeededWhen Reads",
        "numerals": "decimal_number whole_number",
        "files.confinement": "FileRefusedError confined_to open_inside refuse_outside",
        "files.private_files": "refuse_private",
        "kinds.registry": "load_steps",
        "limits.patterns": "PATTERN_LENGTH_LIMIT compile_pattern",
        "streams.nap": "Bell",
        "shapes": "is_list is_mapping is_object is_sequence",
        "streams.bounded.item_size": "item_size",
        "streams.ends": "NOTHING ChannelStatistics",
        "toolkit.atomic_files": "Place atomic_file sync_folder",
        "toolkit.fields": (
            "MISSING FieldPath MissingFieldError Record field_column field_finder field_label field_locator fields_of "
            "overlapping_paths path_parts put_field remove_field replace_field"
        ),
        "toolkit.allowed_hosts": "AllowedHosts HostPattern address_fault",
        "toolkit.item_faults": "ItemFaults OnBad",
        "toolkit.loop_calls": "LoopCalls",
        "toolkit.nesting_step": "NestingStep",
        "toolkit.observable": "Observable",
        "toolkit.tables": "LARGEST_SPREAD OnDuplicate collision_free key_finder rows_by_key",
        "toolkit.transform": "Transform",
        "wide_text": "wide_encoding",
        "limits.work_budget": "WorkBudget WorkLimitError charged work_budget",
    },
    root="headwater",
)
