"""Results on standard output, item by item, or in a file that appears when it is complete."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Protocol

import anyio
from anyio import to_thread

from headwater.archives.formats import Packer, archive_by_name, packer
from headwater.cli.terminal import STANDARD_OUTPUT, flush
from headwater.errors import ConfigError, HeadwaterError, Problem
from headwater.toolkit.atomic_files import atomic_file

__all__ = ["OutputError", "Sink", "open_file", "open_sink", "packing", "write_all"]

_PIECE_BYTES = 4096  # POSIX: a ready pipe takes PIPE_BUF bytes without blocking, 4096 on Linux


class OutputError(HeadwaterError):
    """Internal: the output of a command could not be written."""


class Sink(Protocol):
    """A destination of output."""

    async def write(self, data: bytes) -> None:
        """Write whole lines; `BrokenPipeError` means that the reader left."""
        ...


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
