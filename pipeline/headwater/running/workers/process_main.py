"""What a worker process runs: it loads one step and calls it with the items that come on standard input.

Every message is a 4-byte big-endian length and JSON; what the step itself prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import TypeAdapter
from pydantic_core import to_json

from headwater.config.secret_params import secrets_of
from headwater.events.plain import plain
from headwater.kinds.binding import bind, callable_of, locate
from headwater.kinds.definition import Origin
from headwater.kinds.step_context import StepContext
from headwater.masking import masker
from headwater.running.failures import STEP_ERRORS, error_in, message_of
from headwater.running.workers.process_codec import LENGTH_BYTES, frame, item_adapter, result_adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["main"]


def main() -> None:
    """Serve until standard input ends."""
    incoming, outgoing = _private_streams()
    messages = _messages(incoming)

    def send(message: bytes) -> None:
        outgoing.write(frame(message))
        outgoing.flush()

    call, items, results = _load(json.loads(next(messages)), send)
    for message in messages:
        send(_work(call, items.validate_json(message), results))


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two streams for messages, so that prints of the step cannot get between them."""
    incoming = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return incoming, outgoing


def _messages(incoming: BinaryIO) -> Iterator[bytes]:
    while len(length := incoming.read(LENGTH_BYTES)) == LENGTH_BYTES:
        yield incoming.read(int.from_bytes(length, "big"))


def _load(
    order: dict[str, Any], send: Callable[[bytes], None]
) -> tuple[Callable[..., Any], TypeAdapter[Any], TypeAdapter[Any]]:
    sys.path[:] = order["sys_path"]
    bound = bind(locate(Origin(**order["origin"])), order["params"])
    method = next(method for method in bound.definition.methods if method.name == order["method"])

    def report(fraction: float | None, message: str, data: Mapping[str, Any]) -> None:
        send(to_json({"progress": [fraction, message, plain(data)]}))

    context = StepContext(
        order["execution_id"],
        order["step_id"],
        attempt=order["attempt"],
        report=report,
        mask=masker(secrets_of([bound])),
        connected=order["connected"],
        allowed=order["allowed"],
    )
    return (
        callable_of(bound, method, context=context, ports=order["ports"]),
        item_adapter(method, order["ports"]),
        result_adapter(method),
    )


def _work(call: Callable[..., Any], items: list[Any], results: TypeAdapter[Any]) -> bytes:
    """Return the message with the results, and the error that ended them."""
    values: list[bytes] = []
    error = None
    for inputs in items:
        try:
            values.append(results.dump_json(call(*inputs)))
        except STEP_ERRORS as raised:
            told = error_in(raised)
            error = {"type": type(told).__name__, "message": message_of(told), "traceback": traceback.format_exc()}
            break
    return b'{"results":[' + b",".join(values) + b'],"error":' + to_json(error) + b"}"


if __name__ == "__main__":
    main()
