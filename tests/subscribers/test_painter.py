from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.events.chunk import Chunk, EventBatch
from headwater.events.data import (
    EdgeInfo,
    PipelineComplete,
    PipelineFailure,
    PipelineStart,
    StepComplete,
    StepFailure,
    StepInfo,
    StepOutput,
    StepProgress,
    StepRetry,
    StepStart,
)
from headwater.events.event import EventType, StreamEvent
from headwater.events.state import ExecutionState
from headwater.events.step_state import Pace, State, StepState
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import ConsoleSubscriber
from headwater_subscribers.console import view
from tests.subscribers.test_console import Fact, Terminal, events

pytest.importorskip("rich")

from rich.cells import cell_len

from headwater_subscribers.console.live import LiveDisplay
from headwater_subscribers.console.painter import Painter

STORY = "no such file or directory: /data/words.txt; write another path, or make the file before the pipeline runs"


def start(*edges: str, name: str = "report") -> Fact:
    """Return the first event of a pipeline with edges such as `a b`."""
    ends = [edge.split() for edge in edges]
    steps = dict.fromkeys(step for pair in ends for step in pair)
    infos = tuple(EdgeInfo(f"{source}.out", f"{target}.in") for source, target in ends)
    return 0.0, None, PipelineStart(name, tuple(StepInfo(step, f"x.{step}") for step in steps), infos)


def begun(*steps: str) -> list[Fact]:
    """Return that steps have started."""
    return [(0.0, step, StepStart("x", "STREAM_STREAM")) for step in steps]


def waits(step: str, input_wait_s: float, output_wait_s: float, waits_for: Any, at_s: float = 4.0) -> Fact:
    """Return the progress of a step that says how long it has waited."""
    data = StepProgress(None, "", 800, 400, {}, input_wait_s, output_wait_s, waits_for)
    return at_s, step, data


DIAMOND: list[Fact] = [
    start("read left", "read right", "left join", "right join"),
    *begun("read", "left", "right", "join"),
    (4.0, "read", StepProgress(0.5, "reading")),
    waits("read", 0.0, 3.0, "output"),
    waits("left", 0.1, 0.1, None),
    waits("right", 2.0, 0.0, None),
    waits("join", 3.6, 0.0, "input"),
]
FAILED: list[Fact] = [
    *DIAMOND,
    (5.0, "left", StepFailure("OSError", STORY)),
    (5.0, "join", StepFailure("StreamBrokenError", "broken", "left")),
    (5.0, None, PipelineFailure(5.0, "OSError", STORY, "left")),
]
DONE: list[Fact] = [
    *DIAMOND,
    *((6.0, step, StepComplete(9, 9, 6.0, input_wait_s=3.0)) for step in ("read", "left", "right", "join")),
    (6.0, None, PipelineComplete(6.0)),
]


def painted(
    facts: list[Fact], now_s: float = 4.0, *, width: int = 100, height: int = 24, final: bool = False, **painter: Any
) -> list[str]:
    """Return the lines of the picture."""
    execution = ExecutionState()
    execution.apply(events(facts))
    lines = Painter(execution, **painter).lines(width, height, 1000.0 + now_s, final=final)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def test_picture_shows_the_tree_with_what_matters() -> None:
    """Structure, numbers, progress, time left, and the bottleneck, each in its place."""
    assert painted(DIAMOND) == [
        "    step       in  out   rate   time  busy",
        " ▸  read      800  400  200/s  4.0 s   25%  ━━━━━━━━━━──────────  50%  4 s left  reading",
        " ▸  ├─ left   800  400  200/s  4.0 s   95%  ◀ the others wait for it",
        " ▸  ├─ right  800  400  200/s  4.0 s   50%",
        " ▸  join      800  400  200/s  4.0 s   10%  ← left, right",
        "▸ report: 0 of 4 steps done, 4.0 s, 4 s left",
    ]


def test_picture_says_what_matters_most_on_a_narrow_terminal() -> None:
    """Forty columns fit the tree, the counts, the time, and a word."""
    assert painted(DIAMOND, width=40) == [
        "    step      out   time",
        " ▸  read      400  4.0 s  50%  reading",
        " ▸  ├─ left   400  4.0 s  ◀ slowest",
        " ▸  ├─ right  400  4.0 s",
        " ▸  join      400  4.0 s  ← left, right",
        "▸ report: 0 of 4 steps done, 4.0 s, 4 s…",
    ]


def test_picture_is_ascii_where_the_terminal_is() -> None:
    """The same picture, with nothing that the terminal cannot show."""
    for facts, final in ((DIAMOND, False), (FAILED, False), (FAILED, True), (DONE, True)):
        lines = painted(facts, width=76, ascii_only=True, final=final)
        assert all(line.isascii() for line in lines)
        assert len(lines) >= len(painted(facts, width=76, final=final))
    assert painted(DIAMOND, ascii_only=True)[1].endswith("##########----------  50%  4 s left  reading")


def test_failure_is_shown_below_its_step() -> None:
    """While others still run in one line, and whole at the end; the last line does not say it again."""
    assert painted(FAILED, 5.0, width=80)[2:4] == [
        " ✗  ├─ left   800  400  160/s  5.0 s   96%",
        "    │    OSError: no such file or directory: /data/words.txt; write another pat…",
    ]
    at_the_end = painted(FAILED, 5.0, width=80, final=True)
    assert at_the_end[3:5] == [
        "    │    OSError: no such file or directory: /data/words.txt; write another",
        "    │    path, or make the file before the pipeline runs",
    ]
    assert at_the_end[-1] == "✗ report: failed at step 'left' (after 5.0 s)"


def test_failure_outside_the_steps_is_shown_in_the_last_line() -> None:
    """What belongs to no step is not lost."""
    lines = painted([DIAMOND[0], (1.0, None, PipelineFailure(1.0, "OSError", STORY))], width=60, final=True)
    assert " ".join(line.strip() for line in lines[-3:]) == f"✗ report: failed: OSError: {STORY} (after 1.0 s)"


def test_waits_go_on_after_the_last_news() -> None:
    """A step that was last seen waiting is taken to wait still, and one that worked to work."""
    lines = painted(DIAMOND, 8.0)
    assert [line[39:43].strip() for line in lines[1:5]] == ["12%", "98%", "75%", "5%"]


def many(count: int, *, done: int, failed: int = 0) -> list[Fact]:
    """Return a fan-out in which some steps have ended."""
    facts = [start(*(f"source step_{number}" for number in range(count))), *begun("source")]
    facts += [(1.0, f"step_{number}", StepComplete(1, 1, 1.0)) for number in range(done)]
    facts += [(1.0, f"step_{number}", StepFailure("OSError", "gone")) for number in range(done, done + failed)]
    return facts


def test_steps_that_do_not_fit_are_counted() -> None:
    """A picture is never higher than the screen, has the failures and what runs, and says what it lacks."""
    lines = painted(many(300, done=40, failed=2), height=12)
    assert len(lines) == 12
    assert "step_40" in lines[2]
    assert lines[3].endswith("OSError: gone")
    assert " ".join(line.split()[2] for line in lines[6:-2]) == "step_42 step_43 step_44 step_45"
    assert lines[-2] == "    and 294 more steps: 254 waiting, 40 done"


def test_last_picture_may_scroll_but_is_no_flood() -> None:
    """At the end all steps are shown, up to some hundred."""
    assert len(painted(many(150, done=150), final=True)) == 153
    lines = painted(many(3000, done=3000), final=True)
    assert len(lines) == 203
    assert lines[-2] == "    and 2,801 more steps: 2,801 done"


@given(
    facts=st.sampled_from([DIAMOND, FAILED, DONE, many(30, done=10, failed=3)]),
    width=st.integers(20, 130),
    height=st.integers(5, 40),
    ascii_only=st.booleans(),
    name=st.sampled_from(["p", "水の流れ" * 9, "word-report" * 12]),
)
def test_picture_always_fits_the_screen(
    *, facts: list[Fact], width: int, height: int, ascii_only: bool, name: str
) -> None:
    """Nothing is wider than the terminal, which would break the picture, nor higher."""
    data = facts[0][2]
    assert isinstance(data, PipelineStart)
    renamed: list[Fact] = [(0.0, None, PipelineStart(name, data.steps, data.edges)), *facts[1:]]
    lines = painted(renamed, 5.0, width=width, height=height, ascii_only=ascii_only)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


def test_steps_with_wide_names_stand_in_line() -> None:
    """A name counts by the cells that it takes."""
    lines = painted([start("水 b", "水 c"), *begun("水", "b", "c")], 1.5)
    assert [line.split()[-2:] for line in lines[1:4]] == [["1.5", "s"]] * 3
    assert len({cell_len(line) for line in lines[1:4]}) == 1


def test_rate_is_that_of_the_present_while_a_step_runs() -> None:
    """A step that slowed down does not live on its past, and at the end the whole counts."""
    step = StepState("a", state=State.RUNNING, attempt_s=0.0, pace=Pace(0.0))
    for time_s, count in ((1.0, 1000), (2.0, 2000), *((2.0 + index, 2000 + 10 * index) for index in range(1, 9))):
        step.items_out = count
        step.pace.add(count, time_s)
    assert view.rate(step, 10.0).endswith("/s")
    assert 10 <= (step.pace.per_s or 0) < 20
    step.state, step.duration_s = State.DONE, 10.0
    assert view.rate(step, 99.0) == "208/s"


@pytest.mark.parametrize(
    ("fraction", "reported_s", "now_s", "expected"),
    [
        (None, 4.0, 4.0, ""),
        (0.0, 4.0, 4.0, ""),
        (0.5, 0.5, 0.5, ""),  # too early for an estimate
        (0.5, 4.0, 4.0, "4 s left"),
        (0.5, 4.0, 6.0, "2 s left"),
        (0.5, 4.0, 60.0, "1 s left"),
        (0.01, 60.0, 60.0, "1 h 39 min left"),
        (1.0, 4.0, 4.0, "1 s left"),
    ],
)
def test_what_is_left_follows_from_what_is_done(
    fraction: float | None, reported_s: float, now_s: float, expected: str
) -> None:
    """An estimate comes once there is something to go by, and counts down between two reports."""
    step = StepState("a", state=State.RUNNING, attempt_s=0.0, fraction=fraction, fraction_s=reported_s)
    assert view.left(step, now_s) == expected


def test_counts_do_not_hide_how_far_a_step_is() -> None:
    """Progress that the engine reports does not replace what the step reported."""
    execution = ExecutionState()
    execution.apply(events(DIAMOND))
    assert view.note(execution.steps["read"]) == "50% reading"


def test_only_the_busiest_of_those_that_are_waited_for_is_marked() -> None:
    """There is one mark, it goes to a step that works, and to none where all are even."""
    execution = ExecutionState()
    execution.apply(events(DIAMOND))
    assert execution.bottleneck(1004.0) == "left"
    execution.apply(events([waits("left", 3.0, 0.0, "input"), waits("right", 3.0, 0.0, "input")]))
    assert execution.bottleneck(1004.0) is None


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A capable terminal of a known size."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_table_erases_the_lines_that_a_narrower_terminal_has_wrapped(
    terminal: Terminal,
) -> None:
    """What was one line of 90 columns is three of 40, and all of them are drawn over."""
    with LiveDisplay(terminal) as table:
        table.show(events(DIAMOND))
        table.refresh()
        table.refresh()
        second = terminal.getvalue()
        table._console.width = 40
        table.refresh()
        third = terminal.getvalue()[len(second) :]
    assert second.count("\x1b[1A") == 5
    assert third.count("\x1b[1A") > 5 + 5


def test_what_steps_print_appears_above_the_table(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `print` goes where it would go anyway, and the table is drawn again below it."""
    monkeypatch.setattr(sys, "stdout", terminal)
    with LiveDisplay(terminal) as table:
        table.show(events(DIAMOND))
        table.refresh()
        print("a step says hello")  # noqa: T201 - this is what steps do
        written = terminal.getvalue()
    assert sys.stdout is terminal
    assert "a step says hello\n" in written
    assert written.index("hello") < written.rindex("report: 0 of 4")


async def test_console_takes_many_events_at_a_time_and_makes_only_those_it_shows(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that emits every item and all of its progress costs neither a drawing nor an object for each."""
    batches: list[EventBatch] = []

    class Watched(ConsoleSubscriber):
        interval_s = 3600.0

        def on_events(self, batch: Any) -> None:
            batches.append(batch)
            super().on_events(batch)

    made: list[StreamEvent] = []
    make = Chunk.make
    monkeypatch.setattr(Chunk, "make", lambda *args: made.extend(make(*args)) or make(*args))
    async with StreamingContext("e1", history=100_000) as context:
        context.subscribe(Watched(file=terminal))
        for _, step_id, data in [DIAMOND[0], *begun("read")]:
            context.emit(EventType.STEP_START if step_id else EventType.PIPELINE_START, step_id, data)
        await context.drain()
        for number in range(20_000):
            context.emit(EventType.STEP_OUTPUT, "read", StepOutput("out", number, number))
            context.emit(EventType.STEP_PROGRESS, "read", StepProgress(None, "", 0, number))
    assert context.lost == []
    assert sum(map(len, batches)) == 40_003
    assert len(batches) <= 4
    assert len(made) < 20
    assert terminal.getvalue().count("report: ") <= len(batches) + 2
    assert "20.0k" in terminal.getvalue()


async def test_console_shows_events_of_the_past_by_their_own_clock(terminal: Terminal) -> None:
    """What ran for four seconds last year has run for four seconds."""
    console = ConsoleSubscriber(file=terminal, clock=lambda: 1004.0)
    async with console.lifespan():
        console.on_events(events(DIAMOND))
    assert "report: 0 of 4 steps done, 4.0 s, 4 s left" in terminal.getvalue()


def test_retry_stands_beside_its_step() -> None:
    """An attempt that is followed by another is not a failure yet."""
    facts: list[Fact] = [start("a b"), *begun("a"), (1.0, "a", StepRetry(2, 0.5, "OSError", "busy"))]
    assert painted(facts, 1.0)[1].endswith("attempt 2 in 500 ms: OSError: busy")


def test_console_works_on_a_terminal_that_has_no_unicode(terminal: Terminal) -> None:
    """The encoding of the terminal decides."""
    raw = io.BytesIO()

    class AsciiTerminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    file = AsciiTerminal(raw, encoding="ascii")
    with LiveDisplay(file) as table:
        table.show(events(FAILED))
        table.refresh()
    file.flush()
    assert raw.getvalue().isascii()
    assert " x  |- left" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw.getvalue().decode())
