"""What the checks read of an ASGI scope, and the refusals that they share."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from headwater_server.refusals import Refusal

__all__ = [
    "Scope",
    "bad_request",
    "bearer_token",
    "below",
    "changes_something",
    "header",
    "headers_of",
    "invalid_token",
    "not_authenticated",
    "query_of",
    "route_path",
]

Scope = MutableMapping[str, Any]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_FIELDS: Final = 1_000


def headers_of(scope: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of a header, each as it was sent."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]


def header(scope: Mapping[str, Any], name: str) -> str | None:
    """Return the value of a header that may be sent once, or None."""
    values = headers_of(scope, name)
    if len(values) > 1:
        raise bad_request(f"the header {name} was sent {len(values)} times; send it once")
    return values[0].strip() if values else None


def bearer_token(scope: Mapping[str, Any]) -> str | None:
    """Return the token of the header Authorization, or None without that header."""
    value = header(scope, "authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise not_authenticated("the header Authorization has another form; send Authorization: Bearer KEY")
    return token.strip()


def query_of(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names and values of the query string."""
    text: bytes = scope.get("query_string", b"")
    try:
        return parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise bad_request(f"the query string has more than {_MOST_FIELDS:,} fields") from None


def route_path(scope: Mapping[str, Any]) -> str:
    """Return the path of a request below the place where the app is mounted."""
    return below(scope.get("root_path", ""), scope["path"])


def below(root_path: str, path: str) -> str:
    """Return a path without the place where the app is mounted."""
    root = root_path.rstrip("/")
    return (path[len(root) :] or "/") if root and (path == root or path.startswith(f"{root}/")) else path


def changes_something(scope: Mapping[str, Any]) -> bool:
    """Return whether a request may do more than read: another method than GET, or a WebSocket."""
    return scope["type"] == "websocket" or scope["method"] not in _SAFE


def bad_request(message: str) -> Refusal:
    """Return the refusal of a request that cannot be understood."""
    return Refusal(400, "bad-request", message)


def not_authenticated(message: str) -> Refusal:
    """Return the refusal of a request whose caller is not known."""
    return Refusal(401, "not-authenticated", message, headers={"WWW-Authenticate": 'Bearer realm="headwater"'})


def invalid_token(message: str) -> Refusal:
    """Return the refusal of a request whose key, token or ticket is not valid; RFC 6750 has the form of the header."""
    challenge = f'Bearer realm="headwater", error="invalid_token", error_description="{message}"'
    return Refusal(401, "invalid-token", message, headers={"WWW-Authenticate": challenge})
