"""Compressed files: how a step finds their format, reads them and writes them."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BufferedWriter, RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal, TypeVar, cast

from pydantic import AfterValidator

from headwater import MissingExtraError
from headwater.toolkit import Archive, Content, DamagedFileError, Unpacker, archive_by_name, archive_suffix, packer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Compression", "DamagedFileError", "compressing", "content", "format_of", "is_available", "suffix_of"]

Name = TypeVar("Name", bound=str)

_HAS_ZSTD = sys.version_info >= (3, 14) or all(map(find_spec, ("backports", "backports.zstd")))


def is_available(name: Name) -> Name:
    """Return the name of a compression; raise if it needs an extra that is not installed."""
    if name == "zstd" and not _HAS_ZSTD:
        raise MissingExtraError("a file that is compressed by Zstandard", "zstd")
    return name


Compression = Annotated[Literal["auto", "none", "gzip", "bzip2", "xz", "zstd"], AfterValidator(is_available)]
"""How a file is compressed.

`auto` goes by its first bytes when it is read, and by the end of its name: `.gz`, `.bz2`, `.xz`, `.zst`.
"""

_BUFFER_BYTES = 64 * 1024
_HINT = "set compression to its format, or repair the file"


def format_of(path: Path, compression: Compression) -> Archive | None:
    """Return the format of a file by its name, or None for one that is not compressed.

    Example:
        >>> format_of(Path("log.jsonl.GZ"), "auto"), format_of(Path("log.gz"), "none"), format_of(Path("log"), "auto")
        ('gzip', None, None)
    """
    if compression == "auto":
        return archive_by_name(path)
    return None if compression == "none" else compression


def suffix_of(compression: Literal["none"] | Archive) -> str:
    """Return the end of the name of a compressed file.

    Example:
        >>> suffix_of("gzip"), suffix_of("none")
        ('.gz', '')
    """
    return "" if compression == "none" else archive_suffix(compression)


def content(path: Path, compression: Compression, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a file, given its blocks."""
    if compression == "none":
        yield from blocks
        return
    if compression == "auto":
        whole = Content(path, _HINT)
        for block in blocks:
            yield from whole.feed(block)
            if whole.is_plain:
                yield from blocks
                return
        yield from whole.finish()
        return
    unpacker = Unpacker(compression, path, _HINT)
    for block in blocks:
        yield from unpacker.feed(block)
    unpacker.finish()


class _Packed(RawIOBase):
    """A file that takes data and passes it on compressed."""

    def __init__(self, file: IO[bytes], archive: Archive) -> None:
        self._file = file
        self._packer = packer(archive)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        block = bytes(data)
        self._file.write(self._packer.compress(block))
        return len(block)

    def finish(self) -> None:
        """Write what the compressor has kept."""
        self._file.write(self._packer.flush())


@contextmanager
def compressing(file: IO[bytes], archive: Archive) -> Generator[IO[bytes]]:
    """Open a file for data that is compressed; the end of the context flushes the data and leaves the file open."""
    packed = _Packed(file, archive)
    with BufferedWriter(packed, _BUFFER_BYTES) as buffered:
        yield cast("IO[bytes]", buffered)
        buffered.flush()
        packed.finish()
