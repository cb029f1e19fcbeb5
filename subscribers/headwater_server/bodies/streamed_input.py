"""Streaming input from bytes: JSON lines, frames as JSON, or a typed stream, all read as a typed stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from pydantic import PydanticUserError
from pydantic_core import from_json, to_json

from headwater import HeadwaterError, Plan, StreamReader, StreamWriter
from headwater.toolkit import is_object, json_lines, read_json
from headwater.wire import FrameDecoder, FrameKind, frame
from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from headwater_server.settings import Limits

__all__ = [
    "JSON_LINES",
    "WIRE",
    "frame_of",
    "input_of",
    "is_compressed",
    "is_frame",
    "lines_in",
    "opening",
    "typed_reader",
]

WIRE: Final = "application/vnd.headwater.stream"
JSON_LINES: Final = frozenset({"application/jsonl", "application/x-ndjson", "application/jsonlines"})
STREAMED: Final = frozenset({*JSON_LINES, WIRE})
"""The media types of a body that is a stream of items."""

_FRAME_KEYS: Final = ("header", "item", "footer", "end", "break")
_BODY: Final = "the body"


async def input_of(
    chunks: AsyncGenerator[bytes], media_type: str, plan: Plan, limits: Limits, *, framed: bool | None = None
) -> Any:
    """Return a body that is a stream of items as the data of an execution, which reads it while it arrives.

    Lines of JSON are frames when the first one is, unless `framed` says what they are.
    """
    if media_type == WIRE:
        return typed_reader(chunks, plan)
    if framed is None:
        begun: list[bytes] = []
        async for chunk in chunks:
            begun.append(chunk)
            if b"\n" in chunk.lstrip():
                break
        first = b"".join(begun)
        framed = is_frame(first.strip().partition(b"\n")[0])
        chunks = _chained(first, chunks)
    if framed:
        return typed_reader(_wire_of(chunks, limits), plan)
    return json_lines(chunks, _BODY, longest_line_bytes=limits.line_bytes)


def typed_reader(chunks: AsyncGenerator[bytes], plan: Plan) -> StreamReader[Any, Any, Any]:
    """Return what reads a typed stream as the input of a pipeline, with the type that all its readers declare."""
    types = [plan.edges[index].type.item for group in plan.inputs for index in group.edges] or [Any]
    try:
        return StreamReader(chunks, types[0] if all(other == types[0] for other in types) else Any)
    except PydanticUserError:  # a type that has no form as JSON
        return StreamReader(chunks)


def opening() -> bytes:
    """Return the first bytes of a typed stream."""
    return frame(FrameKind.OPEN, b'{"version":1}')


def is_compressed(payload: bytes) -> bool:
    """Return whether the first frame of a typed stream says that the others are compressed."""
    try:
        about: object = from_json(payload)
    except ValueError:
        return False
    return is_object(about) and about.get("compression") is not None


def frame_of(line: bytes | str) -> tuple[int, bytes]:
    """Return the kind of a frame that comes as JSON, and the frame of a typed stream.

    The frame of an end that does not say how many items there were is empty.
    """
    try:
        given: object = read_json(line)
    except ValueError as error:
        raise Refusal(400, "bad-frame", f"the frame is not JSON: {error}") from None
    names = given.keys() - {"output"} if is_object(given) else set[str]()
    if not is_object(given) or len(names) != 1 or names.isdisjoint(_FRAME_KEYS):
        raise Refusal(400, "bad-frame", f"expected an object with one of {', '.join(_FRAME_KEYS)}, and nothing else")
    (name,) = names
    return _made(name, given[name])


def _made(name: str, value: Any) -> tuple[int, bytes]:
    if name == "end":
        items = value.get("items") if is_object(value) else None
        return FrameKind.END, b"" if items is None else frame(FrameKind.END, to_json({"items": items}))
    if name == "break":
        about: Mapping[str, Any] = value if is_object(value) else {"message": value}
        *_opening, (kind, payload) = FrameDecoder().feed(StreamWriter[Any, Any, Any]().write_break(_broken(about)))
        return kind, frame(kind, payload)
    kind = {"header": FrameKind.HEADER, "item": FrameKind.ITEM, "footer": FrameKind.FOOTER}[name]
    return kind, frame(kind, to_json(value))


def _broken(about: Mapping[str, Any]) -> HeadwaterError:
    return HeadwaterError(str(about.get("message") or about.get("detail") or "the client broke the input"))


def is_frame(line: bytes | str) -> bool:
    """Return whether a line of JSON has the form of a frame.

    Example:
        >>> is_frame('{"item": 3}'), is_frame('{"item": 3, "price": 4}'), is_frame("3")
        (True, False, False)
    """
    try:
        given: object = from_json(line)
    except ValueError:
        return False
    return is_object(given) and len(given.keys() - {"output"}) == 1 and not given.keys().isdisjoint(_FRAME_KEYS)


async def _chained(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


async def _wire_of(chunks: AsyncGenerator[bytes], limits: Limits) -> AsyncGenerator[bytes]:
    """Yield the bytes of a typed stream whose frames come as lines of JSON."""
    yield opening()
    count = 0
    async with aclosing(chunks), aclosing(_lines(chunks, limits)) as lines:
        async for line in lines:
            if not line.strip():
                continue
            kind, encoded = frame_of(line)
            if kind == FrameKind.END:
                yield encoded or frame(FrameKind.END, to_json({"items": count}))
                return
            count += kind == FrameKind.ITEM
            yield encoded
            if kind == FrameKind.BREAK:
                return


def lines_in(body: bytes) -> list[bytes]:
    """Return the lines of a body that are not blank."""
    return [line for line in body.split(b"\n") if line.strip()]


async def _lines(chunks: AsyncIterable[bytes], limits: Limits) -> AsyncGenerator[bytes]:
    """Yield the lines of a stream of bytes, without their ends."""
    begun: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join((*begun, line))
            begun.clear()
            size = 0
        begun.append(rest)
        size += len(rest)
        if size > limits.line_bytes:
            raise Refusal(413, "line-too-long", f"a line is longer than the limit of {limits.line_bytes:,} bytes")
    if last := b"".join(begun):
        yield last
