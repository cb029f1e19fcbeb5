"""Kinds `http.*` and `source.http`: requests to hosts that a document allows, at public addresses, within limits.

They need the extra `http`, which is imported when the first of them runs.
"""

from headwater_steps.http.enrichment import Enrich
from headwater_steps.http.http_errors import (
    HttpBrokenError,
    HttpError,
    HttpRefusedError,
    HttpStatusError,
    HttpTimeoutError,
)
from headwater_steps.http.messages import BodyFooter, HttpRequest, HttpResponse, LinesFooter, ResponseHeader
from headwater_steps.http.requests import Get, Request
from headwater_steps.http.streaming import Chunks, Lines, Source

__all__ = [
    "BodyFooter",
    "Chunks",
    "Enrich",
    "Get",
    "HttpBrokenError",
    "HttpError",
    "HttpRefusedError",
    "HttpRequest",
    "HttpResponse",
    "HttpStatusError",
    "HttpTimeoutError",
    "Lines",
    "LinesFooter",
    "Request",
    "ResponseHeader",
    "Source",
]
