"""Hosts and addresses that a step may connect to: what a document allows, and what is public."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field

__all__ = ["AllowedHosts", "HostPattern", "address_fault"]

_PATTERN = re.compile(r"(\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::(\*|[0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ANY_PORT: Final = -1
_SHARED: Final = IPv4Network("100.64.0.0/10")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


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


class AllowedHosts:
    """The hosts that may be requested.

    Example:
        >>> hosts = AllowedHosts(["api.example.com", "*.example.org:*"])
        >>> hosts.allow("https", "api.example.com", None), hosts.allow("https", "api.example.com", 8443)
        (True, False)
        >>> hosts.allow("http", "www.example.org", 8080), hosts.allow("http", "example.org", 8080)
        (True, False)
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns: Sequence[str] = patterns
        self._parsed = [_parsed(pattern) for pattern in patterns]

    def allow(self, scheme: str, host: str, port: int | None) -> bool:
        """Return whether a host may be requested."""
        default = _DEFAULT_PORTS.get(scheme)
        given = default if port is None else port
        return any(
            _host_fits(name, host.lower()) and (allowed == _ANY_PORT or given == (allowed or default))
            for name, allowed in self._parsed
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


def address_fault(address: str) -> str:
    """Return what an address is instead of public, such as `a loopback address`; empty for a public one.

    An IPv6 address that stands for an IPv4 address (mapped, RFC 4291; NAT64, RFC 6052; 6to4, RFC 3056) is judged by
    that. The registries of IANA define what is public
    (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/ipv6-address-space).

    Example:
        >>> (
        ...     address_fault("127.0.0.1"),
        ...     address_fault("::ffff:10.0.0.1"),
        ...     address_fault("192.0.2.1"),
        ...     address_fault("9.9.9.9"),
        ... )
        ('a loopback address', 'a private address', 'a private address', '')
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (embedded := _embedded(ip)) is not None:
        return _fault(embedded)
    return _fault(ip)


def _fault(ip: IPv4Address | IPv6Address) -> str:
    names = (
        ("a loopback address", ip.is_loopback),
        ("a link-local address", ip.is_link_local),
        ("a multicast address", ip.is_multicast),
        ("not the address of a host", ip.is_unspecified),
        ("an address that providers share", ip in _SHARED),
        ("a reserved address", ip.is_reserved),
        ("a private address", not ip.is_global or (ip.version == 6 and ip not in _GLOBAL_UNICAST)),
    )
    return next((name for name, is_so in names if is_so), "")


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
