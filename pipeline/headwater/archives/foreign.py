"""Formats of files that are not text, known by how they begin."""

from __future__ import annotations

from typing import Final

__all__ = ["foreign_format"]

_SHEET = "save it as CSV if it is a spreadsheet, or unpack it"
_UNPACK = "unpack it first"
_EXPORT = "export what is in it first"
_READ = "read it with --input-format headwater, or with StreamReader"

_FORMATS: Final = (
    (0, b"PK\x03\x04", "a ZIP archive", _SHEET),
    (0, b"PK\x05\x06", "an empty ZIP archive", _UNPACK),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", _SHEET),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x1f\x9d", "a file of the tool compress", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file", _UNPACK),
    (0, b"LZIP\x01", "an lzip file", _UNPACK),
    (0, b"\xff\x06\0\0sNaPpY", "a Snappy file", _UNPACK),
    (0, b"PAR1", "a Parquet file", _EXPORT),
    (0, b"ORC\x11", "an ORC file", _EXPORT),
    (0, b"Obj\x01", "an Avro file", _EXPORT),
    (0, b"ARROW1\0\0", "an Arrow file", _EXPORT),
    (0, b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (0, b"%PDF-", "a PDF document", _EXPORT),
    (0, b"\x01\0\0\0", "a stream of Headwater", _READ),
)


def foreign_format(start: bytes) -> str | None:
    r"""Return what a file is that is not text, and what to do about it.

    Args:
        start: The first bytes.

    Returns:
        The format and a hint, or None for any other file.

    Example:
        >>> foreign_format(b"LZIP\x01"), foreign_format(b"salt")
        ('an lzip file; unpack it first', None)
    """
    for place, magic, name, hint in _FORMATS:
        if start.startswith(magic, place):
            return f"{name}; {hint}"
    return None
