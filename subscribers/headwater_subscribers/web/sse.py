"""Server-sent events as bytes, as the WHATWG specification of `text/event-stream` defines them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MEDIA_TYPE", "PING", "sse_comment", "sse_event", "sse_retry"]

MEDIA_TYPE: Final = "text/event-stream"
PING: Final = b": ping\n"
"""A comment, which keeps a connection open that proxies would close when nothing is sent.

No empty line follows it, nor what `sse_retry` returns: some clients take one for the end of an event without data."""

_LINE_END: Final = re.compile(b"\r\n|\n|\r")  # and no other: `splitlines` would split at U+2028 and U+0085, too


def sse_event(data: bytes, event_id: str | int | None = None, event: str | None = None) -> bytes:
    r"""Return an event.

    Args:
        data: Its data as UTF-8, which may have several lines.
        event_id: Its id, with which a client that lost the connection asks for the rest; None leaves the last one.
        event: Its name; None for the default, `message`.

    Returns:
        The event with the empty line that ends it.

    Raises:
        ValueError: The id or the name has a line break, or the id has a NUL, which makes clients ignore it.

    Example:
        >>> sse_event(b"one\r\ntwo", 7)
        b'id: 7\ndata: one\ndata: two\n\n'
    """
    head = b"" if event_id is None else b"id: %b\n" % _field("id", str(event_id), b"\r\n\0")
    if event is not None:
        head += b"event: %b\n" % _field("event", event, b"\r\n")
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    return b"%bdata: %b\n\n" % (head, data)


def sse_comment(text: str) -> bytes:
    """Return a comment, which clients ignore.

    Args:
        text: What it says.

    Returns:
        The comment.
    """
    return b"".join(b": %b\n" % line for line in _LINE_END.split(text.encode("utf-8", "replace")))


def sse_retry(milliseconds: int) -> bytes:
    """Return how long a client shall wait before it connects again.

    Args:
        milliseconds: The time.

    Returns:
        The field.
    """
    return b"retry: %d\n" % milliseconds


def _field(name: str, value: str, refused: bytes) -> bytes:
    encoded = value.encode("utf-8", "replace")
    if any(byte in refused for byte in encoded):
        raise ValueError(f"the {name} of a server-sent event is {value!r:.100}, but it must be one line without NUL")
    return encoded
