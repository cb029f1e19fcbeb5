"""Which network addresses are public, so that no document or item makes a step reach into a private network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

__all__ = ["fault_of"]

_SHARED: Final = IPv4Network("100.64.0.0/10")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def fault_of(address: str) -> str:
    """Return why an address is not public.

    An IPv6 address that stands for an IPv4 address (mapped, RFC 4291; NAT64, RFC 6052; 6to4, RFC 3056) is judged by
    that. What is public is said by the registries of IANA
    (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/ipv6-address-space).

    Args:
        address: An address of IPv4 or IPv6.

    Returns:
        What it is instead, such as `a loopback address`; empty for a public one.

    Example:
        >>> fault_of("127.0.0.1"), fault_of("::ffff:10.0.0.1"), fault_of("192.0.2.1"), fault_of("9.9.9.9")
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
        ("no address of a host", ip.is_unspecified),
        ("an address that providers share", ip in _SHARED),
        ("a reserved address", ip.is_reserved),
        ("a private address", not ip.is_global or (ip.version == 6 and ip not in _GLOBAL_UNICAST)),
    )
    return next((name for name, is_so in names if is_so), "")


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
