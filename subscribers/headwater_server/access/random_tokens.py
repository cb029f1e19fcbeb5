"""Random tokens with a public part that finds them and a secret part that proves them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

__all__ = ["KEY_PREFIX", "TICKET_PREFIX", "RandomToken", "contains_token", "digest_of", "is_match", "public_part"]

KEY_PREFIX: Final = "hw"
TICKET_PREFIX: Final = "hwt"

_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(r"hwt?_(?P<public>[0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_ANYWHERE: Final = re.compile(rf"(?<![A-Za-z0-9]){_TOKEN.pattern}")
_UNKNOWN: Final = hashlib.sha256(secrets.token_bytes(_SECRET_BYTES)).hexdigest()


@dataclass(frozen=True, slots=True)
class RandomToken:
    """A new token: what its owner sends, and what is kept of it."""

    token: str
    public: str
    sha256: str

    def __repr__(self) -> str:
        """Show nothing that could be used."""
        return f"RandomToken(public={self.public!r})"

    @classmethod
    def new(cls, prefix: str) -> RandomToken:
        """Return a token with 256 random bits, after a part that is not secret."""
        public = secrets.token_hex(8)
        token = f"{prefix}_{public}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        return cls(token, public, digest_of(token))


def digest_of(token: str) -> str:
    """Return what is kept of a token: random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def public_part(token: str, prefix: str) -> str | None:
    """Return the part that finds a token, or None when it does not have the form of one."""
    found = _TOKEN.fullmatch(token)
    return found["public"] if found is not None and token.startswith(f"{prefix}_") else None


def is_match(token: str, sha256: str | None) -> bool:
    """Return whether a token is the one that was kept, in the same time for each; None for one that is unknown."""
    same = hmac.compare_digest(digest_of(token), _UNKNOWN if sha256 is None else sha256)
    return same and sha256 is not None


def contains_token(text: str) -> bool:
    """Return whether text contains a key or a ticket."""
    return _ANYWHERE.search(text) is not None
