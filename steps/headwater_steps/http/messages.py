"""Requests and responses as records, and as headers and footers of streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, JsonValue, model_validator

from headwater_steps.http.headers import HeaderName, HeaderText

__all__ = ["BodyFooter", "HttpRequest", "HttpResponse", "LinesFooter", "Method", "Query", "ResponseHeader"]

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Methods of requests (RFC 9110, section 9; RFC 5789)."""

QueryValue: TypeAlias = str | int | float | bool | None
Query: TypeAlias = Mapping[str, QueryValue | Sequence[QueryValue]]
"""Fields of a query by name; a list gives a field several times."""


class HttpRequest(BaseModel, frozen=True, extra="forbid"):
    """A request, as an item of a stream.

    Args:
        url: The URL, which begins with `http://` or `https://`.
        method: The method.
        headers: Headers by name, besides those that the step sets for every request.
        params: Fields of the query, which are added to those of the URL; a list gives a field several times.
        json: The body, as a value that is sent as JSON.
        body: The body, as it is.
        context: Anything; the response has it too, so that the two can be joined.

    Example:
        >>> HttpRequest(url="https://example.com/users", method="POST", json={"name": "Ida"}).content()
        (b'{"name":"Ida"}', 'application/json')
    """

    url: str
    method: Method = "GET"
    headers: dict[HeaderName, HeaderText] = {}
    params: dict[str, QueryValue | list[QueryValue]] = {}
    json_body: Annotated[JsonValue, Field(alias="json")] = None
    body: str | bytes | None = None
    context: Any = None

    @model_validator(mode="after")
    def _has_one_body(self) -> HttpRequest:
        if self.body is not None and "json_body" in self.model_fields_set:
            raise ValueError("expected json or body, found both")
        return self

    def content(self) -> tuple[bytes | None, str]:
        """Return the body and its type; None when the request has none."""
        if "json_body" in self.model_fields_set:
            from pydantic_core import to_json

            return to_json(self.json_body, inf_nan_mode="strings"), "application/json"
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return self.body, "application/octet-stream"


class HttpResponse(BaseModel, frozen=True):
    """The answer to a request.

    Args:
        url: Its URL, after redirects.
        status: The status (RFC 9110, section 15).
        headers: Headers by name, in lower case; those that come several times are joined by commas. `set-cookie` is
            left out.
        body: The body, read as `read_as` says.
        size_bytes: Size of the body, decompressed.
        duration_s: Time from the request to the end of the body, in seconds.
        context: The context of the request.
    """

    url: str
    status: int
    headers: dict[str, str]
    body: Any
    size_bytes: int
    duration_s: float
    context: Any = None


class ResponseHeader(BaseModel, frozen=True):
    """What is known about a response before its body.

    Args:
        url: Its URL, after redirects.
        status: The status (RFC 9110, section 15).
        headers: Headers by name, in lower case; those that come several times are joined by commas. `set-cookie` is
            left out.
        content_type: Type of the body as the server declares it, or None.
        size_bytes: Size of the body as the server declares it, possibly compressed; None when it does not.
    """

    url: str
    status: int
    headers: dict[str, str]
    content_type: str | None
    size_bytes: int | None


class BodyFooter(BaseModel, frozen=True):
    """What is known about a response after its body.

    Args:
        size_bytes: Size of the body, decompressed.
        received_bytes: Size of the body as it arrived over the network.
        first_byte_s: Time from the request to the beginning of the response, in seconds.
        duration_s: Time from the request to the end of the body, in seconds, with the time of the reader.
    """

    size_bytes: int
    received_bytes: int
    first_byte_s: float
    duration_s: float


class LinesFooter(BodyFooter, frozen=True):
    """What is known about a response after the lines of its body."""

    lines: int
    items: int
    bad_rows: int
    first_bad_lines: tuple[int, ...]
