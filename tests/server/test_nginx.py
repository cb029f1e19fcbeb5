"""The server behind a real nginx with TLS, configured as the documentation says."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from websockets.sync.client import connect

from headwater_server import ApiKeys
from tests.server.commands.test_serve_access import served

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
DEPLOY = Path(__file__).parents[2] / "docs/how-to/deploy.md"
pytestmark = pytest.mark.skipif(
    NGINX is None or not DEPLOY.exists(), reason="nginx is not installed, or the documents are missing"
)

AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


def documented(folder: Path, upstream: str, port: int) -> str:
    """Return the configuration of the documentation, with the places of this test."""
    (found,) = (block for block in re.findall(r"```text\n(.*?)```", DEPLOY.read_text(), re.DOTALL) if "listen" in block)
    changes = {
        "server 127.0.0.1:8000;": f"server {upstream};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/headwater/": f"{folder}/",
        "/var/log/nginx/": f"{folder}/",
    }
    for before, after in changes.items():
        assert before in found
        found = found.replace(before, after)
    return str(found)


@contextmanager
def nginx(folder: Path, upstream: str) -> Generator[str]:
    """Run nginx in front of a server; yield the authority that it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = AROUND.format(folder=folder, documented=documented(folder, upstream, port))
    (folder / "nginx.conf").write_text(config)
    with subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]) as process:
        try:
            while process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            assert process.poll() is None, (folder / "error.log").read_text()
            yield f"localhost:{port}"
        finally:
            process.terminate()


class Proxied:
    """A server behind nginx."""

    def __init__(self, authority: str, key: str, trust: ssl.SSLContext) -> None:
        self.authority = authority
        self.trust = trust
        self.headers = {"authorization": f"Bearer {key}"}
        self.client = httpx2.Client(base_url=f"https://{authority}", verify=trust, headers=self.headers, timeout=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, a key and a pipeline."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    steps: list[dict[str, Any]] = [{"id": "lower", "kind": "text.lower"}]
    (folder / "words.json").write_text(json.dumps({"name": "words", "steps": steps}))
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "tls.key"))
    for part in certificate.cert_chain_pems:
        part.write_to_path(str(folder / "tls.pem"), append=True)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder


@pytest.fixture(scope="module")
def proxied(folder: Path) -> Iterator[Proxied]:
    """A server with keys, behind nginx."""
    key = ApiKeys.create_in(folder / "keys.json", "ci")
    trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with (
        served(folder, "--keys", str(folder / "keys.json"), "--drain", "0") as url,
        nginx(folder, url.removeprefix("http://")) as authority,
    ):
        proxied = Proxied(authority, key, trust)
        with proxied.client:
            yield proxied


def test_events_and_items_arrive_while_the_execution_runs(proxied: Proxied) -> None:
    """Nothing is held back until a buffer is full."""
    started = proxied.client.post("/pipelines/words/executions", json={"stream_input": True}).json()
    links = started["links"]
    with (
        proxied.client.stream("GET", links["events"]) as events,
        proxied.client.stream("GET", links["output"]) as items,
    ):
        assert next(line for line in events.iter_lines() if line.startswith("data:"))
        proxied.client.post(links["input"], content=b'"A"\n', headers={"content-type": "application/jsonl"})
        assert next(line for line in items.iter_lines() if '"item"' in line) == 'data: {"item":"a"}'
    assert proxied.client.get(links["self"]).json()["state"] == "running"
    proxied.client.post(links["cancel"])


def test_websocket_goes_through_the_proxy(proxied: Proxied) -> None:
    """The upgrade reaches the server, with the key in its header; a page of the server may open one too."""
    for origin in (None, f"https://{proxied.authority}"):
        with connect(
            f"wss://{proxied.authority}/pipelines/words/run",
            ssl=proxied.trust,
            additional_headers=proxied.headers,
            origin=origin,  # type: ignore[arg-type]  # a string that is one
        ) as connection:
            connection.send('{"item": "A"}')
            assert "start" in json.loads(connection.recv())
            assert json.loads(connection.recv()) == {"item": "a"}
            connection.send('{"end": {}}')
            assert "end" in json.loads(connection.recv())


def test_output_begins_before_the_input_has_ended(proxied: Proxied) -> None:
    """One exchange streams both ways: nginx passes the body on while it arrives."""
    host, _, port = proxied.authority.partition(":")
    head = (
        f"POST /pipelines/words/run HTTP/1.1\r\nHost: {proxied.authority}\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: {proxied.headers['authorization']}\r\n"
        "Content-Type: application/jsonl\r\nAccept: application/jsonl\r\n\r\n"
    )
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        proxied.trust.wrap_socket(plain, server_hostname=host) as secure,
    ):
        secure.sendall(head.encode() + b'4\r\n"A"\n\r\n')
        received = b""
        while b'{"item":"a"}' not in received:
            received += secure.recv(65_536)
        secure.sendall(b'4\r\n"B"\n\r\n0\r\n\r\n')
        while b'{"item":"b"}' not in received:
            received += secure.recv(65_536)
    assert received.startswith(b"HTTP/1.1 200")


def test_origin_of_the_page_is_compared_with_the_host_that_the_browser_named(proxied: Proxied) -> None:
    """A page of the server may start executions, and that of another site may not."""
    for origin, expected in (
        (f"https://{proxied.authority}", 201),
        (f"http://{proxied.authority}", 403),
        ("https://evil.example", 403),
    ):
        answer = proxied.client.post(
            "/pipelines/words/executions", json={"stream_input": True}, headers={"origin": origin}
        )
        assert answer.status_code == expected, origin


def test_log_of_the_proxy_has_no_query(proxied: Proxied, folder: Path) -> None:
    """A ticket in a URL is not logged."""
    assert proxied.client.get("/executions?ticket=secret").status_code == 400
    while "/executions" not in (log := (folder / "headwater.log").read_text()):
        pass
    assert "secret" not in log


def test_server_without_keys_refuses_what_comes_through_the_proxy(folder: Path) -> None:
    """A proxy that was forgotten opens nothing."""
    trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with served(folder) as url, nginx(folder, url.removeprefix("http://")) as authority:
        answer = httpx2.get(f"https://{authority}/pipelines", verify=trust)
    assert (answer.status_code, answer.json()["code"]) == (403, "behind-proxy")
