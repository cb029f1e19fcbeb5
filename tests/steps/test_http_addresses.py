"""Who may be requested: public addresses, hosts that match a pattern, connections to what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpcore2
import httpx2
import pytest
from anyio import sleep_forever
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from headwater.toolkit import HostPattern, address_fault
from headwater_steps.http.answer import Limits
from headwater_steps.http.client import Client, Outgoing
from headwater_steps.http.headers import kept_across_origins
from headwater_steps.http.hosts import Hosts
from headwater_steps.http.http_errors import HttpRefusedError, HttpTimeoutError, place_of
from headwater_steps.http.network import AddressRefusedError, GuardedBackend
from tests.steps.http_server import answer, routes, saying, serving

# ---- addresses


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("::1", "a loopback address"),
        ("10.1.2.3", "a private address"),
        ("172.16.0.1", "a private address"),
        ("192.168.1.1", "a private address"),
        ("198.18.0.1", "a private address"),
        ("203.0.113.9", "a private address"),
        ("0.1.2.3", "a private address"),
        ("fd00::1", "a private address"),
        ("fec0::1", "a private address"),
        ("2001:db8::1", "a private address"),
        ("2001:0:4136:e378::1", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("224.0.0.1", "a multicast address"),
        ("224.0.1.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("100.64.0.1", "an address that providers share"),
        ("100.127.255.255", "an address that providers share"),
        ("240.0.0.1", "a reserved address"),
        ("255.255.255.255", "a reserved address"),
        ("5f00::1", "a reserved address"),
        ("::7f00:1", "a reserved address"),
        ("64:ff9b:1::a00:1", "a reserved address"),
        ("0.0.0.0", "not the address of a host"),  # noqa: S104 - nothing is bound
        ("::", "not the address of a host"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::ffff:169.254.169.254", "a link-local address"),
        ("::ffff:100.64.0.1", "an address that providers share"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("64:ff9b::a00:1", "a private address"),
        ("2002:7f00:1::", "a loopback address"),
        ("2002:c0a8:101::1", "a private address"),
    ],
)
def test_address_is_refused_when_it_is_not_public(address: str, fault: str) -> None:
    """Each kind of address that is not of a public host is told by its name."""
    assert address_fault(address) == fault


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"])
def test_address_is_accepted_when_it_is_public(address: str) -> None:
    """Public addresses are fine, also where an IPv6 address stands for one of IPv4."""
    assert address_fault(address) == ""


@given(st.ip_addresses(v=4))
def test_address_is_judged_the_same_when_it_is_embedded(address: object) -> None:
    """No way to write an IPv4 address in IPv6 makes it more public than it is."""
    embedded = int(address)  # type: ignore[call-overload]  # an IPv4Address
    assert address_fault(f"::ffff:{address}") == address_fault(str(address))
    assert address_fault(f"64:ff9b::{embedded >> 16:x}:{embedded & 0xFFFF:x}") == address_fault(str(address))


# ---- hosts


@pytest.mark.parametrize(
    ("pattern", "scheme", "host", "port", "allowed"),
    [
        ("api.example.com", "https", "api.example.com", None, True),
        ("api.example.com", "https", "API.Example.COM", None, True),
        ("api.example.com", "http", "api.example.com", None, True),
        ("api.example.com", "http", "api.example.com", 443, False),
        ("api.example.com", "https", "api.example.com", 8443, False),
        ("api.example.com:8443", "https", "api.example.com", 8443, True),
        ("api.example.com:8443", "https", "api.example.com", None, False),
        ("api.example.com:443", "https", "api.example.com", None, True),
        ("api.example.com:443", "http", "api.example.com", None, False),
        ("api.example.com:*", "https", "api.example.com", 22, True),
        ("api.example.com", "https", "xapi.example.com", None, False),
        ("api.example.com", "https", "api.example.com.evil.net", None, False),
        ("api.example.com", "https", "api.example.com.", None, False),
        ("*.example.com", "https", "a.example.com", None, True),
        ("*.example.com", "https", "a.b.example.com", None, True),
        ("*.example.com", "https", "example.com", None, False),
        ("*.example.com", "https", ".example.com", None, False),
        ("*.example.com", "https", "evilexample.com", None, False),
        ("*", "https", "anything.net", None, True),
        ("*", "https", "anything.net", 25, False),
        ("*:*", "https", "anything.net", 25, True),
        ("[2001:db8::1]", "http", "2001:db8::1", None, True),
        ("127.0.0.1:8080", "http", "127.0.0.1", 8080, True),
    ],
)
def test_host_is_allowed_when_a_pattern_fits(
    pattern: str, scheme: str, host: str, port: int | None, allowed: bool
) -> None:
    """A pattern means a host, those below it or all, and the default ports unless it says others."""
    assert Hosts([pattern]).allow(scheme, host, port) is allowed


@pytest.mark.parametrize(
    "pattern",
    ["", "https://example.com", "example.com/path", "ex*mple.com", "*.*", "a..b", ".example.com", "a b", "münchen.de",
     "user@example.com", "example.com:", "example.com:port", "*example.com"],
)  # fmt: skip
def test_pattern_is_refused_when_it_is_none(pattern: str) -> None:
    """What is no pattern is refused when the document is loaded, with what one looks like."""
    with pytest.raises(ValueError, match="expected a host such as"):
        TypeAdapter(HostPattern).validate_python(pattern)


@pytest.mark.parametrize(
    ("scheme", "host", "message"),
    [
        ("ftp", "example.com", "expected a URL that starts with http:// or https://"),
        ("", "example.com", "expected a URL that starts with http:// or https://"),
        ("https", "", "expected a URL with a host"),
        (
            "https",
            "example.org",
            r"the host example.org is not among the allowed ones \(example.com\); add it to hosts",
        ),
    ],
)
def test_request_is_refused_when_the_host_is_not_allowed(scheme: str, host: str, message: str) -> None:
    """The error says what was found, and what to do."""
    with pytest.raises(HttpRefusedError, match=message):
        Hosts(["example.com"]).check("GET x", scheme, host, None)


# ---- what is told and what is taken along


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://example.com/a/b", "https://example.com/a/b"),
        ("https://example.com:8443/?key=secret#part", "https://example.com:8443/?..."),
        ("https://me:secret@example.com/", "https://example.com/"),
        ("https://me:se@cret@example.com/", "https://example.com/"),
        ("me:secret@example.com", "a URL that cannot be read"),
        ("http://[::1", "a URL that cannot be read"),
        ("", "an empty URL"),
        ("https://example.com/" + "x" * 500, "https://example.com/" + "x" * 179 + "…"),
        ("https://example.com/\x1b[31m", "https://example.com/\ufffd[31m"),
    ],
)
def test_place_has_no_secrets_when_it_is_shown(url: str, place: str) -> None:
    """Messages have neither credentials nor queries, nor what would confuse a terminal."""
    assert place_of("GET", url) == f"GET {place}"


def test_headers_stay_behind_when_they_could_be_credentials() -> None:
    """To another origin only what is known to be harmless is taken."""
    headers = {"Accept": "a", "Cookie": "b", "authorization": "c", "X-Api-Key": "d", "User-Agent": "e"}
    assert kept_across_origins(headers, ()) == {"Accept": "a", "User-Agent": "e"}
    assert kept_across_origins(headers, {"user-agent"}) == {"Accept": "a"}


# ---- connections


async def test_connection_is_refused_when_the_name_is_private() -> None:
    """One private address among those of a name is enough: names that mix them are an attack or a mistake."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["9.9.9.9", "10.0.0.7"]

    with pytest.raises(AddressRefusedError, match=r"^example.com is at 10.0.0.7, a private address$"):
        await GuardedBackend(private=False, resolve=resolve).connect_tcp("example.com", 80)


async def test_connection_goes_to_the_address_that_was_checked() -> None:
    """A name is resolved once for a connection, so a name that changes its mind in between gains nothing."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with serving(saying(answer("here"))) as server:
        backend = GuardedBackend(private=True, resolve=resolve)
        async with httpcore2.AsyncConnectionPool(network_backend=backend) as pool:
            url = f"http://name.invalid:{server.port}/"
            responses = [await pool.request("GET", url) for _ in range(2)]
    assert [response.content for response in responses] == [b"here"] * 2
    assert asked == ["name.invalid"]
    assert server.asked[0].headers["host"] == f"name.invalid:{server.port}"


async def test_connection_uses_the_next_address_when_one_does_not_answer() -> None:
    """A name with several addresses is reached as long as one of them works."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with serving(saying(answer("here"))) as server:
        stream = await GuardedBackend(private=True, resolve=resolve).connect_tcp("example.com", server.port, timeout=5)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()


async def test_connection_fails_when_the_name_is_not_known() -> None:
    """What cannot be resolved is told with the name."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(httpcore2.ConnectError, match=r"the name example.com cannot be resolved: no such name"):
        await GuardedBackend(private=False, resolve=resolve).connect_tcp("example.com", 80)


class HalfPublic(GuardedBackend):
    """Guards all hosts but one, which stands for a public one, as tests have none."""

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        if host == "public.example":
            backend: Any = httpcore2.AnyIOBackend()
            return await backend.connect_tcp("127.0.0.1", port)
        return await super().connect_tcp(host, port, *args, **kwargs)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433"])
async def test_redirect_is_refused_when_it_leads_from_a_public_host_to_a_private_one(host: str) -> None:
    """Each hop is checked by itself, also where the document allows every host."""
    async with serving(routes({"/secret": answer("secret")})) as inner:
        target = f"http://{host}:{inner.port}/secret"
        moved = answer("", status="302 Found", location=target)
        pool = httpcore2.AsyncConnectionPool(network_backend=HalfPublic(private=False))
        client = Client(Hosts(["*:*"]), Limits(1_000, 5, 5, 5, 5, 5), 8, pool, pool)
        async with serving(saying(moved)) as outer, pool:
            request = Outgoing("GET", httpx2.URL(f"http://public.example:{outer.port}/"), {})
            with pytest.raises(HttpRefusedError, match="a loopback address"):
                async with client.exchange(request):
                    pass
    assert (len(outer.asked), inner.connections) == (1, 0)


async def test_connection_is_given_up_when_it_takes_too_long() -> None:
    """The limit has a name, and the wait for an address is a part of it."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        await sleep_forever()
        return []

    backend = GuardedBackend(private=False, resolve=resolve)
    async with httpcore2.AsyncConnectionPool(network_backend=backend) as pool:
        client = Client(Hosts(["*"]), Limits(1_000, 5, 0.05, 5, 5, 5), 8, pool, pool)
        message = r"^GET http://example.com: there was no connection within 0.05 s \(connect_s\)$"
        with pytest.raises(HttpTimeoutError, match=message):
            async with client.exchange(Outgoing("GET", httpx2.URL("http://example.com"), {})):
                pass
