"""What the tests of all sources share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater import Batch, Pipeline, Result, StepContext, StepError, run_sync

__all__ = ["CONTEXT", "cause", "items_of", "pipeline", "read", "reject"]

CONTEXT = StepContext("execution", "source", connected=["out", "rejected"])


def pipeline(source: Any, **params: Any) -> Pipeline:
    """Return a pipeline of one source."""
    return Pipeline("read", steps={"source": source.with_params(**params)})


def read(source: Any, path: Path, **params: Any) -> Result:
    """Return what comes of a source alone."""
    return run_sync(pipeline(source, path=path, **params))


def reject(source: Any, **params: Any) -> tuple[list[Any], list[Any], Any]:
    """Return what comes of a source on both ports, and its footer."""
    steps = {"source": source.with_params(on_bad="reject", **params)}
    output = run_sync(Pipeline("read", steps=steps, output=["source.out", "source.rejected"])).output
    *_, footer = source(CONTEXT, on_bad="reject", **params)
    return output["source.out"], output["source.rejected"], footer.value


def items_of(frames: Any) -> list[Any]:
    """Return the items of all batches among the frames that a source yields."""
    return [item for frame in frames if isinstance(frame, Batch) for item in frame.items]


def cause(error: pytest.ExceptionInfo[StepError]) -> str:
    """Return the message of what made a step fail."""
    assert error.value.__cause__ is not None
    return str(error.value.__cause__)
