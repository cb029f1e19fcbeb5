"""The client of the server: executions elsewhere, with the surface of local ones.

It needs the extra `client`. Imports point upwards in this list:

- `client_errors` what goes wrong between here and the server; `attempts` when to connect again;
- `connection` requests and streams of bytes that are repeated after a cut;
- `remote_outputs`, `remote_events`, `sent_input` the three kinds of data of an execution;
- `remote_lifecycle` and `remote_execution` one execution, which `starting` begins;
- `client` the pipelines and executions of a server;
- `remote_target` and `watch` the command line;
- `remote_step` the kind `control.remote`, whose connections `guarded_transport` restricts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.toolkit import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_client.attempts import Backoff
    from headwater_client.client_errors import (
        AddressRefusedError,
        RequestRefusedError,
        ServerError,
        ServerUnreachableError,
        UnknownExecutionError,
    )
    from headwater_client.remote_execution import RemoteExecution
    from headwater_client.server_client import Client, run_sync

__all__ = [
    "AddressRefusedError",
    "Backoff",
    "Client",
    "RemoteExecution",
    "RequestRefusedError",
    "ServerError",
    "ServerUnreachableError",
    "UnknownExecutionError",
    "run_sync",
]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__,
    {
        "attempts": "Backoff",
        "server_client": "Client run_sync",
        "client_errors": (
            "AddressRefusedError RequestRefusedError ServerError ServerUnreachableError UnknownExecutionError"
        ),
        "remote_execution": "RemoteExecution",
    },
)
