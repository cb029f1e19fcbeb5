"""Connections of a step to a server: to hosts that the document allows, and to public addresses alone."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, cast

import anyio
import httpcore2
import httpx2

from headwater.toolkit import AllowedHosts, address_fault
from headwater_client.client_errors import AddressRefusedError

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["GuardedTransport", "check_host"]


def check_host(url: str, hosts: list[str]) -> None:
    """Refuse a server whose host is not among the allowed ones."""
    parsed = httpx2.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"the URL {url!r} is not that of a server; expected one such as https://example.org:8000")
    if parsed.userinfo:
        raise ValueError("a URL must not have a name or password in it; give the key by `key`")
    if not AllowedHosts(hosts).allow(parsed.scheme, parsed.host, parsed.port):
        shown = parsed.host if parsed.port is None else f"{parsed.host}:{parsed.port}"
        raise ValueError(f"the host {shown} is not among the allowed ones ({', '.join(hosts)}); add it to hosts")


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """Sends requests to public addresses, unless private ones are allowed; variables for proxies are ignored."""

    def __init__(self, *, private: bool) -> None:
        context: SSLContext = httpcore2.default_ssl_context()
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,
            max_keepalive_connections=8,
            keepalive_expiry=5.0,
            network_backend=_Guarded(private=private),
        )


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to the address that was checked, so no second lookup of the name can give another one."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._sockets = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore2 declares it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of a host that answers."""
        deadline = anyio.current_time() + (inf if timeout is None else timeout)
        failure: Exception = httpcore2.ConnectError(f"the host {host} has no address")
        for address in await self._addresses(host, port, timeout):
            left_s = deadline - anyio.current_time()
            try:
                return await self._sockets.connect_tcp(
                    address, port, None if left_s == inf else max(left_s, 0), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout_s: float | None) -> list[str]:
        try:
            with anyio.fail_after(timeout_s):
                found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"the name {host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            if not self._private and (fault := address_fault(address)):
                raise AddressRefusedError(
                    f"{host} is at {address}, {fault}; a private network needs the operator's permission: "
                    "--allow private-network, or allow= in Python"
                )
        return addresses
