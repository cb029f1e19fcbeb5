"""Tickets of EventSource and WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from headwater_server.access.principal import Principal
from headwater_server.access.tickets import Purpose, Tickets
from headwater_server.refusals import Refusal
from tests.server.access.scopes import Clock

CI, BOB = Principal("ci"), Principal("bob")
PATH = "/executions/a1/events"


def redeemed(tickets: Tickets, token: str, path: str = PATH, purpose: Purpose = "sse") -> str:
    """Return the name of the caller of a ticket, or the code of its refusal."""
    try:
        with tickets.redeemed(token, path, purpose) as principal:
            return principal.name
    except Refusal as refusal:
        return refusal.code


def test_ticket_names_its_caller_on_its_path_alone() -> None:
    """A ticket is bound to the caller, the path and the use."""
    tickets = Tickets(clock=Clock())
    ticket = tickets.issue(CI, PATH, "sse")
    assert ticket.to_json() == {"ticket": ticket.token, "url": f"{PATH}?ticket={ticket.token}", "expires_s": 60.0}
    assert redeemed(tickets, ticket.token) == "ci"
    for path in ("/executions/a2/events", PATH + "/", "/executions/a1", "/Executions/a1/events", ""):
        assert redeemed(tickets, ticket.token, path) == "ticket-for-another-path"
    assert redeemed(tickets, ticket.token, PATH, "websocket") == "ticket-for-another-path"
    assert redeemed(tickets, ticket.token) == "ci"


def test_websocket_ticket_works_once() -> None:
    """What a log or a history keeps of a URL is of no use."""
    tickets = Tickets(clock=Clock())
    ticket = tickets.issue(CI, "/ws", "websocket")
    assert redeemed(tickets, ticket.token, "/ws", "websocket") == "ci"
    assert redeemed(tickets, ticket.token, "/ws", "websocket") == "invalid-token"
    assert len(tickets) == 0


def test_ticket_is_refused_when_no_connection_came_in_time() -> None:
    """A ticket waits for a minute."""
    clock = Clock()
    tickets = Tickets(clock=clock)
    events, socket = tickets.issue(CI, PATH, "sse"), tickets.issue(CI, "/ws", "websocket")
    clock.now_s += 59.9
    assert redeemed(tickets, events.token) == "ci"
    clock.now_s += 0.1
    assert redeemed(tickets, socket.token, "/ws", "websocket") == "invalid-token"
    clock.now_s += 59.8
    assert redeemed(tickets, events.token) == "ci"
    clock.now_s += 60
    assert redeemed(tickets, events.token) == "invalid-token"


def test_event_source_ticket_stays_while_it_is_connected() -> None:
    """EventSource reconnects with the URL that it has, after hours too, and with several connections at once."""
    clock = Clock()
    tickets = Tickets(clock=clock)
    ticket = tickets.issue(CI, PATH, "sse")
    with tickets.redeemed(ticket.token, PATH, "sse"):
        clock.now_s += 10_000
        assert redeemed(tickets, ticket.token) == "ci"
        clock.now_s += 10_000
        tickets.issue(CI, PATH, "sse")  # removes what is over
    clock.now_s += 59
    assert redeemed(tickets, ticket.token) == "ci"


def test_ticket_ends_with_the_rights_of_its_caller() -> None:
    """A revoked key has no use of the tickets that it got, nor has an expired token."""
    tickets, lost = Tickets(), list[str]()
    ticket = tickets.issue(Principal("ci", is_revoked=lambda: bool(lost)), PATH, "sse")
    assert redeemed(tickets, ticket.token) == "ci"
    lost.append("key")
    assert redeemed(tickets, ticket.token) == "invalid-token"
    expired = tickets.issue(Principal("ci", expires_s=1.0), PATH, "sse")
    assert redeemed(tickets, expired.token) == "invalid-token"


@pytest.mark.parametrize("change", [str.upper, lambda token: token[:-1], lambda token: "hw" + token[3:], lambda _: ""])
def test_ticket_is_unknown_when_a_character_differs(change: Callable[[str], str]) -> None:
    """A part of a ticket, or another kind of token, is refused."""
    tickets = Tickets()
    assert redeemed(tickets, change(tickets.issue(CI, PATH, "sse").token)) == "invalid-token"


def test_tickets_are_bounded_per_caller_and_in_total() -> None:
    """One caller cannot use up the tickets of others, and those that are over make space."""
    clock = Clock()
    tickets = Tickets(per_caller=2, total=3, clock=clock)
    with ExitStack() as held:
        used = tickets.issue(CI, PATH, "sse")
        held.enter_context(tickets.redeemed(used.token, PATH, "sse"))
        tickets.issue(CI, PATH, "sse")
        with pytest.raises(Refusal) as caught:
            tickets.issue(CI, PATH, "sse")
        assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "60"})
        tickets.issue(BOB, PATH, "sse")
        with pytest.raises(Refusal, match="too many tickets"):
            tickets.issue(BOB, PATH, "sse")
        clock.now_s += 60
        tickets.issue(CI, PATH, "sse")
        assert redeemed(tickets, used.token) == "ci"
        assert len(tickets) == 2


@pytest.mark.parametrize(
    "path", ["", "events", "//evil.example/x", "/x?y=1", "/x#y", "https://x.example/", "/" + "x" * 2_000]
)
def test_ticket_is_refused_for_what_is_not_a_path(path: str) -> None:
    """The URL of the answer leads to this server, and has one query string."""
    with pytest.raises(Refusal) as caught:
        Tickets().issue(CI, path, "sse")
    assert caught.value.status == 422


@pytest.mark.parametrize("path", ["/app/pipelines/a%20b/run", "/pipelines/a%20b/run"])
def test_path_may_be_a_link_of_a_mounted_server(path: str) -> None:
    """Links of an app that is mounted begin with its place, and encode what a URL must encode."""
    tickets = Tickets()
    ticket = tickets.issue(CI, path, "websocket", root_path="/app")
    assert ticket.url == f"/app/pipelines/a%20b/run?ticket={ticket.token}"
    assert redeemed(tickets, ticket.token, "/pipelines/a b/run", "websocket") == "ci"
