from __future__ import annotations

from itertools import pairwise
from math import ceil, fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_subscribers.metrics.histogram import BOUNDS_S, Histogram

durations = st.lists(st.floats(0.0, 1e7), max_size=60)
some_durations = st.lists(st.floats(1e-6, 8e5), min_size=1, max_size=60)


def histogram_of(values: list[float]) -> Histogram:
    """Return a histogram of durations."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(values=durations)
def test_figures_are_those_of_the_durations(values: list[float]) -> None:
    """Count, sum, mean and extremes are exact, and each duration is in one bucket."""
    found = histogram_of(values).distribution()
    assert found.count == len(values) == sum(count for _, count in found.buckets)
    assert found.sum_s == pytest.approx(fsum(values))
    assert (found.min_s, found.max_s) == ((min(values), max(values)) if values else (None, None))


@given(values=some_durations, share=st.floats(0.0, 1.0))
def test_quantile_is_within_a_bucket_of_the_true_one(values: list[float], share: float) -> None:
    """A percentile is never too low, and too high by the width of a bucket at most."""
    true_s = sorted(values)[max(ceil(share * len(values)), 1) - 1]
    assert true_s <= histogram_of(values).quantile(share) <= true_s * 1.2801


@given(values=durations, others=durations)
def test_merged_histograms_are_those_of_all_durations(values: list[float], others: list[float]) -> None:
    """Putting two together is the same as counting everything in one."""
    merged = histogram_of(values)
    merged.merge(histogram_of(others))
    expected, found = histogram_of(values + others).distribution(), merged.distribution()
    assert found.buckets == expected.buckets
    assert (found.min_s, found.max_s, found.p95_s) == (expected.min_s, expected.max_s, expected.p95_s)


def test_buckets_are_as_fine_everywhere() -> None:
    """The bounds grow by a quarter or so from each to the next, over the whole range."""
    ratios = [above / below for below, above in pairwise(BOUNDS_S)]
    assert 1.24 < min(ratios) <= max(ratios) < 1.2801
    assert (BOUNDS_S[0], BOUNDS_S[60], BOUNDS_S[-1]) == (1e-6, 1.0, 800_000.0)


def test_memory_does_not_grow_with_what_is_counted() -> None:
    """There are as many buckets as bounds, and one for what is beyond."""
    histogram = histogram_of([bound * factor for bound in BOUNDS_S for factor in (0.9, 1.0, 1.1) for _ in range(3)])
    assert len(histogram.distribution().buckets) == len(BOUNDS_S) + 1
    assert histogram.distribution().buckets[-1] == (None, 3)


def test_empty_histogram_has_no_figures() -> None:
    """Nothing is made up where nothing was measured."""
    found = Histogram().distribution()
    assert (found.count, found.sum_s, found.mean_s, found.p95_s, found.buckets) == (0, 0.0, None, None, ())
