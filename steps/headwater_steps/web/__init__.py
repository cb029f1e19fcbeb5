"""Steps that ask HTTP servers: only those that a document names, at addresses that are public, within limits.

They need the extra `http`, which is imported when the first of them runs.
"""

from headwater_steps.web.bodies import Chunks, Lines, Source
from headwater_steps.web.enrichment import Enrich
from headwater_steps.web.faults import HttpBrokenError, HttpError, HttpRefusedError, HttpStatusError, HttpTimeoutError
from headwater_steps.web.messages import BodyFooter, HttpRequest, HttpResponse, LinesFooter, ResponseHeader
from headwater_steps.web.requests import Get, Request

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
