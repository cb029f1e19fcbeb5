"""Histograms of durations with fixed buckets, which take the same memory however much they count."""

from __future__ import annotations

from bisect import bisect_left
from math import inf
from typing import Final

from pydantic import BaseModel

__all__ = ["BOUNDS_S", "Distribution", "Histogram"]

_MANTISSAS: Final = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")  # the Renard series R10 of ISO 3

BOUNDS_S: Final[tuple[float, ...]] = tuple(
    float(f"{mantissa}e{power}") for power in range(-6, 6) for mantissa in _MANTISSAS
)
"""Upper bounds of the buckets in seconds: ten for each power of ten, from a microsecond to nine days."""


class Distribution(BaseModel, frozen=True):
    """The statistics of a histogram, in seconds; all but the count and the sum are None when it is empty.

    Attributes:
        count: How many values there are.
        sum_s: Their sum.
        mean_s: Their mean.
        min_s: The shortest.
        max_s: The longest.
        p50_s: The median; like all percentiles, it is exact to the width of a bucket, a quarter of its value.
        p95_s: 95 % of the values are at most this.
        p99_s: 99 % of the values are at most this.
        buckets: The upper bound of each bucket and the number of values in it, without empty ones; the bound is None
            for values beyond the last one.
    """

    count: int = 0
    sum_s: float = 0.0
    mean_s: float | None = None
    min_s: float | None = None
    max_s: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    buckets: tuple[tuple[float | None, int], ...] = ()


class Histogram:
    """Count durations in buckets of fixed bounds, `BOUNDS_S`.

    Example:
        >>> histogram = Histogram()
        >>> for value_s in (0.1, 0.2, 0.3, 4.0):
        ...     histogram.add(value_s)
        >>> histogram.count, histogram.max_s, round(histogram.quantile(0.5), 2)
        (4, 4.0, 0.2)
    """

    __slots__ = ("_counts", "count", "max_s", "min_s", "sum_s")

    def __init__(self) -> None:
        self.count: int = 0
        self.sum_s: float = 0.0
        self.min_s: float = inf
        self.max_s: float = 0.0
        self._counts: dict[int, int] = {}  # by the place of the bucket, as most are empty

    def add(self, value_s: float) -> None:
        """Count a duration."""
        place = bisect_left(BOUNDS_S, value_s)
        counts = self._counts
        counts[place] = counts.get(place, 0) + 1
        self.count += 1
        self.sum_s += value_s
        if value_s < self.min_s:  # noqa: PLR1730 - a call of min() costs as much as all the rest
            self.min_s = value_s
        if value_s > self.max_s:  # noqa: PLR1730 - as above
            self.max_s = value_s

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram."""
        for place, count in other._counts.items():
            self._counts[place] = self._counts.get(place, 0) + count
        self.count += other.count
        self.sum_s += other.sum_s
        self.min_s = min(self.min_s, other.min_s)
        self.max_s = max(self.max_s, other.max_s)

    def quantile(self, share: float) -> float:
        """Return the duration that a share of all does not exceed, to the width of a bucket; 0 if there is none."""
        rank = share * self.count
        seen = 0
        for place, count in sorted(self._counts.items()):
            seen += count
            if seen >= rank:
                upper_s = BOUNDS_S[place] if place < len(BOUNDS_S) else self.max_s
                return max(min(upper_s, self.max_s), self.min_s)
        return self.max_s

    def distribution(self) -> Distribution:
        """Return the statistics so far."""
        if not self.count:
            return Distribution()
        bounds: tuple[float | None, ...] = (*BOUNDS_S, None)
        return Distribution(
            count=self.count,
            sum_s=self.sum_s,
            mean_s=self.sum_s / self.count,
            min_s=self.min_s,
            max_s=self.max_s,
            p50_s=self.quantile(0.5),
            p95_s=self.quantile(0.95),
            p99_s=self.quantile(0.99),
            buckets=tuple((bounds[place], count) for place, count in sorted(self._counts.items())),
        )
