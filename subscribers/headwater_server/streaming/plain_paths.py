"""The forms of the plain paths: simple data that a page can read without our models."""

from __future__ import annotations

from typing import Final

from headwater import StreamEvent
from headwater.toolkit import EventLog
from headwater_server.streaming.event_forms import RETRY, Encoder, Form
from headwater_subscribers.web.plain_form import NOTED, PlainForm
from headwater_subscribers.web.sse import MEDIA_TYPE, PING

__all__ = ["PLAIN_MESSAGES", "PLAIN_SSE"]

_PLACES: Final = 4


class _Place:
    """A place in a log, with what the plain form of the next events needs of those before."""

    __slots__ = ("form", "seq")

    def __init__(self, seq: int) -> None:
        self.form = PlainForm()
        self.seq = seq


class _PlainEvents:
    """Makes the plain form of events at any place of a log: what is needed of earlier ones is looked up in it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._places: list[_Place] = []  # a few, for clients that follow and for those that catch up

    def form_at(self, event: StreamEvent) -> PlainForm:
        """Return what makes the plain form of an event."""
        behind = [place for place in self._places if place.seq < event.seq]
        place = max(behind, key=lambda place: place.seq) if behind else self._begin()
        if place.seq + 1 < event.seq:
            between = self._log.read(after=place.seq, limit=event.seq - 1 - place.seq)
            for noted in between.select(NOTED, None):
                place.form.note(noted)
        place.seq = event.seq
        return place.form

    def _begin(self) -> _Place:
        place = _Place(self._log.first_seq - 1)
        self._places = [*self._places[1 - _PLACES :], place]
        return place


class _PlainServerSentEvents(_PlainEvents):
    def encode(self, event: StreamEvent) -> bytes:
        return self.form_at(event).sse(event)

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        return PlainForm().sse(event, {"state": state})


class _PlainMessages(_PlainEvents):
    def encode(self, event: StreamEvent) -> bytes:
        return self.form_at(event).message(event)

    def encode_gap(self, event: StreamEvent, state: object) -> bytes:
        return PlainForm().message(event, {"state": state})


def _server_sent_events(log: EventLog) -> Encoder:
    return _PlainServerSentEvents(log)


def _messages(log: EventLog) -> Encoder:
    return _PlainMessages(log)


PLAIN_SSE: Final = Form(MEDIA_TYPE, _server_sent_events, RETRY, PING)
PLAIN_MESSAGES: Final = Form("application/json", _messages)
