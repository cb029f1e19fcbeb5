"""The bytes of a body: unpacked piece by piece, in constant memory, and never taken for whole when they are not."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, Protocol, cast, get_args

from headwater_steps.files.encodings import Encoding

__all__ = ["Gunzip", "Plain", "Unpacker", "declared_encoding", "unpacker"]

PIECE_BYTES: Final = 64 * 1024
"""Most bytes that are unpacked at once, so that a small body that grows a thousandfold does no harm."""

_GZIP_BITS: Final = 16 + zlib.MAX_WBITS
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_OTHER_NAMES: Final = {
    "utf8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", "iso8859-1": "latin-1", "latin1": "latin-1",
    "windows-1250": "cp1250", "windows-1251": "cp1251", "windows-1252": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "shift-jis": "shift_jis", "sjis": "shift_jis",
}  # fmt: skip
"""Names of charsets (https://www.iana.org/assignments/character-sets) whose encoding has another one."""


class Unpacker(Protocol):
    """Unpacks a body as it comes."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the bytes that follow, and yield what they hold.

        Raises:
            ValueError: They are damaged.
        """
        ...

    def finish(self) -> None:
        """Take the end of the body.

        Raises:
            ValueError: There must be more of it.
        """
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
                raise ValueError(f"the body is no gzip data: {error}") from error
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        """Take the end; a body without a byte is whole, as the answer to `HEAD` has none."""
        if self._is_begun and not self._inflate.eof:
            raise ValueError("the gzip data of the body are cut off")


def unpacker(coding: str) -> Unpacker:
    """Return what unpacks a body.

    Args:
        coding: The header `content-encoding` (RFC 9110, section 8.4); may be empty.

    Raises:
        ValueError: The coding is none that was asked for.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return Plain()
    if coding in {"gzip", "x-gzip"}:
        return Gunzip()
    raise ValueError(f"the body has the content encoding {coding[:60]!r}, which was not asked for; only gzip is read")


def declared_encoding(content_type: str | None) -> Encoding:
    """Return how a text is encoded.

    Args:
        content_type: The header `content-type` (RFC 9110, section 8.3), or None.

    Returns:
        What it says as its charset; UTF-8 when it says none.

    Raises:
        ValueError: The charset is not known.

    Example:
        >>> declared_encoding("text/html; charset=ISO-8859-1"), declared_encoding("application/json")
        ('latin-1', 'utf-8')
    """
    match = _CHARSET.search(content_type or "")
    if match is None:
        return "utf-8"
    name = match[1].lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in get_args(Encoding):
        raise ValueError(f"the body has the charset {match[1][:60]!r}, which is not known; set encoding")
    return cast("Encoding", name)
