"""Servers that speak TLS: they are verified by their names, although addresses are what is connected to."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2
import pytest
import trustme
from anyio.abc import ByteStream

from headwater import Pipeline, StepError
from headwater_steps.http import Get
from headwater_steps.http.client import _same_site
from tests.steps.http_server import Asked, answer, saying, serving

AUTHORITY = trustme.CA()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """The certificate of an authority that nobody else trusts."""
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


def certified(name: str) -> ssl.SSLContext:
    """Return what a server needs that has a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


async def get(url: str, ca_file: Path | None) -> str:
    """Return the text at a URL."""
    step = Get(hosts=["localhost:*", "127.0.0.1:*"], ca_file=ca_file)
    result = await Pipeline("get", steps={"get": step}, allow={"private-network"}).run(url)
    return str(result.output)


async def test_server_is_trusted_when_its_name_is_certified(ca_file: Path) -> None:
    """The name of the URL is what is asked for and verified."""
    names: list[str] = []

    async def emit(asked: Asked, stream: ByteStream) -> None:
        names.append(asked.headers["host"])
        await stream.send(answer("safe"))

    async with serving(emit, certified("localhost")) as server:
        assert await get(f"https://localhost:{server.port}/", ca_file) == "safe"
        assert names == [f"localhost:{server.port}"]


@pytest.mark.parametrize(
    ("host", "trusted", "message"),
    [("127.0.0.1", True, "IP address mismatch"), ("localhost", False, "unable to get local issuer certificate")],
)
async def test_server_is_refused_when_it_is_not_certified(
    host: str, trusted: bool, message: str, ca_file: Path
) -> None:
    """A certificate for another name, or of an authority that is not trusted, is none; nothing is sent."""
    async with serving(saying(answer("unsafe")), certified("localhost")) as server:
        with pytest.raises(StepError, match=message):
            await get(f"https://{host}:{server.port}/", ca_file if trusted else None)
    assert server.asked == []


async def test_redirect_from_https_to_http_is_refused(ca_file: Path) -> None:
    """What began in private is not continued in public."""
    async with serving(saying(answer("unsafe"))) as other:
        target = f"http://localhost:{other.port}/"
        moved = answer("", status="307 Temporary Redirect", location=target)
        async with serving(saying(moved), certified("localhost")) as server:
            with pytest.raises(StepError, match="redirected from https to http, which is not encrypted"):
                await get(f"https://localhost:{server.port}/", ca_file)
    assert other.asked == []


@pytest.mark.parametrize(
    ("source", "target", "same"),
    [
        ("https://a.com/1", "https://a.com/2", True),
        ("https://a.com:443/", "https://a.com/", True),
        ("http://a.com/", "https://a.com/", True),
        ("http://a.com/", "https://b.com/", False),
        ("http://a.com:8080/", "https://a.com/", False),
        ("http://a.com/", "https://a.com:8443/", False),
        ("https://a.com/", "https://a.com:8443/", False),
        ("https://a.com/", "https://www.a.com/", False),
    ],
)
def test_credentials_go_along_when_the_site_is_the_same(source: str, target: str, same: bool) -> None:
    """An origin is scheme, host and port; only the step up to TLS on the default ports is no other one."""
    assert _same_site(httpx2.URL(source), httpx2.URL(target)) is same
