"""Files of events that something else wrote: each line is refused with its place, or every reader can show it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from headwater import StreamEvent, StreamSubscriber
from headwater.events.data import (
    CheckpointSaved,
    InputRequired,
    StepComplete,
    StepOutput,
    StepProgress,
    StepRetry,
    StepSkipped,
    StreamGap,
)
from headwater_subscribers import (
    BadEventError,
    ConsoleSubscriber,
    LogSubscriber,
    MetricsSubscriber,
    OpenTelemetrySubscriber,
    PrometheusSubscriber,
    TimelineSubscriber,
    read_events,
)
from tests.subscribers.samples import FAILED, START, Fact, events, failed, started

FACTS: list[Fact] = [
    START,
    started("lines"),
    (1.5, "lines", StepProgress(0.5, "half", 3, 2, {"input_tokens": 3, "model": "m"}, 0.1, 0.2, "input", {"bad": 1})),
    (1.6, "lines", StepOutput("out", 0, {"a": 1}, 8)),
    (1.7, "lines", StepRetry(2, 1.0, "OSError", "gone")),
    (1.8, None, StreamGap(2, 3, 4)),
    (2.0, "lines", CheckpointSaved("c")),
    (2.1, "lines", InputRequired("go on?", {"type": "string"})),
    (4.0, "lines", StepComplete(10, 20, 4.0, 7, 0.5, 0.2, 1, 0.1, 0.1, 2, {"bad": 3})),
    started("words"),
    failed("words"),
    (6.5, "other", StepSkipped("not taken")),
    FAILED,
]
LINES: list[dict[str, Any]] = [json.loads(event.to_json()) for event in events(FACTS)]
NAME = "\x1b[2JQ\x9b31mQ\u202eQ\rQ\x07Q\nQ"
"""What would clear a terminal, color it, turn the text around and begin another line."""


def deep(levels: int) -> Any:
    """Return nested objects."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


WRONG: dict[str, list[Any]] = {
    "count": [10**400, -(10**400), 2**63, -1, 1.5, "many", None, [], True],
    "ordinal": [0, -1, 2**63, 10**400],
    "seconds": [float("inf"), float("nan"), -1.0, 1e308, 10**400, "Infinity", {}],
    "fraction": [1.5, -0.1, float("nan")],
    "time": ["10000-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:00", "0001-01-01", "", 5, None],
    "type": ["step_exploded", "", None, 1, [], NAME],
}
PLACES: list[tuple[int, tuple[Any, ...], str]] = [
    (2, ("data", "items_in"), "count"),
    (2, ("data", "items_aside", "bad"), "count"),
    (2, ("data", "fraction"), "fraction"),
    (2, ("data", "input_wait_s"), "seconds"),
    (3, ("data", "index"), "count"),
    (4, ("data", "delay_s"), "seconds"),
    (4, ("data", "next_attempt"), "ordinal"),
    (5, ("data", "missed"), "count"),
    (8, ("data", "items_out"), "count"),
    (8, ("data", "duration_s"), "seconds"),
    (8, ("data", "attempts"), "ordinal"),
    (12, ("data", "duration_s"), "seconds"),
    (1, ("seq",), "ordinal"),
    (1, ("attempt",), "ordinal"),
    (1, ("timestamp",), "time"),
    (1, ("event_type",), "type"),
]
MAY_BE_NULL = {("data", "items_in"), ("data", "fraction"), ("data", "input_wait_s")}
LAX = {True}  # which is read as 1


def changed(index: int, path: tuple[Any, ...], value: Any) -> list[dict[str, Any]]:
    """Return the events as objects, with another value in one place of one of them."""
    lines: list[dict[str, Any]] = json.loads(json.dumps(LINES))
    inner: Any = lines[index]
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return lines


def written(folder: Path, lines: list[dict[str, Any]]) -> Path:
    """Return a file with these events."""
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def wrong_values() -> Iterator[Any]:
    """Yield each place with each value that does not belong there."""
    for index, path, kind in PLACES:
        for value in WRONG[kind]:
            if not (value is True or (value is None and path in MAY_BE_NULL)):
                yield pytest.param(index, path, value, id=f"{'.'.join(path)}={str(value)[:20]!r}")


@pytest.mark.parametrize(("index", "path", "value"), list(wrong_values()))
def test_names_the_line_when_a_value_does_not_belong_there(
    index: int, path: tuple[Any, ...], value: Any, tmp_path: Path
) -> None:
    """A number out of range, a time out of the calendar and an unknown type are found when the event is read."""
    file = written(tmp_path, changed(index, path, value))
    with pytest.raises(BadEventError) as caught:
        list(read_events(file))
    assert (caught.value.line, caught.value.path) == (index + 1, file)
    assert len(str(caught.value)) < 1_000
    bad: list[BadEventError] = []
    assert len(list(read_events(file, on_bad=bad.append))) == len(LINES) - 1
    assert len(bad) == 1


async def give(subscriber: StreamSubscriber, batch: list[StreamEvent]) -> None:
    """Give events to a subscriber as an execution does."""
    async with subscriber.lifespan():
        pending: Any = subscriber.on_events(batch)
        if pending is not None:
            await pending


def console(batch: list[StreamEvent]) -> str:
    """Return what is shown of events."""
    file = io.StringIO()
    anyio.run(give, ConsoleSubscriber(file=file), batch)
    return file.getvalue()


def tables(batch: list[StreamEvent]) -> str:
    """Return the tables of metrics."""
    subscriber = MetricsSubscriber()
    anyio.run(give, subscriber, batch)
    return subscriber.text()


def timeline(batch: list[StreamEvent]) -> str:
    """Return a picture of an execution over time."""
    subscriber = TimelineSubscriber()
    anyio.run(give, subscriber, batch)
    return subscriber.svg()


def prometheus(batch: list[StreamEvent]) -> str:
    """Return nothing that is shown: what is scraped is for programs."""
    subscriber = PrometheusSubscriber()
    anyio.run(give, subscriber, batch)
    assert subscriber.exposition()
    return ""


def log(batch: list[StreamEvent]) -> str:
    """Return log lines as a terminal shows them."""
    file = io.StringIO()
    renderer = structlog.dev.ConsoleRenderer(colors=False)
    before = structlog.get_config()
    was_configured = structlog.is_configured()
    structlog.configure(processors=[renderer], logger_factory=lambda *_: structlog.PrintLogger(file))
    try:
        anyio.run(give, LogSubscriber(level="debug"), batch)
    finally:
        structlog.reset_defaults()
        if was_configured:
            structlog.configure(**before)
    return file.getvalue()


def spans(batch: list[StreamEvent]) -> str:
    """Return nothing that is shown: spans are for programs."""
    anyio.run(give, OpenTelemetrySubscriber(TracerProvider(), meter_provider=MeterProvider()), batch)
    return ""


def encoded(batch: list[StreamEvent]) -> str:
    """Return the events as they are written again."""
    return "\n".join(repr(json.loads(event.to_json())["seq"]) for event in batch)


READERS: list[Callable[[list[StreamEvent]], str]] = [console, tables, timeline, prometheus, log, spans, encoded]
ODD: list[tuple[int, tuple[Any, ...], Any]] = [
    (12, ("step_id",), "words"),
    (12, ("attempt",), 7),
    (12, ("data", "attempt"), 2**63 - 1),
    (8, ("data", "items_in"), 2**63 - 1),
    (8, ("data", "duration_s"), 1e12),
    (8, ("data", "items_aside"), {"": 1, NAME: 2**62}),
    (4, ("seq",), 2**63 - 1),
    (4, ("seq",), 1),
    (3, ("timestamp",), "1970-01-01T00:00:00Z"),
    (3, ("timestamp",), "9999-12-30T00:00:00+00:00"),
    (3, ("data", "value"), deep(150)),
    (3, ("data", "value"), 10**400),
    (2, ("data", "data"), {"input_tokens": 10**400, "output_tokens": -5, "model": {"a": 1}}),
    (2, ("data", "data"), {"event": 1, "level": 2, "logger": 3, "self": 4, "": 5, "exc_info": True, "seq": 6}),
    (2, ("metadata",), {"event": 1, "exc_info": True, "attempt": [1] * 1_000}),
    (7, ("data", "schema"), deep(150)),
    (0, ("data", "steps"), [{"id": "a", "kind": "k", "flavor": "f"}] * 2),
    (0, ("data", "edges"), [{"source": "a.out", "target": "a.in"}, {"source": "", "target": ""}]),
    (0, ("execution_id",), ""),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize(("index", "path", "value"), ODD, ids=[f"{'.'.join(path)}" for _, path, _ in ODD])
def test_shows_events_that_are_odd(
    reader: Callable[[list[StreamEvent]], str], index: int, path: tuple[Any, ...], value: Any, tmp_path: Path
) -> None:
    """What an event may hold, no reader stumbles over: the same name twice, jumps in numbers and times, depth."""
    bad: list[BadEventError] = []
    batch = list(read_events(written(tmp_path, changed(index, path, value)), on_bad=bad.append))
    assert bad == []
    shown = reader(batch)
    assert [char for char in shown if not (char.isprintable() or char == "\n")] == []


def names() -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield every place of the events that holds a string which anything could have written."""
    for index, line in enumerate(LINES):
        pending: list[tuple[tuple[Any, ...], Any]] = [((), line)]
        while pending:
            path, value = pending.pop()
            if isinstance(value, dict):
                pending += [((*path, key), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                pending += [((*path, number), inner) for number, inner in enumerate(value)]
            elif isinstance(value, str) and path[-1] not in {"timestamp", "event_type", "waits_for"}:
                yield index, path


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_shows_only_what_can_be_printed(reader: Callable[[list[StreamEvent]], str], tmp_path: Path) -> None:
    """A file of events cannot clear a terminal, color it, turn its text around, or forge a line."""
    for index, path in names():
        batch = list(read_events(written(tmp_path, changed(index, path, NAME)), on_bad=lambda _: None))
        shown = reader(batch)
        assert [char for char in shown if not (char.isprintable() or char == "\n")] == [], (index, path)
        assert [line for line in shown.splitlines() if line.startswith("Q")] == [], (index, path)
