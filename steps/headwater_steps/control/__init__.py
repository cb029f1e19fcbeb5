"""Kinds `control.*`: steps that decide what runs, such as nested pipelines, loops, and one of several ways."""

from headwater_steps.control.control_errors import LoopLimitError, NoCaseError
from headwater_steps.control.loops import Loop
from headwater_steps.control.nested_pipelines import MapPipeline, RunPipeline
from headwater_steps.control.switches import Case, Switch

__all__ = ["Case", "Loop", "LoopLimitError", "MapPipeline", "NoCaseError", "RunPipeline", "Switch"]
