"""Headers that a document or an item may set, and those that a redirect keeps."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, Field, SecretStr

__all__ = ["HeaderName", "HeaderText", "SecretHeaderText", "kept_across_origins"]

_OWN_HEADERS: Final = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_KEPT: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-language", "content-type", "user-agent"}
)
_TEXT = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
Value = TypeVar("Value")


def _own_name(name: str) -> str:
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"the header {name} is set by the step itself; leave it out")
    return name


def _plain_text(text: str) -> str:
    if _TEXT.fullmatch(text) is None:
        raise ValueError("expected a string of printable ASCII characters without spaces at its ends")
    return text


def _plain_secret(secret: SecretStr) -> SecretStr:
    _plain_text(secret.get_secret_value())
    return secret


HeaderName = Annotated[str, Field(max_length=256, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), AfterValidator(_own_name)]
"""Name of a header (RFC 9110, section 5.1) that is not the client's own business."""

HeaderText = Annotated[
    str, Field(max_length=8192, json_schema_extra={"pattern": f"^{_TEXT.pattern}$"}), AfterValidator(_plain_text)
]
"""Value of a header (RFC 9110, section 5.5)."""

SecretHeaderText = Annotated[SecretStr, AfterValidator(_plain_secret)]
"""Value of a header that is never shown."""


def kept_across_origins(headers: Mapping[str, Value], secret: Collection[str]) -> dict[str, Value]:
    """Return the headers that a redirect to another origin keeps: none that is secret or could be a credential.

    Example:
        >>> kept_across_origins({"Accept": "text/csv", "User-Agent": "...", "X-Key": "..."}, {"user-agent"})
        {'Accept': 'text/csv'}
    """
    return {name: value for name, value in headers.items() if name.lower() in _KEPT - set(secret)}
