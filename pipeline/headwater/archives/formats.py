"""Formats of compressed data: their names, what they begin with, and what reads and writes them."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast

from headwater.errors import MissingExtraError

__all__ = [
    "LARGEST_MEMORY_BYTES",
    "Archive",
    "Packer",
    "archive_by_content",
    "archive_by_name",
    "archive_suffix",
    "decompressor",
    "packer",
    "without_suffix",
]

Archive = Literal["gzip", "bzip2", "xz", "zstd"]
"""A format of compressed data."""

_SUFFIXES: Final[dict[Archive, str]] = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}
"""The end of the name of a compressed file, by format."""

LARGEST_MEMORY_BYTES: Final = 128 * 1024 * 1024
"""Most memory that a decompressor takes: what the tool zstd allows; xz at its highest level needs 65 MiB."""

_LONGEST_MAGIC: Final = 10
_GZIP_BITS: Final = 16 + zlib.MAX_WBITS
_GZIP_LEVEL: Final = 6  # the default of the tool gzip: 9 takes three times as long to save 1 %
_BY_SUFFIX: Final[dict[str, Archive]] = {suffix: archive for archive, suffix in _SUFFIXES.items()}
_MAGIC: Final[tuple[tuple[bytes, Archive], ...]] = (
    (b"\x1f\x8b\x08", "gzip"),
    *((b"BZh%d" % level + block, "bzip2") for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90")),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
"""What the data of each format begins with: no text in any encoding that is supported begins so."""


class Packer(Protocol):
    """Compresses data piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take the bytes that follow, and return what is compressed of them."""
        ...

    def flush(self) -> bytes:
        """Take the end, and return the rest."""
        ...


class _Inflating:
    """A gzip member, with the methods that the decompressors of the other formats have."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_BITS)
        self._is_full = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        rest = self._inflate.unconsumed_tail
        piece = self._inflate.decompress(rest + data if rest else data, max_length)
        self._is_full = len(piece) == max_length
        return piece

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not (self._is_full or self._inflate.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data


def decompressor(archive: Archive) -> tuple[Callable[[], Any], type[Exception] | tuple[type[Exception], ...]]:
    """Return what decompresses one stream, and its errors."""
    match archive:
        case "gzip":
            return _Inflating, zlib.error
        case "bzip2":
            from bz2 import BZ2Decompressor

            return BZ2Decompressor, (OSError, ValueError)
        case "xz":
            from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

            return lambda: LZMADecompressor(FORMAT_XZ, LARGEST_MEMORY_BYTES), LZMAError
        case _:
            zstd = _zstd()
            return zstd.ZstdDecompressor, zstd.ZstdError


def packer(archive: Archive) -> Packer:
    """Return what compresses data.

    Args:
        archive: The format.

    Returns:
        An object with the methods `compress` and `flush`.

    Raises:
        MissingExtraError: The format is `zstd`, and the extra `zstd` is not installed.

    Example:
        >>> one = packer("gzip")
        >>> data = one.compress(b"salt") + one.flush()
        >>> zlib.decompress(data, wbits=31)
        b'salt'
    """
    match archive:
        case "gzip":
            return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS)
        case "bzip2":
            from bz2 import BZ2Compressor

            return BZ2Compressor()
        case "xz":
            from lzma import LZMACompressor

            return LZMACompressor()
        case _:
            return cast("Packer", _zstd().ZstdCompressor())


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


def archive_suffix(archive: Archive) -> str:
    """Return the end of the name of a compressed file.

    Args:
        archive: The format.

    Returns:
        The suffix, with its dot.

    Example:
        >>> archive_suffix("gzip")
        '.gz'
    """
    return _SUFFIXES[archive]


def archive_by_name(path: Path | str) -> Archive | None:
    """Return the format that the name of a file announces.

    Args:
        path: The file.

    Returns:
        The format, or None for a file that is not compressed.

    Example:
        >>> archive_by_name("log.jsonl.GZ"), archive_by_name("log.jsonl")
        ('gzip', None)
    """
    return _BY_SUFFIX.get(Path(path).suffix.lower())


def without_suffix(path: Path | str) -> Path:
    """Return the path of a file without the suffix of its compression.

    Args:
        path: The file.

    Returns:
        The path of its content.

    Example:
        >>> without_suffix("log.jsonl.gz").name, without_suffix("log.jsonl").name
        ('log.jsonl', 'log.jsonl')
    """
    return Path(path) if archive_by_name(path) is None else Path(path).with_suffix("")


def archive_by_content(start: bytes, *, final: bool = True) -> Archive | Literal["unknown"] | None:
    r"""Return the format of data by its first bytes.

    Args:
        start: The first bytes.
        final: Whether these are all that there are to know; otherwise more may be needed.

    Returns:
        The format; None for data that is not compressed; `unknown` when more bytes are needed.

    Example:
        >>> archive_by_content(b"\x1f\x8b\x08\0"), archive_by_content(b"BZip"), archive_by_content(b"BZ", final=False)
        ('gzip', None, 'unknown')
    """
    for magic, archive in _MAGIC:
        if start.startswith(magic):
            return archive
    begun = not final and len(start) < _LONGEST_MAGIC and any(magic.startswith(start) for magic, _ in _MAGIC)
    return "unknown" if begun else None
