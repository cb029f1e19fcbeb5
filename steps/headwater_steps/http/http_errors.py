"""Errors of requests, by what a program can do about them."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
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
    "seconds_until",
    "status_text",
]

_LONGEST_PLACE = 200
_MOST_DIGITS = 10

_TRANSIENT = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


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

    retryable = False


class HttpStatusError(HttpError):
    """The server answered with a status of 400 or more.

    Attributes:
        retryable: Whether the status says that another attempt may succeed, as 429 and 503 do.
        retry_after_s: When, in seconds, if the server says so.

    Example:
        >>> print(HttpStatusError("GET https://example.com/7", 404, "no such user"))
        GET https://example.com/7: 404 Not Found: no such user
    """

    def __init__(self, place: str, status: int, excerpt: str, retry_after_s: float | None = None) -> None:
        super().__init__(place, f"{status_text(status)}{f': {excerpt}' if excerpt else ''}")
        self.status = status
        self.retryable: bool = status in _TRANSIENT
        self.retry_after_s: float | None = retry_after_s


class HttpBrokenError(HttpError):
    """There is no connection, or it broke, or the response is invalid."""

    retryable = True


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


def seconds_until(retry_after: str, now_s: float) -> float | None:
    """Return the time that a `Retry-After` header asks for: seconds, or a date (RFC 9110, section 10.2.3).

    Example:
        >>> seconds_until("120", 0), seconds_until("Thu, 01 Jan 1970 00:01:00 GMT", 20), seconds_until("soon", 0)
        (120.0, 40.0, None)
    """
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < _MOST_DIGITS:
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return None
