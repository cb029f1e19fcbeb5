"""The examples of the guide for JavaScript, as they are, in Chromium and in Node."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater_server import ApiKeys
from tests.browser.conftest import Site
from tests.docs.blocks import blocks
from tests.foreign.conftest import PACKAGES, Client, Start, read_until
from tests.foreign.pipelines import COUNT, DOUBLES, GATE, MEASURES

GUIDE = Path(__file__).parents[2] / "docs/how-to/follow-an-execution-from-javascript.md"
EXAMPLES = {block.file: block.text for block in blocks(GUIDE.read_text("utf-8")) if block.language == "js"}
PROGRESS = [f"measure: {round(100 * number / COUNT)} %" for number in range(1, COUNT + 1)]


def test_progress_is_shown_by_the_short_client_of_a_socket(start: Start, site: Site) -> None:
    """Fifteen lines show how far a step is while it runs, and what it wrote."""
    assert len(EXAMPLES["progress.js"].splitlines()) <= 15
    execution = site.start("measures")
    client = start("example", code=EXAMPLES["progress.js"], name="follow", given=[site.url, execution])
    _see_progress(client)


def test_progress_is_shown_by_named_events(start: Start, site: Site) -> None:
    """The same comes as events with names."""
    execution = site.start("measures")
    client = start("example", code=EXAMPLES["named.js"], name="follow", given=[site.url, execution])
    _see_progress(client)


def _see_progress(client: Client) -> None:
    """See the progress while the gate is closed for the next item; what comes fast is thinned out."""
    GATE.allow(1)
    shown = [client.read()]
    assert shown == PROGRESS[:1]
    GATE.allow(COUNT)
    shown += read_until(client, "double wrote 10")
    assert [line for line in PROGRESS if line in shown] == list(dict.fromkeys(line for line in shown if "%" in line))
    assert [line for line in shown if "%" not in line] == ["measure wrote 5"]
    assert PROGRESS[-1] in shown


def test_events_are_chosen_by_the_query(start: Start, site: Site) -> None:
    """A failure is shown with its reason."""
    failed, complete = site.start("doubles", input=13), site.start("doubles", input=4)
    client = start("example", code=EXAMPLES["events.js"], name="follow", given=[site.url, failed])
    assert "13 cannot be doubled" in client.read()
    client = start("example", code=EXAMPLES["events.js"], name="follow", given=[site.url, complete])
    assert client.read() == "complete"


def test_items_are_read_while_they_are_made(start: Start, site: Site) -> None:
    """Each item is there before the next one is made."""
    execution = site.start("measures")
    client = start("example", code=EXAMPLES["items.js"], name="read", given=[site.url, execution])
    for number in range(COUNT):
        GATE.allow(1)
        assert client.read() == 2 * number


def test_items_go_both_ways(start: Start, site: Site) -> None:
    """Each item is answered before the next one is sent."""
    more = "export const some = (server, show) => run(server, 'doubles', [1, 2, 3].values(), show);"
    code = EXAMPLES["both-ways.js"] + more
    client = start("example", code=code, name="some", given=[site.url])
    assert [client.read() for _ in range(3)] == [2, 4, 6]


def test_several_executions_are_followed_on_one_socket(start: Start, site: Site) -> None:
    """They are started and followed by messages."""
    GATE.allow(100)
    client = start("example", code=EXAMPLES["several.js"], name="start", given=[site.url, "measures"])
    shown: list[str] = []
    while sum("has ended" in line for line in shown) < 2:
        shown.append(client.read())
    ids = dict(line.split(" is ") for line in shown if " is " in line)
    assert ids.keys() == {"first", "second"}
    for execution in ids.values():
        assert f"{execution} pipeline_complete" in shown
        assert f"{execution} has ended" in shown


def test_key_is_used_by_a_ticket_and_by_a_header(
    start: Start, start_in_node: Start, serve: Callable[[Any], int], origin: str
) -> None:
    """A page follows with a ticket, and a program with its key."""
    import httpx2

    from headwater_server.asgi_app import create_app

    keys = ApiKeys()
    key = keys.create("reader")
    server = create_app([MEASURES, DOUBLES], auth=keys, origins=[origin], drain_s=1)
    url = f"http://127.0.0.1:{serve(server)}"
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as http:
        execution = http.post("/pipelines/measures/executions", json={}).json()["id"]
    client = start("example", code=EXAMPLES["ticket.js"], name="follow", given=[url, execution, key])
    program = PACKAGES / "guide.mjs"
    program.write_text(EXAMPLES["node.mjs"], "utf-8")
    with subprocess.Popen(["node", program, url, execution, key], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "pipeline_start\n"
        GATE.allow(100)
        assert client.read() == "complete"
        said = process.stdout.read().splitlines()
    assert sorted(set(said) & {"complete", "pipeline_complete"}) == ["complete", "pipeline_complete"]
    assert process.returncode == 0


def test_every_example_is_tested() -> None:
    """No example of the guide is left out of this module."""
    source = Path(__file__).read_text("utf-8")
    assert [name for name in EXAMPLES if f'EXAMPLES["{name}"]' not in source] == []
