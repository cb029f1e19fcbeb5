"""Service level objectives: targets for reliability metrics."""

from __future__ import annotations

from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_SLOS", "Slo", "SloResult", "Statistic"]

Metric = Literal["SR", "CR", "PC", "HIR", "MA", "TCL", "WCT", "MTTE", "RSR"]
Statistic = Literal["mean", "p50", "p95", "p99", "max"]

_HOLDS: Final[dict[str, Callable[[float, float], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Slo(BaseModel, frozen=True, extra="forbid"):
    """A target for a metric.

    Attributes:
        metric: The metric, by its short name.
        bound: How its value is compared with the target.
        target: A ratio for SR, CR, HIR, MA and RSR, retries per execution for PC, and seconds for TCL, WCT and MTTE.
        statistic: The statistic of TCL, WCT or MTTE that is compared; ignored for the others.

    Example:
        >>> print(Slo(metric="WCT", bound="<=", target=60.0))
        WCT p95 <= 60 s
        >>> print(Slo(metric="SR", bound=">", target=0.95))
        SR > 95 %
    """

    metric: Metric
    bound: Literal["<", "<=", ">", ">="]
    target: float
    statistic: Statistic = "p95"

    def __str__(self) -> str:
        if self.metric in {"TCL", "WCT", "MTTE"}:
            return f"{self.metric} {self.statistic} {self.bound} {self.target:g} s"
        target = f"{self.target:g}" if self.metric == "PC" else f"{self.target * 100:g} %"
        return f"{self.metric} {self.bound} {target}"

    def judge(self, value: float | None, samples: int) -> SloResult:
        """Compare a value with the target.

        Args:
            value: The value of the metric; None when there is none.
            samples: How many steps, executions, errors or replays it comes from.

        Returns:
            The result, which is `no data` when there are no samples.
        """
        if not samples or value is None:
            return SloResult(slo=self, value=value, status="no data")
        return SloResult(slo=self, value=value, status="met" if _HOLDS[self.bound](value, self.target) else "missed")


class SloResult(BaseModel, frozen=True):
    """The result of an objective.

    Attributes:
        slo: The objective.
        value: The value of the metric, in the unit of the target; None when there is none.
        status: `met`, `missed`, or `no data` while nothing has happened that the metric counts.
    """

    slo: Slo
    value: float | None
    status: Literal["met", "missed", "no data"]


DEFAULT_SLOS: Final[tuple[Slo, ...]] = (
    Slo(metric="SR", bound=">", target=0.95),
    Slo(metric="CR", bound="<", target=0.10),
    Slo(metric="PC", bound="<", target=2.0),
    Slo(metric="HIR", bound="<", target=0.05),
    Slo(metric="MA", bound=">", target=0.90),
    Slo(metric="MTTE", bound="<=", target=300.0),
    Slo(metric="RSR", bound=">=", target=0.99),
)
"""The objectives that hold unless others are given."""
