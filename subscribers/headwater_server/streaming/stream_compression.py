"""Compression of what is sent to clients, for those that ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

__all__ = ["Encoding", "negotiated"]

_LEVEL: Final = 6
_WINDOW_BITS: Final = 16 + 13  # gzip with a window of 8 KiB, as each client has one
_MEMORY_LEVEL: Final = 5
_ZSTD_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the body of one response is compressed.

    `add` returns what to send for some bytes, which the client can read at once, and `end` what ends the response.
    Where there is a `pack`, what it makes of some bytes stands for itself, so that several clients can share it.
    """

    name: str
    add: Callable[[bytes], bytes]
    end: Callable[[], bytes]
    pack: Callable[[bytes], bytes] | None = None


def _gzip() -> Encoding:
    """Return one continuous member, flushed with every part: browsers and curl stop at the end of a first member."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)

    def add(data: bytes) -> bytes:
        return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)

    return Encoding("gzip", add, compressor.flush)


def negotiated(accepted: str | None) -> Encoding | None:
    """Return the compression that a client asks for by `Accept-Encoding`: zstd where possible, else gzip."""
    names = _accepted(accepted or "")
    if "zstd" in names and (compress := _zstd()) is not None:
        return Encoding("zstd", compress, bytes, compress)  # a frame for each part
    return _gzip() if "gzip" in names else None


def _accepted(header: str) -> set[str]:
    names: set[str] = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            names.add(name.strip())
    return names


@cache
def _zstd() -> Callable[[bytes], bytes] | None:
    """Return the compression of a frame, where the library is installed."""
    for name in ("compression.zstd", "backports.zstd"):
        if find_spec(name.partition(".")[0]) is not None and find_spec(name) is not None:
            library: Any = import_module(name)
            return lambda data: library.compress(data, _ZSTD_LEVEL)
    return None
