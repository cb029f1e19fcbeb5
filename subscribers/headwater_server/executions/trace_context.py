"""The trace that a request belongs to, so that the spans of its execution become a part of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

__all__ = ["trace_of"]


@contextmanager
def trace_of(headers: Mapping[str, str]) -> Generator[None]:
    """Make the trace of a request (W3C Trace Context, `traceparent`) the current one, if OpenTelemetry is installed."""
    if "traceparent" not in headers:
        yield
        return
    try:
        from opentelemetry import context, propagate
    except ImportError:
        yield
        return
    token = context.attach(propagate.extract(headers))
    try:
        yield
    finally:
        context.detach(token)
