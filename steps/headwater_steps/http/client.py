"""Requests to allowed hosts, with their redirects."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpcore2
import httpx2
from anyio import Semaphore
from anyio.to_thread import run_sync as run_in_thread

from headwater.toolkit import refuse_outside
from headwater_steps.http.answer import Answer, Limits, Patience
from headwater_steps.http.headers import kept_across_origins
from headwater_steps.http.hosts import Hosts
from headwater_steps.http.http_errors import HttpBrokenError, HttpRefusedError, HttpTimeoutError, place_of
from headwater_steps.http.messages import Query
from headwater_steps.http.network import AddressRefusedError, connections, tls_context

__all__ = ["Client", "Outgoing", "Turns", "opened_client", "url_of"]

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_FAULTS: Final = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes | None = None
    private: bool = False
    secret_headers: Collection[str] = ()

    @property
    def place(self) -> str:
        """What the request is called in messages."""
        return place_of(self.method, str(self.url))

    def raw(self, limits: Limits) -> httpcore2.Request:
        """Return the request as it is sent."""
        url = self.url
        headers = [(b"host", url.netloc)]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in self.headers.items()]
        headers += [(b"accept-encoding", b"gzip")]
        if self.content is not None or self.method in {"POST", "PUT", "PATCH"}:
            headers += [(b"content-length", str(len(self.content or b"")).encode())]
        return httpcore2.Request(
            self.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=headers,
            content=self.content,
            extensions={"timeout": {"connect": limits.connect_s}},
        )


def url_of(method: str, text: str, params: Query | None = None) -> httpx2.URL:
    """Read a URL."""
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise HttpRefusedError(place_of(method, text), f"expected a URL, but {str(error).lower()}") from None
    if url.userinfo:
        reason = "a URL must not have a name or password in it; give them by bearer or secret_headers"
        raise HttpRefusedError(place_of(method, text), reason)
    return url.copy_merge_params(params) if params else url


class Turns:
    """Lets a number of tasks hold each key, while others wait in order; keys that no task holds are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[Hashable, Semaphore] = {}
        self._users: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncGenerator[None]:
        """Hold a key, after waiting for a place."""
        places = self._places.setdefault(key, Semaphore(self._most))
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with places:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._places[key]


class Client:
    """Sends requests, and follows redirects."""

    def __init__(
        self,
        hosts: Hosts,
        limits: Limits,
        most_per_host: int,
        public: httpcore2.AsyncConnectionPool,
        private: httpcore2.AsyncConnectionPool,
    ) -> None:
        self._hosts = hosts
        self._limits = limits
        self._turns = Turns(most_per_host)
        self._pools = {False: public, True: private}

    @asynccontextmanager
    async def exchange(self, request: Outgoing) -> AsyncGenerator[Answer]:
        """Send a request, and hold a turn for the host until the answer is released; the wait for it does not count."""
        first, hops = request, 0
        waited_s = 0.0
        while True:
            self._hosts.check(request.place, request.url.scheme, request.url.raw_host.decode("ascii"), request.url.port)
            async with self._turns.turn(request.url.raw_host):
                answer = await self._answer(request, waited_s)
                try:
                    following = _redirected(request, answer)
                    if following is None:
                        yield answer
                        return
                finally:
                    await answer.aclose()
            if hops == self._limits.max_redirects:
                reason = f"it was redirected more than {hops} times (max_redirects), the last time to {following.place}"
                raise HttpRefusedError(first.place, reason)
            request, hops, waited_s = following, hops + 1, answer.patience.waited_s

    async def _answer(self, request: Outgoing, waited_s: float) -> Answer:
        patience = Patience(self._limits, waited_s)
        place = request.place
        try:
            with patience.wait(place, "first_byte_s"):
                response = await self._pools[request.private].handle_async_request(request.raw(self._limits))
        except AddressRefusedError as error:
            hint = "a private network needs the operator's permission: --allow private-network, or allow= in Python"
            raise HttpRefusedError(place, f"{error}; {hint}") from error
        except httpcore2.ConnectTimeout as error:
            limit_s = self._limits.connect_s
            raise HttpTimeoutError(place, f"there was no connection within {limit_s:g} s (connect_s)") from error
        except _FAULTS as error:
            raise HttpBrokenError(place, f"there is no answer: {str(error) or type(error).__name__}") from error
        return Answer(request.method, str(request.url), response, self._limits, patience)


@asynccontextmanager
async def opened_client(
    hosts: Sequence[str], limits: Limits, most_per_host: int, ca_file: Path | None
) -> AsyncGenerator[Client]:
    """Open a client, whose connections are closed at the end."""
    if ca_file is not None:
        refuse_outside(ca_file)  # also where the file was read before, for another execution
    tls = await run_in_thread(tls_context, ca_file)
    async with connections(tls, private=False) as public, connections(tls, private=True) as private:
        yield Client(Hosts(hosts), limits, most_per_host, public, private)


def _redirected(request: Outgoing, answer: Answer) -> Outgoing | None:
    """Return the request that a redirect asks for (RFC 9110, section 15.4), or None."""
    location = answer.location
    if answer.status not in _REDIRECTS or location is None:
        return None
    url = _target(request, location)
    if request.url.scheme == "https" and url.scheme == "http":
        raise HttpRefusedError(request.place, "it is redirected from https to http, which is not encrypted")
    following = replace(request, url=url)
    if not _same_site(request.url, url):
        following = replace(following, headers=kept_across_origins(following.headers, following.secret_headers))
    if _becomes_get(answer.status, request.method):
        headers = {name: value for name, value in following.headers.items() if not name.startswith("content-")}
        following = replace(following, method="GET", content=None, headers=headers)
    return following


def _target(request: Outgoing, location: str) -> httpx2.URL:
    try:
        url = request.url.join(location)
    except httpx2.InvalidURL as error:
        raise HttpBrokenError(request.place, f"it is redirected to an invalid URL: {error}") from error
    if url.userinfo:
        raise HttpRefusedError(request.place, "it is redirected to a URL with a name or password in it")
    return url


def _same_site(source: httpx2.URL, target: httpx2.URL) -> bool:
    """Return whether credentials for one may go to the other: the same origin, or the same host now with TLS."""
    if source.raw_host != target.raw_host:
        return False
    is_upgrade = (source.scheme, target.scheme) == ("http", "https") and source.port is target.port is None
    return is_upgrade or (source.scheme, source.port) == (target.scheme, target.port)


def _becomes_get(status: int, method: str) -> bool:
    if status == 303:
        return method not in {"GET", "HEAD"}
    return status in {301, 302} and method == "POST"
