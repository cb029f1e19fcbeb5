"""Every route of the app, with every kind of caller, over real sockets; new routes are part of it by themselves."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from headwater import Pipeline, step
from headwater_server import ApiKeys, Limits, Principal, Server, create_app
from headwater_server.access.jwt_tokens import JwtTokens
from tests.server.conftest import serving

PUBLIC = {"/", "/monitor/{path:path}", "/healthz", "/readyz"}
"""Routes without data, for anyone."""

SIGNER = ec.generate_private_key(ec.SECP256R1())
KEY_SET = {"keys": [ECAlgorithm.to_jwk(SIGNER.public_key(), as_dict=True)]}
UNKNOWN = "unknown-execution-0000"
NOT_LET_IN = {401, 403, 415, 421, 429}


@step("test.until_cancelled")
async def until_cancelled(text: str) -> str:
    """Wait for as long as it may."""
    await anyio.sleep_forever()
    return text


@step("test.length")
def length(text: str) -> int:
    """Count the characters."""
    return len(text)


PIPELINES = [Pipeline("waiting", steps={"wait": until_cancelled}), Pipeline("length", steps={"length": length})]


DOCUMENT = {"name": "theirs", "steps": [{"id": "words", "kind": "text.words"}]}


@dataclass(frozen=True)
class Target:
    """A method of a route, or a WebSocket (`WS`)."""

    method: str
    path: str

    @property
    def purpose(self) -> str:
        """What a ticket for it is for."""
        return "websocket" if self.method == "WS" else "sse"

    @property
    def takes_tickets(self) -> bool:
        """Whether a browser cannot send a header with it."""
        return self.method in {"GET", "HEAD", "WS"}

    def at(self, execution: str) -> str:
        """Return the path with its parameters filled in."""
        names = {"id": execution, "name": "theirs" if self.method == "DELETE" else "length", "output": "wait"}
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: names[found[1]], self.path)


def targets(routes: list[BaseRoute], root: str = "") -> Iterator[Target]:
    """Yield what the routes of an app answer."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield Target("WS", root + route.path)
        elif isinstance(route, Mount):
            yield from targets(route.routes, root + route.path)
        else:
            assert isinstance(route, Route)
            yield from (Target(method, root + route.path) for method in sorted(route.methods or ()))


@dataclass
class Answer:
    """What a caller got."""

    status: int
    body: str
    headers: Any


class Site:
    """A server with callers of every kind, and an execution of `owner`."""

    def __init__(self) -> None:
        self.keys = ApiKeys()
        tokens = JwtTokens(KEY_SET, issuer="https://login.example", audience="headwater", leeway_s=0)

        def auth(connection: HTTPConnection) -> Principal | None:
            return self.keys(connection) or tokens(connection)

        limits = Limits(requests_per_minute=100_000)
        self.server: Server = create_app(PIPELINES, auth=auth, limits=limits, allow_documents=True, drain_s=0)
        self.url = ""
        self.client = httpx2.AsyncClient(timeout=20, verify=False)
        self.owner = self.keys.create("owner")
        self.other = self.keys.create("other")
        self.revoked = self.keys.create("revoked")
        self.keys.revoke("revoked")

    @cache  # noqa: B019 - a site lasts as long as a test
    def protected(self) -> list[Target]:
        """Return what needs a caller."""
        return [target for target in targets(list(self.server._router.routes)) if target.path not in PUBLIC]

    @staticmethod
    def token(**changes: Any) -> str:
        """Return a token of the issuer for `owner`."""
        expires = int(time.time()) + 600
        claims = {"sub": "owner", "iss": "https://login.example", "aud": "headwater", "exp": expires} | changes
        return jwt.encode(claims, SIGNER, "ES256")

    def ticket(self, target: Target, path: str, purpose: str | None = None) -> str:
        """Return a ticket of `owner` as a query string."""
        use: Any = purpose or target.purpose
        return f"?ticket={self.server.service.gate.tickets.issue(Principal('owner'), path, use).token}"

    async def start(self) -> str:
        """Start an execution of `owner`, and return its id; upload a document of `owner` as well."""
        headers = {"authorization": f"Bearer {self.owner}"}
        assert (await self.client.post("/pipelines", json=DOCUMENT, headers=headers)).status_code == 201
        answer = await self.client.post("/pipelines/waiting/executions", json={"stream_input": True}, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def send(self, target: Target, path: str, bearer: str | None = None, query: str = "") -> Answer:
        """Send a request, or connect; of an answer that does not end, return the beginning."""
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        if target.method == "WS":
            return await self._connect(path + query, headers)
        if target.method == "POST":
            headers["content-type"] = "application/json"
        content = b'{"input": "a"}' if target.method == "POST" else None
        request = self.client.build_request(target.method, path + query, headers=headers, content=content)
        answer = await self.client.send(request, stream=True)
        try:
            is_whole = answer.status_code >= 400 and target.method != "HEAD"
            return Answer(answer.status_code, (await answer.aread()).decode() if is_whole else "", answer.headers)
        finally:
            await answer.aclose()

    async def _connect(self, path: str, headers: dict[str, str]) -> Answer:
        try:
            async with connect(self.url.replace("http", "ws", 1) + path, additional_headers=headers):
                return Answer(200, "", {})
        except InvalidStatus as refused:
            return Answer(refused.response.status_code, refused.response.body.decode(), refused.response.headers)


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    """The server."""
    async with _served() as site:
        yield site


@asynccontextmanager
async def _served() -> AsyncGenerator[Site]:
    site = Site()
    async with serving(site.server) as url:
        site.url = url
        site.client.base_url = httpx2.URL(url)
        async with site.client:
            yield site


def expired_ticket(site: Site, target: Target, path: str) -> str:
    """Return a ticket that waited too long."""
    tickets = site.server.service.gate.tickets
    lifetime_s, tickets._lifetime_s = tickets._lifetime_s, 0.0
    try:
        return site.ticket(target, path)
    finally:
        tickets._lifetime_s = lifetime_s


BEARERS: dict[str, Callable[[Site], str | None]] = {
    "no caller": lambda site: None,
    "a wrong key": lambda site: site.owner[:-2] + "xx",
    "a revoked key": lambda site: site.revoked,
    "an expired token": lambda site: site.token(exp=int(time.time()) - 1),
    "a token for others": lambda site: site.token(aud="billing"),
    "a token of others": lambda site: site.token(iss="https://evil.example"),
    "a token without a signature": lambda site: site.token().rpartition(".")[0] + ".",
    "an HMAC token": lambda site: jwt.encode({"sub": "owner"}, "s" * 32, "HS256"),
}

TICKETS: dict[str, tuple[Callable[[Site, Target, str], str], int]] = {
    "an expired ticket": (expired_ticket, 401),
    "a ticket for another path": (lambda site, target, path: site.ticket(target, "/executions/other/events"), 403),
    "a ticket for the other use": (
        lambda site, target, path: site.ticket(target, path, "sse" if target.purpose == "websocket" else "websocket"),
        403,
    ),
    "a key in the URL": (lambda site, target, path: f"?ticket={site.owner}", 401),
    "a token in the URL": (lambda site, target, path: f"?access_token={site.token()}", 400),
}


def test_matrix_has_the_routes_of_the_app() -> None:
    """The list of routes is not empty by accident, and no public route is a guess."""
    site = Site()
    paths = {target.path for target in targets(list(site.server._router.routes))}
    assert {"/pipelines", "/executions/{id}/events", "/pipelines/{name}/run", "/tickets"} <= paths - PUBLIC
    assert {target.method for target in site.protected()} >= {"GET", "HEAD", "POST", "WS"}


@pytest.mark.parametrize("caller", BEARERS)
async def test_caller_without_rights_gets_nothing(site: Site, caller: str) -> None:
    """Every route answers 401 with a challenge, for an execution that exists and for one that does not."""
    bearer = BEARERS[caller](site)
    execution = await site.start()
    for target in site.protected():
        answers = [await site.send(target, target.at(one), bearer) for one in (execution, UNKNOWN)]
        assert [answer.status for answer in answers] == [401, 401], target
        assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers), target
        assert answers[0].body == answers[1].body, target
        assert bearer is None or bearer not in answers[0].body, target


@pytest.mark.parametrize("ticket", TICKETS)
async def test_bad_ticket_gets_nothing(site: Site, ticket: str) -> None:
    """A ticket is good for one caller, one path, one use and a minute; those for POST do not exist."""
    make, expected = TICKETS[ticket]
    execution = await site.start()
    for target in site.protected():
        path = target.at(execution)
        answer = await site.send(target, path, query=make(site, target, path))
        assert answer.status == (expected if target.takes_tickets else 400), target


async def test_owner_is_let_in_everywhere(site: Site) -> None:
    """The key and a token of the same name open every route, and so does a ticket where one is of use."""
    for target in site.protected():
        for bearer in (site.owner, site.token()):
            path = target.at(await site.start())
            answer = await site.send(target, path, bearer)
            assert answer.status not in {*NOT_LET_IN - {415}, 404}, (target, answer)
        if target.takes_tickets:
            answer = await site.send(target, path, query=site.ticket(target, path))
            assert answer.status not in {*NOT_LET_IN, 404}, (target, answer)


async def test_ticket_of_a_websocket_works_once(site: Site) -> None:
    """The second use is refused, and an EventSource may come back."""
    for target in site.protected():
        if not target.takes_tickets:
            continue
        path = target.at(await site.start())
        ticket = site.ticket(target, path)
        first, second = [await site.send(target, path, query=ticket) for _ in range(2)]
        assert first.status not in NOT_LET_IN, (target, first)
        assert (second.status == 401) == (target.method == "WS"), (target, second)


async def test_execution_of_another_caller_looks_like_one_that_does_not_exist(site: Site) -> None:
    """Status, body and headers are the same, so that no caller learns which ids exist."""
    execution = await site.start()
    with_ids = [target for target in site.protected() if "{id}" in target.path]
    assert with_ids
    for target in with_ids:
        theirs, unknown = [await site.send(target, target.at(one), site.other) for one in (execution, UNKNOWN)]
        assert theirs.status == unknown.status == 404, target
        assert theirs.body == unknown.body, target
        assert dict(theirs.headers) | {"date": ""} == dict(unknown.headers) | {"date": ""}, target
    answer = await site.send(Target("GET", ""), f"/executions/{execution}", site.owner)
    assert answer.status == 200


async def test_document_of_another_caller_looks_like_one_that_does_not_exist(site: Site) -> None:
    """What a caller has uploaded is its own, under every route with its name."""
    await site.start()
    for target in site.protected():
        if "{name}" in target.path:
            path = target.at("").replace("length", "theirs")
            unknown = await site.send(target, path.replace("theirs", "missing"), site.other)
            theirs = await site.send(target, path, site.other)
            assert theirs.status == unknown.status == 404, target
            assert theirs.body == unknown.body.replace("missing", "theirs"), target
    answer = await site.client.get("/pipelines", headers={"authorization": f"Bearer {site.other}"})
    assert [one["name"] for one in answer.json()["pipelines"]] == ["length", "waiting"]


async def test_lists_have_the_executions_of_their_caller_alone(site: Site) -> None:
    """Another caller sees none, and cannot ask for those after one of others either."""
    execution = await site.start()
    for query in ("", f"?before={execution}", "?pipeline=waiting"):
        own, others = [
            (await site.client.get("/executions" + query, headers={"authorization": f"Bearer {key}"})).json()
            for key in (site.owner, site.other)
        ]
        assert others == {"executions": [], "next": None}
        assert len(own["executions"]) == (0 if "before" in query else 1)


async def test_public_routes_show_no_data(site: Site) -> None:
    """What needs no caller has neither pipelines nor executions in it."""
    execution = await site.start()
    for path in PUBLIC - {"/monitor/{path:path}"}:
        answer = await site.client.get(path)
        assert answer.status_code in {200, 404}
        assert execution not in answer.text
        assert "waiting" not in answer.text or answer.headers["content-type"].startswith("text/html")


async def test_pages_of_other_sites_change_nothing(site: Site) -> None:
    """A request that changes something, and a WebSocket, are refused when their page is not allowed."""
    execution = await site.start()
    for target in site.protected():
        headers = {"authorization": f"Bearer {site.owner}", "origin": "https://evil.example"}
        path = target.at(execution)
        if target.method == "WS":
            assert (await site._connect(path, headers)).status == 403, target
            continue
        if not target.takes_tickets:
            answer = await site.client.request(target.method, path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "origin-not-allowed"), target
        asked = {"origin": "https://evil.example", "access-control-request-method": target.method}
        preflight = await site.client.options(path, headers=asked)
        assert preflight.status_code == 403, target
        assert "access-control-allow-origin" not in preflight.headers, target


async def test_problems_are_json_with_a_code(site: Site) -> None:
    """Refusals of every route have one form."""
    for target in site.protected():
        if target.method != "HEAD":
            answer = await site.send(target, target.at(UNKNOWN))
            assert answer.headers["content-type"] == "application/problem+json", target
            assert json.loads(answer.body)["code"] == "not-authenticated", target
