"""`curl -N` shows what happens while it happens, sends while it receives, and reports a cut."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from headwater import StreamEvent
from tests.browser.conftest import Site
from tests.foreign.conftest import log_of
from tests.foreign.pipelines import COUNT, GATE

PARTIAL = 18
"""What curl exits with when the connection was closed before the end of the answer."""


@contextmanager
def curl(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run curl in the block."""
    command = ["curl", "--silent", "--show-error", "--no-buffer", *arguments]
    pipe: Any = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1) as process:
        yield process
        process.kill()


def read(process: subprocess.Popen[str]) -> str:
    """Return the next line."""
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["sse", "jsonl"])
def test_events_are_shown_live(site: Site, form: str, coding: str) -> None:
    """Each event is printed when it is emitted, compressed or not, and curl ends after the last one."""
    execution = site.start("measures")
    url = f"{site.url}/executions/{execution}/events?format={form}"
    with curl("--compressed", "-H", f"Accept-Encoding: {coding}", url) as process:
        lines = [read(process)]
        while "step_start" not in lines[-1]:
            lines.append(read(process))
        GATE.allow(COUNT)
        assert process.stdout is not None
        lines += process.stdout
        assert process.wait() == 0
    found = [StreamEvent.from_json(line.removeprefix("data: ")) for line in lines if "event_type" in line]
    assert found == log_of(site, execution)


def test_nothing_follows_the_end(site: Site) -> None:
    """A client that has the last event is answered with 204."""
    execution = site.start("doubles", input=2)
    last = log_of(site, execution)[-1].seq
    for path in ("events", "events?format=jsonl"):
        shown = ["-o", "/dev/null", "-w", "%{http_code}", "-H", f"Last-Event-ID: {last}"]
        with curl(*shown, f"{site.url}/executions/{execution}/{path}") as process:
            assert read(process) == "204"


def test_items_go_both_ways_in_one_exchange(site: Site) -> None:
    """Each line is answered before the next one is typed; with `-T -`, curl itself reads nothing while it waits."""
    headers = ["-H", "Content-Type: application/jsonl", "-H", "Accept: application/jsonl", "-H", "Expect:"]
    with curl("-T", ".", "-X", "POST", *headers, f"{site.url}/pipelines/doubles/run") as process:
        assert process.stdin is not None
        for number in range(1, 4):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            assert json.loads(read(process)) == {"item": 2 * number}
        process.stdin.close()
        assert json.loads(read(process)) == {"end": {"items": 3}}
        assert process.wait() == 0


def test_failure_of_bare_items_is_an_exit_code(site: Site) -> None:
    """A pipe of items that was cut does not look complete."""
    arguments = ["-H", "Content-Type: application/jsonl", "-d", "13", "-X", "POST"]
    with curl(*arguments, f"{site.url}/pipelines/doubles/run?frames=false") as process:
        assert process.wait() == PARTIAL
    with curl(*arguments, "-H", "Accept: application/jsonl", f"{site.url}/pipelines/doubles/run") as process:
        assert "13 cannot be doubled" in json.loads(read(process))["break"]["detail"]
        assert process.wait() == 0
