from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as conventions
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from headwater import Pipeline, Runner, StepContext, StepError, Stream, run_sync, step
from headwater.events.data import InputRequired, PipelineStart, StepProgress, StepRetry, StepSkipped, StreamGap
from headwater_subscribers import OpenTelemetrySubscriber
from headwater_subscribers.telemetry.gen_ai import GEN_AI_ATTRIBUTES, attribute
from tests.subscribers.samples import BEGIN_S, CANCELLED, DONE, FAILED, START, Fact, ended, events, failed, started


class Exported:
    """A tracer provider with what it exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def exported() -> Exported:
    """Where spans go."""
    return Exported()


def emit(exported: Exported, *facts: Fact, **options: Any) -> OpenTelemetrySubscriber:
    """Make the spans of an execution."""
    subscriber = OpenTelemetrySubscriber(exported.provider, **options)
    subscriber.on_events(events([START, *facts]))
    return subscriber


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def context_of(span: ReadableSpan) -> SpanContext:
    """Return what other spans know of a span."""
    context = span.get_span_context()
    assert context is not None
    return context


def ns(time_s: float) -> int:
    """Return a time of the events as spans have it."""
    return round((BEGIN_S + time_s) * 1e9)


# ---- structure


def test_steps_are_below_their_execution_and_have_the_times_of_the_events(exported: Exported) -> None:
    """One span for the execution, one for each step, with the start and end of the events."""
    emit(exported, started("lines", 1.0), started("words", 2.0), ended("lines", 3.0), ended("words", 5.0), DONE)
    execution, words = exported.one("pipeline report"), exported.one("step words")
    assert [span.name for span in exported.spans] == ["step lines", "step words", "pipeline report"]
    assert words.parent is not None
    assert words.parent.span_id == context_of(execution).span_id
    assert context_of(words).trace_id == context_of(execution).trace_id
    assert (words.start_time, words.end_time) == (ns(2.0), ns(5.0))
    assert (execution.start_time, execution.end_time) == (ns(0.0), ns(9.0))


def test_attributes_are_those_of_the_events(exported: Exported) -> None:
    """Ids, kinds, flavors and counts are attributes."""
    emit(exported, started("words"), ended("words"), DONE)
    facts = attributes_of(exported.one("step words"))
    assert (
        facts.items()
        >= {
            "headwater.step.id": "words",
            "headwater.step.kind": "text.words",
            "headwater.step.flavor": "stream_stream",
            "headwater.step.items_in": 10,
            "headwater.step.items_out": 20,
            "headwater.step.first_item_s": 0.5,
            "headwater.step.status": "completed",
        }.items()
    )
    execution = attributes_of(exported.one("pipeline report"))
    assert execution["headwater.execution.id"] == "e1"
    assert execution["headwater.execution.status"] == "completed"


def test_success_leaves_the_status_to_others(exported: Exported) -> None:
    """Only errors set a status."""
    emit(exported, started("words"), ended("words"), DONE)
    assert {span.status.status_code for span in exported.spans} == {StatusCode.UNSET}


def test_failure_is_an_exception_and_a_status(exported: Exported) -> None:
    """The step that failed and the execution carry the error; steps that it stopped do not."""
    emit(
        exported, started("lines"), started("words"), failed("words", 6.0), failed("lines", 7.0, cause="words"), FAILED
    )
    words, execution = exported.one("step words"), exported.one("pipeline report")
    for span in (words, execution):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ValueError: no number"
        (error,) = span.events
        assert (error.name, dict(error.attributes or {})) == (
            "exception",
            {"exception.type": "ValueError", "exception.message": "no number"},
        )
        assert attributes_of(span)["error.type"] == "ValueError"
    assert words.events[0].timestamp == ns(6.0)
    lines = exported.one("step lines")
    assert lines.status.status_code is StatusCode.UNSET
    assert attributes_of(lines)["headwater.step.cause"] == "words"


def test_cancelled_execution_ends_all_spans(exported: Exported) -> None:
    """Nothing stays open, and being stopped is not an error."""
    emit(exported, started("lines"), started("words"), CANCELLED)
    assert [span.name for span in exported.spans] == ["step lines", "step words", "pipeline report"]
    assert {span.end_time for span in exported.spans} == {ns(9.0)}
    assert {span.status.status_code for span in exported.spans} == {StatusCode.UNSET}
    assert attributes_of(exported.one("step words"))["headwater.step.status"] == "stopped"
    facts = attributes_of(exported.one("pipeline report"))
    assert (facts["headwater.execution.status"], facts["headwater.execution.cancel_reason"]) == ("cancelled", "Ctrl-C")


def test_each_try_has_a_span_that_links_to_the_one_before(exported: Exported) -> None:
    """Retries are a chain of attempts, all below the execution."""
    retry: Fact = (2.0, "words", StepRetry(2, 0.5, "OSError", "busy"))
    again: Fact = (3.0, "words", StepRetry(3, 0.5, "OSError", "busy"))
    emit(exported, started("words", 1.0), retry, started("words", 2.5), again, ended("words", 5.0), DONE)
    first, second, third = exported.named("step words")
    assert [link.context.span_id for link in second.links] == [context_of(first).span_id]
    assert [link.context.span_id for link in third.links] == [context_of(second).span_id]
    assert not first.links
    assert (first.status.status_code, third.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert [(span.start_time, span.end_time) for span in (first, second, third)] == [
        (ns(1.0), ns(2.0)),
        (ns(2.5), ns(3.0)),
        (ns(5.0 - 4.0), ns(5.0)),  # whose start was not facts: as long as it says it took
    ]


def test_events_of_spans_show_what_happened_in_between(exported: Exported) -> None:
    """Progress, questions, skipped steps and gaps are events; the counts that come all the time are not."""
    emit(
        exported,
        started("words"),
        (2.0, "words", StepProgress(items_in=3, items_out=4)),
        (3.0, "words", StepProgress(0.5, "half", 5, 6, {"page": 7, "path": {"a": [1]}})),
        (3.5, "words", InputRequired("go on?")),
        (4.0, "lines", StepSkipped("not taken")),
        (4.5, None, StreamGap(3, 5, 7)),
        ended("words"),
        DONE,
    )
    progress, question = exported.one("step words").events
    assert (progress.name, progress.timestamp) == ("progress", ns(3.0))
    assert dict(progress.attributes or {}) == {
        "headwater.progress.fraction": 0.5,
        "headwater.progress.message": "half",
        "headwater.data.page": 7,
        "headwater.data.path": '{"a":[1]}',
    }
    assert (question.name, dict(question.attributes or {})["headwater.prompt"]) == ("input_required", "go on?")
    skipped, gap = exported.one("pipeline report").events
    assert dict(skipped.attributes or {}) == {"headwater.reason": "not taken", "headwater.step.id": "lines"}
    assert dict(gap.attributes or {})["headwater.missed"] == 3


def test_steps_that_call_out_are_clients(exported: Exported) -> None:
    """Backends draw the border of a service where a client span is."""
    emit(exported, started("words"), ended("words"), started("lines"), ended("lines"), DONE, calling_out=["text.wor*"])
    kinds = {span.name: span.kind for span in exported.spans}
    assert kinds["step words"] is SpanKind.CLIENT
    assert kinds["step lines"] is SpanKind.INTERNAL


def test_span_joins_in_the_middle(exported: Exported) -> None:
    """A subscriber that missed the beginning makes what spans it can."""
    subscriber = OpenTelemetrySubscriber(exported.provider)
    subscriber.on_events(events([failed("words", 6.0), FAILED]))
    assert [span.name for span in exported.spans] == ["step words", "pipeline unknown"]


def test_only_what_runs_is_held(exported: Exported) -> None:
    """Spans are exported as soon as they end, and executions that never end are dropped."""
    subscriber = OpenTelemetrySubscriber(exported.provider, max_executions=2)
    for number in range(5):
        subscriber.on_events(events([START, started("lines"), ended("lines"), started("words")], f"e{number}"))
    assert len(exported.named("step lines")) == 5
    assert len(exported.named("pipeline report")) == len(exported.named("step words")) == 3
    assert attributes_of(exported.named("pipeline report")[0])["headwater.execution.status"] == "abandoned"


# ---- models


@pytest.mark.skipif(
    int(version("opentelemetry-semantic-conventions").split("b")[0].split(".")[1]) < 63, reason="names are newer"
)
def test_names_of_the_conventions_are_current() -> None:
    """Every attribute of the table is one that the conventions have, and none that they gave up."""
    given_up = {"gen_ai.system", "gen_ai.prompt", "gen_ai.completion"}
    known = {getattr(conventions, name) for name in dir(conventions) if name.startswith("GEN_AI_")}
    assert set(GEN_AI_ATTRIBUTES.values()) <= known - given_up
    assert len(set(GEN_AI_ATTRIBUTES.values())) == len(GEN_AI_ATTRIBUTES)


def test_reference_names_each_attribute_of_models() -> None:
    """The documentation lists every name that a step can report."""
    reference = Path(__file__).parents[2] / "docs/reference/metrics.md"
    if not reference.exists():
        pytest.skip("the built package is tested without the documents")
    text = reference.read_text("utf-8")
    assert not [key for key in GEN_AI_ATTRIBUTES if f"`{key}`" not in text]


def test_reports_about_models_have_the_names_of_the_conventions(exported: Exported) -> None:
    """A step reports short names with its progress; the last value counts."""
    facts = {"provider": "example", "model": "small-1", "temperature": 0.5, "input_tokens": 12, "page": 3}
    emit(
        exported,
        started("words"),
        (2.0, "words", StepProgress(data=facts)),
        (3.0, "words", StepProgress(data={"output_tokens": 5})),
        (4.0, "words", StepProgress(data={"output_tokens": 9, "finish_reasons": ["stop"], "gen_ai.agent.name": "a1"})),
        ended("words"),
        DONE,
    )
    found = {name: value for name, value in attributes_of(exported.one("step words")).items() if "gen_ai" in name}
    assert found == {
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "small-1",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.agent.name": "a1",
    }


PROVIDER: ContextVar[TracerProvider] = ContextVar("provider")


def traced(number: int) -> int:
    """Make a span as a library does that a step calls."""
    with PROVIDER.get().get_tracer("library").start_as_current_span(f"inner {number}"):
        return number


@step("telemetry.inline")
def inline(number: int) -> int:
    """Call the library in the event loop."""
    return traced(number)


@step("telemetry.waiting")
async def waiting(number: int) -> int:
    """Call the library in a task."""
    await anyio.lowlevel.checkpoint()
    return traced(number)


@step("telemetry.thread", blocking=True)
def in_thread(number: int) -> int:
    """Call the library in a worker thread."""
    return traced(number)


@step("telemetry.generator", blocking=True)
def in_generator(numbers: Iterable[int]) -> Iterator[int]:
    """Call the library in a generator in a worker thread."""
    for number in numbers:
        yield traced(number)


@step("telemetry.streaming")
async def streaming(numbers: Stream[int]) -> AsyncIterator[int]:
    """Call the library in an async generator."""
    async for number in numbers:
        yield traced(number)


@step("telemetry.process", cpu=True)
def in_process(number: int) -> int:
    """Return the id of the span that is current in a worker process."""
    return trace.get_current_span().get_span_context().span_id + 0 * number


@pytest.mark.parametrize("data", [3, [3]], ids=["value", "stream"])
@pytest.mark.parametrize("inner", [inline, waiting, in_thread, in_generator, streaming], ids=lambda one: one.kind)
def test_spans_made_inside_a_step_are_its_children(exported: Exported, inner: Any, data: Any) -> None:
    """Wherever the code of a step runs, its span is the current one; also where it is fused with others."""
    PROVIDER.set(exported.provider)
    pipeline = Pipeline("traced", steps={"first": inline, "inner": inner, "last": inline})
    run_sync(pipeline, iter(data) if isinstance(data, list) else data, subscribers=[subscriber_of(exported)])
    steps = {context_of(exported.one(f"step {name}")).span_id for name in ("first", "inner", "last")}
    assert {span.parent.span_id for span in exported.named("inner 3") if span.parent is not None} == steps
    assert len(exported.named("pipeline traced")) == 1


def test_the_span_of_a_step_is_current_in_its_worker_process(exported: Exported) -> None:
    """The trace crosses as it does to a service."""
    result = run_sync(Pipeline("traced", steps={"inner": in_process}), 3, subscribers=[subscriber_of(exported)])
    assert result.output == context_of(exported.one("step inner")).span_id


def subscriber_of(exported: Exported) -> OpenTelemetrySubscriber:
    """Return a subscriber that exports here."""
    return OpenTelemetrySubscriber(exported.provider)


@step("telemetry.ask", blocking=True)
def ask(question: str, ctx: StepContext) -> int:
    """Report what a question has used."""
    ctx.progress(model="small-1", input_tokens=len(question), output_tokens=2, max_tokens=9)
    ctx.progress(0.5)
    return len(question)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_tokens_add_up_over_mapped_items(exported: Exported, concurrency: int) -> None:
    """Each item reports what it has used; no report is lost because others follow it quickly."""
    pipeline = Pipeline("asked", steps={"ask": ask}, options={"ask": {"concurrency": concurrency}})
    run_sync(pipeline, iter(["a", "bb", "ccc"] * 20), subscribers=[OpenTelemetrySubscriber(exported.provider)])
    facts = attributes_of(exported.one("step ask"))
    assert facts["gen_ai.usage.input_tokens"] == 120
    assert facts["gen_ai.usage.output_tokens"] == 120
    assert facts["gen_ai.request.max_tokens"] == 9


@pytest.mark.parametrize(
    ("given", "taken"),
    [(True, True), (3, 3), ("x" * 5_000, "x" * 1_000), ((1, "a"), ["1", "a"]), (None, "null"), ({"a": 1}, '{"a":1}')],
)
def test_any_value_becomes_one_that_an_attribute_can_have(given: Any, taken: Any) -> None:
    """OpenTelemetry knows strings, numbers, booleans and lists of strings."""
    assert attribute(given) == taken


def test_instruments_take_durations_and_tokens(exported: Exported) -> None:
    """With a meter provider, the same events make histograms."""
    reader = InMemoryMetricReader()
    facts = {"model": "small-1", "operation": "chat", "input_tokens": 12, "output_tokens": 9}
    progress: Fact = (2.0, "words", StepProgress(data=facts))
    emit(
        exported,
        started("words"),
        progress,
        ended("words"),
        DONE,
        meter_provider=MeterProvider(metric_readers=[reader]),
    )
    points = points_of(reader)
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small-1"}
    assert points["gen_ai.client.token.usage"] == [
        ({**model, "gen_ai.token.type": "input"}, 12),
        ({**model, "gen_ai.token.type": "output"}, 9),
    ]
    assert points["gen_ai.client.operation.duration"] == [(model, 4.0)]
    assert points["headwater.execution.duration"] == [
        ({"headwater.pipeline.name": "report", "headwater.execution.status": "completed"}, 9.0)
    ]
    (labels, duration_s) = points["headwater.step.duration"][0]
    assert (labels["headwater.step.status"], duration_s) == ("completed", 4.0)


def points_of(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Return labels and sums of all histograms, by name."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: [(dict(point.attributes or {}), point.sum) for point in metric.data.data_points]  # type: ignore[union-attr]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


# ---- real executions


@step("otel.double")
async def double(number: int, ctx: StepContext) -> int:
    """Return twice the number, if it has one."""
    if number < 0:
        raise ValueError("negative")
    ctx.progress(model="small-1", output_tokens=3)
    return 2 * number


DOUBLE = Pipeline("twice", steps={"double": double})


async def test_execution_is_below_the_span_of_its_caller(exported: Exported) -> None:
    """The trace of a request goes on in the pipelines that it runs, each below its own caller."""
    subscriber = OpenTelemetrySubscriber(exported.provider)
    tracer = exported.provider.get_tracer("test")

    async def call(name: str) -> None:
        with tracer.start_as_current_span(name):
            await Runner([subscriber]).run(DOUBLE, [1, 2])

    async with anyio.create_task_group() as group:
        group.start_soon(call, "one")
        group.start_soon(call, "two")
    parents = {span.parent.span_id for span in exported.named("pipeline twice") if span.parent is not None}
    assert parents == {context_of(exported.one("one")).span_id, context_of(exported.one("two")).span_id}
    assert all(attributes_of(span)["gen_ai.request.model"] == "small-1" for span in exported.named("step double"))


async def test_blocking_door_keeps_the_span_of_its_caller(exported: Exported) -> None:
    """Also a run in a thread of its own is below its caller."""
    with exported.provider.get_tracer("test").start_as_current_span("caller") as caller:
        run_sync(DOUBLE, 1, subscribers=[OpenTelemetrySubscriber(exported.provider)])
    parent = exported.one("pipeline twice").parent
    assert parent is not None
    assert parent.span_id == caller.get_span_context().span_id


async def test_execution_without_a_caller_is_a_root(exported: Exported) -> None:
    """Nothing has to be set up before."""
    await DOUBLE.run(1, subscribers=[OpenTelemetrySubscriber(exported.provider)])
    assert exported.one("pipeline twice").parent is None


async def test_failed_execution_is_exported_with_its_error(exported: Exported) -> None:
    """A real failure has its class and message."""
    with pytest.raises(StepError):
        await DOUBLE.run(-1, subscribers=[OpenTelemetrySubscriber(exported.provider)])
    assert exported.one("step double").status.description == "ValueError: negative"


def test_name_of_the_pipeline_is_the_name_of_the_span(exported: Exported) -> None:
    """Names are those of the document, so that spans can be grouped by them."""
    OpenTelemetrySubscriber(exported.provider).on_events(events([(0.0, None, PipelineStart("my words")), DONE]))
    assert exported.one("pipeline my words").instrumentation_scope is not None


def test_missing_package_is_reported() -> None:
    """Without the extra, the error says what to install."""
    code = """
import sys
sys.modules["opentelemetry"] = None
try:
    from headwater_subscribers import OpenTelemetrySubscriber
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError")
    assert "opentelemetry" in done.stdout
