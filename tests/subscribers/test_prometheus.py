from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from headwater import Pipeline, Stream, step
from headwater.events.data import StepComplete, StepRetry
from headwater_subscribers import MetricsSubscriber, PrometheusSubscriber
from tests.subscribers.samples import CANCELLED, DONE, FAILED, START, Fact, ended, events, failed, started

WORDS = {"pipeline": "report", "step": "words", "kind": "text.words"}


def scraped(prometheus: PrometheusSubscriber) -> dict[str, Any]:
    """Return the families that the client's own parser finds in the exposition, by name."""
    return {family.name: family for family in text_string_to_metric_families(prometheus.exposition())}


def scraped_after(prometheus: PrometheusSubscriber, *executions: list[Fact]) -> dict[str, Any]:
    """Return what is scraped after some executions."""
    for number, facts in enumerate(executions):
        prometheus.on_events(events(facts, f"e{number}"))
    return scraped(prometheus)


def value(families: dict[str, Any], family: str, sample: str, **labels: str) -> float:
    """Return the value of one sample."""
    (found,) = [s for s in families[family].samples if s.name == sample and labels.items() <= s.labels.items()]
    return found.value


def test_executions_are_counted_by_their_end() -> None:
    """Each status has a series of its own, also while it is 0."""
    families = scraped_after(
        PrometheusSubscriber(), [START, DONE], [START, DONE], [START, FAILED], [START, CANCELLED], [START]
    )
    name = "headwater_executions_total"
    counted = {s.labels["status"]: s.value for s in families["headwater_executions"].samples if s.name == name}
    assert counted == {"completed": 2, "failed": 1, "cancelled": 1}
    assert value(families, "headwater_executions_running", "headwater_executions_running", pipeline="report") == 1


def test_steps_have_their_figures() -> None:
    """Counters, units and kinds are those of the step."""
    data = StepComplete(10, 20, 4.0, 640, 0.5, 0.25, 1, 1.5, 0.75, 3)
    retry: Fact = (2.0, "words", StepRetry(2, 0.1, "OSError", "busy"))
    families = scraped_after(PrometheusSubscriber(), [START, started("words"), retry, ended("words", data=data), DONE])
    expected = {
        "items_read": 10,
        "items_written": 20,
        "written_bytes": 640,
        "input_wait_seconds": 1.5,
        "output_wait_seconds": 0.75,
        "retries": 1,
        "compensated": 1,
        "deviated": 1,
    }
    found = {
        name: value(families, f"headwater_step_{name}", f"headwater_step_{name}_total", **WORDS) for name in expected
    }
    assert found == expected
    gap = "headwater_step_largest_gap_seconds"
    assert value(families, gap, gap, **WORDS) == 0.25
    assert value(families, "headwater_steps", "headwater_steps_total", status="completed", **WORDS) == 1


def test_histograms_are_cumulative_and_complete() -> None:
    """Each bucket counts all that is not longer, and the last one counts all."""
    durations = (0.0009, 0.001, 0.02, 0.3, 4.0, 4000.0)
    ends = [[START, ended("words", data=StepComplete(1, 1, duration_s)), DONE] for duration_s in durations]
    family = scraped_after(PrometheusSubscriber(), *ends)["headwater_step_duration_seconds"]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.025"], buckets["0.25"], buckets["5.0"], buckets["1000.0"]) == (2, 3, 3, 5, 5)
    assert buckets["+Inf"] == 6
    assert list(buckets.values()) == sorted(buckets.values())
    (total_s,) = [s.value for s in family.samples if s.name.endswith("_sum")]
    assert total_s == pytest.approx(sum(durations))


def test_reliability_and_objectives_are_gauges() -> None:
    """An alert can be set on the metrics themselves, and an objective without data says nothing."""
    families = scraped_after(PrometheusSubscriber(), [START, ended("lines"), failed("words"), FAILED])
    ratio = "headwater_reliability_ratio"
    assert value(families, ratio, ratio, metric="SR") == 0.5
    met = {sample.labels["slo"]: sample.value for sample in families["headwater_slo_met"].samples}
    assert (met["SR > 95 %"], met["CR < 10 %"]) == (0, 1)
    assert "RSR >= 99 %" not in met


def test_labels_identify_no_execution() -> None:
    """The number of series does not grow with the number of executions."""
    prometheus = PrometheusSubscriber()
    facts = [START, started("words"), ended("words"), DONE]
    one = prometheus_lines(prometheus, facts, "first")
    many = [prometheus_lines(prometheus, facts, f"execution-{number}") for number in range(20)][-1]
    assert one == many
    assert "execution-" not in prometheus.exposition()


def prometheus_lines(prometheus: PrometheusSubscriber, facts: list[Fact], execution_id: str) -> int:
    """Return how many lines are scraped after another execution."""
    prometheus.on_events(events(facts, execution_id))
    return len(prometheus.exposition().splitlines())


def test_labels_are_escaped() -> None:
    """A name with quotes, backslashes and line ends is read back as it is."""
    name = 'a "quoted" \\ name\nof two lines'
    families = scraped_after(PrometheusSubscriber(), [START, (1.0, name, StepComplete(1, 1, 1.0)), DONE])
    assert value(families, "headwater_steps", "headwater_steps_total", step=name, status="completed") == 1


def test_names_follow_the_rules() -> None:
    """Base units, and a suffix that says what a number is (https://prometheus.io/docs/practices/naming)."""
    families = scraped_after(PrometheusSubscriber(), [START, ended("words"), DONE])
    assert all(name.startswith("headwater_") for name in families)
    for name, family in families.items():
        assert family.documentation.endswith(".")
        assert not name.endswith(("_ms", "_s", "_total"))
        assert family.type != "histogram" or name.endswith("_seconds")


def test_given_registry_offers_the_metrics_beside_others() -> None:
    """An application that has a registry needs no second endpoint."""
    registry = CollectorRegistry()
    Counter("own_requests", "Requests.", registry=registry).inc()
    families = scraped_after(PrometheusSubscriber(registry), [START, DONE])
    assert {"own_requests", "headwater_executions"} <= set(families)
    with pytest.raises(ValueError, match="headwater_executions"):
        PrometheusSubscriber(registry)


def test_given_metrics_count_for_both() -> None:
    """A program that already has metrics does not count everything twice."""
    metrics = MetricsSubscriber()
    scraped_after(PrometheusSubscriber(metrics=metrics), [START, DONE])
    assert metrics.snapshot().pipelines[0].completed == 1


def test_reference_names_each_metric() -> None:
    """The documentation lists every name, and none that does not exist."""
    reference = Path(__file__).parents[2] / "docs/reference/metrics.md"
    if not reference.exists():
        pytest.skip("the built package is tested without the documents")
    named = set(re.findall(r"`(headwater_\w+)`", reference.read_text("utf-8"))) - {"headwater_subscribers"}
    offered = scraped_after(PrometheusSubscriber(), [START, ended("words"), DONE])
    total = {name for name, family in offered.items() if family.type == "counter"}
    assert named == {f"{name}_total" if name in total else name for name in offered}


@step("prometheus.double")
async def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@step("prometheus.total")
async def total(numbers: Stream[int]) -> int:
    """Return the sum."""
    return sum([number async for number in numbers])


async def test_real_execution_is_scraped() -> None:
    """What an execution did stands in the next scrape."""
    prometheus = PrometheusSubscriber()
    await Pipeline("sum", steps={"double": double, "total": total}).run(range(100), subscribers=[prometheus])
    written = "headwater_step_items_written"
    assert value(scraped(prometheus), written, f"{written}_total", step="double", kind="prometheus.double") == 100


def test_missing_package_is_reported() -> None:
    """Without the extra, the error says what to install."""
    code = """
import sys
sys.modules["prometheus_client"] = None
try:
    from headwater_subscribers import PrometheusSubscriber
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError")
    assert "prometheus" in done.stdout
