from __future__ import annotations

import io
import logging
from typing import Any, cast

import pytest
import structlog

from headwater import Pipeline, Runner, step
from headwater.events.data import EdgeInfo, PipelineStart, StepComplete, StepFailure, StepInfo, StepProgress, StepRetry
from headwater.events.event import EventType, StreamEvent
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import LogSubscriber


@step("log.half")
def half(number: int) -> float:
    """Halve a number that is even."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number / 2


HALF = Pipeline("half", steps={"half": half}, streaming={"emit_items": "all"})


async def run(subscriber: LogSubscriber, data: Any) -> str:
    """Run a pipeline, and return its id."""
    async with Runner([subscriber]).start(HALF, data) as execution:
        result = await execution.result(check=False)
    assert not result.lost_subscribers
    return execution.execution_id


async def test_log_shows_a_run_with_its_context(reports: Any) -> None:
    """Each entry says which execution and step it is about and which number it has, and items are not logged."""
    execution_id = await run(LogSubscriber(), range(0, 100, 2))
    assert [(entry["log_level"], entry["event"], entry.get("step_id")) for entry in reports] == [
        ("info", "pipeline_start", None),
        ("info", "step_complete", "half"),
        ("info", "pipeline_complete", None),
    ]
    assert {entry["execution_id"] for entry in reports} == {execution_id}
    assert [entry["seq"] for entry in reports] == sorted({entry["seq"] for entry in reports})
    assert (reports[0]["name"], reports[0]["steps"], reports[0]["edges"]) == ("half", 1, 2)
    assert (reports[1]["items_in"], reports[1]["items_out"]) == (50, 50)


async def test_log_shows_a_failure_as_an_error(reports: Any) -> None:
    """What went wrong stands in fields of its own."""
    await run(LogSubscriber(), [2, 3])
    errors = [entry for entry in reports if entry["log_level"] == "error"]
    assert [(entry["event"], entry["error_type"], entry["message"]) for entry in errors] == [
        ("step_error", "ValueError", "3 is odd"),
        ("pipeline_error", "ValueError", "3 is odd"),
    ]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", {"pipeline_start", "step_start", "step_complete", "pipeline_complete"}),
        ("info", {"pipeline_start", "step_complete", "pipeline_complete"}),
        ("warning", set()),
        ("error", set()),
    ],
)
async def test_log_has_no_less_than_the_level(reports: Any, level: Any, expected: set[str]) -> None:
    """What is below the level is not even delivered."""
    await run(LogSubscriber(level=level), [2])
    assert {entry["event"] for entry in reports} == expected


async def test_log_uses_the_levels_and_the_logger_that_it_is_given(reports: Any) -> None:
    """What is bound to the logger is in every entry."""
    logger = structlog.get_logger().bind(service="reports")
    await run(LogSubscriber(logger, levels={"step_complete": "debug", "pipeline_start": "warning"}), [2])
    shown = [(entry["log_level"], entry["event"], entry["service"]) for entry in reports]
    assert shown == [("warning", "pipeline_start", "reports"), ("info", "pipeline_complete", "reports")]


def test_log_leaves_out_what_is_empty(reports: Any) -> None:
    """An entry has the fields that say something, in a form that any renderer can write."""
    subscriber = LogSubscriber(level="debug")
    start = PipelineStart("p", (StepInfo("a", "k"),), (EdgeInfo("a.out", "output"),))
    for event_type, data, metadata in (
        (EventType.PIPELINE_START, start, None),
        (EventType.STEP_PROGRESS, StepProgress(0.25, "reading", data={"at": {1}}), {"page": 1}),
        (EventType.STEP_RETRY, StepRetry(2, 0.1 + 0.2, "OSError", "busy"), None),
        (EventType.STEP_COMPLETE, None, None),
    ):
        subscriber.on_event(StreamEvent(7, event_type, "e1", "a", 2, data=data, metadata=metadata))
    common = {"execution_id": "e1", "seq": 7, "step_id": "a", "attempt": 2}
    assert reports == [
        {"event": "pipeline_start", "log_level": "info", **common, "name": "p", "steps": 1, "edges": 1},
        {"event": "step_progress", "log_level": "debug", **common, "fraction": 0.25, "message": "reading"}
        | {"data": {"at": [1]}, "metadata": {"page": 1}},
        {"event": "step_retry", "log_level": "warning", **common, "next_attempt": 2, "delay_s": 0.3}
        | {"error_type": "OSError", "message": "busy"},
        {"event": "step_complete", "log_level": "info", **common},
    ]


async def test_log_reports_events_that_it_missed(reports: Any) -> None:
    """A gap is logged, whatever the types."""
    subscriber = LogSubscriber(level="error")
    async with StreamingContext("e1", history=10) as context:
        for _ in range(50):
            context.emit(EventType.STEP_ERROR, "a", StepFailure("OSError", "gone"))
        context.subscribe(subscriber, from_seq=1)
    assert (reports[0]["event"], reports[0]["log_level"], reports[0]["missed"]) == ("stream_gap", "warning", 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "loud"}, "there is no level 'loud'; there are: debug, info, warning, error"),
        ({"levels": {"step_output": "debug"}}, "'step_output' has no level; .* items are never logged"),
        ({"levels": {"step_start": "loud"}}, "there is no level 'loud'"),
    ],
)
def test_log_refuses_levels_that_do_not_exist(arguments: Any, message: str) -> None:
    """A mistake is reported when the subscriber is created."""
    with pytest.raises(ValueError, match=message):
        LogSubscriber(**arguments)


def test_log_goes_to_the_logging_of_the_standard_library() -> None:
    """A program that has structlog write there sees the events there."""
    target = io.StringIO()
    handler = logging.StreamHandler(target)
    standard = logging.getLogger("headwater-test")
    standard.addHandler(handler)
    standard.setLevel("WARNING")
    logger = structlog.wrap_logger(
        standard,
        processors=[structlog.stdlib.filter_by_level, structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    subscriber = LogSubscriber(cast("Any", logger))
    complete = StepComplete(1, 1, 0.5)
    subscriber.on_event(StreamEvent(1, EventType.STEP_COMPLETE, "e1", "a", data=complete))
    subscriber.on_event(StreamEvent(2, EventType.STEP_ERROR, "e1", "a", data=StepFailure("OSError", "gone")))
    standard.removeHandler(handler)
    assert target.getvalue().startswith("event='step_error' execution_id='e1' seq=2 step_id='a'")
    assert target.getvalue().count("\n") == 1
