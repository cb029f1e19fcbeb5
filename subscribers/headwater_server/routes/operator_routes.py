"""The endpoints for those who operate the server: whether it lives, whether it takes work, and its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from headwater_server.refusals import Refusal
from headwater_server.routes.pipelines import json_response

if TYPE_CHECKING:
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["Operations"]

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Operations:
    """Answers requests about the server itself."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, _call: Call) -> Response:
        """Answer that the server lives."""
        return json_response({"status": "ok"})

    async def readiness(self, _call: Call) -> Response:
        """Answer whether the server takes new work."""
        if self._service.executions.stopping:
            raise Refusal(503, "stopping", "the server is stopping")
        return json_response({"status": "ready"})

    async def metrics(self, _call: Call) -> Response:
        """Answer with metrics for Prometheus."""
        service = self._service
        entries = list(service.catalog)
        broken = sum(bool(entry.problems) for entry in entries)
        gauges = (
            ("executions_running", "Executions that run.", len(service.executions.running)),
            ("executions_kept", "Executions that have ended and are kept.", service.executions.kept),
            ("streams_open", "Streams that are open: SSE, JSON lines and WebSocket.", len(service.streams)),
            ("pipelines", "Pipelines that can run.", len(entries) - broken),
            ("pipelines_broken", "Pipelines whose documents are broken.", broken),
        )
        lines = [_gauge(f"headwater_server_{name}", text, value) for name, text, value in gauges]
        return Response("".join(lines) + service.pipeline_metrics(), media_type=_PROMETHEUS)


def _gauge(name: str, text: str, value: float) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value}\n"
