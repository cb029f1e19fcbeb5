"""Metrics for Prometheus: a subscriber that is a collector of its client library."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from headwater import MissingExtraError, StreamSubscriber
from headwater_subscribers.metrics.collector import MetricsSubscriber

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
except ImportError as _error:
    raise MissingExtraError("the subscriber for Prometheus", "prometheus") from _error

if TYPE_CHECKING:
    from headwater import StreamEvent
    from headwater_subscribers.metrics.histogram import Distribution
    from headwater_subscribers.metrics.snapshot import MetricsSnapshot, StepMetrics

__all__ = ["PrometheusSubscriber"]

_BUCKETS_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0),
)
"""Upper bounds of the buckets in seconds; each is also a bound of the histograms."""

_STEP_LABELS: Final = ("pipeline", "step", "kind")
_RATIOS: Final = ("SR", "CR", "HIR", "MA", "RSR")
_ENDS: Final = ("completed", "failed", "suffered", "stopped", "skipped")

_StepValue = Callable[["StepMetrics"], float]
_STEP_COUNTERS: Final[tuple[tuple[str, str, _StepValue], ...]] = (
    ("items_read", "Items that the step read.", lambda step: step.items_in),
    ("items_written", "Items that the step wrote.", lambda step: step.items_out),
    ("written_bytes", "Bytes that the step wrote, if they are known.", lambda step: step.bytes_out),
    ("input_wait_seconds", "How long the step waited for input.", lambda step: step.input_wait_s),
    ("output_wait_seconds", "How long the step waited for room downstream.", lambda step: step.output_wait_s),
    ("retries", "Attempts of the step that were followed by another one.", lambda step: step.retries),
    ("compensated", "Times that the step completed, but left out or replaced items.", lambda step: step.compensated),
    ("deviated", "Times that the step did not run as planned.", lambda step: step.deviated),
)


class PrometheusSubscriber(StreamSubscriber):
    """Offer the metrics of executions to Prometheus (https://prometheus.io/docs/practices/naming).

    The labels are pipeline, step, kind and status, so the number of time series depends on the steps, not on the
    executions. Metrics are computed when they are scraped, not while executions run.

    Args:
        registry: The registry of the client library to add the metrics to; None for a new one.
        metrics: The subscriber that counts; None for a new one.

    Raises:
        MissingExtraError: The client library is not installed.

    Attributes:
        registry: The registry.
        metrics: The subscriber that counts.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> prometheus = PrometheusSubscriber()
        >>> result = run_sync(Pipeline("twice", steps={"double": double}), [1, 2], subscribers=[prometheus])
        >>> 'headwater_executions_total{pipeline="twice",status="completed"} 1.0' in prometheus.exposition()
        True
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, metrics: MetricsSubscriber | None = None) -> None:
        self.metrics: MetricsSubscriber = MetricsSubscriber() if metrics is None else metrics
        self.registry: CollectorRegistry = CollectorRegistry() if registry is None else registry
        self.types: Collection[str] | None = self.metrics.types
        self.interval_s: float = self.metrics.interval_s
        self.registry.register(self)

    def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Count events."""
        self.metrics.on_events(batch)

    def exposition(self) -> str:
        """Return all metrics of the registry in the text format of Prometheus, version 0.0.4.

        Returns:
            The body to answer a scrape with; its content type is `prometheus_client.CONTENT_TYPE_LATEST`.
        """
        return generate_latest(self.registry).decode()

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values, so that a registry can refuse names that it already has."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Return the present metrics; the registry calls this for each scrape."""
        snapshot = self.metrics.snapshot()
        yield from _executions(snapshot)
        yield from _steps(snapshot.steps)
        yield from _reliability(snapshot)


def _executions(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    total = CounterMetricFamily("headwater_executions", "Executions that ended.", labels=("pipeline", "status"))
    running = GaugeMetricFamily("headwater_executions_running", "Executions that run.", labels=("pipeline",))
    took = HistogramMetricFamily(
        "headwater_execution_duration_seconds", "How long executions took.", labels=("pipeline",)
    )
    breached = CounterMetricFamily(
        "headwater_slo_breaches",
        "Executions that ended while an objective was missed.",
        labels=("pipeline", "objective"),
    )
    for pipeline in snapshot.pipelines:
        for objective, count in pipeline.slo_breaches.items():
            breached.add_metric((pipeline.name, objective), count)
        for status in ("completed", "failed", "cancelled"):
            total.add_metric((pipeline.name, status), getattr(pipeline, status))
        running.add_metric((pipeline.name,), pipeline.running)
        _add(took, (pipeline.name,), pipeline.duration)
    missed = CounterMetricFamily("headwater_events_missed", "Events that were not received.", snapshot.missed_events)
    yield from (total, running, took, missed, breached)


def _steps(steps: Sequence[StepMetrics]) -> Iterator[Metric]:
    ended = CounterMetricFamily("headwater_steps", "Steps that ended.", labels=(*_STEP_LABELS, "status"))
    took = HistogramMetricFamily("headwater_step_duration_seconds", "How long steps took.", labels=_STEP_LABELS)
    first = HistogramMetricFamily(
        "headwater_step_first_item_seconds", "From the start of the step to its first item.", labels=_STEP_LABELS
    )
    gap = GaugeMetricFamily(
        "headwater_step_largest_gap_seconds", "The longest time between two items of the step.", labels=_STEP_LABELS
    )
    policies = CounterMetricFamily(
        "headwater_step_policies", "What the policies of steps did.", labels=(*_STEP_LABELS, "policy")
    )
    for step in steps:
        labels = (step.pipeline, step.step_id, step.kind)
        for status in _ENDS:
            ended.add_metric((*labels, status), getattr(step, status))
        _add(took, labels, step.duration)
        _add(first, labels, step.first_item)
        if step.largest_gap_s is not None:
            gap.add_metric(labels, step.largest_gap_s)
        for what, count in step.policies.items():
            policies.add_metric((*labels, what), count)
    yield from (ended, took, first, gap, policies)
    for name, meaning, value in _STEP_COUNTERS:
        counter = CounterMetricFamily(f"headwater_step_{name}", meaning, labels=_STEP_LABELS)
        for step in steps:
            counter.add_metric((step.pipeline, step.step_id, step.kind), value(step))
        yield counter


def _reliability(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    ratio = GaugeMetricFamily(
        "headwater_reliability_ratio", "The reliability metrics that are ratios.", labels=("metric",)
    )
    for metric in _RATIOS:
        ratio.add_metric((metric,), getattr(snapshot.reliability, metric.lower()))
    yield ratio
    churn = snapshot.reliability.pc
    yield GaugeMetricFamily(
        "headwater_retries_per_execution", "The reliability metric PC: retries / executions.", churn
    )
    met = GaugeMetricFamily("headwater_slo_met", "Whether an objective is met; absent without data.", labels=("slo",))
    for result in snapshot.slos:
        if result.status != "no data":
            met.add_metric((str(result.slo),), result.status == "met")
    yield met


def _add(family: HistogramMetricFamily, labels: Sequence[str], distribution: Distribution) -> None:
    """Add a distribution, with its buckets merged into fewer ones."""
    buckets = [(str(bound_s), float(_count(distribution, bound_s))) for bound_s in _BUCKETS_S]
    family.add_metric(labels, [*buckets, ("+Inf", float(distribution.count))], distribution.sum_s)


def _count(distribution: Distribution, bound_s: float) -> int:
    return sum(count for upper_s, count in distribution.buckets if upper_s is not None and upper_s <= bound_s)
