"""Connections to addresses that were checked: a name is resolved once, and its addresses are connected to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from math import inf
from pathlib import Path
from socket import SOCK_STREAM
from ssl import SSLContext, create_default_context
from typing import Final, cast

import anyio
import httpcore2

from headwater.toolkit import address_fault

__all__ = ["AddressRefusedError", "GuardedBackend", "connections", "resolved", "tls_context"]

_IDLE_CONNECTIONS: Final = 20
_IDLE_S: Final = 5.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, best first."""


class AddressRefusedError(Exception):
    """Internal: a connection to the address of a host is not allowed."""


async def resolved(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as the system knows them."""
    found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to public addresses only, whatever names and redirects say.

    The addresses of a name are checked, and connected to, so no second lookup can give others. TLS verifies the name.
    """

    def __init__(self, *, private: bool, resolve: Resolve = resolved) -> None:
        self._private = private
        self._resolve = resolve
        self._sockets = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore2 declares it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host: to the first of its addresses that answers."""
        deadline = anyio.current_time() + (inf if timeout is None else timeout)
        addresses = await self._addresses(host, port, timeout)
        failure: Exception = httpcore2.ConnectError(f"the host {host} has no address")
        for index, address in enumerate(addresses):
            share_s = (deadline - anyio.current_time()) / (len(addresses) - index)
            try:
                return await self._sockets.connect_tcp(
                    address, port, None if share_s == inf else max(share_s, 0), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout_s: float | None) -> Sequence[str]:
        try:
            with anyio.fail_after(timeout_s):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the name {host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        if not self._private:
            for address in addresses:
                if fault := address_fault(address):
                    raise AddressRefusedError(f"{host} is at {address}, {fault}")
        return addresses


@cache  # reading the files takes longer than many requests
def tls_context(ca_file: Path | None) -> SSLContext:
    """Return the TLS context, which always verifies servers and their names."""
    return httpcore2.default_ssl_context() if ca_file is None else create_default_context(cafile=ca_file)


def connections(tls: SSLContext, *, private: bool) -> httpcore2.AsyncConnectionPool:
    """Return a pool of connections, which are kept for a while; environment variables for proxies are ignored."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=None,  # the steps limit them by host
        max_keepalive_connections=_IDLE_CONNECTIONS,
        keepalive_expiry=_IDLE_S,
        network_backend=GuardedBackend(private=private),
    )
