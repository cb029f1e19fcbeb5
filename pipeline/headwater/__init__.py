"""Headwater: typed streaming pipelines from JSON documents.

Each public name is imported from its module on first use, so that `import headwater` takes next to no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.api.execution import Execution
    from headwater.api.pipeline import Pipeline
    from headwater.api.result import Result
    from headwater.api.runner import Runner, run_sync
    from headwater.config.conditions.condition import Condition
    from headwater.errors import (
        ConfigError,
        DeadlockError,
        ExecutionCancelled,
        ExecutionError,
        ExecutionTimeoutError,
        FrameTypeError,
        HeadwaterError,
        MissingExtraError,
        Problem,
        StepDefinitionError,
        StepError,
        StreamBrokenError,
        StreamConsumedError,
        StreamError,
        StreamOrderError,
    )
    from headwater.events.data import (
        CheckpointSaved,
        EdgeInfo,
        InputRequired,
        PipelineCancelled,
        PipelineComplete,
        PipelineFailure,
        PipelineStart,
        StepComplete,
        StepFailure,
        StepInfo,
        StepOutput,
        StepProgress,
        StepRetry,
        StepSkipped,
        StepStart,
        StreamGap,
    )
    from headwater.events.event import EventType, StreamEvent
    from headwater.events.pipeline_data import SloBreached
    from headwater.events.state import ExecutionState
    from headwater.events.step_state import StepState
    from headwater.events.streaming_context import StreamingContext
    from headwater.events.subscriber import StreamSubscriber
    from headwater.graph.analysis import Analysis
    from headwater.graph.plan import Plan
    from headwater.kinds.outputs import Emits, Failed, Outputs, SidePort, To
    from headwater.kinds.step import Step, step
    from headwater.kinds.step_context import StepContext
    from headwater.kinds.task import Flavor, Task
    from headwater.limits.patterns import PatternError
    from headwater.running.policies.time_limits import StepTimeoutError
    from headwater.running.shared.batch_calls import BatchError
    from headwater.running.shared.breakers import CircuitOpenError
    from headwater.running.workers.processes import ProcessError
    from headwater.streams.frames import Batch, Footer, Header, StreamType
    from headwater.streams.stream import Stream
    from headwater.wire.stream_reader import StreamReader
    from headwater.wire.stream_writer import StreamWriter

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Batch",
    "BatchError",
    "CheckpointSaved",
    "CircuitOpenError",
    "Condition",
    "ConfigError",
    "DeadlockError",
    "EdgeInfo",
    "Emits",
    "EventType",
    "Execution",
    "ExecutionCancelled",
    "ExecutionError",
    "ExecutionState",
    "ExecutionTimeoutError",
    "Failed",
    "Flavor",
    "Footer",
    "FrameTypeError",
    "Header",
    "HeadwaterError",
    "InputRequired",
    "MissingExtraError",
    "Outputs",
    "PatternError",
    "Pipeline",
    "PipelineCancelled",
    "PipelineComplete",
    "PipelineFailure",
    "PipelineStart",
    "Plan",
    "Problem",
    "ProcessError",
    "Result",
    "Runner",
    "SidePort",
    "SloBreached",
    "Step",
    "StepComplete",
    "StepContext",
    "StepDefinitionError",
    "StepError",
    "StepFailure",
    "StepInfo",
    "StepOutput",
    "StepProgress",
    "StepRetry",
    "StepSkipped",
    "StepStart",
    "StepState",
    "StepTimeoutError",
    "Stream",
    "StreamBrokenError",
    "StreamConsumedError",
    "StreamError",
    "StreamEvent",
    "StreamGap",
    "StreamOrderError",
    "StreamReader",
    "StreamSubscriber",
    "StreamType",
    "StreamWriter",
    "StreamingContext",
    "Task",
    "To",
    "run_sync",
    "step",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "config.conditions.condition": "Condition",
        "errors": (
            "ConfigError DeadlockError ExecutionCancelled ExecutionError ExecutionTimeoutError FrameTypeError "
            "HeadwaterError MissingExtraError Problem StepDefinitionError StepError StreamBrokenError "
            "StreamConsumedError StreamError StreamOrderError"
        ),
        "events.data": (
            "CheckpointSaved EdgeInfo InputRequired PipelineCancelled PipelineComplete PipelineFailure "
            "PipelineStart StepComplete StepFailure StepInfo StepOutput StepProgress StepRetry StepSkipped StepStart "
            "StreamGap"
        ),
        "events.state": "ExecutionState",
        "events.step_state": "StepState",
        "events.streaming_context": "StreamingContext",
        "events.event": "EventType StreamEvent",
        "events.pipeline_data": "SloBreached",
        "events.subscriber": "StreamSubscriber",
        "graph.analysis": "Analysis",
        "graph.plan": "Plan",
        "api.execution": "Execution",
        "api.pipeline": "Pipeline",
        "api.result": "Result",
        "api.runner": "Runner run_sync",
        "kinds.step_context": "StepContext",
        "kinds.outputs": "Emits Failed Outputs SidePort To",
        "kinds.step": "Step step",
        "limits.patterns": "PatternError",
        "running.policies.time_limits": "StepTimeoutError",
        "running.shared.batch_calls": "BatchError",
        "running.shared.breakers": "CircuitOpenError",
        "running.workers.processes": "ProcessError",
        "kinds.task": "Flavor Task",
        "streams.frames": "Batch Footer Header StreamType",
        "streams.stream": "Stream",
        "wire.stream_reader": "StreamReader",
        "wire.stream_writer": "StreamWriter",
    },
)
