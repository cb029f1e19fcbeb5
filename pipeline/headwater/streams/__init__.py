"""Typed streams: `header? item* footer?`, then an end or a break."""

from headwater.streams.frames import Footer, Header, Mode, StreamType
from headwater.streams.stream import Stream

__all__ = ["Footer", "Header", "Mode", "Stream", "StreamType"]
