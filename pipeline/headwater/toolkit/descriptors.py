"""Reading the bytes of files, pipes and terminals as they arrive."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
from anyio import to_thread

__all__ = ["chunks_of"]


async def chunks_of(descriptor: int, size_bytes: int) -> AsyncGenerator[bytes]:
    """Yield the bytes of an open file as they arrive; the wait for them can be cancelled.

    Args:
        descriptor: The file, which is closed at the end.
        size_bytes: Most bytes to read at once.

    Yields:
        At least one byte, as soon as it is there.

    Raises:
        OSError: The file cannot be read.

    Example:
        >>> async def main() -> bytes:
        ...     reading, writing = os.pipe()
        ...     os.write(writing, b"salt")
        ...     os.close(writing)
        ...     return b"".join([chunk async for chunk in chunks_of(reading, 1024)])
        >>> anyio.run(main)
        b'salt'
    """
    try:
        while chunk := await _read(descriptor, size_bytes):
            yield chunk
    finally:
        os.close(descriptor)


async def _read(descriptor: int, size_bytes: int) -> bytes:
    while True:
        try:
            await anyio.wait_readable(descriptor)
        except OSError:  # a regular file cannot be waited for, and need not be: its bytes are there
            return await to_thread.run_sync(os.read, descriptor, size_bytes)
        with suppress(BlockingIOError):  # another reader of the pipe was faster
            return os.read(descriptor, size_bytes)
