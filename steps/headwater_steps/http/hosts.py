"""Hosts that a step may request: what a document allows before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from headwater_steps.http.http_errors import HttpRefusedError

__all__ = ["HostPattern", "Hosts"]

_PATTERN = re.compile(r"(\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::(\*|[0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ANY_PORT: Final = -1


def _checked_pattern(pattern: str) -> str:
    pattern = pattern.lower()
    if _PATTERN.fullmatch(pattern) is None:
        raise ValueError(
            "expected a host such as api.example.com, *.example.com, api.example.com:8443 or [2001:db8::1], in ASCII "
            "(an international name as xn--...), without a scheme or path; * is every host"
        )
    return pattern


HostPattern = Annotated[
    str, Field(max_length=255, json_schema_extra={"pattern": f"^{_PATTERN.pattern}$"}), AfterValidator(_checked_pattern)
]
"""A host that may be requested: `api.example.com`, `*.example.com` for those below it, `*` for every one.

Without a port the default ports of `http` and `https` are meant; `:8443` is another one, `:*` is any.
"""


class Hosts:
    """The hosts that may be requested.

    Example:
        >>> hosts = Hosts(["api.example.com", "*.example.org:*"])
        >>> hosts.allow("https", "api.example.com", None), hosts.allow("https", "api.example.com", 8443)
        (True, False)
        >>> hosts.allow("http", "www.example.org", 8080), hosts.allow("http", "example.org", 8080)
        (True, False)
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._parsed = [_parsed(pattern) for pattern in patterns]

    def allow(self, scheme: str, host: str, port: int | None) -> bool:
        """Return whether a host may be requested."""
        default = _DEFAULT_PORTS.get(scheme)
        given = default if port is None else port
        return any(
            _host_fits(name, host.lower()) and (allowed == _ANY_PORT or given == (allowed or default))
            for name, allowed in self._parsed
        )

    def check(self, place: str, scheme: str, host: str, port: int | None) -> None:
        """Refuse what must not be requested."""
        if scheme not in _DEFAULT_PORTS:
            raise HttpRefusedError(place, "expected a URL that starts with http:// or https://")
        if not host:
            raise HttpRefusedError(place, "expected a URL with a host")
        if port is not None and not 0 < port < 65_536:
            raise HttpRefusedError(place, f"expected a port from 1 to 65535, found {port}")
        if not self.allow(scheme, host, port):
            shown = f"{host}:{port}" if port is not None else host
            raise HttpRefusedError(
                place, f"the host {shown} is not among the allowed ones ({', '.join(self._patterns)}); add it to hosts"
            )


def _parsed(pattern: str) -> tuple[str, int | None]:
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise ValueError(f"{pattern!r} is not a pattern of hosts")
    host, port = match.groups()
    return host.strip("[]"), None if port is None else _ANY_PORT if port == "*" else int(port)


def _host_fits(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1 if pattern.startswith("*.") else host == pattern
