"""Compression of what is sent to clients, for those that ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

__all__ = ["Encoding", "Gzip", "Zstd", "negotiated"]

_LEVEL: Final = 6
_WINDOW_BITS: Final = 16 + 13  # gzip with a window of 8 KiB, as each client has one
_MEMORY_LEVEL: Final = 5
_ZSTD_LEVEL: Final = 3


class Encoding(Protocol):
    """How the body of one response is compressed.

    Where `pack` is not None, what it makes of some bytes stands for itself, so that several clients can share it.
    """

    name: str
    pack: Callable[[bytes], bytes] | None

    def add(self, data: bytes) -> bytes:
        """Return what to send for some bytes, which the client can read at once."""
        ...

    def end(self) -> bytes:
        """Return what ends the response."""
        ...


class Gzip:
    """One continuous member, flushed with every part: browsers and curl stop at the end of a first member."""

    name: str = "gzip"
    pack: Callable[[bytes], bytes] | None = None

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)

    def add(self, data: bytes) -> bytes:
        """Return what to send for some bytes, which the client can read at once."""
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """Return what ends the response."""
        return self._compressor.flush()


class Zstd:
    """A frame for each part, so that a part is compressed once for all clients, and none has a state."""

    name: str = "zstd"
    pack: Callable[[bytes], bytes] | None

    def __init__(self, compress: Callable[[bytes], bytes]) -> None:
        self.pack = compress
        self.add: Callable[[bytes], bytes] = compress

    def end(self) -> bytes:
        """Return what ends the response: the frames are complete."""
        return b""


def negotiated(accepted: str | None) -> Encoding | None:
    """Return the compression that a client asks for by `Accept-Encoding`: zstd where possible, else gzip."""
    names = _accepted(accepted or "")
    if "zstd" in names and (compress := _zstd()) is not None:
        return Zstd(compress)
    return Gzip() if "gzip" in names else None


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
