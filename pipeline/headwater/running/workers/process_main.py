"""What a worker process runs: it loads one step and calls it with the inputs that come on standard input.

Inputs and results are the two streams of a pipe each; what the step itself prints goes to standard error.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from headwater.config.secret_params import secrets_of
from headwater.errors import StreamBrokenError
from headwater.events.plain import plain
from headwater.files.confinement import confine_process
from headwater.kinds.binding import bind, callable_of, locate
from headwater.kinds.definition import Origin
from headwater.kinds.step_context import StepContext
from headwater.masking import masker
from headwater.running.failures import STEP_ERRORS, as_text, error_in, message_of
from headwater.running.workers.process_codec import WRITTEN_ITEMS, WorkerModules, written_results
from headwater.running.workers.raised_errors import RaisedError
from headwater.streams.exact.exact_json import ExactJson
from headwater.streams.pipe import PipeSink, PipeSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import BufferedReader

__all__ = ["main"]

_READ_BYTES = 65_536


def main() -> None:
    """Serve until standard input ends, or the step fails."""
    signal.signal(signal.SIGINT, _leave_to_program)
    incoming, outgoing = _private_streams()
    inputs = PipeSource(WRITTEN_ITEMS)
    results = PipeSink(WRITTEN_ITEMS)

    def send() -> None:
        outgoing.write(results.pending())
        outgoing.flush()

    def report(fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        results.note([fraction, message, plain(data)])
        send()

    while not inputs.arrived.opened:
        inputs.feed(incoming.read1(_READ_BYTES))
    if inputs.arrived.ended:
        return
    order = inputs.arrived.given_header
    modules = WorkerModules(order["files"])
    exact = ExactJson(modules.find, modules.written_as)
    call = _load(order, exact, modules, report)
    for unit in _units(incoming, inputs):
        _work(call, unit, exact, results, order["step_id"])
        send()
        if results.ended:
            return


def _leave_to_program(_number: int, _frame: object) -> None:
    """Ignore Ctrl-C: a terminal interrupts the program as well, which ends this process."""


def _units(incoming: BufferedReader, inputs: PipeSource) -> Iterator[bytes]:
    """Yield the frames of inputs as they come."""
    while not inputs.arrived.ended:
        yield from inputs.arrived.take_nowait()
        inputs.feed(incoming.read1(_READ_BYTES))


def _private_streams() -> tuple[BufferedReader, BinaryIO]:
    """Keep the two pipes for frames: the step's code, and programs that it starts, neither read nor write between."""
    incoming = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return incoming, outgoing


def _load(
    order: dict[str, Any],
    exact: ExactJson,
    modules: WorkerModules,
    report: Callable[[float | None, str, Mapping[str, Any]], None],
) -> Callable[..., Any]:
    """Return the function of a step."""
    sys.path[:] = order["sys_path"]
    confine_process(order["confined"])
    if order["trace"]:
        extracted = import_module("opentelemetry.propagate").extract(order["trace"])
        import_module("opentelemetry.context").attach(extracted)
    origin = Origin(**order["origin"])
    if origin.module in order["files"]:
        modules.find(origin.module)
    bound = bind(locate(origin), exact.load(order["params"]))
    method = next(method for method in bound.definition.methods if method.name == order["method"])
    context = StepContext(
        order["execution_id"],
        order["step_id"],
        attempt=order["attempt"],
        report=report,
        mask=masker(secrets_of([bound])),
        connected=order["connected"],
        allowed=order["allowed"],
    )
    context.place(order["key"], None)
    call = callable_of(bound, method, context=context, ports=order["ports"])
    return partial(_call_batch, call) if method.batched else call


def _call_batch(call: Callable[..., Any], items: Any) -> Any:
    return written_results(call(items))


def _work(call: Callable[..., Any], unit: bytes, exact: ExactJson, results: PipeSink, step_id: str) -> None:
    """Call the function with each item of a unit; the results are one frame, and a failure breaks the stream."""
    try:
        for inputs in exact.load_each(unit):
            results.buffer.append(exact.dump(call(*inputs)))
    except STEP_ERRORS as raised:
        error = error_in(raised)
        broken = StreamBrokenError(f"{type(error).__name__}: {message_of(error)}", step_id=step_id)
        broken.add_note(as_text(traceback.format_exc()))
        broken.add_note(RaisedError.of(error).to_note())
        results.flush()
        results.fail(broken)
    else:
        results.flush()


if __name__ == "__main__":
    main()
