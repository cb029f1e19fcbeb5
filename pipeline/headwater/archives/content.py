"""The content of compressed files, which are read whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from headwater.archives.formats import (
    LARGEST_MEMORY_BYTES,
    Archive,
    archive_by_content,
    archive_by_name,
    decompressor,
)
from headwater.errors import HeadwaterError
from headwater.files.confinement import open_inside

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Content", "DamagedFileError", "Unpacker", "open_unpacked"]

REPAIR: Final = "repair the file, or get it again"
"""What to do about invalid data, where nothing better is known."""

PIECE_BYTES: Final = 64 * 1024
"""Most bytes that are decompressed at once, so that a small file that grows a thousandfold does no harm."""


class DamagedFileError(HeadwaterError, ValueError):
    """A compressed file is cut off, damaged, or of another format.

    Args:
        path: The file.
        reason: What is wrong with it, and what to do.

    Example:
        >>> print(DamagedFileError("log.gz", "the gzip data are cut off"))
        log.gz: the gzip data are cut off
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Unpacker:
    """Decompresses data piece by piece, as it arrives.

    The data may consist of several streams, one after the other, with zeros between and after them. Anything else after
    a stream is an error, as is a stream without its end: what was damaged never looks like something shorter.

    Args:
        archive: The format.
        path: The file, for messages.
        hint: What to do about invalid data, for messages.

    Raises:
        MissingExtraError: The format is `zstd`, and the extra `zstd` is not installed.

    Example:
        >>> import gzip
        >>> unpacker = Unpacker("gzip", "log.gz")
        >>> b"".join(unpacker.feed(gzip.compress(b"salt") + gzip.compress(b", water")))
        b'salt, water'
        >>> unpacker.finish()
    """

    def __init__(self, archive: Archive, path: Path | str, hint: str = REPAIR) -> None:
        self._archive = archive
        self._path = path
        self._hint = hint
        self._new, self._errors = decompressor(archive)
        self._stream: Any = None
        self._has_begun = False
        self._total_bytes = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the bytes that follow.

        Args:
            data: Any number of bytes.

        Yields:
            What is complete with them, in pieces of at most 64 KiB.

        Raises:
            DamagedFileError: The data is invalid, or needs more than 128 MiB of memory.
        """
        while True:
            stream = self._stream
            if stream is None:
                data = data.lstrip(b"\0") if self._has_begun else data
                if not data:
                    return
                stream = self._stream = self._new()
                self._has_begun = True
            try:
                piece = stream.decompress(data, PIECE_BYTES)
            except self._errors as error:
                raise self._invalid(error) from error
            if piece:
                self._total_bytes += len(piece)
                yield piece
            if stream.eof:
                data = stream.unused_data
                self._stream = None
            elif stream.needs_input:
                return
            else:
                data = b""

    def finish(self) -> None:
        """Take the end of the data.

        Raises:
            DamagedFileError: The data is cut off.
        """
        if self._stream is not None or not self._has_begun:
            whole = f"the {self._archive} data are cut off after {self._total_bytes} bytes of content"
            raise DamagedFileError(self._path, f"{whole}; get the whole file")

    def _invalid(self, error: Exception) -> DamagedFileError:
        said = str(error).rstrip(".")
        if "emory" in said:
            limit = f"the {self._archive} data need more than {LARGEST_MEMORY_BYTES // 2**20} MiB of memory"
            return DamagedFileError(self._path, f"{limit} to be decompressed; compress it with a smaller dictionary")
        place = f"invalid {self._archive} data after {self._total_bytes} bytes of content"
        return DamagedFileError(self._path, f"{place}; {self._hint}: {said}")


class Content:
    """The content of a file that may be compressed: its format is known by its first bytes, or by its name.

    Args:
        path: The file, for its name and for messages.
        hint: What to do about invalid data, for messages.

    Example:
        >>> content = Content("log.txt")
        >>> [*content.feed(b"salt"), *content.finish()]
        [b'salt']
    """

    def __init__(self, path: Path | str, hint: str = REPAIR) -> None:
        self._path = path
        self._hint = hint
        self._start: bytes | None = b""
        self._unpacker: Unpacker | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the file is known not to be compressed."""
        return self._start is None and self._unpacker is None

    def feed(self, data: bytes, *, final: bool = False) -> Iterator[bytes]:
        """Take the bytes that follow.

        Args:
            data: Any number of bytes.
            final: Whether there are no others.

        Yields:
            What is complete with them, decompressed.

        Raises:
            DamagedFileError: The data is invalid, or needs too much memory.
            MissingExtraError: The data is compressed by Zstandard, and the extra `zstd` is not installed.
        """
        if self._start is not None:
            data = self._start + data
            archive = archive_by_content(data, final=final)
            if archive == "unknown":
                self._start = data
                return
            self._start = None
            if archive := archive or archive_by_name(self._path):
                self._unpacker = Unpacker(archive, self._path, self._hint)
        if self._unpacker is not None:
            yield from self._unpacker.feed(data)
        elif data:
            yield data

    def finish(self) -> Iterator[bytes]:
        """Take the end of the file.

        Yields:
            What is left.

        Raises:
            DamagedFileError: The data is cut off.
        """
        yield from self.feed(b"", final=True)
        if self._unpacker is not None:
            self._unpacker.finish()


class _UnpackedFile(RawIOBase):
    """The content of a file, as a file."""

    def __init__(self, path: Path, file: RawIOBase) -> None:
        self._file = file
        self._content = Content(path)
        self._pieces = self._all()
        self._waiting = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        if not self._waiting:
            self._waiting = memoryview(next(self._pieces, b""))
        size = min(len(target), len(self._waiting))
        target[:size] = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()

    def _all(self) -> Iterator[bytes]:
        while block := self._file.read(PIECE_BYTES):
            yield from self._content.feed(block)
        yield from self._content.finish()


def open_unpacked(path: Path) -> IO[bytes]:
    """Open a file for reading; one that is compressed, by its first bytes or its name, is decompressed.

    Args:
        path: The file.

    Returns:
        The content. Reading it raises a `DamagedFileError` where a compressed file is damaged or cut off.

    Raises:
        OSError: The file cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "log.txt")
        ...     _ = path.write_bytes(b"salt")
        ...     with open_unpacked(path) as file:
        ...         file.read()
        b'salt'
    """
    return BufferedReader(_UnpackedFile(path, FileIO(path, opener=open_inside)), PIECE_BYTES)
