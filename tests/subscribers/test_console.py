from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import Any

import anyio
import pytest

from headwater.errors import MissingExtraError
from headwater.events.data import (
    EventData,
    PipelineCancelled,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepInfo,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.event import DATA_MODELS, EventType, StreamEvent
from headwater.events.state import ExecutionState
from headwater.events.step_state import State
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import ConsoleSubscriber
from headwater_subscribers.console import view
from headwater_subscribers.console.lines import LineDisplay

TYPES = {model: event_type for event_type, model in DATA_MODELS.items()}

START = PipelineStart("report", tuple(StepInfo(name, f"text.{name}") for name in ("lines", "words", "extra")))
Fact = tuple[float, str | None, EventData]

BEGIN: list[Fact] = [
    (0.0, None, START),
    (0.1, "lines", StepStart("text.lines", "UNARY_STREAM")),
    (0.2, "words", StepStart("text.words", "UNARY_STREAM")),
    (0.2, "extra", StepSkipped("its branch was not taken")),
]
ENDS: dict[str, list[Fact]] = {
    "done": [
        (2.0, "lines", StepComplete(0, 100, 1.9)),
        (2.1, "words", StepComplete(100, 50_000, 2.0)),
        (2.2, None, PipelineComplete(2.2)),
    ],
    "failed": [
        (2.0, "lines", StepFailure("OSError", "disk\x1b[31m\ngone")),
        (2.1, "words", StepFailure("StreamBrokenError", "broken", "lines")),
        (2.2, None, PipelineFailure(2.2, "OSError", "disk gone", "lines")),
    ],
    "cancelled": [(2.2, None, PipelineCancelled(2.2, "interrupted", ("lines", "words")))],
}


def events(facts: list[Fact]) -> list[StreamEvent]:
    """Return numbered events."""
    return [
        StreamEvent(seq, TYPES[type(data)], "e1", step_id, time_s=1000.0 + time_s, data=data)
        for seq, (time_s, step_id, data) in enumerate(facts, 1)
    ]


def lines_of(facts: list[Fact]) -> list[str]:
    """Return what the plain display writes."""
    file = io.StringIO()
    LineDisplay(file).show(events(facts))
    return file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("end", "states", "summary"),
    [
        ("done", ["done", "done", "skipped"], "report: done in 2.2 s"),
        (
            "failed",
            ["failed", "stopped", "skipped"],
            "report: failed at step 'lines': OSError: disk gone (after 2.2 s)",
        ),
        ("cancelled", ["stopped", "stopped", "skipped"], "report: cancelled (interrupted) after 2.2 s"),
    ],
)
def test_view_knows_how_each_step_and_the_execution_ended(end: str, states: list[str], summary: str) -> None:
    """Every end has its own words, and no step is left running."""
    execution = ExecutionState()
    execution.apply(events(BEGIN + ENDS[end]))
    assert [step.state.value for step in execution.steps.values()] == states
    assert view.summary(execution, now_s=9999.0) == summary


def test_view_shows_a_run_that_goes_on() -> None:
    """Counts, rate and time of a step come from its last progress."""
    execution = ExecutionState()
    execution.apply(events([*BEGIN, (1.2, "words", StepProgress(0.4, "chapter 2", 30, 600))]))
    words = execution.steps["words"]
    assert (words.state, view.note(words), view.counts(words)) == (State.RUNNING, "40% chapter 2", "30 in, 600 out")
    assert view.rate(words, 1001.2) == "600/s"
    assert view.summary(execution, 1001.5) == "report: 1 of 3 steps done, 1.5 s"


def test_view_follows_a_step_that_starts_again() -> None:
    """A retry is shown, and the new attempt has its own clock."""
    execution = ExecutionState()
    execution.apply(events([*BEGIN, (1.0, "words", StepRetry(2, 0.5, "OSError", "busy"))]))
    assert view.note(execution.steps["words"]) == "attempt 2 in 500 ms: OSError: busy"
    execution.apply(events([(1.5, "words", StepStart("text.words", "UNARY_STREAM"))]))
    assert execution.steps["words"].elapsed_s(1002.0) == 0.5


def test_view_copes_with_events_that_join_in_the_middle() -> None:
    """A late subscriber, or one that missed events, still shows what it can."""
    execution = ExecutionState()
    execution.apply(events([(0.0, None, StreamGap(7, 1, 7)), (0.1, "words", StepProgress(items_out=3))]))
    assert execution.missed == 7
    assert list(execution.steps) == ["words"]
    execution.apply([StreamEvent(9, EventType.STEP_COMPLETE, "e1", "words", time_s=1.0)])
    assert execution.steps["words"].state is State.DONE


def test_lines_show_a_run_from_start_to_end() -> None:
    """Each start and end is one line, with what was counted."""
    assert lines_of(BEGIN + ENDS["done"]) == [
        "report: started, 3 steps",
        "  lines  started",
        "  words  started",
        "  extra  skipped: its branch was not taken",
        "  lines  done: 100 out, 53/s, 1.9 s",
        "  words  done: 100 in, 50.0k out, 25.0k/s, 2.0 s",
        "report: done in 2.2 s",
    ]


def test_lines_show_a_failure_and_the_steps_that_it_stopped() -> None:
    """The step that failed is distinct from those that only stopped, and its message stays on its line."""
    assert lines_of(BEGIN + ENDS["failed"])[4:] == [
        "  lines  failed: OSError: disk [31m gone, 1.9 s",
        "  words  stopped: step 'lines' failed, 1.9 s",
        "report: failed at step 'lines': OSError: disk gone (after 2.2 s)",
    ]


def test_lines_show_progress_once_a_second_for_each_step() -> None:
    """A chatty step fills no log."""
    progress: list[Fact] = [
        (index / 10, step_id, StepProgress(items_out=index)) for index in range(35) for step_id in ("lines", "words")
    ]
    shown = lines_of([BEGIN[0], *progress])[1:]
    assert [re.sub(r",.*", "", line) for line in shown] == [
        f"  {step_id}  {count} out" for count in (0, 10, 20, 30) for step_id in ("lines", "words")
    ]


def test_lines_report_missed_events() -> None:
    """A gap is never passed over in silence."""
    assert lines_of([BEGIN[0], (0.1, None, StreamGap(7, 2, 8))])[1:] == ["report: some events are not shown (7 so far)"]


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


async def show(file: Any, end: str) -> str:
    """Return what the console writes for a whole run."""
    async with StreamingContext("e1") as context:
        context.subscribe(ConsoleSubscriber(file=file))
        for event in events(BEGIN + ENDS[end]):
            context.emit(event.event_type, event.step_id, event.data)
    assert context.lost == []
    written: str = file.getvalue()
    return written


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A capable terminal of a known size."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


@pytest.mark.parametrize("end", ENDS)
async def test_table_shows_the_end_and_restores_the_terminal(terminal: Terminal, end: str) -> None:
    """The last picture has all steps and how it ended, and the cursor is visible again."""
    written = await show(terminal, end)
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    last_picture = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written[written.rindex("rate") :])
    for expected in ("words", "extra", "report: " + {"done": "done in"}.get(end, end)):
        assert expected in last_picture


MANY: list[Fact] = [
    (0.0, None, PipelineStart("many", tuple(StepInfo(f"step_{number}", "text.lower") for number in range(30)))),
    *((0.1, f"step_{number}", StepComplete(3, 3, 0.1)) for number in range(10)),
    (0.2, "step_29", StepStart("text.lower", "STREAM_STREAM")),
]


@pytest.mark.parametrize(("columns", "headings"), [(100, ["in", "out", "rate", "time"]), (40, ["out", "time"])])
def test_table_shows_what_matters_when_the_screen_is_small(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: int, headings: list[str]
) -> None:
    """Steps that do not fit are only counted, those that run come first, numbers are whole, and the end shows all."""
    pytest.importorskip("rich")
    from headwater_subscribers.console.live import LiveDisplay

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "10")
    with LiveDisplay(terminal) as table:
        table.show(events(MANY))
        table.refresh()
        written = terminal.getvalue()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert re.findall(r"step_\d+", shown)[-7:] == [*(f"step_{number}" for number in range(10, 16)), "step_29"]
    assert "and 23 more steps" in shown
    assert re.search(r"\bstep +" + " +".join(headings) + r"\b", shown)
    assert "many: 10 of 30 steps done" in shown
    assert len(re.findall(r"step_\d+", terminal.getvalue()[len(written) :])) == 30


async def test_table_restores_the_terminal_when_cancelled(terminal: Terminal) -> None:
    """Ctrl-C leaves no hidden cursor."""
    with anyio.CancelScope() as scope:
        async with StreamingContext("e1") as context:
            context.subscribe(ConsoleSubscriber(file=terminal))
            context.emit(EventType.PIPELINE_START, None, START)
            scope.cancel()
            await anyio.sleep_forever()
    assert "\x1b[?25h" in terminal.getvalue()
    assert "cancelled" in terminal.getvalue()


async def test_table_has_no_color_when_the_user_wants_none(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is honored."""
    colored = await show(terminal, "failed")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = await show(Terminal(), "failed")
    color = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert color.search(colored)
    assert not color.search(plain)


@pytest.mark.parametrize("reason", ["no terminal", "dumb terminal"])
async def test_console_writes_lines_where_a_table_cannot_be(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """A log file gets lines without control sequences."""
    monkeypatch.setenv("TERM", "dumb")
    written = await show(terminal if reason == "dumb terminal" else io.StringIO(), "done")
    assert "\x1b" not in written
    assert written.startswith("report: started, 3 steps\n")


def test_console_says_which_extra_a_table_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live view that is asked for explicitly is not silently replaced."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "headwater_subscribers.console.live", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'headwater\[cli\]'"):
        ConsoleSubscriber(live=True)


def test_subscribers_import_no_rich_before_it_is_needed() -> None:
    """The package and the plain console cost nothing of rich."""
    code = (
        "import io, sys, headwater_subscribers as s; s.ConsoleSubscriber(file=io.StringIO()); s.QueueSubscriber();"
        "sys.exit(any(name in sys.modules for name in ('rich', 'structlog', 'networkx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_shows_what_happens_to_an_item_soon_after_the_start() -> None:
    """The first line of an item is not held back; those that follow at once are, as there may be thousands."""
    retry = [(0.2 + 0.1 * index, "words", StepRetry(2, 5.0, "OSError", "down", index)) for index in range(3)]
    found = [line.split(maxsplit=1)[1] for line in lines_of([*BEGIN[:3], *retry]) if " retries" in line]
    assert found == ["retries: item 0, attempt 2 in 5.0 s: OSError: down"]


def test_says_which_attempt_starts_and_not_what_the_last_one_failed_with() -> None:
    """The error has a line of its own before."""
    facts: list[Fact] = [*BEGIN[:3], (0.3, "words", StepRetry(2, 0.1, "OSError", "down"))]
    again = StreamEvent(
        9, EventType.STEP_START, "e1", "words", 2, time_s=1000.5, data=StepStart("text.words", "UNARY_STREAM")
    )
    file = io.StringIO()
    LineDisplay(file).show([*events(facts), again])
    assert file.getvalue().splitlines()[-1].split(maxsplit=1) == ["words", "started: attempt 2"]
