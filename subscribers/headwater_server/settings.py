"""The limits of a server, and what its operator chose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

__all__ = ["Limits", "Options"]

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much callers may ask of a server; what is beyond a limit is refused, with the limit in the answer.

    Args:
        body_bytes: Largest body of a request that is read as a whole, such as one JSON value.
        line_bytes: Longest line or frame of a body that is read while it arrives.
        json_depth: Deepest nesting of objects and arrays in JSON.
        executions: Executions that may run at once.
        executions_per_caller: Executions of one caller that may run at once.
        streams: Streams that may be open at once: SSE, JSON lines and WebSocket.
        streams_per_caller: Streams of one caller that may be open at once.
        requests_per_minute: Requests of one caller in a minute.
        documents_per_caller: Documents of one caller, where callers may upload them.
        execution_s: How long an execution may take, in seconds.
        kept_executions: Executions that have ended and are kept, of all callers.
        kept_s: How long an execution that has ended is kept, in seconds.
        kept_events: Events of executions that have ended that are kept, of all callers.
        kept_bytes: Bytes of the parameters and outputs of executions that have ended that are kept, of all callers, as
            estimated.
        kept_items: Items of each output that are kept for readers.
        kept_item_bytes: Bytes of the items of each output that are kept, as estimated.
        input_items: Items that were accepted and that the execution has not read yet.
        message_bytes: Largest message of a WebSocket.
        messages_per_minute: Messages on one WebSocket in a minute.
        send_s: How long a client may take to accept what is sent to it, in seconds.

    Example:
        >>> Limits(executions=4).executions
        4
    """

    body_bytes: int = 16 * _MIB
    line_bytes: int = 4 * _MIB
    json_depth: int = 200
    executions: int = 1_000
    executions_per_caller: int = 100
    streams: int = 10_000
    streams_per_caller: int = 10_000
    requests_per_minute: int = 6_000
    documents_per_caller: int = 100
    execution_s: float = 3_600.0
    kept_executions: int = 1_000
    kept_s: float = 3_600.0
    kept_events: int = 1_000_000
    kept_bytes: int = 512 * _MIB
    kept_items: int = 100_000
    kept_item_bytes: int = 64 * _MIB
    input_items: int = 1_000
    message_bytes: int = 1 * _MIB
    messages_per_minute: int = 6_000
    send_s: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value <= 0:
                raise ValueError(f"the limit {field.name} is {value}, but it must be more than 0")


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator of a server chose."""

    limits: Limits = Limits()
    files: tuple[Path, ...] = ()
    allow: Collection[str] = ()
    origins: tuple[str, ...] = ()
    allow_documents: bool = False
    drain_s: float = 30.0
