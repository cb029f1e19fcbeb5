"""Files that are read in blocks: plain or compressed, regular files and pipes, with progress."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO, RawIOBase
from pathlib import Path
from stat import S_ISFIFO
from typing import IO, cast

from headwater import StepContext
from headwater.toolkit import open_inside, refuse_outside, refuse_private
from headwater_steps.files.compression import Compression, content
from headwater_steps.files.models import FileHeader, size_of

__all__ = ["BLOCK_BYTES", "FileReader", "opened"]

BLOCK_BYTES = 64 * 1024
"""Most bytes that are read at once."""

_REPORTED_PARTS = 200
_LOOK_MS = 50


class FileReader:
    """A file that is open for reading."""

    def __init__(self, path: Path, file: IO[bytes], blocks: Iterator[bytes], ctx: StepContext | None) -> None:
        self.header: FileHeader = FileHeader(path=str(path), size_bytes=size_of(file))
        self._file = file
        self._blocks = blocks
        self._ctx = ctx

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in blocks, decompressed, each as soon as it can be read."""
        size_bytes = self.header.size_bytes
        if self._ctx is None or not size_bytes:
            return self._blocks
        return self._reported(self._ctx, size_bytes)

    def _reported(self, ctx: StepContext, size_bytes: int) -> Iterator[bytes]:
        """Yield the blocks, and report how much of the file they took."""
        reported_bytes = 0
        for block in self._blocks:
            done_bytes = self._file.tell()
            if done_bytes - reported_bytes >= size_bytes / _REPORTED_PARTS and done_bytes >= BLOCK_BYTES:
                reported_bytes = done_bytes
                ctx.progress(done_bytes / size_bytes, "reading")
            yield block


@contextmanager
def opened(path: Path, compression: Compression, ctx: StepContext, *, reports: bool = True) -> Generator[FileReader]:
    """Open a file for reading."""
    with _raw(path) as raw:
        # A kernel log, for one, is a regular file without a size, and reading it waits as reading a pipe does.
        file = cast("IO[bytes]", raw if size_of(raw) else _PatientFile(raw, ctx))
        blocks = content(path, compression, iter(partial(file.read, BLOCK_BYTES), b""))
        yield FileReader(path, raw, blocks, ctx if reports else None)


def _raw(path: Path) -> IO[bytes]:
    """Open a file without waiting for a writer, as the open of a named pipe would."""
    refuse_outside(path)
    if not S_ISFIFO(path.stat().st_mode):
        file = FileIO(path, opener=open_inside)
    else:
        descriptor = open_inside(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        file = FileIO(descriptor)
    try:
        refuse_private(path, file.fileno())
    except PermissionError:
        file.close()
        raise
    return cast("IO[bytes]", file)


class _PatientFile(RawIOBase):
    """A pipe, a device or the like, whose reader checks now and then whether the step was cancelled."""

    def __init__(self, file: IO[bytes], ctx: StepContext) -> None:
        self._file = file
        self._ctx = ctx
        self._poll: Callable[[], object] = lambda: True
        if sys.platform != "win32":  # which can wait for sockets only
            poll = select.poll()
            poll.register(file, select.POLLIN)
            self._poll = partial(poll.poll, _LOOK_MS)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._poll():
            if self._ctx.cancelled:
                raise InterruptedError("the step was cancelled while it waited for a pipe")
        return self._file.read(size)
