"""Bodies that are unpacked while they arrive: in constant memory, and never mistaken for complete when they are not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

__all__ = ["Gunzip", "Plain", "Unpacker", "unpacker"]

PIECE_BYTES: Final = 64 * 1024
"""Most bytes that are unpacked at once, so that a small body that grows a thousandfold does no harm."""

_GZIP_BITS: Final = 16 + zlib.MAX_WBITS


class Unpacker(Protocol):
    """Unpacks a body as it arrives."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the bytes that follow, and yield what they hold."""
        ...

    def finish(self) -> None:
        """Take the end of the body."""
        ...


class Plain:
    """A body that is not packed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes as they are."""
        yield data

    def finish(self) -> None:
        """Take the end, which may be anywhere."""


class Gunzip:
    """A body of gzip members, one after the other (RFC 1952).

    Example:
        >>> import gzip
        >>> unpacker = Gunzip()
        >>> b"".join(unpacker.feed(gzip.compress(b"salt")))
        b'salt'
        >>> unpacker.finish()
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_BITS)
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the bytes that follow, and yield what they hold, at most `PIECE_BYTES` at a time."""
        piece = b""
        while data or len(piece) == PIECE_BYTES:
            if self._inflate.eof:
                if not data:
                    return
                self._inflate = zlib.decompressobj(_GZIP_BITS)
            self._is_begun = True
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise ValueError(f"the body is not valid gzip data: {error}") from error
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        """Take the end; an empty body is complete, because the answer to `HEAD` has none."""
        if self._is_begun and not self._inflate.eof:
            raise ValueError("the gzip data of the body are cut off")


def unpacker(coding: str) -> Unpacker:
    """Return what unpacks a body with a content encoding (RFC 9110, section 8.4)."""
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return Plain()
    if coding in {"gzip", "x-gzip"}:
        return Gunzip()
    raise ValueError(
        f"the body has the content encoding {coding[:60]!r}, which was not requested; only gzip is supported"
    )
