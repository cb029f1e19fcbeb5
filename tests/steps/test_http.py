"""Requests to a real server: what comes back, what is refused, what breaks, and what is let go of."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpcore2
import pytest
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint
from pydantic import ValidationError

from headwater import Pipeline, Result, Runner, Step, StepError, StreamEvent
from headwater_steps.http import (
    BodyFooter,
    Chunks,
    Get,
    HttpBrokenError,
    HttpError,
    HttpRefusedError,
    HttpRequest,
    HttpStatusError,
    HttpTimeoutError,
    Lines,
    Request,
    Source,
    network,
)
from headwater_steps.http.http_step import HttpStep
from headwater_steps.streams import take
from tests.steps.http_server import Asked, Server, answer, routes, saying, serving, until_closed, until_left

LOCAL = ["127.0.0.1:*", "localhost:*"]
ALLOW = {"private-network"}


def pipeline(*steps: Step | Any, allow: Sequence[str] | set[str] = ALLOW, **options: Any) -> Pipeline:
    """Return a chain of steps, with options of the first."""
    made = Pipeline("test", steps=dict(zip(["http", "next"], steps, strict=False)), allow=allow)
    if not options:
        return made
    document = json.loads(made.to_json())
    document["steps"][0] |= options
    return Pipeline.load(document, allow=allow)


async def run(step: Step, data: Any, **options: Any) -> Result:
    """Return what comes of one step."""
    return await pipeline(step, **options).run(data)


async def failure(step: Step, data: Any, **options: Any) -> HttpError:
    """Return how one step fails."""
    with pytest.raises(StepError) as error:
        await run(step, data, **options)
    assert isinstance(error.value.__cause__, HttpError)
    return error.value.__cause__


# ---- http.get


async def test_get_returns_the_text() -> None:
    """A URL becomes the text at it, and the server sees an ordinary request."""
    async with serving(routes({"/salt": answer("salt\nwater")})) as server:
        assert (await run(Get(hosts=LOCAL), f"{server.url}/salt?a=1#part")).output == "salt\nwater"
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.headers["host"]) == ("GET", "/salt?a=1", f"127.0.0.1:{server.port}")
    assert (asked.headers["accept-encoding"], asked.headers["user-agent"]) == ("gzip", "headwater")


async def test_get_is_mapped_over_a_stream_of_urls() -> None:
    """The texts come in the order of the URLs, and connections are used again."""
    pages = {f"/{number}": answer(f"page {number}") for number in range(20)}
    async with serving(routes(pages)) as server:
        result = await run(Get(hosts=LOCAL), [f"{server.url}{path}" for path in pages])
    assert result.output == [f"page {number}" for number in range(20)]
    assert server.connections == 1


async def test_get_sends_as_many_requests_as_a_host_may_have() -> None:
    """However many items are under way, one host is asked so many times at once, and order is kept."""
    together = anyio.Event()

    async def wait_for_three(asked: Asked, stream: ByteStream) -> None:
        if len(server.asked) == 3:
            together.set()
        await together.wait()
        await stream.send(answer(asked.target))

    async with serving(wait_for_three) as server:
        urls = [f"{server.url}/{number}" for number in range(12)]
        with anyio.fail_after(60):
            result = await run(Get(hosts=LOCAL, max_per_host=3), urls, concurrency=8)
    assert result.output == [f"/{number}" for number in range(12)]
    assert server.most_open == 3


@pytest.mark.parametrize(
    ("body", "content_type", "params", "text"),
    [
        pytest.param("é".encode(), "text/plain", {}, "é", id="UTF-8 by default"),
        pytest.param(b"\xef\xbb\xbfa", "text/plain", {}, "a", id="byte order mark"),
        pytest.param(b"\xe9", "text/plain; charset=ISO-8859-1", {}, "é", id="charset"),
        pytest.param(b"\x80", 'text/plain; format=flowed; Charset="windows-1252"', {}, "€", id="quoted charset"),
        pytest.param("é".encode("utf-16"), "text/plain; charset=utf-16", {}, "é", id="UTF-16"),
        pytest.param(b"\xe9", "text/plain; charset=utf-8", {"encoding": "latin-1"}, "é", id="encoding"),
        pytest.param(b"a\xe9", "text/plain", {"on_bad": "replace"}, "a\ufffd", id="replace"),
        pytest.param(b"", "text/plain", {}, "", id="empty"),
    ],
)
async def test_get_decodes_the_text(body: bytes, content_type: str, params: dict[str, Any], text: str) -> None:
    """The charset of the server counts, unless the document knows better."""
    async with serving(saying(answer(body, content_type=content_type))) as server:
        assert (await run(Get(hosts=LOCAL, **params), server.url)).output == text


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"ab\xff", {}, "the bytes ff are not valid utf-8, at byte 2 of the body; set encoding, or on_bad to replace"),
        (
            b"a",
            {"content_type": "text/plain; charset=klingon"},
            "the charset 'klingon', which is not known; set encoding",
        ),
        (
            b"a",
            {"content_encoding": "br"},
            "the content encoding 'br', which was not requested; only gzip is supported",
        ),
        (b"no gzip", {"content_encoding": "gzip"}, "the body is not valid gzip data"),
        (
            gzip.compress(b"salt" * 99, mtime=0)[:-1],
            {"content_encoding": "gzip"},
            "the gzip data of the body are cut off",
        ),
        (
            gzip.compress(b"salt" * 99, mtime=0)[:20],
            {"content_encoding": "gzip"},
            "the gzip data of the body are cut off",
        ),
        (gzip.compress(b"salt", mtime=0) + b"rest", {"content_encoding": "gzip"}, "the body is not valid gzip data"),
    ],
)
async def test_get_fails_when_the_body_is_not_what_it_says(body: bytes, headers: dict[str, str], message: str) -> None:
    """Damaged and cut bodies are errors, never shorter texts."""
    async with serving(saying(answer(body, **headers))) as server:
        error = await failure(Get(hosts=LOCAL), server.url)
    assert isinstance(error, HttpBrokenError)
    assert message in str(error)


@pytest.mark.parametrize("members", [1, 3])
async def test_get_unpacks_gzip(members: int) -> None:
    """Bodies may consist of several gzip members (RFC 1952)."""
    body = gzip.compress(b"salt" * 100_000) * members
    async with serving(saying(answer(body, content_encoding="gzip"))) as server:
        assert (await run(Get(hosts=LOCAL), server.url)).output == "salt" * 100_000 * members


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "503 Service Unavailable"])
async def test_get_fails_when_the_status_says_so(status: str) -> None:
    """The error has the status, and the beginning of what the server says."""
    async with serving(saying(answer("no\r\nsuch\x1b " + "x" * 1_000, status=status))) as server:
        error = await failure(Get(hosts=LOCAL), f"{server.url}/users?token=1")
    assert isinstance(error, HttpStatusError)
    assert error.status == int(status[:3])
    start = "no such\ufffd " + "x" * 290
    assert str(error) == f"GET {server.url}/users?...: {status}: {start}"


# ---- what is refused


async def test_private_address_is_refused_when_the_operator_does_not_allow_it() -> None:
    """Neither an address nor a name that resolves to one is reached, and nothing is sent."""
    async with serving(saying(answer("secret"))) as server:
        for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"):
            step = Get(hosts=["*:*"])
            error = await failure(step, f"http://{host}:{server.port}/", allow=())
            assert isinstance(error, HttpRefusedError)
            assert "a loopback address; a private network needs the operator's permission" in str(error)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "the host example.com is not among the allowed ones (127.0.0.1:*, localhost:*)"),
        ("file:///etc/passwd", "expected a URL that starts with http:// or https://"),
        ("ftp://127.0.0.1/", "expected a URL that starts with http:// or https://"),
        ("/path", "expected a URL that starts with http:// or https://"),
        ("", "expected a URL that starts with http:// or https://"),
        ("http://", "expected a URL with a host"),
        ("http://127.0.0.1:99999/", "expected a port from 1 to 65535, found 99999"),
        ("http://127.0.0.1:x/", "expected a URL, but"),
        ("http://me:canary@127.0.0.1/", "a URL must not have a name or password in it"),
        ("http://127.0.0.1\\@example.com/", ""),
        ("http://127.0.0.1/\x00", "expected a URL, but"),
    ],
)
async def test_url_is_refused_when_it_is_none_that_may_be_requested(url: str, message: str) -> None:
    """Nothing is sent, and the message has no credentials."""
    error = await failure(Get(hosts=LOCAL), url)
    assert isinstance(error, HttpRefusedError)
    assert message in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"hosts": []},
        {"hosts": ["https://example.com"]},
        {"hosts": LOCAL, "headers": {"Host": "example.com"}},
        {"hosts": LOCAL, "headers": {"Transfer-Encoding": "chunked"}},
        {"hosts": LOCAL, "headers": {"bad name": "x"}},
        {"hosts": LOCAL, "headers": {"X": "a\r\nY: b"}},
        {"hosts": LOCAL, "secret_headers": {"X": "a\nb"}},
        {"hosts": LOCAL, "bearer": "a\nb"},
        {"hosts": LOCAL, "max_redirects": -1},
        {"hosts": LOCAL, "connect_s": 0},
        {"hosts": LOCAL, "total_s": float("inf")},
        {"hosts": LOCAL, "proxy": "http://localhost"},
    ],
)
def test_params_are_refused_when_they_are_wrong(params: dict[str, Any]) -> None:
    """Everything that can be known beforehand is told when the document is loaded."""
    with pytest.raises(ValidationError):
        Get(**params)


# ---- redirects


def moved(target: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return answer("moved", status=status, location=target)


async def test_redirect_is_followed_when_the_host_is_allowed() -> None:
    """Relative and absolute redirects lead on."""
    async with serving(routes({})) as server:
        pages = {"/a": moved("b?x=1"), "/b": moved(f"http://localhost:{server.port}/c"), "/c": answer("here")}
    async with serving(routes(pages)) as server:
        pages["/b"] = moved(f"http://localhost:{server.port}/c")
        result = await run(Lines(hosts=LOCAL), f"{server.url}/a")
        assert result.output == ["here"]
        assert result.header.url == f"http://localhost:{server.port}/c"
    assert [asked.target for asked in server.asked] == ["/a", "/b?x=1", "/c"]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/blå?q=ä".encode(), "/bl%C3%A5?q=%C3%A4"),
        ("/bl%C3%A5 blå".encode(), "/bl%C3%A5%20bl%C3%A5"),
        ("/blå%2F?a=1&b=%20".encode("latin-1"), "/bl%E5%2F?a=1&b=%20"),
    ],
)
async def test_redirect_is_followed_when_its_target_is_not_ascii(location: bytes, target: str) -> None:
    """The bytes of the header are those of the request, as in browsers."""
    head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: " + location + b"\r\n\r\n"
    async with serving(routes({"/start": head, target.partition("?")[0]: answer("here")})) as server:
        assert (await run(Lines(hosts=LOCAL), f"{server.url}/start")).output == ["here"]
    assert server.asked[1].target == target


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://example.com/", "the host example.com is not among the allowed ones"),
        ("file:///etc/passwd", "expected a URL that starts with http:// or https://"),
        ("http://me:canary@127.0.0.1/", "redirected to a URL with a name or password in it"),
        ("http://[::1", "redirected to an invalid URL"),
        ("/loop", "redirected more than 5 times (max_redirects)"),
    ],
)
async def test_redirect_is_refused_when_its_target_is_not_allowed(target: str, message: str) -> None:
    """A server cannot send a step where the document does not allow it to go."""
    async with serving(saying(moved(target))) as server:
        error = await failure(Get(hosts=LOCAL), f"{server.url}/start")
    assert message in str(error)
    assert "canary" not in str(error)
    assert len(server.asked) == (6 if target == "/loop" else 1)


async def test_redirect_is_an_error_when_none_is_to_be_followed() -> None:
    """The page of a redirect is never taken for the text."""
    async with serving(saying(moved("/b"))) as server:
        assert "more than 0 times" in str(await failure(Get(hosts=LOCAL, max_redirects=0), server.url))


SECRET_HEADERS = ["X-Api-Key", "Accept", "User-Agent", "Accept-Language", "Content-Language", "Content-Type"]


@pytest.mark.parametrize("name", SECRET_HEADERS)
async def test_credentials_stay_behind_when_a_redirect_leads_to_another_origin(name: str) -> None:
    """The other host gets the request without what was meant for the first, whatever the secret header is called."""
    secrets = {"bearer": "canary", "secret_headers": {name: "canary"}, "headers": {"Cookie": "canary"}}
    async with serving(saying(answer("here"))) as other:
        pages = {"/same": moved("/away"), "/away": moved(f"http://localhost:{other.port}/")}
        async with serving(routes(pages)) as server:
            step = Get(hosts=LOCAL, **secrets)  # type: ignore[arg-type]  # pydantic makes secrets of them
            assert (await run(step, f"{server.url}/same")).output == "here"
    assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer canary"] * 2
    assert "canary" not in str(other.asked)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        ("301 Moved Permanently", "POST", "GET"),
        ("302 Found", "POST", "GET"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "HEAD", "HEAD"),
        ("302 Found", "PUT", "PUT"),
        ("307 Temporary Redirect", "POST", "POST"),
        ("308 Permanent Redirect", "POST", "POST"),
    ],
)
async def test_method_changes_when_a_redirect_says_so(status: str, method: str, then: str) -> None:
    """A request that becomes GET leaves its body behind, others take it along (RFC 9110, section 15.4)."""
    head = b"" if then == "HEAD" else b"done"
    pages = {"/a": answer(b"", status=status, location="/b"), "/b": answer(head)}
    async with serving(routes(pages)) as server:
        body = None if method == "HEAD" else "salt"
        request = {"url": f"{server.url}/a", "method": method, "body": body}
        await run(Request(hosts=LOCAL, methods=("POST", "PUT", "HEAD")), [request])
    assert [asked.method for asked in server.asked] == [method, then]
    assert server.asked[1].body == (b"salt" if then in {"PUT", "POST"} else b"")
    assert ("content-type" in server.asked[1].headers) is (then in {"PUT", "POST"})


# ---- limits


async def test_body_is_refused_when_it_is_declared_too_large() -> None:
    """What says that it is too large is not even begun."""
    async with serving(saying(answer(b"", length=1_001))) as server:
        error = await failure(Get(hosts=LOCAL, max_body_bytes=1_000), server.url)
    assert str(error).endswith("the body is larger than 1000 bytes; raise max_body_bytes to take it")


BOMB = gzip.compress(bytes(50_000_000), mtime=0)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1_000_001), id="undeclared"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nf4241\r\n" + bytes(1_000_001) + b"\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(answer(BOMB, content_encoding="gzip"), id="gzip bomb"),
    ],
)
@pytest.mark.parametrize("kind", [Get, Chunks])
async def test_body_is_refused_when_it_turns_out_too_large(kind: type[HttpStep], response: bytes) -> None:
    """What is counted counts, after decompression as well."""

    async def hang_up(asked: Asked, stream: ByteStream) -> None:
        await stream.send(response)
        await stream.aclose()

    async with serving(hang_up) as server:
        error = await failure(kind(hosts=LOCAL, max_body_bytes=1_000_000), server.url)
    assert str(error).endswith("the body is larger than 1000000 bytes; raise max_body_bytes to take it")


async def never(asked: Asked, stream: ByteStream) -> None:
    """Answer nothing."""
    await stream.receive()


async def slow_head(asked: Asked, stream: ByteStream) -> None:
    """Give the head byte by byte, without an end."""
    await stream.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await stream.send(b"x")
        await anyio.sleep(0.01)  # a server that is slow on purpose


async def stuck_body(asked: Asked, stream: ByteStream) -> None:
    """Stop in the middle of the body."""
    await stream.send(answer(b"begin", length=100))
    await stream.receive()


async def slow_body(asked: Asked, stream: ByteStream) -> None:
    """Give the body byte by byte, without an end."""
    await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await stream.send(b"x")
        await anyio.sleep(0.01)  # a server that is slow on purpose


@pytest.mark.parametrize("kind", [Get, Chunks])
@pytest.mark.parametrize(
    ("handler", "limit"),
    [(never, "first_byte_s"), (slow_head, "first_byte_s"), (stuck_body, "idle_s"), (slow_body, "total_s")],
)
async def test_server_is_given_up_when_it_is_too_slow(kind: type[HttpStep], handler: Any, limit: str) -> None:
    """Each limit of time has its own error, and the connection is closed."""
    async with serving(handler) as server:
        error = await failure(kind(**{"hosts": LOCAL, limit: 0.1}), server.url)
        await until_closed(server)
    assert isinstance(error, HttpTimeoutError)
    assert str(error) == f"GET {server.url}: the server took longer than 0.1 s ({limit})"


async def test_reader_may_take_its_time(virtual_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of time are about the server; a slow reader does not use them up."""

    class Slow(Step, kind="test.slow"):
        async def run(self, chunk: bytes) -> int:
            await anyio.sleep(20)  # by the virtual clock, longer than the server may take in total
            return len(chunk)

    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n", *[bytes(100_000)] * 3]
    monkeypatch.setattr(network, "GuardedBackend", lambda private: httpcore2.AsyncMockBackend(parts))
    steps = {"http": Chunks(hosts=LOCAL, total_s=15), "slow": Slow()}
    result = await Pipeline("test", steps=steps, allow=ALLOW).run("http://127.0.0.1:80")
    assert sum(result.output) == 300_000
    assert virtual_clock.elapsed_s >= 20 * len(result.output) >= 40


# ---- broken connections


async def cut_body(asked: Asked, stream: ByteStream) -> None:
    """Die in the middle of the body."""
    await stream.send(answer(b"one\ntwo\nthr", length=1_000))
    await stream.aclose()


async def cut_chunks(asked: Asked, stream: ByteStream) -> None:
    """Die in the middle of a body of unknown length."""
    await stream.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\none\ntwo\n\r\n3\r\nthr\r\n")
    await stream.aclose()


@pytest.mark.parametrize("handler", [cut_body, cut_chunks])
async def test_stream_breaks_when_the_server_dies(handler: Any) -> None:
    """The lines that came are read, and then it is an error, never an end."""
    lines: list[str] = []
    async with serving(handler) as server, Runner().start(pipeline(Lines(hosts=LOCAL)), server.url) as execution:
        with pytest.raises(Exception, match="the connection broke after 11 bytes of the body"):
            async for line in execution.output:
                lines.append(line)  # noqa: PERF401 - what was read before the error is kept
    assert lines == ["one", "two"]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (b"", "there is no answer: Server disconnected without sending a response"),
        (b"SMTP ready\r\n\r\n", "there is no answer: illegal status line"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabc", "there is no answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, "there is no answer"),
    ],
)
async def test_request_fails_when_the_answer_is_no_http(response: bytes, message: str) -> None:
    """What is no response is told as such."""

    async def hang_up(asked: Asked, stream: ByteStream) -> None:
        await stream.send(response)
        await stream.aclose()

    async with serving(hang_up) as server:
        error = await failure(Get(hosts=LOCAL), server.url)
    assert isinstance(error, HttpBrokenError)
    assert message in str(error)


async def test_request_fails_when_no_server_listens() -> None:
    """A closed port is told with the URL."""
    async with serving(saying()) as server:
        pass
    error = await failure(Get(hosts=LOCAL), server.url)
    assert str(error).startswith(f"GET {server.url}: there is no answer: ")


async def endless(asked: Asked, stream: ByteStream) -> None:
    """Give lines without an end."""
    await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await stream.send(b"a line\n" * 1_000)


@pytest.mark.parametrize("handler", [endless, stuck_body, never])
@pytest.mark.parametrize("kind", [Get, Lines, Chunks])
async def test_connection_is_closed_when_the_execution_is_cancelled(kind: type[HttpStep], handler: Any) -> None:
    """Wherever a request is, the server sees that nobody waits for it any more."""
    begun = anyio.Event()

    async def handle(asked: Asked, stream: ByteStream) -> None:
        begun.set()
        await handler(asked, stream)

    async with serving(handle) as server:
        step = kind(hosts=LOCAL, max_body_bytes=2**40)
        async with Runner().start(pipeline(step), server.url) as execution:
            await begun.wait()
            execution.cancel()
        with anyio.fail_after(60):
            await server.left.wait()


async def test_connection_is_closed_when_the_reader_has_enough() -> None:
    """A reader that leaves ends the transfer."""
    async with serving(endless) as server:
        result = await pipeline(Lines(hosts=LOCAL), take.with_params(n=3)).run(server.url)
        with anyio.fail_after(60):
            await server.left.wait()
    assert result.output == ["a line"] * 3


async def test_body_flows_while_it_comes() -> None:
    """A line is there before the server has sent the next."""
    read = anyio.Event()

    async def in_turn(asked: Asked, stream: ByteStream) -> None:
        await stream.send(answer(b"one\n", length=8))
        await read.wait()
        await stream.send(b"two\n")

    lines: list[str] = []
    async with serving(in_turn) as server, Runner().start(pipeline(Lines(hosts=LOCAL)), server.url) as execution:
        with anyio.fail_after(60):
            async for line in execution.output:
                lines.append(line)
                read.set()
    assert lines == ["one", "two"]


# ---- streams


@pytest.mark.parametrize("packed", [False, True])
async def test_lines_have_header_and_footer(packed: bool) -> None:
    """The header tells what the server says, the footer what came."""
    text = b"salt\r\nwater\n\nfresh"
    body = gzip.compress(text) if packed else text
    coding = {"content_encoding": "gzip"} if packed else {}
    response = answer(body, content_type="text/plain", set_cookie="canary", x_a="1", X_A="2", **coding)
    async with serving(saying(response)) as server:
        result = await run(Lines(hosts=LOCAL), server.url)
    assert result.output == ["salt", "water", "", "fresh"]
    header, footer = result.header, result.footer
    assert (header.url, header.status, header.content_type) == (server.url, 200, "text/plain")
    assert (header.size_bytes, header.headers["x-a"]) == (len(body), "1, 2")
    assert "canary" not in str(header)
    assert (footer.size_bytes, footer.received_bytes) == (len(text), len(body))
    assert (footer.lines, footer.items, footer.bad_rows) == (4, 4, 0)
    assert 0 < footer.first_byte_s <= footer.duration_s


@pytest.mark.parametrize(("on_bad", "lines", "items"), [("replace", ["a", "b\ufffd", "c"], 3), ("skip", ["a", "c"], 2)])
async def test_lines_report_bytes_that_are_not_text(on_bad: Any, lines: list[str], items: int) -> None:
    """What was mended or left out is counted."""
    async with serving(saying(answer(b"a\nb\xff\nc\n"))) as server:
        result = await run(Lines(hosts=LOCAL, on_bad=on_bad), server.url)
    assert result.output == lines
    assert (result.footer.lines, result.footer.items) == (3, items)
    assert (result.footer.bad_rows, result.footer.first_bad_lines) == (1, (2,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a\n\xff\n", ":2: the bytes ff are not valid utf-8"),
        (b"a\nbbbbbbb\n", ":2: the line is longer than 4 characters"),
    ],
)
async def test_lines_fail_when_a_line_is_bad(body: bytes, message: str) -> None:
    """The error tells the URL and the line."""
    async with serving(saying(answer(body))) as server:
        with pytest.raises(StepError, match=message):
            await run(Lines(hosts=LOCAL, max_line_chars=4), server.url)


async def test_lines_of_an_error_are_passed_on_when_asked_for() -> None:
    """The header then tells the status."""
    async with serving(saying(answer("gone", status="410 Gone"))) as server:
        result = await run(Lines(hosts=LOCAL, on_status="pass"), server.url)
    assert (result.output, result.header.status) == (["gone"], 410)


async def test_source_needs_no_input() -> None:
    """A URL that is known beforehand is a param."""
    async with serving(saying(answer("salt\nwater"))) as server:
        result = await pipeline(Source(url=f"{server.url}/", hosts=LOCAL)).run()
    assert result.output == ["salt", "water"]


async def test_chunks_are_the_body() -> None:
    """Joined they are what the server sent, and the progress is told."""
    body = bytes(range(256)) * 4_000
    reported: list[StreamEvent] = []
    async with serving(saying(answer(body))) as server:
        result = await pipeline(Chunks(hosts=LOCAL)).run(server.url, subscribers=[reported.append])
    assert b"".join(result.output) == body
    assert isinstance(result.footer, BodyFooter)
    assert result.footer.size_bytes == len(body)
    assert [event.data.fraction for event in reported if event.event_type == "step_progress"][-1] == 1.0


# ---- http.request


JSON = {"content_type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("read_as", "headers", "body", "value"),
    [
        ("auto", JSON, b'{"id": 7}', {"id": 7}),
        ("auto", {"content_type": "application/problem+json"}, b"[1]", [1]),
        ("auto", {"content_type": "text/csv"}, b"a,b", "a,b"),
        ("auto", {"content_type": "image/svg+xml"}, b"<svg/>", "<svg/>"),
        ("auto", {"content_type": "image/png"}, b"\x89PNG", b"\x89PNG"),
        ("auto", {}, b"a", b"a"),
        ("auto", JSON, b"", None),
        ("json", {"content_type": "text/plain"}, b"1.5", 1.5),
        ("text", JSON, b"1", "1"),
        ("bytes", JSON, b"1", b"1"),
    ],
)
async def test_response_has_the_value_of_the_body(
    read_as: Any, headers: dict[str, str], body: bytes, value: object
) -> None:
    """The body is what its type says, or what the document takes it for."""
    async with serving(saying(answer(body, **headers))) as server:
        result = await run(Request(hosts=LOCAL, read_as=read_as), HttpRequest(url=server.url))
    assert result.output.body == value
    assert (result.output.status, result.output.size_bytes) == (200, len(body))


async def test_response_fails_when_the_body_is_no_json() -> None:
    """What says that it is JSON must be."""
    async with serving(saying(answer(b"{", **JSON))) as server:
        assert "the body is invalid JSON: EOF while parsing" in str(
            await failure(Request(hosts=LOCAL), [{"url": server.url}])
        )


@pytest.mark.parametrize(
    ("request_", "sent", "content_type"),
    [
        ({"json": {"name": "Ida"}}, b'{"name":"Ida"}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"body": "né"}, "né".encode(), "text/plain; charset=utf-8"),
        ({"body": b"\x00"}, b"\x00", "application/octet-stream"),
        ({"body": "a=1", "headers": {"Content-Type": "text/x"}}, b"a=1", "text/x"),
        ({}, b"", None),
    ],
)
async def test_request_sends_its_body(request_: dict[str, Any], sent: bytes, content_type: str | None) -> None:
    """JSON, texts and bytes are sent with their types."""
    async with serving(saying(answer("{}", **JSON))) as server:
        await run(Request(hosts=LOCAL, methods=("POST",)), [{"url": server.url, "method": "POST", **request_}])
    (asked,) = server.asked
    assert (asked.body, asked.headers.get("content-type")) == (sent, content_type)
    assert asked.headers["content-length"] == str(len(sent))


async def test_request_comes_back_with_its_context() -> None:
    """Responses come in the order of the requests, each with what its request was made of."""
    async with serving(saying(answer('{"ok": true}', **JSON))) as server:
        requests = [
            {"url": f"{server.url}/?a=1", "params": {"q": f"salt & {number}", "n": [1, 2]}, "context": {"id": number}}
            for number in range(10)
        ]
        result = await run(Request(hosts=LOCAL), requests, concurrency=4)
    assert [response.context for response in result.output] == [{"id": number} for number in range(10)]
    assert result.output[3].url == f"{server.url}/?a=1&q=salt+%26+3&n=1&n=2"
    assert json.loads(result.output[0].model_dump_json())["body"] == {"ok": True}


async def test_request_passes_errors_on_when_asked_for() -> None:
    """A response may be an error, and be looked at by the next step."""
    async with serving(saying(answer('{"error": "gone"}', status="410 Gone", **JSON))) as server:
        result = await run(Request(hosts=LOCAL, on_status="pass"), [{"url": server.url}])
    assert (result.output[0].status, result.output[0].body) == (410, {"error": "gone"})


async def test_request_is_refused_when_its_method_is_not_allowed() -> None:
    """Data cannot choose a method that the document does not name."""
    async with serving(saying(answer())) as server:
        error = await failure(Request(hosts=LOCAL), [{"url": server.url, "method": "DELETE"}])
    assert str(error) == f"DELETE {server.url}: the method is not among GET, HEAD; add it to methods"
    assert server.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "BREW"},
        {"headers": {"Host": "example.com"}},
        {"headers": {"X": "a\r\nb: c"}},
        {"json": 1, "body": "a"},
        {"jsn": 1},
        {"url": None},
    ],
)
def test_request_is_refused_when_it_is_none(wrong: dict[str, Any]) -> None:
    """A record that is no request is told before anything is sent."""
    with pytest.raises(ValidationError):
        HttpRequest.model_validate({"url": "http://example.com", **wrong})


async def test_head_has_no_body() -> None:
    """The size that a response to HEAD declares is that of another one."""
    async with serving(saying(answer(b"", length=10**12, content_encoding="gzip"))) as server:
        result = await run(Request(hosts=LOCAL), [{"url": server.url, "method": "HEAD"}])
    assert (result.output[0].body, result.output[0].headers["content-length"]) == (None, str(10**12))


# ---- secrets and sharing


async def test_secrets_are_sent_and_not_shown() -> None:
    """The server gets them; no event, error or repr does, not even when the server repeats them."""

    async def repeat(asked: Asked, stream: ByteStream) -> None:
        await stream.send(answer(f"{asked.headers}", status="401 Unauthorized"))

    document = {
        "name": "secret",
        "steps": [
            {
                "id": "get",
                "kind": "http.get",
                "params": {
                    "hosts": LOCAL,
                    "bearer": "${secret.TOKEN}",
                    "secret_headers": {"X-Api-Key": "${secret.KEY}"},
                },
            }
        ],
    }
    loaded = Pipeline.load(document, secrets={"TOKEN": "canary-one", "KEY": "canary-two"}, allow=ALLOW)
    reported: list[StreamEvent] = []
    async with serving(repeat) as server:
        with pytest.raises(StepError) as error:
            await loaded.run(server.url, subscribers=[reported.append])
    (asked,) = server.asked
    assert (asked.headers["authorization"], asked.headers["x-api-key"]) == ("Bearer canary-one", "canary-two")
    assert "401 Unauthorized" in str(error.value)
    assert "canary" not in f"{error.value}{reported}{loaded!r}{loaded.to_json()}"


async def test_cookies_are_not_kept() -> None:
    """A client is shared by all executions, so it remembers nothing of any."""
    async with serving(saying(answer("a", set_cookie="session=1"))) as server:
        await run(Get(hosts=LOCAL), [server.url] * 2)
    assert ["cookie" in asked.headers for asked in server.asked] == [False, False]


async def test_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are not used: they would make connections that nobody checks."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(saying(answer("here"))) as server:
        assert (await run(Get(hosts=LOCAL), server.url)).output == "here"


async def test_connections_are_shared_by_executions() -> None:
    """Executions of one runner share limits and connections."""
    shared = pipeline(Get(hosts=LOCAL, max_per_host=2))
    outputs: list[str] = []

    async def one(runner: Runner, server: Server) -> None:
        outputs.append((await runner.run(shared, server.url)).output)

    async with serving(saying(answer("here"))) as server, Runner() as runner, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one, runner, server)
    assert outputs == ["here"] * 10
    assert server.most_open <= 2


async def test_waiting_for_a_host_is_given_up_when_cancelled() -> None:
    """A request that waits for its turn leaves no trace."""
    shared = pipeline(Get(hosts=LOCAL, max_per_host=1), concurrency=3)
    async with serving(until_left) as server:
        for _ in range(2):
            async with Runner().start(shared, [server.url] * 3) as execution:
                with anyio.fail_after(60):
                    while len(server.asked) < 1:
                        await checkpoint()
                execution.cancel()
            server.asked.clear()


# ---- surroundings


WITHOUT_EXTRA = """
import sys
sys.modules["httpcore2"] = sys.modules["httpx2"] = None
from headwater import ConfigError, Pipeline
try:
    Pipeline.load({"name": "x", "steps": [{"id": "get", "kind": "http.get", "params": {"hosts": ["*"]}}]})
except ConfigError as error:
    print(error)
"""


def test_step_says_which_extra_it_needs_when_that_is_missing() -> None:
    """A document is refused when it is loaded, as it could not run."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRA], capture_output=True, text=True, check=True)
    assert "an HTTP request needs an optional dependency: pip install 'headwater[http]'" in done.stdout


MEMORY = """
import resource, sys
import anyio
from headwater import Pipeline
from headwater_steps.streams import count
from headwater_steps.http import Chunks, Lines
from tests.steps.http_server import serving

PART = b"a line of text that is some sixty characters long, no more..\\n" * 1_000

async def run(size):
    async def handle(asked, stream):
        await stream.send(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n" % (size * len(PART)))
        for _ in range(size):
            await stream.send(PART)
    async with serving(handle) as server:
        kind = {"lines": Lines, "chunks": Chunks}[sys.argv[1]]
        steps = {"http": kind(hosts=["127.0.0.1:*"]), "n": count}
        return (await Pipeline("test", steps=steps, allow={"private-network"}).run(server.url)).footer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

anyio.run(run, 20)
before = peak()
anyio.run(run, 800)
print(peak() - before)
"""


@pytest.mark.parametrize("kind", ["lines", "chunks"])
def test_stream_takes_constant_memory_whatever_the_size(kind: str) -> None:
    """A body of 50 MB takes no more memory than one of 1 MB, but for a few of the system's own pages."""
    command = [sys.executable, "-c", MEMORY, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert int(done.stdout) < 4_096


@pytest.mark.parametrize(("status", "again"), [(503, True), (429, True), (408, True), (404, False), (501, False)])
def test_says_whether_another_attempt_may_help(status: int, again: bool) -> None:
    """Policies ask the error itself."""
    assert HttpStatusError("GET http://x/", status, "").retryable is again
