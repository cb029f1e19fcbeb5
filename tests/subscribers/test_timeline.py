from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, StepError, Stream, StreamEvent, step
from headwater.events.data import (
    PipelineStart,
    StepComplete,
    StepInfo,
    StepOutput,
    StepProgress,
    StepRetry,
    StepSkipped,
    StepStart,
    StreamGap,
)
from headwater.events.event import DATA_MODELS, EventType
from headwater.events.step_state import State
from headwater_subscribers import Timeline, TimelineSubscriber, timeline_svg
from tests.subscribers.samples import BEGIN_S, CANCELLED, DONE, FAILED, START, Fact, ended, events, failed, started

SVG = "{http://www.w3.org/2000/svg}"


def timeline_of(*facts: Fact) -> Timeline:
    """Return the timeline of events."""
    return Timeline.from_events(events([START, *facts]))


def drawn(svg: str) -> ET.Element:
    """Return a picture as a tree, which shows that it is well formed."""
    return ET.fromstring(svg)  # noqa: S314 - our own text


def labels(svg: str) -> list[str]:
    """Return the labels of a picture."""
    return [element.text or "" for element in drawn(svg).iter(f"{SVG}text")]


def boxes(svg: str, style: str) -> list[dict[str, float]]:
    """Return the place and size of the rectangles of a style, without that of the legend."""
    found = [element for element in drawn(svg).iter(f"{SVG}rect") if element.get("class") == style]
    places = [{name: float(box.get(name, 0)) for name in ("x", "y", "width", "height")} for box in found]
    return [place for place in places if place["height"] != 12 or place["width"] != 12]


def signs(svg: str, style: str) -> int:
    """Return how many signs of a style there are, without that of the legend."""
    return sum(element.get("class") == style for element in drawn(svg).iter()) - 1


def test_step_has_its_times() -> None:
    """Start, first item and end of a step are places in time."""
    step = timeline_of(started("words", 1.0), ended("words", 5.0), DONE).steps["words"]
    assert (step.started_s, step.first_item_s, step.ended_s) == (BEGIN_S + 1, BEGIN_S + 1.5, BEGIN_S + 5)
    assert (step.state, step.items_in, step.items_out) == (State.DONE, 10, 20)


def test_first_item_is_known_while_a_step_runs() -> None:
    """The first output event shows when the first item came."""
    output: Fact = (2.0, "words", StepOutput("out", 0, "water"))
    assert timeline_of(started("words"), output, output).steps["words"].first_item_s == BEGIN_S + 2


@pytest.mark.parametrize(
    ("facts", "state", "message"),
    [
        (failed("words"), State.FAILED, "ValueError: no number"),
        (failed("words", cause="lines"), State.STOPPED, "step 'lines' failed"),
        ((1.0, "words", StepSkipped("its branch was not taken")), State.SKIPPED, "its branch was not taken"),
    ],
)
def test_step_that_did_not_end_well_says_why(facts: Fact, state: State, message: str) -> None:
    """Failures and skipped steps have their reason."""
    step = timeline_of(facts, FAILED).steps["words"]
    assert (step.state, str(step.failure or step.skip_reason)) == (state, message)


def test_steps_that_run_at_the_end_are_stopped() -> None:
    """A cancelled execution leaves no step running."""
    timeline = timeline_of(started("words"), CANCELLED)
    assert (timeline.state, timeline.failure) == (State.STOPPED, "Ctrl-C")
    assert (timeline.steps["words"].state, timeline.steps["words"].ended_s) == (State.STOPPED, BEGIN_S + 9)
    assert timeline.steps["lines"].state is State.WAITING


def test_retries_are_places_in_time() -> None:
    """Each attempt that failed is kept, within bounds."""
    facts = [(1.0 + number, "words", StepRetry(2, 0.1, "OSError", "busy")) for number in range(100)]
    retries = timeline_of(started("words"), *facts).steps["words"].retries
    assert retries == [BEGIN_S + 1 + number for number in range(64)]


def test_waits_are_looked_at_in_time_and_within_bounds() -> None:
    """However long a step runs, what is kept of its waits stays small and spans its time."""
    facts: list[Fact] = [
        (
            float(number),
            "words",
            StepProgress(items_in=number, items_out=number, input_wait_s=number / 2, output_wait_s=0.0),
        )
        for number in range(1, 1000)
    ]
    waits = timeline_of(started("words", 0.0), *facts).steps["words"].waits
    assert 20 < len(waits) <= 64
    assert (waits[0].time_s, waits[-1].time_s) == (BEGIN_S, BEGIN_S + 999)
    assert waits == sorted(waits)


def test_last_of_several_executions_is_shown() -> None:
    """Where executions follow each other or overlap, the one that started last counts."""
    first, second = events([START, started("words"), DONE], "e1"), events([START, started("lines")], "e2")
    assert Timeline.from_events([*first, *second]).execution_id == "e2"
    mixed = Timeline.from_events([*first[:2], *second, first[2]])
    assert (mixed.execution_id, mixed.state, list(mixed.steps)) == ("e2", State.RUNNING, ["lines", "words"])
    assert mixed.steps["words"].started_s is None


def test_timeline_joins_in_the_middle() -> None:
    """Without the start, or with events missing, it shows what it can and says how much is missing."""
    timeline = Timeline.from_events(events([(0.5, None, StreamGap(7, 1, 7)), ended("words", 5.0), DONE]))
    assert timeline.missed == 7
    assert timeline.steps["words"].started_s == BEGIN_S + 1
    assert "7 events were missed" in labels(timeline.svg())


def test_bars_stand_where_their_time_is() -> None:
    """A step that ran for half of the time in the middle has a bar of half the width in the middle."""
    svg = timeline_of(started("lines", 0.0), started("words", 2.0), ended("words", 6.0), ended("lines", 8.0)).svg()
    lines, words = boxes(svg, "work")
    assert words["width"] == pytest.approx(lines["width"] / 2, abs=0.2)
    assert words["x"] - lines["x"] == pytest.approx(lines["width"] / 4, abs=0.2)
    assert words["y"] > lines["y"]


def test_waits_cover_their_share_of_a_bar() -> None:
    """A quarter of the time waited for input and half of it for room downstream cover as much of the height."""
    data = StepComplete(10, 20, 4.0, None, 0.5, None, 1, 1.0, 2.0)
    svg = timeline_of(started("words", 1.0), ended("words", 5.0, data), DONE).svg()
    (work,) = boxes(svg, "work")
    (waits_in,), (waits_out,) = boxes(svg, "input"), boxes(svg, "output")
    assert waits_in["height"] == pytest.approx(work["height"] / 4, abs=0.06)
    assert waits_out["height"] == pytest.approx(work["height"] / 2, abs=0.06)
    assert waits_in["width"] == waits_out["width"] == work["width"]


def test_signs_show_what_happened() -> None:
    """First items, retries, errors and stops each have a sign in the row, and all are explained."""
    facts = [
        started("words", 0.0),
        (2.0, "words", StepRetry(2, 0.1, "OSError", "busy")),
        (3.0, "words", StepOutput("out", 0, 1)),
        started("lines", 0.0),
        failed("words"),
        FAILED,
    ]
    svg = timeline_of(*facts).svg()
    assert [signs(svg, style) for style in ("first", "retry", "cross", "cut")] == [1, 1, 1, 1]
    assert {"first item", "retry", "error", "stopped", "works"} <= set(labels(svg))
    assert any("failed after 9.0 s" in text for text in labels(svg))


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([DONE], "done in 9.0 s"),
        ([FAILED], "failed after 9.0 s"),
        ([CANCELLED], "cancelled after 9.0 s"),
        ([started("words", 2.0)], "still running after 2.0 s"),
    ],
)
def test_outcome_stands_at_the_top(facts: list[Fact], outcome: str) -> None:
    """How it ended, and after what time, is said in words."""
    assert outcome in labels(timeline_of(*facts).svg())


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a&b", "\"quoted'", "\x00\x1b[31m", "]]>", "\ud800", "﷐￾"]
)
def test_hostile_names_stay_names(name: str) -> None:
    """Whatever a step or an error is called, the picture stays a picture."""
    start: Fact = (0.0, None, PipelineStart(name, (StepInfo(name, name),)))
    facts = [start, (1.0, name, StepStart(name, name)), failed(name, error_type=name), FAILED]
    tree = drawn(timeline_svg(events(facts)))
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        *("svg", "title", "style", "rect", "text", "circle", "path", "g")
    }


def test_picture_needs_nothing_else() -> None:
    """No script, no link and no font is loaded by a viewer."""
    svg = timeline_of(started("words"), ended("words"), DONE).svg()
    assert not any(word in svg for word in ("<script", "href", "url(", "@import"))
    assert "prefers-color-scheme:dark" in svg


def test_long_names_are_shortened_and_whole_in_the_tooltip() -> None:
    """A long id does not run into the bars, but is not lost either."""
    name = "a_step_with_a_name_that_is_much_longer_than_there_is_room"
    svg = timeline_svg(events([(0.0, None, PipelineStart("p", (StepInfo(name, "text.words"),))), started(name), DONE]))
    assert name not in labels(svg)
    assert any(text.endswith("…") and name.startswith(text[:-1]) for text in labels(svg))
    assert any(name in (element.text or "") for element in drawn(svg).iter(f"{SVG}title"))


def test_of_many_steps_the_interesting_ones_are_drawn() -> None:
    """A picture stays one that can be looked at, and says what it leaves out."""
    ids = [f"step_{number}" for number in range(1_000)]
    start: Fact = (0.0, None, PipelineStart("wide", tuple(StepInfo(step_id, "text.words") for step_id in ids)))
    facts = [
        start,
        *(part for step_id in ids[:-1] for part in (started(step_id), ended(step_id))),
        failed(ids[-1]),
        FAILED,
    ]
    svg = timeline_svg(events(facts))
    assert "and 800 more steps that are not drawn" in labels(svg)
    assert {ids[0], ids[-1]} <= set(labels(svg))
    assert len(boxes(svg, "work")) == 200 - 1  # the last one failed before it started


@pytest.mark.parametrize("scale", [1e-6, 3e-4, 1e-3, 0.05, 1.0, 90.0, 3600.0, 40_000.0, 1e6])
def test_axis_has_few_round_places_in_any_time(scale: float) -> None:
    """From microseconds to hours, the axis has some marks, each with another text."""
    facts = events([(time_s * scale / 9, step_id, data) for time_s, step_id, data in [START, started("words"), DONE]])
    centered = [text for text in drawn(timeline_svg(facts)).iter(f"{SVG}text") if text.get("text-anchor") == "middle"]
    marks = [text.text for text in centered]
    assert 2 <= len(marks) <= 10
    assert len(set(marks)) == len(marks)


def test_timeline_without_events_is_a_picture() -> None:
    """A timeline without events can be drawn, too."""
    assert "no steps" in labels(timeline_svg([]))


def of_any_type(draw: st.DrawFn) -> Iterator[tuple[EventType, Any]]:
    """Draw types of events, each with data that fits it or none."""
    numbers, words = st.floats(0, 100), st.text(max_size=8)
    data = {
        PipelineStart: st.builds(PipelineStart, words, st.tuples(st.builds(StepInfo, st.sampled_from("abc"), words))),
        StepProgress: st.builds(StepProgress, items_in=st.integers(0, 9), input_wait_s=numbers, output_wait_s=numbers),
        StepComplete: st.builds(StepComplete, st.integers(0, 9), st.integers(0, 9), numbers, st.none(), numbers),
    }
    for event_type in draw(st.lists(st.sampled_from(EventType), max_size=12)):
        yield event_type, draw(st.none() | data.get(DATA_MODELS[event_type], st.none()))


@st.composite
def any_events(draw: st.DrawFn) -> list[StreamEvent]:
    """Draw events in any order, at any time, about some steps."""
    return [
        StreamEvent(seq, event_type, "e1", draw(st.sampled_from("abc")), time_s=draw(st.floats(0, 1e6)), data=data)
        for seq, (event_type, data) in enumerate(of_any_type(draw), 1)
    ]


@given(facts=any_events())
def test_any_events_make_a_well_formed_picture(facts: list[StreamEvent]) -> None:
    """Whatever events there are, and whichever are missing, no number in the picture is invalid."""
    svg = timeline_svg(facts)
    drawn(svg)
    assert "nan" not in svg
    assert all(box["width"] >= 0 for style in ("work", "input", "output") for box in boxes(svg, style))


def counts(facts: Iterable[StreamEvent]) -> list[tuple[int | None, int | None]]:
    """Return how many items went into each step and came out."""
    return [(step.items_in, step.items_out) for step in Timeline.from_events(facts).steps.values()]


@step("timeline.double")
async def double(number: int) -> int:
    """Return twice the number, if it has one."""
    if number < 0:
        raise ValueError("negative")
    return 2 * number


@step("timeline.total")
async def total(numbers: Stream[int]) -> int:
    """Return the sum."""
    return sum([number async for number in numbers])


SUM = Pipeline("sum", steps={"double": double, "total": total})


async def test_subscriber_keeps_the_timeline_of_an_execution() -> None:
    """The picture of a run can be had after it, and so can that of a replay of its events."""
    subscriber = TimelineSubscriber()
    result = await SUM.run(range(10), subscribers=[subscriber])
    assert [step.state for step in subscriber.timeline.steps.values()] == [State.DONE, State.DONE]
    assert result.events is not None
    again = [StreamEvent.from_json(event.to_json()) for event in result.events.read(after=0)]
    assert Timeline.from_events(again).steps.keys() == subscriber.timeline.steps.keys()
    assert counts(again) == counts(result.events.read(after=0)) == [(10, 10), (10, 1)]


async def test_subscriber_has_the_picture_of_a_failed_execution() -> None:
    """The picture is wanted most when something went wrong."""
    subscriber = TimelineSubscriber()
    with pytest.raises(StepError):
        await SUM.run([-1], subscribers=[subscriber])
    assert any("step 'double': ValueError: negative" in text for text in labels(subscriber.svg()))
