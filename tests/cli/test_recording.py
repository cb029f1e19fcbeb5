"""What a run leaves behind when it is asked to, and how it is shown again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet
from xml.etree import ElementTree as ET

import pytest

from headwater.cli.runs.replaying import executions
from headwater.errors import HeadwaterError
from headwater.events.event import EventType, StreamEvent
from headwater_subscribers.files.event_file import BadEventError
from tests.cli.conftest import KINDS, Done, start

Call = Callable[..., Done]
Write = Callable[[str, Any], str]
MakePipeline = Callable[..., str]

NUMBERS = ("cli.numbers", {"count": 5})
NAMED = ("cli.named", {})
STRICT = ("cli.strict", {})
STEPS = ("--steps", KINDS)


def types(path: str) -> list[str]:
    """Return the types of the events in a file."""
    return [json.loads(line)["event_type"] for line in Path(path).read_text().splitlines()]


def lines(execution_id: str, count: int, *, at_s: float = 1_000.0, every_s: float = 1.0) -> list[str]:
    """Return the events of an execution as they are recorded."""
    kinds = [EventType.PIPELINE_START, *[EventType.STEP_SKIPPED] * (count - 2), EventType.PIPELINE_COMPLETE]
    events = [
        StreamEvent(
            seq, kind, execution_id, "step" if kind is EventType.STEP_SKIPPED else None, time_s=at_s + seq * every_s
        )
        for seq, kind in enumerate(kinds, 1)
    ]
    return [event.to_json().decode() for event in events]


# ---- run


def test_events_are_appended_to_a_file(call: Call, pipeline: MakePipeline) -> None:
    """Every event of a run is a line, and a second run is written after the first."""
    document = pipeline(NUMBERS, NAMED)
    for _ in range(2):
        assert call("run", document, "--events", "run.jsonl", "--quiet", *STEPS).code == 0
    shown = types("run.jsonl")
    assert shown.count("pipeline_start") == shown.count("pipeline_complete") == 2
    assert shown[-1] == "pipeline_complete"
    assert shown.count("step_complete") == 4


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--output", "run.jsonl", "--events", "./run.jsonl"], "--output and --events"),
        (["--output", "run.svg", "--timeline", "run.svg"], "--output and --timeline"),
        (["--events", "run.jsonl", "--timeline", "link"], "--events and --timeline"),
        (["--output", "{document}"], "the document and --output"),
        (["--timeline", "{document}"], "the document and --timeline"),
    ],
)
def test_refuses_one_file_for_two_purposes(call: Call, pipeline: MakePipeline, options: list[str], named: str) -> None:
    """What one option writes, another one never replaces."""
    document = pipeline(NUMBERS, NAMED)
    Path("link").symlink_to("run.jsonl")
    content = Path(document).read_bytes()
    done = call("run", document, *(option.format(document=document) for option in options), "--quiet", *STEPS)
    assert done.code == 2
    assert f"{named} are one file" in " ".join(done.err.split())
    assert Path(document).read_bytes() == content
    assert not Path("run.jsonl").exists()


def test_figures_are_shown_at_the_end(call: Call, pipeline: MakePipeline) -> None:
    """The metrics stand on standard error below the end of the run, also of a quiet one."""
    document = pipeline(NUMBERS, NAMED)
    quiet = call("run", document, "--metrics", "--quiet", *STEPS)
    assert quiet.out == "".join(f"item {number}\n" for number in range(5))
    assert "cli.numbers" in quiet.err
    assert "SR" in quiet.err
    shown = call("run", document, "--metrics", *STEPS).err
    assert shown.index("tested: done in") < shown.index("SR")


@pytest.mark.parametrize(("step", "code"), [(NAMED, 0), (STRICT, 1)])
def test_timeline_is_drawn_also_when_the_run_fails(call: Call, pipeline: MakePipeline, step: Any, code: int) -> None:
    """The drawing is whole and names the steps, and nothing else is left."""
    document = pipeline(NUMBERS, step)
    assert call("run", document, "--timeline", "run.svg", "--quiet", *STEPS).code == code
    picture = ET.parse("run.svg").getroot()  # noqa: S314 - what this project wrote itself
    assert "numbers" in {element.text for element in picture.iter()}
    assert {path.name for path in Path().iterdir()} == {"pipeline.json", "run.svg"}


def test_timeline_is_drawn_when_the_run_is_stopped(pipeline: MakePipeline) -> None:
    """Ctrl-C ends the run, and what happened before is drawn and recorded."""
    document = pipeline(("cli.numbers", {"count": 3, "hang": True}))
    process = start("run", document, "--timeline", "run.svg", "--events", "run.jsonl", "--quiet", *STEPS)
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=240)
    assert process.returncode == 130
    assert Path("run.svg").read_text().rstrip().endswith("</svg>")
    assert types("run.jsonl")[-1] == "pipeline_cancelled"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--events", "no/run.jsonl"], "the events cannot be written"),
        (["--events", "."], "the events cannot be written"),
        (["--events", "notes.txt"], "the events cannot be written"),
        (["--timeline", "no/run.svg"], "the output cannot be written"),
    ],
)
def test_run_does_not_begin_when_a_file_cannot_be_written(
    call: Call, pipeline: MakePipeline, write: Write, options: list[str], text: str
) -> None:
    """What was asked for is made sure of before anything runs; a file that holds no events is left alone."""
    write("notes.txt", "salt\nwater\n")
    done = call("run", pipeline(NUMBERS), *options, *STEPS)
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert options[1] in done.err
    assert Path("notes.txt").read_text() == "salt\nwater\n"


def test_missing_events_are_an_error_when_the_disk_is_full(pipeline: MakePipeline) -> None:
    """The result is whole, but the exit code and the message say that the events are not."""
    limited = (
        "import resource, signal\n"
        "from headwater.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "main()"
    )
    command = [sys.executable, "-c", limited, "run", pipeline(NUMBERS), "--events", "run.jsonl", "--quiet", *STEPS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.stdout == "0\n1\n2\n3\n4\n"
    assert done.returncode == 1
    assert "run.jsonl" in done.stderr
    assert "could not be written" in done.stderr


# ---- replay


def test_replay_shows_what_the_run_showed(call: Call, pipeline: MakePipeline) -> None:
    """At once, and as it was, on standard output."""
    live = call("run", pipeline(NUMBERS, NAMED), "--events", "run.jsonl", *STEPS)
    again = call("replay", "run.jsonl", "--speed", "0")
    assert (again.code, again.err) == (0, "")
    assert again.out == live.err


def test_executions_are_shown_one_after_the_other_when_a_file_has_several(call: Call, write: Write) -> None:
    """Also where they ran side by side; one of them can be chosen by the beginning of its id."""
    one, other = lines("aaaa", 3), lines("bbbb", 4)
    write("run.jsonl", "\n".join([one[0], other[0], other[1], one[1], other[2], one[2], other[3]]) + "\n")
    done = call("replay", "run.jsonl", "--speed", "0")
    assert (done.code, done.out.count("started"), done.out.count("skipped")) == (0, 2, 3)
    first, _, second = done.out.partition("done in")
    assert (first.count("skipped"), second.count("skipped")) == (1, 2)
    assert call("replay", "run.jsonl", "--speed", "0", "--execution", "bb").out.count("skipped") == 2


def test_bad_lines_are_reported_and_left_out(call: Call, write: Write) -> None:
    """A line that is not an event, and a last line without an end, do not hide the others."""
    whole = lines("aaaa", 3)
    write("run.jsonl", "\n".join([whole[0], "{]", *whole[1:], whole[1][:40]]))
    done = call("replay", "run.jsonl", "--speed", "0")
    assert done.code == 1
    assert "done in" in done.out
    assert "run.jsonl:2:" in done.err
    assert "run.jsonl:5:" in done.err
    assert "2 lines of the file were left out" in done.err


def test_replay_keeps_no_line_that_was_left_out(call: Call, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive of bad lines does not fill the memory, as they are counted only."""
    alive: WeakSet[BadEventError] = WeakSet()
    most = 0

    def remember(error: BadEventError, *values: Any, **named: Any) -> None:
        nonlocal most
        init(error, *values, **named)
        alive.add(error)
        most = max(most, len(alive))

    init = BadEventError.__init__
    monkeypatch.setattr(BadEventError, "__init__", remember)
    write("run.jsonl", "\n" * 1000)
    done = call("replay", "run.jsonl", "--speed", "0")
    assert (done.code, done.err.count("run.jsonl:")) == (1, 10)
    assert "000 lines of the file were left out" in done.err
    assert most < 10


@pytest.mark.parametrize("field", ["schema_version", "timestamp", "event_type"])
def test_report_of_a_bad_line_is_short_when_the_line_is_long(call: Call, write: Write, field: str) -> None:
    """What a file says is repeated on one line of a terminal only."""
    event = json.loads(lines("aaaa", 3)[1])
    write("run.jsonl", json.dumps({**event, field: "x" * 100_000 + "\u009b31m"}) + "\n")
    done = call("replay", "run.jsonl", "--speed", "0")
    assert done.code == 1
    assert len(done.err) < 400


@pytest.mark.parametrize(
    ("content", "options", "text"),
    [
        (None, [], "the events cannot be read: No such file"),
        ("", [], "there are no events in the file"),
        ("\n".join(lines("aaaa", 2)), ["--execution", "b"], "no events of an execution 'b'"),
    ],
)
def test_replay_says_what_is_wrong_when_there_is_nothing_to_show(
    call: Call, write: Write, content: str | None, options: list[str], text: str
) -> None:
    """A missing or empty file, and an id that is not in it, are errors of the call."""
    if content is not None:
        write("run.jsonl", content)
    done = call("replay", "run.jsonl", "--speed", "0", *options)
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_replay_stops_quietly_when_it_is_interrupted(write: Write) -> None:
    """Ctrl-C in a pause ends it, with the exit code of Ctrl-C and without a traceback."""
    write("run.jsonl", "\n".join(lines("aaaa", 2_000, every_s=60)) + "\n")
    process = start("replay", "run.jsonl", "--speed", "0.001")
    assert process.stdout is not None
    assert b"started" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (130, b"")


def test_replay_is_quiet_when_its_reader_left(write: Write) -> None:
    """A reader that leaves, such as `head`, stops it without a word."""
    write("run.jsonl", "\n".join(lines("aaaa", 3)) + "\n")
    reader, writer = os.pipe()
    os.close(reader)
    process = start("replay", "run.jsonl", "--speed", "0", stdout=writer)
    os.close(writer)
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (141, b"")


def test_pauses_are_those_of_the_run_or_shorter(write: Write, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes as it did, divided by the speed, and no pause is longer than two seconds."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("headwater.cli.runs.replaying.anyio.sleep", note)
    write("run.jsonl", "\n".join([*lines("aaaa", 3, every_s=1.0), *lines("bbbb", 2, every_s=3600)]) + "\n")
    assert call("replay", "run.jsonl", "--speed", "2").code == 0
    assert pauses[0] == pytest.approx(0.5, abs=0.2)
    assert pauses[-1] == 2.0


def test_too_many_events_side_by_side_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of other executions is bounded, and the message names the option that helps."""
    monkeypatch.setattr("headwater.cli.runs.replaying._MOST_WAITING", 2)
    events = [StreamEvent(1, EventType.PIPELINE_START, name) for name in ("a", "b", "c", "d")]
    with pytest.raises(HeadwaterError, match="--execution"):
        for one in executions(events):
            list(one)
