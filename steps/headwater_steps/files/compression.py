"""Compressed files: their formats, and how they are read and written."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

from headwater import HeadwaterError, MissingExtraError

__all__ = [
    "Compression",
    "DamagedFileError",
    "Decompressor",
    "compressing",
    "decompressing",
    "format_of",
    "is_damage",
    "suffix_of",
]

Compression = Literal["auto", "none", "gzip", "bzip2", "xz", "zstd"]
"""How a file is compressed; `auto` goes by the end of its name: `.gz`, `.bz2`, `.xz`, `.zst`."""

_FORMATS: dict[str, Compression] = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_SUFFIXES = {compression: suffix for suffix, compression in _FORMATS.items()}
_GZIP_LEVEL = 6  # the default of the tool gzip: 9 takes three times as long to save 1 %


class DamagedFileError(HeadwaterError, ValueError):
    """A compressed file is cut off, damaged, or of another format."""


class Decompressor(Protocol):
    """A compressed file that is open for reading."""

    def read1(self, size: int, /) -> bytes:
        """Return some data, at most `size` bytes; nothing at the end."""
        ...


def format_of(path: Path, compression: Compression) -> Compression:
    """Return the format of a file.

    Example:
        >>> format_of(Path("log.jsonl.GZ"), "auto"), format_of(Path("log.gz"), "none"), format_of(Path("log"), "auto")
        ('gzip', 'none', 'none')
    """
    return _FORMATS.get(path.suffix.lower(), "none") if compression == "auto" else compression


def suffix_of(compression: Compression) -> str:
    """Return the end of the name of a compressed file.

    Example:
        >>> suffix_of("gzip"), suffix_of("none")
        ('.gz', '')
    """
    return _SUFFIXES.get(compression, "")


def decompressing(file: IO[bytes], compression: Compression) -> AbstractContextManager[Decompressor]:
    """Open a compressed file for reading, piece by piece; its format is neither `auto` nor `none`."""
    return cast("AbstractContextManager[Decompressor]", _opened(file, compression, "rb"))


def compressing(file: IO[bytes], compression: Compression) -> AbstractContextManager[IO[bytes]]:
    """Open a file for data that is compressed; the end of the context flushes the data and leaves the file open."""
    return cast("AbstractContextManager[IO[bytes]]", _opened(file, compression, "wb"))


def _opened(file: IO[bytes], compression: Compression, mode: Literal["rb", "wb"]) -> Any:
    match compression:
        case "gzip":
            from gzip import GzipFile

            return GzipFile("", mode, _GZIP_LEVEL, file, mtime=0)
        case "bzip2":
            from bz2 import BZ2File

            return BZ2File(file, mode)
        case "xz":
            from lzma import LZMAFile

            return LZMAFile(file, mode)
        case _:
            return _zstd().ZstdFile(file, mode)


def _zstd() -> Any:
    """Return the module for Zstandard (RFC 8878): that of the standard library since Python 3.14, or a backport."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise MissingExtraError("a file that is compressed by Zstandard", "zstd") from error
    return zstd


def is_damage(error: Exception) -> bool:
    """Return whether an error of a decompressor is about the data, not about the disk they come from.

    Example:
        >>> is_damage(EOFError()), is_damage(OSError("Invalid data stream")), is_damage(OSError(5, "I/O error"))
        (True, True, False)
    """
    if isinstance(error, OSError):
        return error.errno is None
    return isinstance(error, EOFError) or type(error).__name__ in {"LZMAError", "ZstdError", "error"}
