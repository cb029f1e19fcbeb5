"""The gate: the one place that decides whether a request is let in, and who sent it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from inspect import isawaitable
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from starlette.requests import HTTPConnection

from headwater_server.access.origins import API_HEADERS, Origins, check_unprotected
from headwater_server.access.principal import ANONYMOUS, LOCAL, Principal
from headwater_server.access.random_tokens import contains_token
from headwater_server.access.rates import Rates
from headwater_server.access.scope_reading import (
    Scope,
    bad_request,
    header,
    invalid_token,
    not_authenticated,
    query_of,
    route_path,
)
from headwater_server.access.tickets import Tickets
from headwater_server.refusals import Refusal

__all__ = ["Auth", "Gate"]

Auth = Callable[[HTTPConnection], Principal | Awaitable[Principal | None] | None]
"""How callers are identified: `ApiKeys`, `JwtTokens` or an own function of a request; None is an unknown caller."""

_NOT_AUTHENTICATED: Final = 401
_HOST_BITS: Final = 64
_TOKEN_NAMES: Final = frozenset({"access_token", "api_key", "apikey", "authorization", "bearer", "jwt", "token"})
_SEND_IT: Final = "send Authorization: Bearer KEY; for EventSource and WebSocket, ask for a ticket (POST /tickets)"


class Gate:
    """Everything that is checked before a request is let in; it reads ASGI scopes and belongs to no framework.

    Args:
        auth: How callers are identified. Without it, only requests from this machine are let in.
        tickets: The tickets of this server.
        origins: The origins whose pages may use the server.
        rates: Requests per minute; None for any number.
        public: Paths that need no authentication, such as `/healthz`; `/static/*` means all below it.
        insecure: Whether requests are let in from other machines without authentication.
    """

    def __init__(
        self,
        auth: Auth | None = None,
        *,
        tickets: Tickets | None = None,
        origins: Origins | None = None,
        rates: Rates | None = None,
        public: Collection[str] = (),
        insecure: bool = False,
    ) -> None:
        self.auth: Auth | None = auth
        self.tickets: Tickets = Tickets() if tickets is None else tickets
        self.origins: Origins = Origins() if origins is None else origins
        self._rates = rates
        self._public = frozenset(path for path in public if not path.endswith("/*"))
        self._public_folders = tuple(path[:-1] for path in public if path.endswith("/*"))
        self._insecure = insecure

    @asynccontextmanager
    async def admit(self, scope: Scope) -> AsyncGenerator[Principal]:
        """Let a request or a WebSocket in; the block is its whole life, in which a ticket is in use.

        Args:
            scope: The ASGI scope.

        Yields:
            The caller.

        Raises:
            Refusal: Why it is not let in; for a WebSocket, before it is accepted.
        """
        self._check_place(scope)
        self.origins.check(scope)
        ticket = _checked_query(scope)
        if self._is_public(scope):
            yield ANONYMOUS
            return
        with nullcontext() if ticket is None else ExitStack() as held:  # a stack is half a KiB for each open stream
            try:
                if ticket is None or held is None:
                    principal = await self._identified(scope)
                else:
                    principal = held.enter_context(self._redeemed(scope, ticket))
                if not principal.is_valid():
                    raise invalid_token("the key or token has expired or was revoked")
            except Refusal as refusal:
                if refusal.status == _NOT_AUTHENTICATED:
                    self._count("address", _address_of(scope))
                raise
            self._count("caller", principal.name)
            yield principal

    def preflight(self, scope: Scope) -> dict[str, str] | None:
        """Return the headers of the answer (204) to a CORS preflight request, or None when it is not one.

        Args:
            scope: The ASGI scope.

        Returns:
            The headers.

        Raises:
            Refusal: The page is not allowed.
        """
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            self._check_place(scope)
        return self.origins.preflight(scope)

    def headers(self, scope: Mapping[str, Any]) -> dict[str, str]:
        """Return what is added to every answer, also to refusals.

        Args:
            scope: The ASGI scope.

        Returns:
            The headers.
        """
        return {**API_HEADERS, **self.origins.headers(scope)}

    def _check_place(self, scope: Scope) -> None:
        if self.auth is None and not self._insecure:
            check_unprotected(scope)

    def _is_public(self, scope: Scope) -> bool:
        path = route_path(scope)
        return scope["type"] == "http" and (path in self._public or path.startswith(self._public_folders))

    async def _identified(self, scope: Scope) -> Principal:
        if self.auth is None:
            return LOCAL
        found = self.auth(HTTPConnection(scope))
        principal = await found if isawaitable(found) else found
        if principal is None:
            if header(scope, "authorization") is None:
                raise not_authenticated(f"the request does not say who sent it; {_SEND_IT}")
            raise invalid_token("the key or token is not known to this server")
        return principal

    def _redeemed(self, scope: Scope, ticket: str) -> AbstractContextManager[Principal]:
        if header(scope, "authorization") is not None:
            raise bad_request("the request has a ticket and the header Authorization; send one of them")
        is_websocket = scope["type"] == "websocket"
        if not is_websocket and scope["method"] not in {"GET", "HEAD"}:
            raise bad_request("a ticket is for EventSource and WebSocket; send Authorization: Bearer KEY")
        return self.tickets.redeemed(ticket, route_path(scope), "websocket" if is_websocket else "sse")

    def _count(self, kind: str, name: str) -> None:
        if self._rates is not None:
            self._rates.count(kind, name)


def _checked_query(scope: Scope) -> str | None:
    """Return the ticket of a query string, and refuse other secrets there: servers and proxies log URLs."""
    tickets: list[str] = []
    for name, value in query_of(scope):
        if name == "ticket":
            tickets.append(value)
        elif name.lower() in _TOKEN_NAMES:
            raise bad_request(f"a key or token does not belong in a URL, which is logged; {_SEND_IT}")
        elif contains_token(name) or contains_token(value):
            hint = "revoke it (headwater keys revoke), as URLs are logged"
            raise bad_request(f"the URL contains a key; {hint}, and {_SEND_IT}")
    if len(tickets) > 1:
        raise bad_request("the URL has more than one ticket")
    return tickets[0] if tickets else None


def _address_of(scope: Scope) -> str:
    """Return the address of a client; a network of IPv6 counts as one, as a client has all its addresses."""
    client = scope.get("client")
    if client is None:
        return "unknown"
    try:
        address = ip_address(client[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or int(address) >> _HOST_BITS)
    return str(address)
