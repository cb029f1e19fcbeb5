"""Bodies of requests: one JSON object, or bytes that are read while they arrive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

import anyio

from headwater import StreamBrokenError
from headwater.toolkit import is_list, is_object, parameter_values, read_json
from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.types import Receive

    from headwater_server.settings import Limits

__all__ = ["Body", "checked_json", "media_type", "parameters_in", "read_object", "set_parameters"]


class Body:
    """The body of a request, read while it arrives, and the departure of its client."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._released = anyio.Event()
        self._ended = False

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the bytes; raise when the client leaves before their end."""
        try:
            while not self._ended:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise StreamBrokenError("the client left before the end of the input")
                self._ended = not message.get("more_body", False)
                if chunk := message.get("body", b""):
                    yield chunk
        finally:
            self._released.set()

    async def read(self) -> bytes:
        """Return all of a body that is not large."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > (limit := self._limits.body_bytes):
                raise Refusal(413, "body-too-large", f"the body is larger than the limit of {limit:,} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def wait_left(self) -> None:
        """Wait until the client leaves; what it still sends after the input was read is passed over."""
        await self._released.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def media_type(header: str | None) -> str:
    """Return the media type of a header without its parameters, in lower case.

    Example:
        >>> media_type("Application/JSON; charset=utf-8")
        'application/json'
    """
    return (header or "").partition(";")[0].strip().lower()


async def read_object(request: Request, body: Body, limits: Limits) -> dict[str, Any]:
    """Return the JSON object of a request; an empty body is an empty object."""
    text = await body.read()
    if not text.strip():
        return {}
    if (found := media_type(request.headers.get("content-type"))) != "application/json":
        message = f"the body must be application/json, but its content type is {found or 'not given'}"
        raise Refusal(415, "unsupported-media-type", message)
    value = checked_json(text, limits)
    if not is_object(value):
        raise Refusal(400, "bad-body", "the body must be a JSON object")
    return value


def parameters_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in the object of a request."""
    parameters: object = given.get("parameters", {})
    if not is_object(parameters):
        raise Refusal(400, "bad-body", "parameters must be an object")
    return parameters


def checked_json(text: bytes | str, limits: Limits) -> Any:
    """Return the value of JSON text, or refuse the request."""
    try:
        value = read_json(text)
    except ValueError as error:
        raise Refusal(400, "bad-json", f"the JSON cannot be read: {error}") from None
    if _is_deeper(value, limits.json_depth):
        raise Refusal(400, "json-too-deep", f"the JSON is nested deeper than {limits.json_depth} levels")
    return value


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        containers = [part for part in level if is_list(part) or is_object(part)]
        if not containers:
            return False
        level = [inner for part in containers for inner in (part.values() if is_object(part) else part)]
    return True


def set_parameters(request: HTTPConnection, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a query such as `?set=top=3&set=path=notes.txt`, with the declared types."""
    texts: dict[str, str] = {}
    for setting in request.query_params.getlist("set"):
        name, sign, text = setting.partition("=")
        if not sign:
            raise Refusal(400, "bad-query", f"expected set=name=value, found set={setting}")
        if name in texts:
            raise Refusal(400, "bad-query", f"the parameter {name!r:.80} is in the query twice")
        texts[name] = text
    return parameter_values(document, texts) if texts else {}
