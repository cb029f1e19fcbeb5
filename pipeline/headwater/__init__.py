"""Headwater: typed streaming pipelines from JSON documents."""

from headwater.config.conditions import Condition
from headwater.errors import (
    ConfigError,
    ExecutionCancelled,
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
from headwater.events.context import StreamingContext
from headwater.events.event import EventType, StreamEvent
from headwater.events.subscriber import StreamSubscriber
from headwater.graph.plan import Plan
from headwater.running.execution import Execution
from headwater.running.pipeline import Pipeline
from headwater.running.result import ExecutionTimeoutError, Result
from headwater.running.runner import Runner, run_sync
from headwater.step.context import StepContext
from headwater.step.definition import Flavor
from headwater.step.outputs import Emits, Outputs, To
from headwater.step.step import Step, step
from headwater.step.task import Task
from headwater.streams.frames import Footer, Header, StreamType
from headwater.streams.stream import Stream

__version__ = "0.1.0"

__all__ = [
    "Condition",
    "ConfigError",
    "Emits",
    "EventType",
    "Execution",
    "ExecutionCancelled",
    "ExecutionTimeoutError",
    "Flavor",
    "Footer",
    "FrameTypeError",
    "Header",
    "HeadwaterError",
    "MissingExtraError",
    "Outputs",
    "Pipeline",
    "Plan",
    "Problem",
    "Result",
    "Runner",
    "Step",
    "StepContext",
    "StepDefinitionError",
    "StepError",
    "Stream",
    "StreamBrokenError",
    "StreamConsumedError",
    "StreamError",
    "StreamEvent",
    "StreamOrderError",
    "StreamSubscriber",
    "StreamType",
    "StreamingContext",
    "Task",
    "To",
    "run_sync",
    "step",
]
