"""The endpoint of the outputs of an execution that goes on by itself: its items by number."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import anyio
from starlette.responses import Response

from headwater_server.bodies.answers import StreamedAnswer
from headwater_server.bodies.frame_forms import (
    END_MARK,
    EVENT_STREAM,
    FrameForm,
    UnwritableError,
    choose_form,
    form_of,
    send_items,
)
from headwater_server.bodies.request_bodies import Body
from headwater_server.refusals import Refusal
from headwater_server.routes.events import last_event_id
from headwater_server.routes.parsing import flag_in, number_in

if TYPE_CHECKING:
    from headwater_server.executions.held import HeldExecution
    from headwater_server.executions.kept_items import KeptItems, Reader
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["Outputs"]


class Outputs:
    """Answers requests for outputs; a client that leaves cancels nothing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def read(self, call: Call) -> Response | None:
        """Answer with the items after a number, those that are kept and those to come; 204 after the end."""
        request = call.request
        held = self._service.executions.of(call.principal, request.path_params["id"])
        kept = _chosen(held, request.path_params.get("output"))
        framed = flag_in(call, "frames") is not False
        accept = request.headers.get("accept", "*/*")
        media = choose_form(accept, framed=framed) or ("application/jsonl" if "json" in accept else EVENT_STREAM)
        last_id, mark, _ = (request.headers.get("last-event-id") or "").partition(END_MARK)
        if mark and len(kept) == 1:
            return Response(status_code=204, headers={"cache-control": "no-store"})
        after = max(number_in(call, "after", 0), last_event_id(last_id))
        named = [one for one in kept if len(held.outputs) > 1]
        forms = {
            one.name: form_of(media, held.types[one.name], name=one.name if named else None, framed=framed, count=after)
            for one in kept
        }
        if len(kept) > 1 and (after or not all(form.names_outputs for form in forms.values())):
            raise Refusal(400, "several-outputs", f"name one of the outputs: {', '.join(held.outputs)}")
        with self._service.streams.take(call.principal.name):
            await self._send(call, kept, forms, after)
        return None

    async def _send(self, call: Call, kept: list[KeptItems], forms: dict[str, FrameForm], after: int) -> None:
        body = Body(call.request.receive, self._service.limits)
        with ExitStack() as stack:
            readers = [stack.enter_context(one.reading(after)) for one in kept]
            errors: list[Exception] = []
            answer = StreamedAnswer(call.send, forms[kept[0].name].media_type, call.headers)
            async with anyio.create_task_group() as group:
                group.start_soon(_leave, body, group.cancel_scope.cancel)
                await answer.start()
                async with anyio.create_task_group() as writers:
                    for one, reader in zip(kept, readers, strict=True):
                        writers.start_soon(_write, one, reader, forms[one.name], answer, errors)
                await answer.end_or_abort(forms[kept[0].name], errors[0] if errors else None)
                group.cancel_scope.cancel()


async def _leave(body: Body, cancel: Callable[[], None]) -> None:
    async for _ in body.chunks():
        pass
    await body.wait_left()
    cancel()


async def _write(
    kept: KeptItems, reader: Reader, form: FrameForm, answer: StreamedAnswer, errors: list[Exception]
) -> None:
    try:
        await kept.wait_header()
        await answer.send(form.header(kept.header))
        while True:
            await kept.wait_beyond(reader)
            if not (items := kept.take(reader)):
                break
            await send_items(form, items, answer.send)
        error = kept.error
        end = form.end(kept.footer) if error is None else b""
    except UnwritableError as unwritable:
        error, end = unwritable, b""
    if error is not None:
        errors.append(error)
        end = form.broken(error)
    await answer.send(end)


def _chosen(held: HeldExecution, name: str | None) -> list[KeptItems]:
    if not held.outputs:
        raise Refusal(409, "output-sent", "the outputs go to the client that started the execution with run")
    if name is None:
        return list(held.outputs.values())
    if name not in held.outputs:
        raise Refusal(404, "unknown-output", f"there is no output {name!r}; there are {', '.join(held.outputs)}")
    return [held.outputs[name]]
