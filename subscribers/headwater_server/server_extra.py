"""The extra `server`, whose packages are imported on first use."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from headwater import MissingExtraError

__all__ = ["needing_the_extra"]

_PACKAGES: Final = frozenset({"jwt", "limits", "starlette", "uvicorn", "websockets"})


@contextmanager
def needing_the_extra() -> Generator[None]:
    """Name the extra when the block imports one of its packages and it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _PACKAGES:
            raise MissingExtraError("the server", "server") from error
        raise
