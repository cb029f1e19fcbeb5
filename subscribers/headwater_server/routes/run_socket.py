"""The WebSocket that runs a pipeline: its input and its outputs as messages, both ways at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from pydantic_core import from_json, to_json
from starlette.websockets import WebSocket, WebSocketDisconnect

from headwater import HeadwaterError, StreamBrokenError
from headwater.toolkit import is_object
from headwater.wire import FrameDecoder, FrameKind, frame
from headwater_server.access.scope_reading import invalid_token
from headwater_server.bodies.frame_forms import FrameForm, UnwritableError, form_of, json_frame, send_items
from headwater_server.bodies.request_bodies import checked_json, parameters_in, set_parameters
from headwater_server.bodies.streamed_input import WIRE, frame_of, is_compressed, opening, typed_reader
from headwater_server.executions.executions import Start
from headwater_server.refusals import Refusal, problem_of, problem_response, refusal_of
from headwater_server.routes.guarded import single_error

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from headwater import Execution, Pipeline, Stream
    from headwater_server.access.principal import Principal
    from headwater_server.service import Service
    from headwater_server.settings import Limits

__all__ = ["RunSocket"]

_DONE: Final = 1000
_POLICY: Final = 1008
_FAILED: Final = 1011


class RunSocket:
    """Runs a pipeline for one WebSocket; the client that leaves cancels the execution."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection; a refusal before it is accepted is an HTTP answer."""
        socket = WebSocket(scope, receive, send)
        accepted = False
        try:
            self._service.check_running()
            async with self._service.gate.admit(scope) as principal:
                name = socket.path_params["name"]
                entry = self._service.catalog.get(name, principal.name)
                parameters = set_parameters(socket, entry.document)
                is_complete = all(required in parameters for required in entry.required)
                pipeline = await self._service.catalog.bind(name, principal.name, parameters) if is_complete else None
                with self._service.streams.take(principal.name):
                    await socket.accept()
                    accepted = True
                    run = _SocketRun(self._service, socket, principal, name)
                    with anyio.CancelScope() as rights, self._service.watch.following(principal, rights.cancel):
                        await run.serve(pipeline, parameters)
            if rights.cancelled_caught:
                raise invalid_token("the key or token has expired or was revoked")
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            await _refuse(socket, single_error(error), accepted=accepted)


async def _refuse(socket: WebSocket, error: Exception, *, accepted: bool) -> None:
    if isinstance(error, WebSocketDisconnect):
        return
    if not accepted:
        await socket.send_denial_response(problem_response(error))
        return
    with suppress(RuntimeError, WebSocketDisconnect):  # of a connection that is closed already
        refusal = refusal_of(error)
        await socket.send_text(json_frame("break", refusal.to_json()).decode())
        await socket.close(_POLICY if refusal.status < 500 else _FAILED, refusal.code)


class _SocketRun:
    """One run on a WebSocket."""

    def __init__(self, service: Service, socket: WebSocket, principal: Principal, name: str) -> None:
        self._service = service
        self._socket = socket
        self._principal = principal
        self._name = name
        self._binary = False
        self._released = anyio.Event()

    async def serve(self, pipeline: Pipeline | None, parameters: Mapping[str, Any]) -> None:
        """Read the first message, run, and close the connection."""
        data: Any = None
        if pipeline is None or pipeline.plan().inputs:
            data, pipeline, parameters = await self._begin(pipeline, parameters)
        else:
            self._released.set()
        start = Start(self._principal, self._name, pipeline, parameters, data)
        async with anyio.create_task_group() as group:
            group.start_soon(self._cancel_when_left, group.cancel_scope.cancel)
            async with self._service.executions.attached(start) as (execution, held):
                await self._socket.send_text(to_json({"start": {"id": held.id}}).decode())
                limit_s, error = self._service.limits.execution_s, None
                with anyio.move_on_after(limit_s) as limit:
                    error = await self._write(execution)
                if limit.cancelled_caught:
                    message = f"the execution took longer than the {limit_s:g} s that the server allows"
                    execution.cancel(message)
                    raise Refusal(504, "execution-too-long", message)
            await self._socket.close(_DONE if error is None else _FAILED)
            group.cancel_scope.cancel()

    async def _begin(
        self, pipeline: Pipeline | None, parameters: Mapping[str, Any]
    ) -> tuple[Any, Pipeline, Mapping[str, Any]]:
        """Return the data of the execution by the first message: one value, or a stream that it begins."""
        message = await self._message()
        if isinstance(message, str) and (value := _input_in(message, self._service.limits)) is not None:
            self._released.set()
            if more := parameters_in(value):
                parameters, pipeline = {**parameters, **more}, None
            pipeline = pipeline or await self._bind(parameters)
            return value.get("input"), pipeline, parameters
        self._binary = isinstance(message, bytes)
        pipeline = pipeline or await self._bind(parameters)
        chunks = self._chunks(message)
        return typed_reader(chunks, pipeline.plan(stream_input=True)), pipeline, parameters

    async def _bind(self, parameters: Mapping[str, Any]) -> Pipeline:
        return await self._service.catalog.bind(self._name, self._principal.name, parameters)

    async def _message(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _DONE))
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def _chunks(self, message: str | bytes) -> AsyncGenerator[bytes]:
        """Yield the bytes of a typed stream as messages arrive, up to the end of the input."""
        count, ending = 0, _Ending()
        try:
            if isinstance(message, str):
                yield opening()
            while True:
                if isinstance(message, bytes):
                    ended = ending.is_in(message)
                    yield message
                    if ended:
                        return
                else:
                    kind, encoded = frame_of(message)
                    if kind == FrameKind.END:
                        yield encoded or frame(FrameKind.END, to_json({"items": count}))
                        return
                    count += kind == FrameKind.ITEM
                    yield encoded
                    if kind == FrameKind.BREAK:
                        return
                try:
                    message = await self._message()
                except WebSocketDisconnect:
                    raise StreamBrokenError("the client left before the end of the input") from None
        finally:
            self._released.set()

    async def _cancel_when_left(self, cancel: Callable[[], None]) -> None:
        await self._released.wait()
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._message()
        cancel()

    async def _write(self, execution: Execution) -> Exception | None:
        """Send the outputs, and how they ended; return the error of the execution."""
        outputs, types = execution.outputs, {}
        if self._binary:
            if len(outputs) != 1:
                raise Refusal(406, "several-outputs", "the pipeline has several outputs; send the frames as text")
            plan = execution.plan
            types = {next(iter(outputs)): plan.edges[plan.outputs[0]].type}
        named = len(outputs) > 1
        writers = [
            _BinaryOutput(self._socket, stream, form_of(WIRE, types[name]))
            if self._binary
            else _TextOutput(self._socket, stream, name if named else None)
            for name, stream in outputs.items()
        ]
        async with anyio.create_task_group() as group:
            for writer in writers:
                group.start_soon(_write_all, writer, execution)
        error = (await execution.result(check=False)).error
        error = next((writer.error for writer in writers if writer.error is not None), error)
        for writer in writers:
            try:
                await writer.end(error)
            except UnwritableError as unwritable:  # the footer
                error = unwritable
                await writer.end(error)
        return error


async def _write_all(writer: _TextOutput | _BinaryOutput, execution: Execution) -> None:
    try:
        await writer.write()
    except UnwritableError as error:
        writer.error = error
        execution.cancel(str(error))
    except HeadwaterError:  # it also ended the execution, whose result has it
        pass


class _TextOutput:
    """An output as JSON frames, one a message."""

    def __init__(self, socket: WebSocket, stream: Stream[Any, Any, Any], name: str | None) -> None:
        self._socket = socket
        self._stream = stream
        self._name = name
        self._count = 0
        self._footer: Any = None
        self.error: Exception | None = None

    async def write(self) -> None:
        """Send the header and the items."""
        if (header := await self._stream.header()) is not None:
            await self._send("header", header)
        async for batch in self._stream.batches():
            for item in batch:
                await self._send("item", item)
                self._count += 1
        self._footer = await self._stream.footer()

    async def end(self, error: Exception | None) -> None:
        """Send the footer and the end, or why there is none."""
        if error is not None:
            await self._send("break", problem_of(error))
            return
        if self._footer is not None:
            await self._send("footer", self._footer)
        await self._send("end", {"items": self._count})

    async def _send(self, key: str, value: Any) -> None:
        await self._socket.send_text(json_frame(key, value, self._name).decode())


class _BinaryOutput:
    """An output as a typed stream, in pieces."""

    def __init__(self, socket: WebSocket, stream: Stream[Any, Any, Any], form: FrameForm) -> None:
        self._socket = socket
        self._stream = stream
        self._form = form
        self._footer: Any = None
        self.error: Exception | None = None

    async def write(self) -> None:
        """Send the header and the items."""
        await self._send(self._form.header(await self._stream.header()))
        async for batch in self._stream.batches():
            await send_items(self._form, batch, self._send)
        self._footer = await self._stream.footer()

    async def end(self, error: Exception | None) -> None:
        """Send the footer and the end, or why there is none."""
        await self._send(self._form.end(self._footer) if error is None else self._form.broken(error))

    async def _send(self, data: bytes) -> None:
        if data:
            await self._socket.send_bytes(data)


def _input_in(message: str, limits: Limits) -> dict[str, Any] | None:
    """Return a first message that brings one value as the input; None when it is a frame."""
    try:
        given: object = from_json(message)
    except ValueError:
        return None
    if not is_object(given) or not given or not given.keys() <= {"input", "parameters"}:
        return None
    checked: dict[str, Any] = checked_json(message, limits)
    return checked


class _Ending:
    """Finds the end of a typed stream whose bytes come in messages."""

    def __init__(self) -> None:
        self._decoder = FrameDecoder()

    def is_in(self, message: bytes) -> bool:
        """Return whether a message completes the last frame."""
        ended = False
        for kind, payload in self._decoder.feed(message):
            if kind == FrameKind.OPEN and is_compressed(payload):
                raise StreamBrokenError("a compressed stream cannot be sent over a WebSocket; send it uncompressed")
            ended = kind in {FrameKind.END, FrameKind.BREAK}
        return ended
