"""The kinds `http.get` and `http.request`: a request for each item."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from headwater import StepContext
from headwater_steps.files.bad_rows import OnBadText
from headwater_steps.files.encodings import Encoding
from headwater_steps.http.body import ReadAs, text_of, value_of
from headwater_steps.http.http_errors import HttpRefusedError, place_of
from headwater_steps.http.http_step import HttpStep, OnStatus
from headwater_steps.http.messages import HttpRequest, HttpResponse, Method

__all__ = ["Get", "Request"]


class Get(HttpStep, kind="http.get"):
    """Get the text at a URL (HTTP, RFC 9110).

    URLs of a stream are requested one after the other; with `"concurrency": 8` in the document, eight at the same time,
    and the results still come in order. For the lines of a large text use `http.lines`; for other methods, JSON, or
    answers that are errors, `http.request`.

    Only hosts in `hosts` are requested, by `http` and `https`, and only at public addresses: the addresses of a name
    are checked before one is connected to, also after redirects. Addresses of private networks need the operator's
    permission `private-network`. A status of 400 or more is an error.

    Args:
        encoding: How the text is encoded; by default as the server declares it, or UTF-8.
        on_bad: What happens to invalid bytes: `fail` is an error, `replace` puts U+FFFD in their place.

    Returns:
        The text, without a byte order mark.

    Raises:
        HttpError: The request fails or is not allowed.

    Example:
        >>> get = Get(hosts=["*.Example.com"], max_per_host=2)
        >>> get.hosts, get.max_redirects
        (['*.example.com'], 5)
    """

    encoding: Encoding | None = None
    on_bad: OnBadText = "fail"

    async def run(self, url: str, ctx: StepContext) -> str:
        """Get the text at one URL."""
        async with self.exchange(ctx, url) as answer:
            return await text_of(answer, ctx, self.encoding, self.on_bad)


class Request(HttpStep, kind="http.request"):
    """Send requests that are records, and return the responses as records (HTTP, RFC 9110).

    A request is an object such as `{"url": "https://api.example.com/users", "method": "POST", "json": {"id": 7}}`.
    Its fields are `url`, `method` (by default GET), `headers`, `params` (of the query), `json` or `body`, and
    `context`, which is not sent: the response has it too, so that the two can be joined. A response has `url`,
    `status`, `headers`, `body`, `size_bytes`, `duration_s` and `context`.

    Requests of a stream are sent one after the other; with `"concurrency": 8` in the document, eight at the same time,
    and the responses still come in order. `http.get` says what may be requested.

    Args:
        methods: Methods that requests may have; others are an error, because data should not decide to delete.
        read_as: How a body is read: as `json`, `text`, `bytes`, or with `auto` by its content type. No body is
            null.
        on_status: What happens to a response with a status of 400 or more: `fail` is an error with the beginning of its
            body, `pass` passes it on.

    Returns:
        The response, as a record.

    Raises:
        HttpError: The request fails or is not allowed.

    Example:
        >>> request = Request(hosts=["api.example.com"], methods=["GET", "POST"])
        >>> request.on_status, request.max_redirects
        ('fail', 5)
    """

    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = ("GET", "HEAD")
    read_as: ReadAs = "auto"
    on_status: OnStatus = "fail"

    async def run(self, request: HttpRequest, ctx: StepContext) -> HttpResponse:
        """Send one request."""
        if request.method not in self.methods:
            allowed = ", ".join(self.methods)
            raise HttpRefusedError(
                place_of(request.method, request.url), f"the method is not among {allowed}; add it to methods"
            )
        content, content_type = request.content()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if content is not None:
            headers = {"content-type": content_type, **headers}
        async with self.exchange(
            ctx,
            request.url,
            request.method,
            headers=headers,
            params=request.params,
            content=content,
            on_status=self.on_status,
        ) as answer:
            body = await value_of(answer, self.read_as)
            return HttpResponse(
                url=answer.url,
                status=answer.status,
                headers=answer.headers,
                body=body,
                size_bytes=answer.size_bytes,
                duration_s=answer.patience.elapsed_s,
                context=request.context,
            )
