"""Text in units of two or four bytes, known by how it begins."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import Final

__all__ = ["wide_encoding"]

_MARKS: Final = (
    (BOM_UTF32_LE, "utf-32"),  # before the mark of UTF-16, which it begins with
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)
_ZEROS: Final = {"utf-32-le": (0, 1, 1, 1), "utf-32-be": (1, 1, 1, 0), "utf-16-le": (0, 1), "utf-16-be": (1, 0)}
"""Which bytes of a unit are zero for nearly all characters of a Western text."""

_SAMPLE_BYTES: Final = 512
_FEWEST_BYTES: Final = 8
_MOSTLY: Final = 0.7
_PRINTABLE: Final = bytes(range(32, 127))


def wide_encoding(start: bytes) -> tuple[str, bool] | None:
    r"""Return the encoding of text in UTF-16 or UTF-32, when its first bytes show it.

    Args:
        start: The first bytes.

    Returns:
        The encoding, and whether a byte order mark shows it; None for any other text.

    Example:
        >>> wide_encoding(b"\xff\xfea\0"), wide_encoding(b"s\0a\0l\0t\0"), wide_encoding(b"a,b\n")
        (('utf-16', True), ('utf-16-le', False), None)
    """
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, True
    sample = start[:_SAMPLE_BYTES]
    if len(sample) < _FEWEST_BYTES or b"\0" not in sample:
        return None
    others = sample.replace(b"\0", b"")
    if len(others.translate(None, _PRINTABLE)) * 2 > len(others):  # zeros in data of another kind
        return None
    for encoding, zeros in _ZEROS.items():
        shares = [
            sample[place :: len(zeros)].count(0) / len(sample[place :: len(zeros)]) for place in range(len(zeros))
        ]
        if all(share >= _MOSTLY if zero else not share for share, zero in zip(shares, zeros, strict=True)):
            return encoding, False
    return None
