"""Callers of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ANONYMOUS", "LOCAL", "Principal"]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller of the server, who owns the executions that were started with this name.

    Args:
        name: The name of the caller: that of an API key, or the subject of a token.
        scopes: What the token of the caller is for, for checks of your own.
        expires_s: When the caller has to authenticate again, in seconds since 1970; None for never.
        is_revoked: Returns whether the caller has lost its rights in the meantime.

    Example:
        >>> Principal("ci").is_valid()
        True
    """

    name: str
    scopes: frozenset[str] = frozenset()
    expires_s: float | None = None
    is_revoked: Callable[[], bool] = field(default=_never, repr=False, compare=False)

    def is_valid(self, now_s: float | None = None) -> bool:
        """Return whether the caller is still authenticated, also while a stream is open.

        Args:
            now_s: The time, in seconds since 1970; now by default.

        Returns:
            False once the token has expired or the key was revoked.
        """
        now_s = time.time() if now_s is None else now_s
        return (self.expires_s is None or now_s < self.expires_s) and not self.is_revoked()


ANONYMOUS: Final = Principal("anonymous")
"""A caller of what needs no authentication, such as `/healthz`."""

LOCAL: Final = Principal("local")
"""Every caller of a server without authentication."""
