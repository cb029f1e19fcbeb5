"""The data that an execution is given: which plan it needs, and how it gets into the channels."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from pydantic import BaseModel

from headwater.errors import ConfigError, FrameTypeError, Problem
from headwater.running.hosts.watch import Watched
from headwater.shapes import is_mapping
from headwater.streams.ends import NOTHING, ReaderLeft
from headwater.streams.meter import Meter, Turn
from headwater.streams.stream import Stream
from headwater.wire.stream_reader import StreamReader

if TYPE_CHECKING:
    from headwater.graph.plan import InputGroup, Plan, PlannedInput
    from headwater.streams.ends import Sink

__all__ = ["Arguments", "data_by_group", "feed", "is_stream"]


@dataclass(frozen=True, slots=True)
class Arguments:
    """Data for each free input of a pipeline, in their order."""

    values: tuple[Any, ...]


def data_by_group(plan: Plan, data: Any) -> dict[InputGroup, Any]:
    """Return the data for each free input of a pipeline."""
    if isinstance(data, Arguments):
        return dict(zip(plan.inputs, data.values, strict=True))
    names = [group.name for group in plan.inputs]
    if not plan.inputs:
        if data is not None:
            raise ConfigError(
                _problem("unexpected-input", "the pipeline reads no input, but data was given", "leave it out")
            )
        return {}
    if data is None:
        message = f"the pipeline needs data for its input: {', '.join(names)}"
        raise ConfigError(_problem("missing-input", message, "pass data, or --input on the command line"))
    if len(names) == 1:
        return {plan.inputs[0]: data}
    given = data if is_mapping(data) else None
    if given is None or set(given) != set(names):
        found = type(data).__name__ if given is None else f"one with {', '.join(map(repr, given))}"
        message = (
            f"the pipeline has {len(names)} inputs, so its data is a mapping with {', '.join(names)}; found {found}"
        )
        raise ConfigError(_problem("missing-input", message, "give each input its data by name"))
    return {group: given[group.name] for group in plan.inputs}


def _problem(code: str, message: str, hint: str) -> Problem:
    return Problem(code, message, "$", hint=hint)


def is_stream(plan: Plan, group: InputGroup, data: Any) -> bool:
    """Return whether the data of an input is a stream of items, also where a step takes one value."""
    if is_wire(data):
        return True
    if not isinstance(data, Iterable | AsyncIterable) or isinstance(
        data, str | bytes | bytearray | Mapping | BaseModel
    ):
        return False
    if isinstance(data, Iterator | AsyncIterator | AsyncIterable):
        return True
    readers = [given for step in plan.steps for given in step.inputs if not set(group.edges).isdisjoint(given.edges)]
    return not all(given.port.streaming or _accepts(given, data) for given in readers)


def _accepts(given: PlannedInput, data: Any) -> bool:
    """Return whether a port takes the whole data as its value."""
    if given.check is None or isinstance(given.port.type.item, TypeVar):
        return False
    try:
        given.check.check(data, "")
    except FrameTypeError:
        return False
    return True


async def feed(data: Any, sink: Sink, *, streaming: bool) -> None:
    """Write data to the pipeline's input, then end it."""
    turn = Turn()
    sink.meter = Meter(perf_counter(), turn)
    await Watched(_feed(data, sink, streaming=streaming), turn)


async def _feed(data: Any, sink: Sink, *, streaming: bool) -> None:
    try:
        if is_wire(data):
            sink.finish(await _feed_wire(data, sink))
            return
        if streaming and isinstance(data, Stream):
            footer = await _feed_stream(data, sink)  # pyright: ignore[reportUnknownArgumentType]  # items of any type
            sink.finish(footer)
            return
        if not streaming or isinstance(data, str | bytes | bytearray | Mapping | BaseModel):
            await sink.write([data])
        elif isinstance(data, AsyncIterable):
            await _feed_async(data, sink)  # pyright: ignore[reportUnknownArgumentType]  # of items of any type
        elif isinstance(data, Iterable):
            await _feed_plain(iter(data), sink)  # pyright: ignore[reportUnknownArgumentType]  # items of any type
        else:
            await sink.write([data])
        sink.finish()
    except ReaderLeft:
        pass


def is_wire(data: Any) -> TypeGuard[StreamReader[Any, Any, Any]]:
    """Return whether data is a stream that is read from bytes."""
    return isinstance(data, StreamReader)


async def _feed_wire(reader: StreamReader[Any, Any, Any], sink: Sink) -> Any:
    """Write the header and the items, and return the footer."""
    async with reader:
        if (header := await reader.read_header()) is not None:
            sink.set_header(header)
        async with aclosing(reader.read_batches()) as batches:
            async for items in batches:
                await sink.write(items)
        footer = await reader.read_footer()
    return NOTHING if footer is None else footer


async def _feed_stream(stream: Stream[Any, Any, Any], sink: Sink) -> Any:
    """Write the header and the items of the stream around a nested pipeline, and return the footer."""
    try:
        if (header := await stream.header()) is not None:
            sink.set_header(header)
        async for items in stream.batches():
            if not await sink.write(items):
                await sink.wait_writable()
        footer = await stream.footer()
    finally:  # what writes it is not to wait for the rest of the nested pipeline
        await stream.aclose()
    return NOTHING if footer is None else footer


async def _feed_async(data: AsyncIterable[Any], sink: Sink) -> None:
    iterator = aiter(data)
    try:
        async for item in iterator:
            if sink.put(item):
                await sink.wait_writable()
    finally:
        if (close := getattr(iterator, "aclose", None)) is not None:
            await close()


async def _feed_plain(items: Iterator[Any], sink: Sink) -> None:
    try:
        for item in items:
            if sink.put(item):
                await sink.wait_writable()
    finally:  # what the program opened, such as a file, it closes itself
        if isinstance(items, Generator):
            items.close()
