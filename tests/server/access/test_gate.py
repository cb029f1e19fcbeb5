"""The gate: every credential against every kind of request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from starlette.requests import HTTPConnection

from headwater_server.access.api_keys import ApiKeys
from headwater_server.access.gate import Auth, Gate
from headwater_server.access.origins import Origins
from headwater_server.access.principal import Principal
from headwater_server.access.rates import Rates
from headwater_server.access.tickets import Tickets
from headwater_server.refusals import Refusal
from tests.server.access.scopes import Clock, http, websocket

EVENTS = "/executions/a1/events"
Kind = Literal["GET", "POST", "WebSocket"]


@dataclass
class Site:
    """A gate with keys, and what is around it."""

    clock: Clock = field(default_factory=lambda: Clock(time.time()))
    keys: ApiKeys = field(default_factory=ApiKeys)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.keys = ApiKeys(clock=self.clock)
        self.gate = Gate(self.keys, tickets=Tickets(clock=self.clock), public={"/healthz", "/", "/static/*"})

    def ticket(self, kind: Kind, path: str = EVENTS) -> str:
        """Return the query string with a ticket for the caller `ci`."""
        purpose = "websocket" if kind == "WebSocket" else "sse"
        return f"ticket={self.gate.tickets.issue(Principal('ci'), path, purpose).token}"


def scope_of(kind: Kind, **changes: Any) -> dict[str, Any]:
    """Return the scope of a request to the events of an execution."""
    changes = {"path": EVENTS, **changes}
    return websocket(**changes) if kind == "WebSocket" else http(kind, **changes)


async def admitted(gate: Gate, scope: dict[str, Any]) -> str | int:
    """Return the name of the caller that was let in, or the status of the refusal."""
    try:
        async with gate.admit(scope) as principal:
            return principal.name
    except Refusal as refusal:
        has_challenge = "WWW-Authenticate" in refusal.headers
        return refusal.status if has_challenge == (refusal.status == 401) else f"{refusal.status} with a wrong header"


def header(value: str) -> Callable[[Site, Kind], dict[str, Any]]:
    """Return a credential that is a header."""
    return lambda site, kind: {"authorization": value}


def key(change: Callable[[Site, str], object]) -> Callable[[Site, Kind], dict[str, Any]]:
    """Return a credential that is a key, after a change of it or of the site."""

    def made(site: Site, _kind: Kind) -> dict[str, Any]:
        token = site.keys.create("ci", expires_s=site.clock.now_s + 3600)
        changed = change(site, token)
        return {"authorization": f"Bearer {changed if isinstance(changed, str) else token}"}

    return made


def late(site: Site, kind: Kind) -> dict[str, Any]:
    """Return a ticket that has expired."""
    query = site.ticket(kind)
    site.clock.now_s += 61
    return {"query": query}


def expire(site: Site, _token: str) -> None:
    """Let an hour pass."""
    site.clock.now_s += 3601


CREDENTIALS: dict[str, tuple[Callable[[Site, Kind], dict[str, Any]], dict[Kind, str | int]]] = {
    "none": (lambda site, kind: {}, {"GET": 401, "POST": 401, "WebSocket": 401}),
    "a wrong key": (key(lambda site, token: token[:-2] + "xx"), {"GET": 401, "POST": 401, "WebSocket": 401}),
    "another form": (header("Basic YTpi"), {"GET": 401, "POST": 401, "WebSocket": 401}),
    "an empty key": (header("Bearer "), {"GET": 401, "POST": 401, "WebSocket": 401}),
    "the key": (key(lambda site, token: token), {"GET": "ci", "POST": "ci", "WebSocket": "ci"}),
    "a revoked key": (key(lambda site, token: site.keys.revoke("ci")), {"GET": 401, "POST": 401, "WebSocket": 401}),
    "an expired key": (key(expire), {"GET": 401, "POST": 401, "WebSocket": 401}),
    "the ticket": (lambda site, kind: {"query": site.ticket(kind)}, {"GET": "ci", "POST": 400, "WebSocket": "ci"}),
    "a late ticket": (late, {"GET": 401, "POST": 400, "WebSocket": 401}),
    "a ticket for another path": (
        lambda site, kind: {"query": site.ticket(kind, "/executions/a2/events")},
        {"GET": 403, "POST": 400, "WebSocket": 403},
    ),
    "a ticket for the other use": (
        lambda site, kind: {"query": site.ticket("GET" if kind == "WebSocket" else "WebSocket")},
        {"GET": 403, "POST": 400, "WebSocket": 403},
    ),
    "two tickets": (
        lambda site, kind: {"query": f"{site.ticket(kind)}&{site.ticket(kind)}"},
        {"GET": 400, "POST": 400, "WebSocket": 400},
    ),
    "a ticket and a key": (
        lambda site, kind: {"query": site.ticket(kind), "authorization": f"Bearer {site.keys.create('ci')}"},
        {"GET": 400, "POST": 400, "WebSocket": 400},
    ),
    "a key as a ticket": (
        lambda site, kind: {"query": f"ticket={site.keys.create('ci')}"},
        {"GET": 401, "POST": 400, "WebSocket": 401},
    ),
    "a ticket as a key": (
        lambda site, kind: {"authorization": "Bearer " + site.ticket(kind).partition("=")[2]},
        {"GET": 401, "POST": 401, "WebSocket": 401},
    ),
    "a key in the URL": (
        lambda site, kind: {"query": f"x={site.keys.create('ci')}"},
        {"GET": 400, "POST": 400, "WebSocket": 400},
    ),
    "a key as a name in the URL": (
        lambda site, kind: {"query": site.keys.create("ci")},
        {"GET": 400, "POST": 400, "WebSocket": 400},
    ),
    "a token in the URL": (
        lambda site, kind: {"query": "Access_Token=abc"},
        {"GET": 400, "POST": 400, "WebSocket": 400},
    ),
}


@pytest.mark.parametrize("kind", ["GET", "POST", "WebSocket"])
@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_caller_is_let_in_with_a_valid_credential_alone(credential: str, kind: Kind) -> None:
    """Each credential on each kind of request gives the same name, or the same refusal, twice."""
    site = Site()
    make, expected = CREDENTIALS[credential]
    given = make(site, kind)
    assert await admitted(site.gate, scope_of(kind, **given)) == expected[kind]
    again = 401 if (credential, kind) == ("the ticket", "WebSocket") else expected[kind]
    assert await admitted(site.gate, scope_of(kind, **given)) == again


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_refusal_never_quotes_a_credential(credential: str) -> None:
    """Problems are logged and shown, so they contain no key, token or ticket."""
    site = Site()
    given = CREDENTIALS[credential][0](site, "GET")
    secrets = [part for value in given.values() for part in re.findall(r"[\w-]{43}$", value)]
    shown = ""
    try:
        async with site.gate.admit(scope_of("GET", **given)):
            pass
    except Refusal as refusal:
        shown = f"{refusal.to_json()} {refusal.headers} {refusal!r}"
    assert not [secret for secret in secrets if secret in shown]


async def test_ticket_is_in_use_as_long_as_the_request() -> None:
    """The block around the app is the life of an EventSource."""
    site = Site()
    query = site.ticket("GET")
    async with AsyncExitStack() as held:
        await held.enter_async_context(site.gate.admit(scope_of("GET", query=query)))
        site.clock.now_s += 10_000
        assert await admitted(site.gate, scope_of("GET", query=query)) == "ci"
    site.clock.now_s += 60
    assert await admitted(site.gate, scope_of("GET", query=query)) == 401


async def test_ticket_fits_the_path_below_the_mount() -> None:
    """An app that is mounted in another one has the place of the mount in its paths."""
    site = Site()
    scope = scope_of("GET", path="/app" + EVENTS, root_path="/app", query=site.ticket("GET"))
    assert await admitted(site.gate, scope) == "ci"


async def test_public_paths_need_no_credential() -> None:
    """A page has to be loaded before it can send a key; data has not."""
    gate = Site().gate
    for path in ("/healthz", "/", "/static/app.js"):
        assert await admitted(gate, http(path=path)) == "anonymous"
        assert await admitted(gate, websocket(path=path)) == 401
    for path in ("/static", "/staticx", "/healthz/", "/Healthz"):
        assert await admitted(gate, http(path=path)) == 401


async def test_gate_without_keys_lets_this_machine_in_alone() -> None:
    """What a browser or a proxy brings from elsewhere is refused; an operator can insist."""
    gate = Gate(origins=Origins(["https://app.example.com"]))
    assert await admitted(gate, http()) == "local"
    assert await admitted(gate, http(authorization="Bearer of another server")) == "local"
    assert await admitted(gate, websocket()) == "local"
    assert await admitted(gate, http(host="evil.example")) == 421
    assert await admitted(gate, http("POST", origin="https://evil.example")) == 403
    assert await admitted(gate, http("POST", content_type="text/plain")) == 415
    assert await admitted(gate, http(server=("10.0.0.1", 80))) == 403
    assert await admitted(Gate(insecure=True), http(host="x.example", server=("10.0.0.1", 80))) == "local"
    assert await admitted(Gate(insecure=True), websocket(host="x.example", origin="http://evil.example")) == 403
    ticket = gate.tickets.issue(Principal("local"), "/ws", "websocket").token
    assert await admitted(gate, websocket(query=f"ticket={ticket}")) == "local"
    with pytest.raises(Refusal, match="must name the loopback"):
        gate.preflight(http("OPTIONS", host="evil.example"))
    asked = http("OPTIONS", origin="https://app.example.com", access_control_request_method="POST")
    assert gate.preflight(asked) is not None
    assert gate.preflight(http()) is None
    assert gate.headers(asked)["X-Content-Type-Options"] == "nosniff"
    assert gate.headers(asked)["Access-Control-Allow-Origin"] == "https://app.example.com"


def by_cookie(connection: HTTPConnection) -> Principal | None:
    """Identify a caller by a cookie."""
    name = connection.cookies.get("name")
    return None if name is None else Principal(name)


async def by_cookie_later(connection: HTTPConnection) -> Principal | None:
    """Identify a caller by a cookie, asynchronously."""
    return by_cookie(connection)


@pytest.mark.parametrize("auth", [by_cookie, by_cookie_later])
async def test_own_function_identifies_callers(auth: Auth) -> None:
    """A function of a request, or a coroutine function, decides; no caller is refused as without a key."""
    gate = Gate(auth)
    assert await admitted(gate, http(cookie="name=ada")) == "ada"
    assert await admitted(gate, websocket(cookie="name=ada")) == "ada"
    assert await admitted(gate, http()) == 401
    assert await admitted(gate, http("POST", cookie="name=ada", origin="https://evil.example")) == 403


async def test_own_function_can_refuse() -> None:
    """A caller who is known and may not gets 403; one whose time is over has to come again."""

    def auth(connection: HTTPConnection) -> Principal | None:
        if connection.headers.get("x-name") == "eve":
            raise Refusal(403, "not-allowed", "eve may not")
        return Principal("old", expires_s=1.0)

    assert await admitted(Gate(auth), http(x_name="eve")) == 403
    assert await admitted(Gate(auth), http()) == 401


async def test_requests_are_counted_per_caller_and_per_address() -> None:
    """Guessing keys is slowed down by address, and slows down no caller who is known."""
    keys = ApiKeys()
    token = f"Bearer {keys.create('ci')}"
    gate = Gate(keys, rates=Rates(3), public={"/healthz"})
    addresses: list[Any] = [("203.0.113.7", 1), ("2001:db8::1", 1), ("2001:db8::2", 1), None, ("unix", 0)]
    wrong = [await admitted(gate, http(client=addresses[0])) for _ in range(5)]
    assert wrong == [401, 401, 401, 429, 429]
    assert await admitted(gate, http(client=addresses[0], query="ticket=x")) == 429
    assert [await admitted(gate, http(client=addresses[0], authorization=token)) for _ in range(4)] == ["ci"] * 3 + [
        429
    ]
    assert await admitted(gate, http(client=addresses[0], path="/healthz")) == "anonymous"
    assert [await admitted(gate, http(client=addresses[1 + number % 2])) for number in range(4)] == [401] * 3 + [429]
    assert [await admitted(gate, http(client=addresses[3 + number % 2])) for number in range(4)] == [401] * 3 + [429]


async def test_query_is_refused_when_it_is_endless() -> None:
    """Fields of a query are few."""
    assert await admitted(Site().gate, http(query="a&" * 2_000)) == 400
