"""The server: pipelines over HTTP, SSE and WebSocket, with a monitor in the browser.

It needs the extra `server`. Imports point upwards in this list:

- `settings` limits, and what the operator chose; `problems` refusals as problem responses;
- `access` who may call; `catalog` the pipelines by name; `bodies` what requests bring and answers carry;
- `executions` what runs, by id and owner;
- `service` what the endpoints share;
- `streaming` events to clients; `routes` the endpoints over HTTP; `monitor` the page;
- `app` all of it as an ASGI app; `commands` the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use
from headwater_server.server_extra import needing_the_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_server.access.api_keys import ApiKeys
    from headwater_server.access.jwt_tokens import JwtTokens
    from headwater_server.access.principal import Principal
    from headwater_server.asgi_app import Server, create_app
    from headwater_server.fastapi_router import router
    from headwater_server.refusals import Refusal
    from headwater_server.settings import Limits

__all__ = ["ApiKeys", "JwtTokens", "Limits", "Principal", "Refusal", "Server", "create_app", "router"]

_import: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "access.api_keys": "ApiKeys",
        "access.jwt_tokens": "JwtTokens",
        "access.principal": "Principal",
        "asgi_app": "Server create_app",
        "fastapi_router": "router",
        "refusals": "Refusal",
        "settings": "Limits",
    },
)


def __getattr__(name: str) -> Any:
    with needing_the_extra():
        return _import(name)
