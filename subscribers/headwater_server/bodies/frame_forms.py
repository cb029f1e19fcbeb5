"""Outputs as bytes: frames as JSON lines or SSE, typed streams, and the bare items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import PydanticUserError
from pydantic_core import to_json

from headwater import HeadwaterError, StreamBrokenError, StreamError, StreamWriter
from headwater.toolkit import item_json
from headwater_server.bodies.streamed_input import JSON_LINES, WIRE
from headwater_server.refusals import Refusal, problem_of

if TYPE_CHECKING:
    from headwater import Plan, StreamType

__all__ = [
    "END_MARK",
    "EVENT_STREAM",
    "FrameForm",
    "UnwritableError",
    "choose_form",
    "declared_types",
    "encoded",
    "form_of",
    "json_frame",
    "result_form",
    "send_items",
]

EVENT_STREAM: Final = "text/event-stream"
END_MARK: Final = "-end"
"""Follows the number of items in the id of the last frame."""

_BINARY: Final = "application/octet-stream"
_TEXT: Final = "text/plain"
_STREAMED: Final = (EVENT_STREAM, *sorted(JSON_LINES), WIRE, _TEXT, _BINARY)


class UnwritableError(StreamBrokenError):
    """Internal: an output has something that cannot be sent in the form that the client accepts."""


class FrameForm(Protocol):
    """The frames of one output as bytes."""

    media_type: str
    is_framed: bool  # whether the last frame shows that nothing is missing; else the connection is aborted
    names_outputs: bool  # whether frames say which output they are of

    def header(self, header: Any, /) -> bytes:
        """Return the bytes of the header, which may be None."""
        ...

    def items(self, items: Sequence[Any], /) -> bytes:
        """Return the bytes of items."""
        ...

    def end(self, footer: Any, /) -> bytes:
        """Return the bytes of the footer, which may be None, and of the end."""
        ...

    def broken(self, error: Exception, /) -> bytes:
        """Return the bytes that say why the stream was cut."""
        ...


def choose_form(accept: str, *, framed: bool) -> str | None:
    """Return the media type of the answer that a client accepts; None for one JSON value.

    Example:
        >>> choose_form("text/event-stream", framed=True), choose_form("*/*", framed=True)
        ('text/event-stream', None)
    """
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for media_type in wanted:
        if media_type in _STREAMED:
            return media_type
    if not framed:
        return "application/jsonl"
    if not wanted or {"application/json", "*/*", "application/*", ""} & set(wanted):
        return None
    message = f"accept one of application/json, {', '.join(_STREAMED)}"
    raise Refusal(406, "not-acceptable", message)


def form_of(
    media_type: str, declared: StreamType | None, *, name: str | None = None, framed: bool = True, count: int = 0
) -> FrameForm:
    """Return what encodes an output; `name` is that of one output among several, `count` how many items came before."""
    if media_type == WIRE:
        return _Wire(declared)
    if media_type in {_TEXT, _BINARY}:
        return _Bare(media_type, _text if media_type == _TEXT else _bytes)
    if not framed:
        return _Bare(media_type, _sse_item if media_type == EVENT_STREAM else _line)
    return _Json(media_type, name, count, as_sse=media_type == EVENT_STREAM)


def encoded(value: Any) -> bytes:
    """Return a value as JSON: bytes are base64, and what JSON cannot hold is an error."""
    try:
        return item_json(value, base64_bytes=True)
    except ValueError as error:
        raise UnwritableError(str(error)) from None


async def send_items(form: FrameForm, items: Sequence[Any], send: Callable[[bytes], Awaitable[None]]) -> None:
    """Send items; where one cannot be written, those before it are sent."""
    try:
        body = form.items(items)
    except UnwritableError:
        for item in items:
            await send(form.items([item]))
        raise
    await send(body)


def json_frame(key: str, value: Any, name: str | None = None) -> bytes:
    """Return a frame as JSON.

    Example:
        >>> json_frame("item", 3, "report")
        b'{"output":"report","item":3}'
    """
    output = b"" if name is None else b'"output":' + to_json(name) + b","
    return b"{" + output + b'"' + key.encode() + b'":' + encoded(value) + b"}"


class _Json:
    """Frames as JSON, in lines or as the data of SSE, whose ids are the numbers of items so far.

    The id of the last frame is another one, so that an `EventSource`, which connects again after it, can be stopped.
    """

    is_framed = True
    names_outputs = True

    def __init__(self, media_type: str, name: str | None, count: int, *, as_sse: bool) -> None:
        self.media_type = media_type
        self._name = name
        self._count = count
        self._as_sse = as_sse

    def header(self, header: Any) -> bytes:
        return b"" if header is None else self._frame("header", header)

    def items(self, items: Sequence[Any]) -> bytes:
        before = self._count
        try:
            return b"".join([self._frame("item", item) for item in items])
        except UnwritableError:
            self._count = before
            raise

    def end(self, footer: Any) -> bytes:
        last = b"" if footer is None else self._frame("footer", footer)
        return last + self._frame("end", {"items": self._count})

    def broken(self, error: Exception) -> bytes:
        return self._frame("break", problem_of(error))

    def _frame(self, key: str, value: Any) -> bytes:
        data = json_frame(key, value, self._name)
        self._count += key == "item"
        if not self._as_sse:
            return data + b"\n"
        mark = END_MARK if key in {"end", "break"} else ""
        return b"id: %d%b\ndata: %b\n\n" % (self._count, mark.encode(), data)


class _Wire:
    """A typed stream."""

    media_type = WIRE
    is_framed = True
    names_outputs = False

    def __init__(self, declared: StreamType | None) -> None:
        try:
            types = () if declared is None else (declared.item, declared.header, declared.footer)
            self._writer: StreamWriter[Any, Any, Any] = StreamWriter(*types)
        except PydanticUserError:  # a type that has no form as JSON
            self._writer = StreamWriter()

    def header(self, header: Any) -> bytes:
        return b"" if header is None else _written(self._writer.write_header, header)

    def items(self, items: Sequence[Any]) -> bytes:
        return _written(self._writer.write_items, items)

    def end(self, footer: Any) -> bytes:
        last = b"" if footer is None else _written(self._writer.write_footer, footer)
        return last + self._writer.write_end()

    def broken(self, error: Exception) -> bytes:
        return self._writer.write_break(error)


class _Bare:
    """The items alone."""

    is_framed = False
    names_outputs = False

    def __init__(self, media_type: str, encode: Callable[[Any], bytes]) -> None:
        self.media_type = media_type
        self._encode = encode

    def header(self, _header: Any) -> bytes:
        return b""

    def items(self, items: Sequence[Any]) -> bytes:
        return b"".join(map(self._encode, items))

    def end(self, _footer: Any) -> bytes:
        return b""

    def broken(self, _error: Exception) -> bytes:
        return b""


def _written(write: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return write(value)
    except (StreamError, ValueError) as error:
        raise UnwritableError(str(error)) from None


def _line(item: Any) -> bytes:
    return encoded(item) + b"\n"


def _sse_item(item: Any) -> bytes:
    return b"data: " + encoded(item) + b"\n\n"


def _text(item: Any) -> bytes:
    if not isinstance(item, str):
        return encoded(item) + b"\n"
    try:
        return item.encode()
    except UnicodeEncodeError as error:
        raise UnwritableError(f"an item of the output cannot be written as text: {error.reason}") from None


def _bytes(item: Any) -> bytes:
    if isinstance(item, (bytes, bytearray)):
        return bytes(item)
    return _text(item)


def result_form(execution_id: str, result: Any, links: Mapping[str, str]) -> dict[str, Any]:
    """Return the outcome of an execution as the data that callers get."""
    error = result.error
    shown = error.to_json() if isinstance(error, HeadwaterError) else None if error is None else {"message": str(error)}
    return {
        "id": execution_id,
        "state": result.status,
        "output": result.output,
        "header": result.header,
        "footer": result.footer,
        "duration_s": result.duration_s,
        "error": shown,
        "links": links,
    }


def declared_types(plan: Plan) -> dict[str, StreamType]:
    """Return the declared types of each output."""
    return {name: plan.edges[index].type for name, index in zip(plan.output_names, plan.outputs, strict=True)}
