from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from headwater import EventType
from headwater.toolkit import EventLog
from headwater_server.streaming import stream_compression as compression
from headwater_server.streaming.broadcast import Broadcast
from headwater_server.streaming.event_forms import SSE
from headwater_server.streaming.stream_compression import negotiated
from tests.server.streaming.conftest import App, Serve, complete_log, some_events
from tests.server.streaming.sse_reader import SseReader


def unzstd() -> Callable[[bytes], bytes]:
    """Return what reads frames of zstd one after the other."""
    zstd = pytest.importorskip("backports.zstd")
    decompressors = [zstd.ZstdDecompressor()]

    def read(data: bytes) -> bytes:
        plain = b""
        while data:
            plain += decompressors[0].decompress(data)
            data = b""
            if decompressors[0].eof:
                data = decompressors[0].unused_data
                decompressors[0] = zstd.ZstdDecompressor()
        return plain

    return read


def gunzip() -> Callable[[bytes], bytes]:
    """Return what reads the first member of a gzip file, as browsers do."""
    return zlib.decompressobj(31).decompress


READERS = {"gzip": gunzip, "zstd": unzstd}


@pytest.mark.parametrize("name", READERS)
async def test_each_event_can_be_read_when_it_arrives(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast, name: str
) -> None:
    """A compressed event does not wait for the next one, and the end is the end of the compressed data."""
    read, reader, log = READERS[name](), SseReader(), EventLog("e1")
    headers = {"accept-encoding": name}
    async with (
        serve(App(broadcast, log)) as port,
        http.stream("GET", f"http://127.0.0.1:{port}/", headers=headers) as response,
    ):
        assert response.headers["content-encoding"] == name
        assert response.headers["vary"] == "Accept-Encoding"
        chunks = response.aiter_raw()
        for count in range(1, 4):
            some_events(log, 1)
            while len(reader.events) < count:
                reader.feed(read(await anext(chunks)))
        log.append(EventType.PIPELINE_COMPLETE)
        async for chunk in chunks:
            reader.feed(read(chunk))
    assert [json.loads(data)["seq"] for _, data, _ in reader.events] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", READERS)
async def test_continues_in_the_middle_when_it_is_compressed(
    serve: Serve, http: httpx2.AsyncClient, broadcast: Broadcast, name: str
) -> None:
    """A place inside of what others were sent as a whole is no obstacle, and neither is a gap."""
    app = App(broadcast, complete_log(700, history=600))
    async with serve(app) as port:
        for after in (0, 101, 350, 700):
            headers = {"accept-encoding": name, "last-event-id": str(after)}
            received = b""
            async with http.stream("GET", f"http://127.0.0.1:{port}/", headers=headers) as response:
                async for chunk in response.aiter_raw():
                    received += chunk
            events = SseReader().feed(READERS[name]()(received)).events
            expected = [*([101] if not after else []), *range(max(after, 101) + 1, 702)]
            assert [int(last_id) for _, _, last_id in events] == expected


def test_block_is_compressed_once_whatever_the_number_of_clients() -> None:
    """Clients at the same place are sent the same bytes."""
    log, packed = complete_log(100), []

    def pack(data: bytes) -> bytes:
        packed.append(data)
        return zlib.compress(data)

    blocks = Broadcast().line(log, SSE).blocks
    first, second = blocks.after(0, pack), blocks.after(0, pack)
    assert first[0] is second[0]
    assert (first[1], len(packed)) == (101, 1)
    assert zlib.decompress(blocks.after(100, pack)[0]) == blocks.after(100)[0]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.0", None),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
    ],
)
def test_client_decides_on_the_compression(header: str | None, name: str | None) -> None:
    """What a client does not accept is not sent."""
    if name == "zstd":
        pytest.importorskip("backports.zstd")
    found = negotiated(header)
    assert (None if found is None else found.name) == name


def test_gzip_takes_the_place_of_zstd_when_that_is_not_installed(monkeypatch: Any) -> None:
    """The library is an extra."""
    monkeypatch.setattr(compression, "find_spec", lambda _name: None)
    compression._zstd.cache_clear()
    found = negotiated("gzip, zstd")
    compression._zstd.cache_clear()
    assert found is not None
    assert found.name == "gzip"
