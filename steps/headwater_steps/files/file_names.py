"""Names of files that are made of data, and never leave their folder."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import Any, Final

from pydantic_core import to_json

__all__ = ["file_name", "same_file"]

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\ud800-\udfff]|^\.|[. ]$')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_LONGEST_BYTES: Final = 180
_KEPT_BYTES: Final = 120
_EMPTY: Final = "%"


def file_name(key: Any) -> str:
    """Return the name of the file for a key.

    Characters that a name cannot contain on some system, or that would leave the folder, are written as `%` and the
    hexadecimal digits of their UTF-8 bytes, as in URLs (RFC 3986), `%` included; so different keys have different
    names. A long name is cut, and ends with a digest of the whole.

    Example:
        >>> file_name("books"), file_name("../etc"), file_name("con"), file_name(None)
        ('books', '%2E.%2Fetc', '%63on', 'null')
    """
    if not isinstance(key, str | int | float | None):
        raise TypeError(f"a {type(key).__name__} cannot be the name of a file; set by to a field that is a string")
    text = key if isinstance(key, str) else to_json(key).decode()
    if not text:
        return _EMPTY
    name = _UNSAFE.sub(_escaped, text)
    if _RESERVED.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    encoded = name.encode()
    if len(encoded) <= _LONGEST_BYTES:
        return name
    digest = sha256(encoded).hexdigest()[:32]
    return f"{encoded[:_KEPT_BYTES].decode(errors='ignore')}%{digest}"


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def same_file(name: str) -> str:
    """Return what is equal for two names that some systems take for the same file.

    Example:
        >>> same_file("Caf\N{LATIN SMALL LETTER E WITH ACUTE}") == same_file("cafe\N{COMBINING ACUTE ACCENT}")
        True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
