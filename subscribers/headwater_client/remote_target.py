"""Pipelines on servers for `headwater run URL`: entry points of the group `headwater.runners`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headwater import ConfigError, Problem, StreamType
from headwater.toolkit import is_object, parameter_values
from headwater_client.client_errors import RequestRefusedError
from headwater_client.server_client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from headwater import StreamSubscriber
    from headwater_client.remote_execution import RemoteExecution

__all__ = ["forms_in", "key_from", "open_target", "split_url"]

KEY_VARIABLE: Final = "HEADWATER_KEY"


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """A pipeline on a server."""

    client: Client
    name: str
    parameters: Mapping[str, Any]
    input_types: Sequence[Any]
    outputs: Mapping[str, StreamType]

    def start(self, data: Any, subscribers: Sequence[StreamSubscriber]) -> RemoteExecution:
        """Return an execution."""
        return self.client.start(self.name, data, self.parameters, subscribers=subscribers)


@asynccontextmanager
async def open_target(url: str, settings: Sequence[str], key_file: Path | None) -> AsyncGenerator[RemoteTarget]:
    """Open the pipeline at a URL such as `http://127.0.0.1:8000/pipelines/words`."""
    server, name = split_url(url, "pipelines")
    given = dict(setting.split("=", 1) for setting in settings)
    async with Client(server, key_from(key_file)) as client:
        try:
            described = await client.pipeline(name)
        except RequestRefusedError as error:
            raise ConfigError(Problem(error.reason, str(error), file=url)) from None
        yield RemoteTarget(
            client,
            name,
            parameter_values(described["document"], given) if given else {},
            [_item_type(form) for form in forms_in(described, "inputs").values()],
            dict.fromkeys(forms_in(described, "outputs"), StreamType(Any, Any, Any)),
        )


def forms_in(described: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the forms of the inputs or outputs of a pipeline as the server describes it, by their names."""
    forms: object = described.get(name)
    return forms if is_object(forms) else {}


def _item_type(form: Mapping[str, Any]) -> Any:
    return str if form["item"] == {"type": "string"} else Any


def split_url(url: str, folder: str) -> tuple[str, str]:
    """Return the server and the name in a URL of something in a folder of it."""
    server, found, name = url.rstrip("/").rpartition(f"/{folder}/")
    if not found or not name or "/" in name:
        example = f"http://127.0.0.1:8000/{folder}/{'word-report' if folder == 'pipelines' else 'ID'}"
        message = f"the URL does not name one of the {folder} of a server"
        raise ConfigError(Problem("bad-url", message, file=url, hint=f"expected a URL such as {example}"))
    return server, name


def key_from(file: Path | None) -> str | None:
    """Return the key in a file, or in the environment; a key on the command line could be seen by others."""
    if file is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(Problem("unreadable", f"the key cannot be read: {reason}", file=str(file))) from None
