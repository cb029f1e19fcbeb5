"""Tickets: short-lived tokens in the URL, for EventSource and WebSocket, which cannot send headers in a browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Final, Literal
from urllib.parse import quote, unquote

from headwater_server.access.principal import Principal
from headwater_server.access.random_tokens import TICKET_PREFIX, RandomToken, is_match, public_part
from headwater_server.access.scope_reading import below, invalid_token
from headwater_server.refusals import Refusal

__all__ = ["Purpose", "Ticket", "Tickets"]

Purpose = Literal["sse", "websocket"]

_LONGEST_PATH: Final = 2_000
_PRUNED_EVERY_S: Final = 1.0  # at most, so that a caller who asks for too many costs little


@dataclass(frozen=True, slots=True)
class Ticket:
    """A new ticket, as its caller gets it."""

    token: str
    url: str
    expires_s: float

    def to_json(self) -> dict[str, object]:
        """Return the ticket as the answer of the server."""
        return {"ticket": self.token, "url": self.url, "expires_s": self.expires_s}


@dataclass(slots=True)
class _Issued:
    sha256: str
    principal: Principal
    path: str
    purpose: Purpose
    until_s: float
    connections: int = 0

    def is_over(self, now_s: float) -> bool:
        return (now_s >= self.until_s and not self.connections) or not self.principal.is_valid()


class Tickets:
    """Tickets that are bound to a caller and a path.

    That of a WebSocket works once. EventSource reconnects with the URL that it has, so its ticket stays valid until
    it has had no connection for a minute.

    Args:
        lifetime_s: How long a ticket waits for a connection, in seconds.
        per_caller: Tickets of one caller at once.
        total: Tickets of all callers at once.
        clock: Returns a time in seconds that never goes back.
    """

    def __init__(
        self,
        *,
        lifetime_s: float = 60.0,
        per_caller: int = 1_000,
        total: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime_s = lifetime_s
        self._per_caller = per_caller
        self._total = total
        self._clock = clock
        self._issued: dict[str, _Issued] = {}
        self._counts: dict[str, int] = {}
        self._pruned_s = -inf

    def __len__(self) -> int:
        """Return the number of tickets that are kept."""
        return len(self._issued)

    def issue(self, principal: Principal, path: str, purpose: Purpose, *, root_path: str = "") -> Ticket:
        """Return a new ticket.

        Args:
            principal: The caller who asks for it.
            path: The path that it is for, as in a link, without a query string.
            purpose: What connects with it.
            root_path: Where the app is mounted; a path with or without it is accepted.

        Returns:
            The ticket.

        Raises:
            Refusal: The path is not a path, or there are too many tickets.
        """
        if not path.startswith("/") or path.startswith("//") or len(path) > _LONGEST_PATH or {"?", "#"} & set(path):
            hint = "expected the path of a link, such as /executions/ID/events, without a query string"
            raise Refusal(422, "bad-ticket-path", f"a ticket cannot be for this path; {hint}")
        plain = below(unquote(root_path), unquote(path))
        self._make_space(principal.name)
        token = RandomToken.new(TICKET_PREFIX)
        until_s = self._clock() + self._lifetime_s
        self._issued[token.public] = _Issued(token.sha256, principal, plain, purpose, until_s)
        self._counts[principal.name] = self._counts.get(principal.name, 0) + 1
        return Ticket(token.token, f"{root_path.rstrip('/')}{quote(plain)}?ticket={token.token}", self._lifetime_s)

    @contextmanager
    def redeemed(self, token: str, path: str, purpose: Purpose) -> Generator[Principal]:
        """Yield the caller of a ticket, which is in use in the block.

        Args:
            token: The ticket.
            path: The path of the request, decoded, below the place where the app is mounted.
            purpose: What connects.

        Yields:
            The caller.

        Raises:
            Refusal: It is not a ticket, has expired or was used, or is for another path.
        """
        ticket_id, issued = self._found(token)
        if issued.path != path or issued.purpose != purpose:
            kind = "an EventSource (for: sse)" if issued.purpose == "sse" else "a WebSocket (for: websocket)"
            raise Refusal(
                403, "ticket-for-another-path", f"the ticket is for {kind} at another path, or for another use of it"
            )
        if purpose == "websocket":
            self._remove(ticket_id)
            yield issued.principal
            return
        issued.connections += 1
        try:
            yield issued.principal
        finally:
            issued.connections -= 1
            issued.until_s = self._clock() + self._lifetime_s

    def _found(self, token: str) -> tuple[str, _Issued]:
        ticket_id = public_part(token, TICKET_PREFIX)
        issued = self._issued.get(ticket_id) if ticket_id is not None else None
        if not is_match(token, None if issued is None else issued.sha256) or issued is None or ticket_id is None:
            raise _not_valid()
        if issued.is_over(self._clock()):
            self._remove(ticket_id)
            raise _not_valid()
        return ticket_id, issued

    def _make_space(self, name: str) -> None:
        """Refuse one ticket too many; those that are over are removed first, and regularly."""
        now_s = self._clock()
        is_full = self._counts.get(name, 0) >= self._per_caller or len(self._issued) >= self._total
        if now_s - self._pruned_s >= (_PRUNED_EVERY_S if is_full else self._lifetime_s):
            self._pruned_s = now_s
            for ticket_id in [ticket_id for ticket_id, issued in self._issued.items() if issued.is_over(now_s)]:
                self._remove(ticket_id)
        if self._counts.get(name, 0) >= self._per_caller or len(self._issued) >= self._total:
            raise Refusal(
                429,
                "too-many-tickets",
                f"too many tickets are waiting for a connection or in use; try again in {self._lifetime_s:.0f} s",
                headers={"Retry-After": f"{self._lifetime_s:.0f}"},
            )

    def _remove(self, ticket_id: str) -> None:
        issued = self._issued.pop(ticket_id)
        name = issued.principal.name
        self._counts[name] -= 1
        if not self._counts[name]:
            del self._counts[name]


def _not_valid() -> Refusal:
    return invalid_token("the ticket is unknown, has expired or was used already; ask for a new one (POST /tickets)")
