"""The forms in which events reach clients: their envelopes as server-sent events or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic_core import to_json

from headwater import StreamEvent
from headwater.toolkit import EventLog
from headwater_subscribers.web.sse import MEDIA_TYPE, PING, sse_event, sse_retry

__all__ = ["JSON_LINES", "RETRY", "SOCKET_MESSAGES", "SSE", "Encoder", "Form", "with_metadata"]

RETRY: Final = sse_retry(2000)


class Encoder(Protocol):
    """What makes bytes of the events of one log."""

    def encode(self, event: StreamEvent) -> bytes:
        """Return an event."""
        ...

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        """Return a gap, with the state of the execution after it."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """A form of events: what a response begins with, how events follow, and what is sent when there are none."""

    media_type: str
    encoder: Callable[[EventLog], Encoder]
    opening: bytes = b""
    ping: bytes = b""


def with_metadata(event: StreamEvent, metadata: dict[str, Any]) -> bytes:
    """Return an event as JSON with other metadata, which may be more than an event holds."""
    return to_json({**event.to_dict(), "metadata": metadata}, fallback=str, inf_nan_mode="strings")


class _ServerSentEvents:
    def encode(self, event: StreamEvent) -> bytes:
        return b"id: %d\ndata: %b\n\n" % (event.seq, event.to_json())  # which is always one line

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        return sse_event(with_metadata(event, {"state": state}), event.seq)


class _JsonLines:
    def encode(self, event: StreamEvent) -> bytes:
        return event.to_json() + b"\n"

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        return with_metadata(event, {"state": state}) + b"\n"


def _server_sent_events(_log: EventLog) -> Encoder:
    return _ServerSentEvents()


def _json_lines(_log: EventLog) -> Encoder:
    return _JsonLines()


class _SocketMessages:
    def encode(self, event: StreamEvent) -> bytes:
        return b'{"type":"event","event":%b}' % event.to_json()

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        return b'{"type":"event","event":%b}' % with_metadata(event, {"state": state})


def _socket_messages(_log: EventLog) -> Encoder:
    return _SocketMessages()


SSE: Final = Form(MEDIA_TYPE, _server_sent_events, RETRY, PING)
JSON_LINES: Final = Form("application/jsonl", _json_lines)
SOCKET_MESSAGES: Final = Form("application/json", _socket_messages)
