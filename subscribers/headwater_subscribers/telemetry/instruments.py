"""The instruments of OpenTelemetry that take durations and numbers of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from headwater_subscribers.telemetry.gen_ai import Attribute

__all__ = ["Instruments"]

_TOKEN_TYPES: Final = {"gen_ai.usage.input_tokens": "input", "gen_ai.usage.output_tokens": "output"}
_MODEL_LABELS: Final = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
)
_TOKEN_BOUNDS: Final = [4.0**power for power in range(14)]
_CALL_BOUNDS_S: Final = [0.01 * 2.0**power for power in range(14)]
_BOUNDS_S: Final = [float(f"{mantissa}e{power}") for power in range(-3, 3) for mantissa in (1, 2.5, 5)]


class Instruments:
    """Durations of executions, steps and calls of models, and tokens; no label identifies an execution."""

    def __init__(self, meter: Meter) -> None:
        self._executions = meter.create_histogram(
            "headwater.execution.duration",
            "s",
            "How long executions took.",
            explicit_bucket_boundaries_advisory=_BOUNDS_S,
        )
        self._steps = meter.create_histogram(
            "headwater.step.duration",
            "s",
            "How long attempts of steps took.",
            explicit_bucket_boundaries_advisory=_BOUNDS_S,
        )
        self._calls = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_CALL_BOUNDS_S,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS,
        )

    def execution(self, duration_s: float, name: str, status: str) -> None:
        """Record an execution that ended."""
        labels = {"headwater.pipeline.name": name, "headwater.execution.status": status}
        self._executions.record(max(duration_s, 0.0), labels)

    def step(self, duration_s: float, pipeline: str, kind: str, status: str, error_type: str) -> None:
        """Record an attempt of a step that ended."""
        labels = {"headwater.pipeline.name": pipeline, "headwater.step.kind": kind, "headwater.step.status": status}
        self._steps.record(max(duration_s, 0.0), _with_error(labels, error_type))

    def model(self, duration_s: float, reported: Mapping[str, Attribute], error_type: str) -> None:
        """Record a call of a model, if the step that ended reported one."""
        if not reported:
            return
        labels = {name: str(reported[name]) for name in _MODEL_LABELS if name in reported}
        self._calls.record(max(duration_s, 0.0), _with_error(labels, error_type))
        for name, token_type in _TOKEN_TYPES.items():
            tokens = reported.get(name)
            if isinstance(tokens, int) and tokens >= 0:  # a step may report anything
                self._tokens.record(tokens, {**labels, "gen_ai.token.type": token_type})


def _with_error(labels: dict[str, str], error_type: str) -> dict[str, str]:
    return {**labels, "error.type": error_type} if error_type else labels
