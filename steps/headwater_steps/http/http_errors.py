"""Errors of requests, by what a program can do about them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from headwater import HeadwaterError
from headwater.toolkit import shorten

__all__ = [
    "HttpBrokenError",
    "HttpError",
    "HttpRefusedError",
    "HttpStatusError",
    "HttpTimeoutError",
    "place_of",
    "status_text",
]

_LONGEST_PLACE = 200


class HttpError(HeadwaterError):
    """The root of all errors of HTTP steps.

    Example:
        >>> print(HttpError("GET https://example.com/", "the connection broke"))
        GET https://example.com/: the connection broke
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class HttpRefusedError(HttpError):
    """A rule or limit of the step forbids the request, so another attempt would end the same way."""


class HttpStatusError(HttpError):
    """The server answered with a status of 400 or more.

    Example:
        >>> print(HttpStatusError("GET https://example.com/7", 404, "no such user"))
        GET https://example.com/7: 404 Not Found: no such user
    """

    def __init__(self, place: str, status: int, excerpt: str) -> None:
        super().__init__(place, f"{status_text(status)}{f': {excerpt}' if excerpt else ''}")
        self.status = status


class HttpBrokenError(HttpError):
    """There is no connection, or it broke, or the response is invalid."""


class HttpTimeoutError(HttpBrokenError):
    """The server exceeded a time limit."""


def place_of(method: str, url: str) -> str:
    """Return a request for messages: without credentials, query and fragment, which may be secret.

    Example:
        >>> place_of("GET", "https://me:pass@example.com/users?key=1")
        'GET https://example.com/users?...'
        >>> place_of("GET", "http://[::1")
        'GET a URL that cannot be read'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{method} a URL that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    shown = f"{parts.scheme}://{host}{parts.path}" if host else parts.path or "an empty URL"
    if "@" in shown:
        return f"{method} a URL that cannot be read"
    if not shown.isprintable():
        shown = "".join(mark if mark.isprintable() else "\ufffd" for mark in shown)
    return f"{method} {shorten(shown, _LONGEST_PLACE)}{'?...' if parts.query else ''}"


def status_text(status: int) -> str:
    """Return a status with its name (RFC 9110, section 15).

    Example:
        >>> status_text(404), status_text(799)
        ('404 Not Found', '799')
    """
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
