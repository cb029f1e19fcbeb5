"""Hosts and origins: DNS rebinding, cross-site requests, CORS, and the address that is served."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import HeadwaterError
from headwater_server.access.origins import PAGE_HEADERS, Origins, check_bind, check_unprotected, is_loopback
from headwater_server.refusals import Refusal
from tests.server.access.scopes import http, websocket

APP = "https://app.example.com"
JSON = "application/json"
WORLD = "0.0.0.0"  # noqa: S104 - what is refused


def status(scope: dict[str, Any], *allowed: str) -> int:
    """Return the status that a request is refused with, or 200."""
    try:
        check_unprotected(scope)
        Origins(allowed).check(scope)
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.8.9.1:1",
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "localhost.:8000",
        "app.localhost:8000",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:8000",
        "[::ffff:127.0.0.1]:8000",
    ],
)
def test_host_is_accepted_when_it_names_the_loopback(host: str) -> None:
    """With or without a port, in either version of IP, in any case."""
    assert status(http(host=host)) == 200
    assert status(websocket(host=host)) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("evil.example", 421),
        ("evil.example:8000", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil-localhost", 421),
        ("127.0.0.1@evil.example", 421),
        ("evil.example@127.0.0.1", 421),
        ("127.0.0.1, evil.example", 421),
        ("127.0.0.1/evil.example", 421),
        ("[::1", 421),
        ("::1", 421),
        ("[::2]:8000", 421),
        ("0.0.0.0:8000", 421),
        ("10.0.0.1", 421),
        ("127.0.0.1:port", 421),
        ("", 421),
        (None, 400),
    ],
)
def test_host_is_refused_when_it_names_another_place(host: str | None, expected: int) -> None:
    """A page whose name was pointed at this machine sends its own name."""
    assert status(http(host=host)) == expected
    assert status(websocket(host=host)) == expected


def test_host_is_refused_when_it_was_sent_twice() -> None:
    """Two hosts could be read by one as the first, and by another as the second."""
    scope = http()
    scope["headers"].append((b"Host", b"evil.example"))
    assert status(scope) == 400


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (("127.0.0.1", 8000), 200),
        (("::1", 8000), 200),
        (("localhost", None), 200),
        (("/run/headwater.sock", None), 200),
        (("192.168.1.2", 8000), 403),
        (("::", 8000), 403),
        (None, 403),
    ],
)
def test_address_is_refused_when_other_machines_reach_it(server: Any, expected: int) -> None:
    """An app without authentication that a server of another kind serves to the world answers nothing."""
    assert status(http(server=server)) == expected


@pytest.mark.parametrize("name", ["forwarded", "via", "x_forwarded_for", "x_real_ip", "x_forwarded_host"])
def test_request_is_refused_when_it_came_through_a_proxy(name: str) -> None:
    """A proxy on this machine sends a loopback host for callers from anywhere."""
    assert status(http(**{name: "203.0.113.7"})) == 403


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, 200),
        ("http://127.0.0.1:8000", 200),
        (APP, 200),
        ("http://127.0.0.1:8001", 403),
        ("http://localhost:8000", 403),
        ("http://app.example.com", 403),
        ("https://app.example.com:444", 403),
        ("https://app.example.com.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://", 403),
        ("http://", 403),
        ("http://127.0.0.1:8000@evil.example", 403),
    ],
)
def test_change_is_refused_when_it_comes_from_another_site(origin: str | None, expected: int) -> None:
    """Programs send no origin, and pages of the server its own; a page may read what CORS lets it read."""
    assert status(http("POST", origin=origin, content_type=JSON), APP) == expected
    assert status(http("DELETE", origin=origin), APP) == expected
    assert status(websocket(origin=origin), APP) == expected
    assert status(http("GET", origin=origin), APP) == 200
    assert ("Access-Control-Allow-Origin" in Origins([APP]).headers(http(origin=origin))) == (
        expected == 200 and origin is not None
    )


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "expected"),
    [
        ("https://x.example", "x.example", "https", True),
        ("https://x.example", "x.example:443", "https", True),
        ("https://x.example", "x.example", "http", True),  # TLS ends at the proxy
        ("http://x.example", "x.example:80", "http", True),
        ("http://X.example", "x.EXAMPLE.", "http", True),
        ("http://x.example", "x.example", "https", False),  # whoever is between can write this page
        ("http://x.example", "x.example", "wss", False),
        ("https://x.example:8443", "x.example", "https", False),
        ("http://[::1]:8000", "[::1]:8000", "http", True),
        ("http://x.example", None, "http", False),
        ("http://x.example", "x.example:y", "http", False),
    ],
)
def test_page_of_the_server_itself_is_known(origin: str, host: str | None, scheme: str, expected: bool) -> None:
    """Ports that are not written are those of the scheme."""
    assert Origins().is_allowed(http(origin=origin, host=host, scheme=scheme)) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content_type": JSON, "content_length": "2"}, 200),
        ({"content_type": "Application/JSON; charset=utf-8"}, 200),
        ({"content_type": "application/jsonl", "transfer_encoding": "chunked"}, 200),
        ({"content_type": "application/vnd.headwater.stream"}, 200),
        ({}, 200),
        ({"content_length": "0"}, 200),
        ({"content_length": "2"}, 415),
        ({"transfer_encoding": "chunked"}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "text/plain; application/json"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": ""}, 415),
    ],
)
def test_body_is_refused_when_any_page_could_send_it(headers: dict[str, str], expected: int) -> None:
    """Types that a form can send need no preflight, so they are not accepted."""
    assert status(http("POST", **headers)) == expected


def test_preflight_is_answered_for_allowed_pages_alone() -> None:
    """A browser asks before it sends JSON or a key, and learns for each origin apart."""
    asked = {"origin": APP, "access_control_request_method": "POST"}
    origins = Origins([APP])
    headers = origins.preflight(http("OPTIONS", **asked))
    assert headers is not None
    assert headers["Access-Control-Allow-Origin"] == APP
    assert headers["Vary"] == "Origin"
    assert "Authorization" in headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Private-Network" not in headers
    assert "Access-Control-Allow-Credentials" not in headers
    private = origins.preflight(http("OPTIONS", **asked, access_control_request_private_network="true"))
    assert private is not None
    assert private["Access-Control-Allow-Private-Network"] == "true"
    with pytest.raises(Refusal) as caught:
        origins.preflight(http("OPTIONS", **asked | {"origin": "https://evil.example"}))
    assert caught.value.status == 403
    assert origins.preflight(http("OPTIONS")) is None
    assert origins.preflight(http("OPTIONS", origin=APP)) is None
    assert origins.preflight(http("GET", **asked)) is None
    assert origins.preflight(websocket(**asked)) is None


@pytest.mark.parametrize(
    "origin", ["*", "null", "app.example.com", "https://", "https://x.example/", "ftp://x.example"]
)
def test_origin_cannot_be_allowed_when_it_is_none(origin: str) -> None:
    """A list that allows nothing, or everything, is a mistake of the operator."""
    with pytest.raises(HeadwaterError, match="is not an origin that can be allowed"):
        Origins([origin])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST.", "127.1.2.3"])
def test_loopback_is_served_without_authentication(host: str) -> None:
    """A person tries the server on their own machine."""
    check_bind(host, None)


@pytest.mark.parametrize("host", [WORLD, "", "::", "192.168.1.2", "server.example", "::ffff:10.0.0.1", "x127.0.0.1"])
def test_other_addresses_need_authentication(host: str) -> None:
    """The reason is given at the start, and an operator can insist."""
    with pytest.raises(HeadwaterError, match=r"has no authentication.*pass --keys FILE.*or pass --insecure"):
        check_bind(host, None)
    check_bind(host, None, insecure=True)
    check_bind(host, object())


def test_loopback_is_recognized_without_asking_a_name_server() -> None:
    """A name that someone else controls is never the loopback."""
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("localhost.example")
    assert not is_loopback("")


def test_pages_run_no_inline_script_and_stand_in_no_frame() -> None:
    """What a page shows of a stranger's data cannot run."""
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert PAGE_HEADERS["X-Content-Type-Options"] == "nosniff"
