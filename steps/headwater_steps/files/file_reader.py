"""Files that are read in blocks: plain or compressed, regular files and pipes, with progress."""

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

_REPORTED_PARTS = 200
_LOOK_MS = 50


class FileReader:
    """A file that is open for reading."""

    def __init__(self, path: Path, file: IO[bytes], read: Callable[[int], bytes], ctx: StepContext | None) -> None:
        self.header: FileHeader = FileHeader(path=str(path), size_bytes=size_of(file))
        self._file = file
        self._read = read
        self._ctx = ctx
        self._reported_bytes = 0

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Return some of the content, decompressed; nothing at the end."""
        block = self._read(size)
        if self._ctx is not None and (size_bytes := self.header.size_bytes):
            done_bytes = self._file.tell()
            if done_bytes - self._reported_bytes >= size_bytes / _REPORTED_PARTS and done_bytes >= BLOCK_BYTES:
                self._reported_bytes = done_bytes
                self._ctx.progress(done_bytes / size_bytes, "reading")
        return block

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in blocks, each as soon as it can be read."""
        while block := self.read():
            yield block


@contextmanager
def opened(path: Path, compression: Compression, ctx: StepContext, *, reports: bool = True) -> Generator[FileReader]:
    """Open a file for reading."""
    format_ = format_of(path, compression)
    with ExitStack() as stack:
        raw = cast("IO[bytes]", stack.enter_context(_raw(path)))
        file = raw if size_of(raw) is not None else cast("IO[bytes]", _PatientFile(raw, ctx))
        if format_ == "none":
            yield FileReader(path, raw, file.read, ctx if reports else None)
            return
        unpacked = stack.enter_context(decompressing(file, format_))
        yield FileReader(path, raw, _careful(unpacked.read1, path, format_, raw), ctx if reports else None)


def _raw(path: Path) -> FileIO:
    """Open a file without waiting for a writer, as the open of a named pipe would."""
    if not S_ISFIFO(path.stat().st_mode):
        return FileIO(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return FileIO(descriptor)


class _PatientFile(RawIOBase):
    """A pipe or device, whose reader checks now and then whether the step was cancelled."""

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


def _careful(read: Callable[[int], bytes], path: Path, format_: str, raw: IO[bytes]) -> Callable[[int], bytes]:
    """Return a function that reads, and says what is wrong with a compressed file."""
    total_bytes = 0

    def careful(size: int) -> bytes:
        nonlocal total_bytes
        try:
            block = read(size)
            if not block and size_of(raw) == 0:  # which `gzip` takes for a file without content
                raise EOFError
        except EOFError as error:
            msg = f"{path}: the {format_} data are cut off after {total_bytes} bytes of content; get the whole file"
            raise DamagedFileError(msg) from error
        except Exception as error:
            if not is_damage(error):
                raise
            hint = f"set compression to its format, or repair the file: {str(error).rstrip('.')}"
            raise DamagedFileError(
                f"{path}: invalid {format_} data after {total_bytes} bytes of content; {hint}"
            ) from error
        total_bytes += len(block)
        return block

    return careful
