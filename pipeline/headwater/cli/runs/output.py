"""Results on standard output, item by item, or in a file that appears when it is complete."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Protocol

import anyio
from anyio import to_thread
from pydantic_core import PydanticSerializationError, to_json

from headwater.archives.formats import Packer, archive_by_name, packer
from headwater.cli.terminal import STANDARD_OUTPUT, flush
from headwater.display import shorten
from headwater.errors import ConfigError, HeadwaterError, Problem
from headwater.toolkit.atomic_files import atomic_file

__all__ = ["OutputError", "Sink", "encoder", "open_file", "open_sink", "packing", "write_all"]

_SHOWN_CHARS = 80
_PIECE_BYTES = 4096  # POSIX: a ready pipe takes PIPE_BUF bytes without blocking, 4096 on Linux


class OutputError(HeadwaterError):
    """Internal: the output of a command could not be written."""


class Sink(Protocol):
    """A destination of output."""

    async def write(self, data: bytes) -> None:
        """Write whole lines; `BrokenPipeError` means that the reader left."""
        ...


def encoder(*, as_json: bool, name: str | None = None) -> Callable[[Any], bytes]:
    r"""Return a function that encodes an item as a line, with the name of its output if there are several.

    Example:
        >>> encoder(as_json=False)("water"), encoder(as_json=True)("water"), encoder(as_json=False, name="n")(3)
        (b'water\n', b'"water"\n', b'{"output":"n","item":3}\n')
    """

    def encode(item: Any) -> bytes:
        if name is not None:
            item = {"output": name, "item": item}
        try:
            if isinstance(item, str) and not as_json:
                return item.encode("utf-8", "surrogateescape") + b"\n"
            return to_json(item, inf_nan_mode="strings") + b"\n"
        except (PydanticSerializationError, ValueError) as error:  # ValueError for a string with half a surrogate pair
            raise OutputError(f"an item of the output, of type {type(item).__name__}, {_reason(error, item)}") from None

    return encode


def _reason(error: Exception, item: Any) -> str:
    if "surrogates not allowed" not in str(error):
        return f"cannot be written: {error}"
    shown = shorten(ascii(item), _SHOWN_CHARS)
    return f"cannot be written: it has bytes that are not UTF-8, as from the name of a file: {shown}"


@contextmanager
def open_sink(target: str) -> Generator[Sink]:
    """Open a file, or standard output for `-`; after an error the file is as it was."""
    if target == "-":
        flush()
        if os.isatty(STANDARD_OUTPUT):
            yield _TerminalSink()
        else:
            with redirect_stdout(sys.stderr):  # what a step prints is not a result
                yield _PipeSink(STANDARD_OUTPUT)
    else:
        with open_file(target) as descriptor:
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            sink = _FileSink(descriptor) if is_regular else _PipeSink(descriptor)
            archive = archive_by_name(target)
            if archive is None:
                yield sink
            else:
                one = packer(archive)
                yield _PackedSink(sink, one)
                write_all(descriptor, one.flush())


@contextmanager
def open_file(target: str) -> Generator[int]:
    """Open a file that appears when the block ends without an error; devices and named pipes are written directly."""
    path = Path(target)
    if path.exists() and not path.is_file():
        with _opened(path, target) as descriptor:
            yield descriptor
    else:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(atomic_file(path, overwrite=True))
            except OSError as error:
                raise _unwritable(error, target) from None
            yield file.fileno()


@contextmanager
def _opened(path: Path, target: str) -> Generator[int]:
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError as error:
        raise _unwritable(error, target) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unwritable(error: OSError, target: str) -> ConfigError:
    message = f"the output cannot be written: {error.strerror or error}"
    return ConfigError(Problem("bad-output", message, file=target))


def packing(target: str) -> Callable[[bytes], bytes]:
    """Return what makes the bytes of a file of its content, compressed if its name says so."""
    archive = archive_by_name(target)
    if archive is None:
        return bytes
    one = packer(archive)
    return lambda data: one.compress(data) + one.flush()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all the bytes, which may take several calls."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise _failed(error) from error


class _PackedSink:
    """Compresses what it passes on."""

    def __init__(self, sink: Sink, packer: Packer) -> None:
        self._sink = sink
        self._packer = packer

    async def write(self, data: bytes) -> None:
        if block := await to_thread.run_sync(self._packer.compress, data):
            await self._sink.write(block)


class _TerminalSink:
    """Writes through `sys.stdout`, which a live view replaces so that lines appear above it."""

    async def write(self, data: bytes) -> None:
        sys.stdout.write(data.decode("utf-8", "replace"))
        sys.stdout.flush()
        await anyio.lowlevel.checkpoint()


class _PipeSink:
    """Writes to a pipe, socket or device; waiting for the reader can be cancelled."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            await self._wait_writable()
            try:
                view = view[os.write(self._descriptor, view[:_PIECE_BYTES]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise
            except OSError as error:
                raise _failed(error) from error

    async def _wait_writable(self) -> None:
        if select.select((), (self._descriptor,), (), 0)[1]:
            await anyio.lowlevel.checkpoint()
            return
        with suppress(OSError):  # a descriptor that cannot be waited for never blocks
            await anyio.wait_writable(self._descriptor)


class _FileSink:
    """Writes a regular file in a thread, as a disk may be slow."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, data: bytes) -> None:
        await to_thread.run_sync(write_all, self._descriptor, data)


def _failed(error: OSError) -> OutputError:
    return OutputError(f"the output cannot be written: {error.strerror}")
