"""An execution belongs to the trace of the request that has started it."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from headwater import Pipeline, Runner, step
from headwater_server import create_app
from headwater_subscribers import OpenTelemetrySubscriber
from tests.server.conftest import client_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@step("test.identity")
def identity(number: int) -> int:
    """Return a number."""
    return number


@pytest.mark.parametrize("path", ["run", "executions"])
async def test_spans_are_below_the_span_of_the_request(path: str) -> None:
    """The `traceparent` of a request is the parent of the execution's span."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    runner = Runner([OpenTelemetrySubscriber(provider)])
    server = create_app(Pipeline("same", steps={"identity": identity}), runner=runner)
    async with client_of(server) as client:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        answer = await client.post(f"/pipelines/same/{path}", json={"input": 1}, headers=headers)
        await client.get(f"/executions/{answer.json()['id']}/result", headers={"prefer": "wait=10"})
    whole = next(span for span in spans.get_finished_spans() if span.parent and f"{span.parent.span_id:016x}" == SPAN)
    assert whole.context is not None
    assert f"{whole.context.trace_id:032x}" == TRACE
