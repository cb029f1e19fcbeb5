"""The input of an execution, from a file or standard input: one JSON value, JSON lines or lines of text."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from pydantic import PydanticUserError

from headwater.archives.content import Content, DamagedFileError
from headwater.archives.foreign import foreign_format
from headwater.archives.formats import without_suffix
from headwater.cli.command_options import InputFormat
from headwater.config.notation.strict_json import read_json
from headwater.errors import ConfigError, Problem
from headwater.running.feed import TextLines
from headwater.toolkit.descriptors import chunks_of
from headwater.wide_text import wide_encoding
from headwater.wire.stream_reader import StreamReader

if TYPE_CHECKING:
    from headwater.graph.plan import Plan

__all__ = ["open_input"]

_STANDARD_INPUT = 0
_CHUNK_BYTES = 256 * 1024
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024
_PLACE = re.compile(r" at line (?P<line>\d+) column (?P<column>\d+)$")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_BY_SUFFIX = {".json": InputFormat.JSON, ".jsonl": InputFormat.JSONL, ".ndjson": InputFormat.JSONL}


async def open_input(source: str, format_: InputFormat, plan: Plan) -> Any:
    """Return the input of an execution: one value, or an iterator that reads lines while the execution runs.

    Compressed data is decompressed first. The name of a file decides its format. On standard input, a pipeline whose
    input is text gets the lines as they are. For any other, the first line decides: a whole JSON value makes it JSON
    lines, the beginning of an object or array one JSON value, and anything else lines of text.
    """
    name = "standard input" if source == "-" else source
    content = _content(chunks_of(_descriptor(source), _CHUNK_BYTES), name)
    if format_ is InputFormat.HEADWATER:
        return _typed_reader(content, plan)
    lines = _lines(content, name)
    if format_ is InputFormat.AUTO and source != "-":
        format_ = _BY_SUFFIX.get(without_suffix(source).suffix.lower(), InputFormat.TEXT)
    if format_ is InputFormat.AUTO:
        if _reads_text(plan):
            format_ = InputFormat.TEXT
        else:
            format_, lines = await _sniffed(lines)
    if format_ is InputFormat.JSON:
        return await _document(lines, name)
    return _values(lines, name) if format_ is InputFormat.JSONL else TextLines(_strings(lines, name))


def _item_types(plan: Plan) -> list[Any]:
    """Return the types that the pipeline's input has where it is read."""
    return [plan.edges[index].type.item for group in plan.inputs for index in group.edges]


def _reads_text(plan: Plan) -> bool:
    """Return whether the pipeline's input is text wherever it is read."""
    return all(item is str for item in _item_types(plan))


def _typed_reader(content: AsyncGenerator[bytes], plan: Plan) -> StreamReader[Any, Any, Any]:
    """Return what reads a stream of Headwater, with the type that every reader of the pipeline's input declares."""
    first, *others = _item_types(plan) or [Any]
    try:
        return StreamReader(content, first if all(other == first for other in others) else Any)
    except PydanticUserError:  # a type that has no form as JSON
        return StreamReader(content)


async def _sniffed(lines: AsyncGenerator[bytes]) -> tuple[InputFormat, AsyncGenerator[bytes]]:
    read: list[bytes] = []
    async for line in lines:
        read.append(line)
        if line.strip():
            break
    return _format_of(read[-1] if read else b""), _chained(read, lines)


def _format_of(line: bytes) -> InputFormat:
    try:
        read_json(line)
    except ValueError:
        return InputFormat.JSON if line.lstrip()[:1] in {b"{", b"["} else InputFormat.TEXT
    return InputFormat.JSONL


async def _chained(first: list[bytes], rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        for line in first:
            yield line
        async for line in rest:
            yield line


async def _content(chunks: AsyncGenerator[bytes], name: str) -> AsyncGenerator[bytes]:
    """Yield a stream of bytes, decompressed if it is compressed."""
    content = Content(name, "repair the file, or rename it if it is not compressed")
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                if content.is_plain:
                    yield chunk
                    continue
                pieces = content.feed(chunk)
                while piece := await to_thread.run_sync(next, pieces, b""):
                    yield piece
        for piece in content.finish():
            yield piece
    except DamagedFileError as error:
        raise _bad(error.reason, name) from None


async def _lines(chunks: AsyncGenerator[bytes], name: str) -> AsyncGenerator[bytes]:
    """Yield the lines of a stream of bytes, without their ends and without a byte order mark."""
    begun: list[bytes] = []  # an unfinished line; joined once, as a long line would take quadratic time
    size = number = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            if not (number or begun):
                _check_start(chunk, name)
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                number += 1
                yield _line(b"".join((*begun, line)), first=number == 1)
                begun.clear()
                size = 0
            begun.append(rest)
            size += len(rest)
            if size > _LONGEST_LINE_BYTES:
                raise _bad(f"the line is longer than {_LONGEST_LINE_BYTES // 2**20} MiB", name, number + 1)
    if last := _line(b"".join(begun), first=number == 0):
        yield last


def _check_start(start: bytes, name: str) -> None:
    """Refuse an input that is not text in UTF-8 by its first bytes."""
    if (foreign := foreign_format(start)) is not None:
        raise _bad(f"expected text, found {foreign}", name, 1)
    if (wide := wide_encoding(start)) is not None:
        hint = f"convert it, such as with iconv -f {wide[0]} -t utf-8"
        raise _bad(f"the input is {wide[0].upper()}, but has to be UTF-8; {hint}", name, 1)


def _line(line: bytes, *, first: bool) -> bytes:
    return (line.removeprefix(_BYTE_ORDER_MARK) if first else line).removesuffix(b"\r")


async def _strings(lines: AsyncGenerator[bytes], name: str) -> AsyncGenerator[str]:
    number = 0
    async with aclosing(lines):
        async for line in lines:
            number += 1
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"the byte 0x{line[error.start]:02x} is not UTF-8"
                raise _bad(message, name, number, error.start + 1) from None


async def _values(lines: AsyncGenerator[bytes], name: str) -> AsyncIterator[Any]:
    number = 0
    async with aclosing(lines):
        async for line in lines:
            number += 1
            if not line.strip():
                continue
            try:
                value = read_json(line)
            except ValueError as error:
                message, _, column = _place_in(error)
                raise _bad(f"the line is not a JSON value: {message}", name, number, column) from None
            yield value


async def _document(lines: AsyncGenerator[bytes], name: str) -> Any:
    read: list[bytes] = []
    size = 0
    async with aclosing(lines):
        async for line in lines:
            read.append(line)
            size += len(line) + 1
            if size > _LARGEST_DOCUMENT_BYTES:
                raise _bad(f"the JSON value is larger than {_LARGEST_DOCUMENT_BYTES // 2**20} MiB", name)
    try:
        return read_json(b"\n".join(read))
    except ValueError as error:
        message, number, column = _place_in(error)
        raise _bad(f"the input is not a JSON value: {message}", name, number, column) from None


def _place_in(error: ValueError) -> tuple[str, int | None, int | None]:
    """Return the message of the parser without the place that it names, the line and the column."""
    message = str(error)
    if (found := _PLACE.search(message)) is None:
        return message, None, None
    return message[: found.start()], int(found["line"]), max(1, int(found["column"]))


def _bad(message: str, name: str, line: int | None = None, column: int | None = None) -> ConfigError:
    return ConfigError(Problem("bad-input", message, file=name, line=line, column=column))


def _descriptor(source: str) -> int:
    try:
        # A named pipe without a writer would block here; what waits for it later can be cancelled.
        descriptor = os.dup(_STANDARD_INPUT) if source == "-" else os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _bad("the input is a folder; give a file", source)
    except OSError as error:
        raise _bad(f"the input cannot be read: {error.strerror}", source) from None
    return descriptor
