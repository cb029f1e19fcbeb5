"""The endpoints of the description of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.responses import HTMLResponse, Response

from headwater_server.openapi.description import describe
from headwater_server.openapi.docs_page import STYLE, docs_page
from headwater_server.routes.pipelines import json_response

if TYPE_CHECKING:
    from headwater_server.routes.guarded import Call
    from headwater_server.service import Service

__all__ = ["ApiDescription"]

_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class ApiDescription:
    """Answers requests about the API."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def document(self, call: Call) -> Response:
        """Answer with the description (OpenAPI 3.1)."""
        return json_response(await self._described(call))

    async def page(self, call: Call) -> Response:
        """Answer with a page that shows the description."""
        text = docs_page(await self._described(call), call.root)
        return HTMLResponse(text, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})

    async def style(self, _call: Call) -> Response:
        """Answer with the style of the page."""
        return Response(STYLE, media_type="text/css")

    async def _described(self, call: Call) -> dict[str, Any]:
        entries = [one for one in self._service.catalog.visible_to(call.principal.name) if not one.problems]
        is_protected = self._service.gate.auth is not None
        return await to_thread.run_sync(lambda: describe(entries, call.root, is_protected=is_protected))
