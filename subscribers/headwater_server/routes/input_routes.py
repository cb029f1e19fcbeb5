"""The endpoint of streaming input: items by number, in as many requests as the client likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from headwater import StreamBrokenError
from headwater.toolkit import is_list, is_object
from headwater.wire import FrameDecoder, FrameKind, frame
from headwater_server.bodies.request_bodies import Body, checked_json, media_type
from headwater_server.bodies.streamed_input import JSON_LINES, WIRE, frame_of, is_compressed, is_frame, lines_in
from headwater_server.refusals import Refusal
from headwater_server.routes.parsing import flag_in, number_in
from headwater_server.routes.pipelines import json_response
from headwater_server.streaming.departure import watched

if TYPE_CHECKING:
    from starlette.responses import Response

    from headwater_server.executions.input_feed import InputFeed
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["Inputs"]

_ITEMS = frozenset({FrameKind.ITEM, FrameKind.BYTES, FrameKind.ARRAY})


class Inputs:
    """Answers requests that bring items of the input of an execution."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def add(self, call: Call) -> Response:
        """Accept items from a number on; what was accepted before is passed over."""
        request, limits = call.request, self._service.limits
        held = self._service.executions.of(call.principal, request.path_params["id"])
        if (feed := held.input) is None:
            raise Refusal(409, "no-stream-input", 'the execution was not started with "stream_input": true')
        first, last = number_in(call, "from", feed.accepted), flag_in(call, "end") or False
        sent = media_type(request.headers.get("content-type"))
        body = await Body(request.receive, limits).read()
        if sent == WIRE:
            frames = _decoded(body)
        elif sent in JSON_LINES or not body.strip():
            framed = flag_in(call, "frames")
            lines = lines_in(body)
            if framed is None:
                framed = bool(lines) and is_frame(lines[0])
            if not framed:
                for line in lines:
                    checked_json(line, limits)
            frames = [frame_of(line) if framed else (FrameKind.ITEM, frame(FrameKind.ITEM, line)) for line in lines]
        else:
            raise Refusal(415, "unsupported-media-type", f"send application/jsonl or {WIRE}")

        async def hand_over(_scope: object) -> None:
            await _hand_over(feed, first, frames)
            if last:
                await feed.end(frame(FrameKind.END, to_json({"items": feed.accepted})))

        await watched(request.receive, hand_over)  # which waits for the execution to read
        return json_response({"accepted": feed.accepted, "ended": feed.ended}, 202)


async def _hand_over(feed: InputFeed, first: int, frames: list[tuple[int, bytes]]) -> None:
    """Hand over the frames of one request: a header, items, a footer, an end, or a break."""
    items = [encoded for kind, encoded in frames if kind in _ITEMS]
    for kind, encoded in frames:
        if kind == FrameKind.HEADER:
            await feed.add_header(encoded)
    await feed.add(first, items)
    for kind, encoded in frames:
        if kind == FrameKind.FOOTER:
            await feed.add_footer(encoded)
        if kind == FrameKind.BREAK:
            await feed.end(encoded)
        if kind == FrameKind.END:
            _check_end(encoded, {feed.accepted, len(items)}, feed.accepted)
            await feed.end(frame(FrameKind.END, to_json({"items": feed.accepted})))


def _check_end(encoded: bytes, possible: set[int], accepted: int) -> None:
    """Refuse an end with another number of items than there were, in the stream or in the request."""
    for _kind, payload in FrameDecoder().feed(encoded):
        about: object = from_json(payload)
        items = about.get("items", accepted) if is_object(about) else accepted
        if items not in possible:
            message = f"the end says that there were {items!r:.80} items, but {accepted} were accepted"
            raise Refusal(409, "input-gap", message, more={"accepted": accepted})


def _decoded(body: bytes) -> list[tuple[int, bytes]]:
    """Return the frames of a typed stream, or of a part of one, each item in a frame of its own."""
    decoder = FrameDecoder()
    try:
        found = list(decoder.feed(body))
    except StreamBrokenError as error:
        raise Refusal(400, "bad-frame", str(error)) from None
    if decoder.rest():
        raise Refusal(400, "bad-frame", "the last frame is cut off")
    frames: list[tuple[int, bytes]] = []
    for kind, payload in found:
        if kind == FrameKind.OPEN:
            if is_compressed(payload):
                raise Refusal(415, "compressed", "send the stream without compression")
        elif kind == FrameKind.ITEMS:
            frames += [(FrameKind.ITEM, frame(FrameKind.ITEM, to_json(item))) for item in _items_in(payload)]
        else:
            frames.append((kind, frame(kind, payload)))
    return frames


def _items_in(payload: bytes) -> list[Any]:
    try:
        items: object = from_json(payload)
    except ValueError as error:
        raise Refusal(400, "bad-frame", f"a frame is not JSON: {error}") from None
    if not is_list(items):
        raise Refusal(400, "bad-frame", "a frame of several items must be a JSON array")
    return items
