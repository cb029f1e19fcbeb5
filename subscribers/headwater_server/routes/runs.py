"""The endpoint that starts an execution and answers with its outputs, in one exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from headwater import ConfigError, HeadwaterError
from headwater_server.bodies.answers import StreamedAnswer
from headwater_server.bodies.frame_forms import (
    FrameForm,
    UnwritableError,
    choose_form,
    declared_types,
    form_of,
    result_form,
    send_items,
)
from headwater_server.bodies.request_bodies import Body, media_type, parameters_in, read_object, set_parameters
from headwater_server.bodies.streamed_input import STREAMED, input_of
from headwater_server.executions.executions import Start
from headwater_server.executions.trace_context import trace_of
from headwater_server.refusals import Refusal, refusal_of
from headwater_server.routes.parsing import flag_in
from headwater_server.routes.pipelines import json_response
from headwater_server.service import links_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from headwater import Execution, Result, Stream
    from headwater_server.executions.held import HeldExecution
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["Runs"]

_ID_HEADER = "headwater-execution"


class Runs:
    """Answers requests to run a pipeline; the client that leaves cancels the execution that it waits for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def run(self, call: Call) -> Response | None:
        """Run a pipeline: its input is one value or a stream, and so is the answer."""
        run = _Run(self._service, call)
        start = await run.prepare()
        response: Response | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_left, run.body, group.cancel_scope.cancel)
            with trace_of(call.request.headers):
                response = await run.answer(start)
            group.cancel_scope.cancel()
        return response


async def _cancel_when_left(body: Body, cancel: Callable[[], None]) -> None:
    await body.wait_left()
    cancel()


@dataclass(slots=True)
class _Written:
    """An output of the answer, and what encodes it."""

    stream: Stream[Any, Any, Any]
    form: FrameForm
    footer: Any = None
    error: Exception | None = None


class _Run:
    """One run, from the request to the end of its answer."""

    def __init__(self, service: Service, call: Call) -> None:
        self.body: Body = Body(call.request.receive, service.limits)
        self._service = service
        self._call = call
        self._framed = flag_in(call, "frames")
        self._form = choose_form(call.request.headers.get("accept", "*/*"), framed=self._framed is not False)
        self._chosen = call.request.query_params.get("output")

    async def prepare(self) -> Start:
        """Return what is to be run."""
        service, request = self._service, self._call.request
        name = request.path_params["name"]
        entry = service.catalog.get(name, self._call.principal.name)
        parameters = set_parameters(request, entry.document)
        sent = media_type(request.headers.get("content-type"))
        if sent in STREAMED:
            pipeline = await service.catalog.bind(name, self._call.principal.name, parameters)
            plan = pipeline.plan(stream_input=True)
            data = await input_of(self.body.chunks(), sent, plan, service.limits, framed=self._framed)
        else:
            given = await read_object(request, self.body, service.limits)
            if unknown := given.keys() - {"input", "parameters"}:
                raise Refusal(400, "unknown-key", f"unknown keys: {', '.join(sorted(unknown))}")
            parameters |= parameters_in(given)
            pipeline = await service.catalog.bind(name, self._call.principal.name, parameters)
            data = given.get("input")
        return Start(self._call.principal, name, pipeline, parameters, data)

    async def answer(self, start: Start) -> Response | None:
        """Run, and answer with the collected result, or while the items are made."""
        limit_s = self._service.limits.execution_s
        async with self._service.executions.attached(start) as (execution, held):
            with anyio.move_on_after(limit_s) as scope:
                if self._form is None:
                    return self._collected(held, await execution.result(check=False))
                await self._stream(execution, held, self._form)
            if scope.cancelled_caught:
                execution.cancel(f"it took longer than the {limit_s:g} s that the server allows")
                raise Refusal(504, "execution-too-long", f"the execution took longer than {limit_s:g} s")
        return None

    def _collected(self, held: HeldExecution, result: Result) -> Response:
        headers = {_ID_HEADER: held.id}
        if result.error is not None:
            raise _named(result.error, held)
        try:
            return json_response(result_form(held.id, result, links_of(self._call.request, held)), 200, headers)
        except UnwritableError as error:
            raise _named(error, held) from None

    async def _stream(self, execution: Execution, held: HeldExecution, media: str) -> None:
        answer = StreamedAnswer(self._call.send, media, {**self._call.headers, _ID_HEADER: held.id})
        written = self._outputs(execution, media)
        await answer.start()
        async with anyio.create_task_group() as group:
            for one in written:
                group.start_soon(_write, one, answer, execution)
        result = await execution.result(check=False)
        error = next((one.error for one in written if one.error is not None), result.error)
        ends: list[bytes] = []
        try:  # only now is it known that nothing is missing
            ends = [one.form.end(one.footer) for one in written] if error is None else []
        except UnwritableError as unwritable:
            error = unwritable
        if error is not None:
            ends = [one.form.broken(error) for one in written]
        for end in ends:
            await answer.send(end)
        await answer.end_or_abort(written[0].form, error)

    def _outputs(self, execution: Execution, media: str) -> list[_Written]:
        outputs = execution.outputs
        if self._chosen is not None:
            if self._chosen not in outputs:
                raise Refusal(
                    404, "unknown-output", f"there is no output {self._chosen!r}; one of {', '.join(outputs)}"
                )
            outputs = {self._chosen: outputs[self._chosen]}
        types = declared_types(execution.plan)
        framed = self._framed is not False
        forms = {
            name: form_of(media, types[name], name=name if len(execution.outputs) > 1 else None, framed=framed)
            for name in outputs
        }
        if len(outputs) != 1 and not all(form.names_outputs for form in forms.values()):
            raise Refusal(406, "several-outputs", f"choose one with ?output=: {', '.join(outputs)}")
        return [_Written(stream, forms[name]) for name, stream in outputs.items()]


async def _write(written: _Written, answer: StreamedAnswer, execution: Execution) -> None:
    try:
        await answer.send(written.form.header(await written.stream.header()))
        async for batch in written.stream.batches():
            await send_items(written.form, batch, answer.send)
        written.footer = await written.stream.footer()
    except UnwritableError as error:
        written.error = error
        execution.cancel(str(error))
    except HeadwaterError:  # it also ended the execution, whose result has it
        pass


def _named(error: Exception, held: HeldExecution) -> Refusal:
    """Return the refusal for an execution that did not complete, with its id."""
    if isinstance(error.__cause__, ConfigError):  # the input has a line that is not JSON, or not text
        error = error.__cause__
    refusal = refusal_of(error)
    refusal.more["execution"] = held.id
    refusal.headers[_ID_HEADER] = held.id
    return refusal
