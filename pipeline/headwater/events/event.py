"""Events: numbered facts about an execution, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from time import time
from typing import Annotated, Any, Final, NoReturn, TypeAlias

from pydantic import Field, TypeAdapter
from pydantic_core import from_json, to_json

from headwater.errors import FIRST_ATTEMPT
from headwater.events.data import (
    CheckpointSaved,
    EventData,
    InputRequired,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepOutput,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.pipeline_data import Ordinal, SloBreached
from headwater.events.plain import owned, plain, short_repr
from headwater.ids import PATH_SEPARATOR
from headwater.shapes import is_mapping

__all__ = ["DATA_MODELS", "SCHEMA_VERSION", "EventType", "StreamEvent", "gap_event", "row_of"]

SCHEMA_VERSION: Final = 1
"""Version of the envelope on the wire; it changes when a reader of the old one would misread the new one."""


_Time: TypeAlias = Annotated[float, Field(ge=0, lt=datetime(9999, 12, 31, tzinfo=UTC).timestamp())]


class EventType(StrEnum):
    """The type of an event, which decides what its data is.

    Attributes:
        terminal: Whether an event of this type ends an execution; there is exactly one, and it is the last.

    Example:
        >>> EventType("step_error").terminal, EventType.PIPELINE_ERROR.terminal
        (False, True)
    """

    terminal: bool

    def __init__(self, value: str) -> None:
        # An attribute, as a property would be computed anew for every event that is emitted.
        self.terminal = value in {"pipeline_complete", "pipeline_error", "pipeline_cancelled"}

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise ValueError(f"there is no event type {value!r}; choose one of: {', '.join(cls)}")

    # The inherited one is computed in Python each time, and is not that of the equal string.
    __hash__ = str.__hash__

    PIPELINE_START = "pipeline_start"
    STEP_START = "step_start"
    STEP_PROGRESS = "step_progress"
    STEP_OUTPUT = "step_output"
    STEP_COMPLETE = "step_complete"
    STEP_ERROR = "step_error"
    STEP_RETRY = "step_retry"
    STEP_SKIPPED = "step_skipped"
    CHECKPOINT_SAVED = "checkpoint_saved"
    INPUT_REQUIRED = "input_required"
    STREAM_GAP = "stream_gap"
    SLO_BREACHED = "slo_breached"
    PIPELINE_COMPLETE = "pipeline_complete"
    PIPELINE_ERROR = "pipeline_error"
    PIPELINE_CANCELLED = "pipeline_cancelled"


DATA_MODELS: Final[Mapping[EventType, type[EventData]]] = {
    EventType.PIPELINE_START: PipelineStart,
    EventType.STEP_START: StepStart,
    EventType.STEP_PROGRESS: StepProgress,
    EventType.STEP_OUTPUT: StepOutput,
    EventType.STEP_COMPLETE: StepComplete,
    EventType.STEP_ERROR: StepFailure,
    EventType.STEP_RETRY: StepRetry,
    EventType.STEP_SKIPPED: StepSkipped,
    EventType.CHECKPOINT_SAVED: CheckpointSaved,
    EventType.INPUT_REQUIRED: InputRequired,
    EventType.STREAM_GAP: StreamGap,
    EventType.SLO_BREACHED: SloBreached,
    EventType.PIPELINE_COMPLETE: PipelineComplete,
    EventType.PIPELINE_ERROR: PipelineFailure,
    EventType.PIPELINE_CANCELLED: PipelineCancelled,
}
"""The data model of each type of event."""

_SHARED_FIELDS: Final = {"data": "shared_data", "metadata": "shared_metadata"}

# Fields that carry what users give; all others are plain by their type.
_OPEN_FIELDS: Final[Mapping[type, str]] = {StepProgress: "data", StepOutput: "value", InputRequired: "schema"}


@dataclass(slots=True)
class StreamEvent:
    """A fact about an execution.

    Each reader of a log has its own events with data of their own, so what it changes reaches no other reader.

    Args:
        seq: Its number within the execution, from 1, without gaps.
        event_type: What it says.
        execution_id: The execution it belongs to.
        step_id: The step it is about; None when it is about the execution.
        attempt: The attempt of the step it is about, from 1.
        time_s: When it happened, in seconds since 1970-01-01 UTC.
        data: The details: the model of its type, such as `StepStart`.
        metadata: Anything that the emitter adds.

    Attributes:
        encodings: What `to_json` returned, by what identifies the event; events of one log share it.
        shared_data: The data as it was emitted, if the event was read from a log; `data` is a copy, made on first use.
        shared_metadata: The same for the metadata.

    Example:
        >>> event = StreamEvent(1, EventType.STEP_SKIPPED, "e1", "count", time_s=0.5, data=StepSkipped("not taken"))
        >>> event.timestamp.isoformat()
        '1970-01-01T00:00:00.500000+00:00'
        >>> StreamEvent.from_json(event.to_json()) == event
        True
    """

    seq: Ordinal
    event_type: EventType
    execution_id: str
    step_id: str | None = None
    attempt: Ordinal = FIRST_ATTEMPT
    time_s: _Time = 0.0
    data: Any = None
    metadata: Mapping[str, Any] | None = None
    encodings: dict[tuple[Any, ...], bytes] | None = field(default=None, init=False, repr=False, compare=False)
    shared_data: Any = field(init=False, repr=False, compare=False)  # these two are set for events of a log alone
    shared_metadata: Mapping[str, Any] | None = field(init=False, repr=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        # For what is not set: events of a log copy what they share when it is first read, as few readers look at all.
        if name not in _SHARED_FIELDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        value = owned(getattr(self, _SHARED_FIELDS[name]))
        setattr(self, name, value)
        return value

    @property
    def timestamp(self) -> datetime:
        """When it happened, as an aware time in UTC."""
        return datetime.fromtimestamp(self.time_s, UTC)

    @property
    def run_key(self) -> str:
        """The id of the step; for one in a nested pipeline also which item or iteration, such as `outer/inner[3]`."""
        step_id, metadata = self.step_id or "", self.metadata
        if PATH_SEPARATOR not in step_id or not metadata:
            return step_id
        numbers: list[str] = []
        around: Any = metadata
        while is_mapping(around):
            numbers[:0] = [str(around[name]) for name in ("index", "iteration") if name in around]
            around = around.get("outer")
        return f"{step_id}[{','.join(numbers)}]"

    def to_json(self) -> bytes:
        """Return the event as JSON (RFC 8259, UTF-8); it is encoded once, whatever the number of readers.

        The data and metadata of an event of a log are written as they were emitted.

        Returns:
            The envelope that `events_schema` describes, with `schema_version` and the time as ISO 8601 in UTC. A value
            that JSON cannot hold is its shortened `repr`, and a secret is masked.
        """
        encodings = self.encodings
        if encodings is None:
            encodings = self.encodings = {}
        # all of it, as a reader that changes its event must not change the JSON that others get
        key = (self.seq, self.event_type, self.execution_id, self.step_id, self.attempt, self.time_s)
        encoded = encodings.get(key)
        if encoded is None:
            encoded = encodings[key] = _encode(self)
        return encoded

    def to_dict(self) -> dict[str, Any]:
        """Return the envelope that `to_json` writes, as a dictionary.

        Returns:
            New plain data, which may be changed.
        """
        envelope: dict[str, Any] = from_json(self.to_json())
        return envelope

    @classmethod
    def from_json(cls, encoded: bytes | str) -> StreamEvent:
        """Read an event back.

        Args:
            encoded: What `to_json` returned.

        Returns:
            The same event, with its data as the model of its type.

        Raises:
            ValueError: It is not an event, or one of another schema version.
        """
        envelope = _object_reader().validate_json(encoded)
        if repr(version := envelope.get("schema_version")) != str(SCHEMA_VERSION):  # true is not 1
            found = f"{version!r:.100}"
            raise ValueError(f"the event has schema_version {found}, but this reader knows {SCHEMA_VERSION} only")
        event = _envelope_reader().validate_python({**envelope, "time_s": _seconds(envelope.get("timestamp"))})
        if event.data is not None:
            event.data = _data_reader(event.event_type).validate_python(event.data)
        return event


def gap_event(execution_id: str, missed: int, first_seq: int, last_seq: int) -> StreamEvent:
    """Return a `stream_gap` event that replaces the events which a reader missed; it has the number of the last."""
    data = StreamGap(missed, first_seq, last_seq)
    return StreamEvent(last_seq, EventType.STREAM_GAP, execution_id, time_s=time(), data=data)


def row_of(event: StreamEvent, execution_id: str) -> tuple[Any, ...]:
    """Return the fields of an event as a log keeps them, checked; its number is the log's to give."""
    if event.execution_id != execution_id:
        msg = f"the event belongs to execution {event.execution_id!r}, but these are the events of {execution_id!r}"
        raise ValueError(msg)
    event_type, data = EventType(event.event_type), event.data
    model = DATA_MODELS[event_type]
    if isinstance(data, Mapping):
        data = _data_reader(event_type).validate_python(data)
    if data is not None and not isinstance(data, model):
        found = f"a {type(data).__name__}"
        raise TypeError(f"the data of {event_type.value!r} is {found}, but it must be a {model.__name__} or a mapping")
    # Copies, as the event is the program's, which may change it.
    return event_type, event.step_id, event.attempt, event.time_s or time(), owned(data), owned(event.metadata)


def _as_emitted(event: StreamEvent, name: str) -> Any:
    shared = _SHARED_FIELDS[name]
    return getattr(event, shared if hasattr(event, shared) else name)


def _encode(event: StreamEvent) -> bytes:
    metadata = _as_emitted(event, "metadata")
    envelope: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "seq": event.seq,
        "event_type": event.event_type,
        "execution_id": event.execution_id,
        "step_id": event.step_id,
        "attempt": event.attempt,
        "timestamp": event.timestamp,
        "data": _closed(_as_emitted(event, "data")),
        "metadata": None if metadata is None else plain(metadata),
    }
    try:
        return to_json(envelope, fallback=short_repr, inf_nan_mode="strings")
    except ValueError:  # a lone surrogate, or a value that is not plain where the model wants one
        return to_json(plain(envelope))


def _closed(data: EventData | None) -> EventData | None:
    """Return the data with what users gave as plain data."""
    open_field = _OPEN_FIELDS.get(type(data))
    if data is None or open_field is None:
        return data
    return replace(data, **{open_field: plain(getattr(data, open_field))})


def _seconds(timestamp: Any) -> float:
    try:
        return datetime.fromisoformat(str(timestamp)).timestamp()
    except OverflowError as error:
        raise ValueError(f"timestamp: {error}") from error


@cache
def _object_reader() -> TypeAdapter[dict[str, Any]]:
    return TypeAdapter(dict[str, Any])


@cache
def _envelope_reader() -> TypeAdapter[StreamEvent]:
    return TypeAdapter(StreamEvent)


@cache
def _data_reader(event_type: EventType) -> TypeAdapter[EventData]:
    return TypeAdapter(DATA_MODELS[event_type])
