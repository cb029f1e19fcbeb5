"""Files that are open for reading: plain or compressed, regular ones and pipes, and how far they are read."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import FileIO, RawIOBase
from pathlib import Path
from stat import S_ISFIFO
from typing import IO, cast

from headwater import StepContext
from headwater_steps.files.compression import Compression, DamagedFileError, decompressing, format_of, is_damage
from headwater_steps.files.models import FileHeader, size_of

__all__ = ["BLOCK_BYTES", "FileReader", "opened"]

BLOCK_BYTES = 64 * 1024
"""Most bytes that are read at once."""

_TOLD_PARTS = 200
_LOOK_MS = 50


class FileReader:
    """A file that is open for reading.

    Args:
        path: The file, as it was given.
        file: The same, open.
        read: Returns at most so many bytes of its content, as soon as there are some; nothing at the end.
        ctx: Takes the progress; None to keep it.
    """

    def __init__(self, path: Path, file: IO[bytes], read: Callable[[int], bytes], ctx: StepContext | None) -> None:
        self.header: FileHeader = FileHeader(path=str(path), size_bytes=size_of(file))
        self._file = file
        self._read = read
        self._ctx = ctx
        self._told_bytes = 0

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Return some of the content, decompressed; nothing at the end.

        Args:
            size: Most bytes to return.

        Raises:
            DamagedFileError: A compressed file is cut off or damaged.
        """
        block = self._read(size)
        if self._ctx is not None and (size_bytes := self.header.size_bytes):
            done_bytes = self._file.tell()
            if done_bytes - self._told_bytes >= size_bytes / _TOLD_PARTS and done_bytes >= BLOCK_BYTES:
                self._told_bytes = done_bytes
                self._ctx.progress(done_bytes / size_bytes, "reading")
        return block

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in blocks, each as soon as it is there."""
        while block := self.read():
            yield block


@contextmanager
def opened(path: Path, compression: Compression, ctx: StepContext, *, tells: bool = True) -> Generator[FileReader]:
    """Open a file for reading.

    Args:
        path: The file; what is no regular file, such as a pipe, is read as soon as it gives something.
        compression: How it is compressed.
        ctx: Takes the progress through the file, and knows when to give up waiting for a pipe.
        tells: Whether the progress is told: not where the file is one of many.

    Yields:
        The file.

    Raises:
        OSError: There is no such file, or it cannot be read.
        MissingExtraError: Its format needs an optional dependency.
    """
    format_ = format_of(path, compression)
    with ExitStack() as stack:
        raw = cast("IO[bytes]", stack.enter_context(_raw(path)))
        file = raw if size_of(raw) is not None else cast("IO[bytes]", _PatientFile(raw, ctx))
        if format_ == "none":
            yield FileReader(path, raw, file.read, ctx if tells else None)
            return
        unpacked = stack.enter_context(decompressing(file, format_))
        yield FileReader(path, raw, _careful(unpacked.read1, path, format_, raw), ctx if tells else None)


def _raw(path: Path) -> FileIO:
    """Open a file; one that would wait for a writer, as a named pipe does, is opened at once."""
    if not S_ISFIFO(path.stat().st_mode):
        return FileIO(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return FileIO(descriptor)


class _PatientFile(RawIOBase):
    """A pipe or device, whose reader looks again and again whether it is still needed."""

    def __init__(self, file: IO[bytes], ctx: StepContext) -> None:
        self._file = file
        self._ctx = ctx
        self._poll: Callable[[], object] = lambda: True
        if sys.platform != "win32":  # where only sockets can be waited for
            poll = select.poll()
            poll.register(file, select.POLLIN)
            self._poll = partial(poll.poll, _LOOK_MS)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._poll():
            if self._ctx.cancelled:
                raise InterruptedError("nobody reads on")
        return self._file.read(size)


def _careful(read: Callable[[int], bytes], path: Path, format_: str, raw: IO[bytes]) -> Callable[[int], bytes]:
    """Return a function that reads, and tells what is wrong with a compressed file."""
    total_bytes = 0

    def careful(size: int) -> bytes:
        nonlocal total_bytes
        try:
            block = read(size)
            if not block and size_of(raw) == 0:  # which the module for gzip takes for a file without content
                raise EOFError
        except EOFError as error:
            msg = f"{path}: the {format_} data are cut off after {total_bytes} bytes of content; get the whole file"
            raise DamagedFileError(msg) from error
        except Exception as error:
            if not is_damage(error):
                raise
            hint = f"set compression to what it is, or mend the file: {str(error).rstrip('.')}"
            raise DamagedFileError(f"{path}: no {format_} data after {total_bytes} bytes of content; {hint}") from error
        total_bytes += len(block)
        return block

    return careful
