"""The input of an execution, from a file or standard input: one JSON value, JSON lines or lines of text."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from anyio import to_thread
from pydantic import PydanticUserError

from headwater.archives.content import Content, DamagedFileError
from headwater.archives.formats import without_suffix
from headwater.cli.command_options import InputFormat
from headwater.config.notation.strict_json import read_json
from headwater.toolkit.descriptors import chunks_of
from headwater.toolkit.line_input import TextLines, bad_input, json_place, line_batches, strings_of, values_of
from headwater.wire.stream_reader import StreamReader

__all__ = ["open_input"]

_STANDARD_INPUT = 0
_CHUNK_BYTES = 256 * 1024
_LARGEST_DOCUMENT_BYTES = 256 * 1024 * 1024

_BY_SUFFIX = {".json": InputFormat.JSON, ".jsonl": InputFormat.JSONL, ".ndjson": InputFormat.JSONL}


async def open_input(source: str, format_: InputFormat, types: Sequence[Any]) -> Any:
    """Return the input of an execution: one value, or an iterator that reads lines while the execution runs.

    Compressed data is decompressed first. The name of a file decides its format. On standard input, a pipeline whose
    input is text gets the lines as they are. For any other, the first line decides: a whole JSON value makes it JSON
    lines, the beginning of an object or array one JSON value, and anything else lines of text.
    """
    name = "standard input" if source == "-" else source
    content = _content(chunks_of(_descriptor(source), _CHUNK_BYTES), name)
    if format_ is InputFormat.HEADWATER:
        return _typed_reader(content, types)
    lines = line_batches(content, name)
    if format_ is InputFormat.AUTO and source != "-":
        format_ = _BY_SUFFIX.get(without_suffix(source).suffix.lower(), InputFormat.TEXT)
    if format_ is InputFormat.AUTO:
        if all(item is str for item in types):
            format_ = InputFormat.TEXT
        else:
            format_, lines = await _sniffed(lines)
    if format_ is InputFormat.JSON:
        return await _document(lines, name)
    return values_of(lines, name) if format_ is InputFormat.JSONL else TextLines(strings_of(lines, name))


def _typed_reader(content: AsyncGenerator[bytes], types: Sequence[Any]) -> StreamReader[Any, Any, Any]:
    """Return what reads a stream of Headwater, with the type that every reader of the pipeline's input declares."""
    first, *others = types or [Any]
    try:
        return StreamReader(content, first if all(other == first for other in others) else Any)
    except PydanticUserError:  # a type that has no form as JSON
        return StreamReader(content)


async def _sniffed(batches: AsyncGenerator[list[bytes]]) -> tuple[InputFormat, AsyncGenerator[list[bytes]]]:
    """Return the format that the first line which is not blank shows, and all lines."""
    read: list[list[bytes]] = []
    first = b""
    async for lines in batches:
        read.append(lines)
        if first := next(filter(bytes.strip, lines), b""):
            break
    return _format_of(first), _chained(read, batches)


def _format_of(line: bytes) -> InputFormat:
    try:
        read_json(line)
    except ValueError:
        return InputFormat.JSON if line.lstrip()[:1] in {b"{", b"["} else InputFormat.TEXT
    return InputFormat.JSONL


async def _chained(first: list[list[bytes]], rest: AsyncGenerator[list[bytes]]) -> AsyncGenerator[list[bytes]]:
    async with aclosing(rest):
        for lines in first:
            yield lines
        async for lines in rest:
            yield lines


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
        raise bad_input(error.reason, name) from None


async def _document(batches: AsyncGenerator[list[bytes]], name: str) -> Any:
    read: list[bytes] = []
    size = 0
    async with aclosing(batches):
        async for lines in batches:
            read += lines
            size += sum(map(len, lines)) + len(lines)
            if size > _LARGEST_DOCUMENT_BYTES:
                raise bad_input(f"the JSON value is larger than {_LARGEST_DOCUMENT_BYTES // 2**20} MiB", name)
    try:
        return read_json(b"\n".join(read))
    except ValueError as error:
        message, number, column = json_place(error)
        raise bad_input(f"the input is not a JSON value: {message}", name, number, column) from None


def _descriptor(source: str) -> int:
    try:
        # A named pipe without a writer would block here; what waits for it later can be cancelled.
        descriptor = os.dup(_STANDARD_INPUT) if source == "-" else os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise bad_input("the input is a folder; give a file", source)
    except OSError as error:
        raise bad_input(f"the input cannot be read: {error.strerror}", source) from None
    return descriptor
