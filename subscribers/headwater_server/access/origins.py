"""Which hosts and origins a request may name: DNS rebinding, cross-site requests, CORS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from headwater import HeadwaterError
from headwater_server.access.scope_reading import bad_request, changes_something, header, headers_of
from headwater_server.refusals import Refusal

__all__ = ["API_HEADERS", "PAGE_HEADERS", "Origins", "check_bind", "check_unprotected", "is_loopback"]

API_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer with data: a browser neither guesses its type nor shows it inside another page."""

PAGE_HEADERS: Final[Mapping[str, str]] = {
    **API_HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every page: scripts from the server alone, none inline, and no frame around it."""

_METHODS: Final = "GET, HEAD, POST, PUT, DELETE"
_ASKED: Final = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, traceparent, tracestate"
_EXPOSED: Final = "Content-Type, Headwater-Execution, Link, Location, Retry-After, WWW-Authenticate"
_PROXY_HEADERS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_BODY_TYPES: Final = (
    "application/json",
    "application/jsonl",
    "application/octet-stream",
    "application/vnd.headwater.stream",
    "application/x-ndjson",
    "application/yaml",
)


class Origins:
    """The origins whose pages may use the server, besides its own.

    Args:
        allowed: Origins such as `https://app.example.com`.

    Raises:
        HeadwaterError: One of them is not an origin.

    Example:
        >>> Origins(["https://app.example.com"]).allowed
        frozenset({'https://app.example.com'})
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed: frozenset[str] = frozenset(_checked_origin(origin) for origin in allowed)

    def is_allowed(self, scope: Mapping[str, Any]) -> bool:
        """Return whether a request comes from a program, a page of this server, or an allowed page."""
        origin = header(scope, "origin")
        return origin is None or self._is_known(origin, scope)

    def check(self, scope: Mapping[str, Any]) -> None:
        """Refuse a WebSocket, and a request that changes something, when it comes from another site.

        Args:
            scope: The ASGI scope.

        Raises:
            Refusal: The page is not allowed, or the body has a type that any page can send.
        """
        if not changes_something(scope):
            return
        if not self.is_allowed(scope):
            raise _other_site()
        if scope["type"] == "http":
            _check_body_type(scope)

    def preflight(self, scope: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the headers of the answer to a CORS preflight request, or None when it is not one.

        Args:
            scope: The ASGI scope.

        Returns:
            The headers; the status is 204.

        Raises:
            Refusal: The page is not allowed.
        """
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            return None
        if header(scope, "origin") is None or header(scope, "access-control-request-method") is None:
            return None
        if not self.is_allowed(scope):
            raise _other_site()
        private = header(scope, "access-control-request-private-network") == "true"
        return {
            **self.headers(scope),
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ASKED,
            "Access-Control-Max-Age": "600",
            **({"Access-Control-Allow-Private-Network": "true"} if private else {}),
        }

    def headers(self, scope: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers that let an allowed page read an answer, and keep caches from mixing answers up.

        Args:
            scope: The ASGI scope.

        Returns:
            The headers.
        """
        values = headers_of(scope, "origin")
        vary = {"Vary": "Origin"}
        if len(values) != 1 or not self._is_known(values[0], scope):
            return vary
        return {**vary, "Access-Control-Allow-Origin": values[0], "Access-Control-Expose-Headers": _EXPOSED}

    def _is_known(self, origin: str, scope: Mapping[str, Any]) -> bool:
        return origin in self.allowed or _is_same(origin, scope)


def check_unprotected(scope: Mapping[str, Any]) -> None:
    """Refuse a request to a server without authentication when it may come from elsewhere than this machine."""
    hint = "start the server with --keys FILE, or with --insecure where the network itself is protected"
    server = scope.get("server")
    if server is None or not (server[1] is None or is_loopback(server[0])):
        message = "the server has no authentication, so it answers on loopback addresses only"
        raise Refusal(403, "not-loopback", f"{message}; {hint}")
    host = header(scope, "host")
    if host is None:
        raise bad_request("the request has no header Host")
    name = _name_of(host)
    if name is None or not is_loopback(name):
        message = "the server has no authentication, so the header Host must name the loopback, such as localhost"
        raise Refusal(421, "wrong-host", f"{message}; {hint}")
    if any(headers_of(scope, one) for one in _PROXY_HEADERS):
        message = "the request came through a proxy, and the server has no authentication"
        raise Refusal(403, "behind-proxy", f"{message}; {hint}")


def check_bind(host: str, auth: object, *, insecure: bool = False) -> None:
    """Refuse to serve other machines without authentication.

    Args:
        host: The address or name that the server will listen on.
        auth: How callers are authenticated; None for not at all.
        insecure: Whether the operator accepts that any caller can do everything.

    Raises:
        HeadwaterError: Any machine that reaches the address could use the server.

    Example:
        >>> check_bind("127.0.0.1", None)
    """
    if auth is not None or insecure or is_loopback(host.removeprefix("[").removesuffix("]")):
        return
    reason = f"every machine that reaches {host or 'this address'} could start, read and cancel executions"
    hint = "pass --keys FILE (headwater keys new makes one), listen on 127.0.0.1, or pass --insecure"
    raise HeadwaterError(f"the server has no authentication, and {reason}; {hint}")


def is_loopback(name: str) -> bool:
    """Return whether a name or an address is that of the machine itself, without asking any name server."""
    name = name.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761: no name server may answer otherwise
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def _split(authority: str) -> tuple[str, int | None] | None:
    """Return the name and the port of `host:port`, or None when it has another form."""
    if not authority or any(mark in authority for mark in "/?#@\\ \t,"):
        return None
    try:
        parts = urlsplit(f"//{authority}")
        return (parts.hostname or "").lower().removesuffix("."), parts.port
    except ValueError:
        return None


def _name_of(host: str) -> str | None:
    parts = _split(host)
    return None if parts is None else parts[0]


def _is_same(origin: str, scope: Mapping[str, Any]) -> bool:
    """Return whether a page came from this server: TLS may end at a proxy, but an insecure page is another site."""
    scheme, separator, authority = origin.partition("://")
    host = header(scope, "host")
    if not separator or host is None or scheme not in {"http", "https"}:
        return False
    if scope.get("scheme") in {"https", "wss"} and scheme == "http":
        return False
    page, asked = _split(authority), _split(host)
    if page is None or asked is None:
        return False
    default = _PORTS[scheme]
    return (page[0], page[1] or default) == (asked[0], asked[1] or default)


def _checked_origin(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
        form = "expected a scheme, a host and perhaps a port, such as https://app.example.com"
        raise HeadwaterError(f"{origin!r} is not an origin that can be allowed; {form}")
    return origin.lower()


def _check_body_type(scope: Mapping[str, Any]) -> None:
    """Refuse bodies of the types that a page of any site can send without a preflight."""
    content_type = header(scope, "content-type")
    if content_type is None:
        length = header(scope, "content-length")
        if length in {None, "0"} and not headers_of(scope, "transfer-encoding"):
            return
    name = (content_type or "").partition(";")[0].strip().lower()
    if name not in _BODY_TYPES:
        expected = f"expected application/json (curl: --json) or one of: {', '.join(_BODY_TYPES[1:])}"
        raise Refusal(415, "unsupported-media-type", f"the body has the type {name or 'of nothing'!r}; {expected}")


def _other_site() -> Refusal:
    hint = "allow its origin with --origin ORIGIN"
    return Refusal(403, "origin-not-allowed", f"the page that sent the request may not use this server; {hint}")
