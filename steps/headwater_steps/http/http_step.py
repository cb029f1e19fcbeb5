"""The base of HTTP steps: their params, and one client for all executions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from time import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from anyio.to_thread import run_sync as run_in_thread
from pydantic import Field, PrivateAttr, model_validator

from headwater import MissingExtraError, Step, StepContext
from headwater.toolkit import Decisive, HostPattern, InputPath
from headwater_steps.http.headers import HeaderName, HeaderText, SecretHeaderText
from headwater_steps.http.http_errors import HttpStatusError, seconds_until
from headwater_steps.http.messages import Query

if TYPE_CHECKING:
    from headwater_steps.http.answer import Answer

__all__ = ["PERMISSION", "HttpStep", "OnStatus"]

PERMISSION: Final = "private-network"
"""The permission for requests to addresses that are not public."""

_HAS_CLIENT: Final = find_spec("httpx2") is not None

OnStatus = Literal["fail", "pass"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class HttpStep(Step):
    """The base of the steps that send requests; its fields are params of all of them."""

    hosts: Annotated[
        list[HostPattern],
        Decisive(),
        Field(
            min_length=1,
            max_length=1_000,
            description="Hosts that may be requested, also by redirects: `api.example.com`, `*.example.com` for those "
            "below it, `*` for all. Without a port (`api.example.com:8443`, `:*` for any), default ports are allowed.",
        ),
    ]
    headers: dict[HeaderName, HeaderText] = Field(
        default={}, description="Headers of every request, by name, without secrets."
    )
    secret_headers: dict[HeaderName, SecretHeaderText] = Field(
        default={},
        description="More headers, with secret values: `${secret.NAME}`, never a part of a longer string.",
    )
    bearer: Annotated[
        SecretHeaderText | None,
        Field(description="A token, as `${secret.NAME}`, that is sent as `Authorization: Bearer`."),
    ] = None
    max_body_bytes: Annotated[
        int, Field(ge=1, description="Largest body that is accepted, also decompressed; a larger one is an error.")
    ] = 16 * 1024 * 1024
    max_redirects: Annotated[
        int,
        Field(
            ge=0,
            le=20,
            description="Most redirects that are followed, each only to an allowed host; one more is an error. Headers "
            "that could be credentials do not go to another origin.",
        ),
    ] = 5
    max_per_host: Annotated[
        int, Field(ge=1, le=1_000, description="Most requests to one host at the same time, of all executions.")
    ] = 8
    connect_s: Annotated[Seconds, Field(description="Longest time for a connection, in seconds.")] = 10
    first_byte_s: Annotated[
        Seconds, Field(description="Longest time for the beginning of a response, the connection included, in seconds.")
    ] = 30
    idle_s: Annotated[Seconds, Field(description="Longest time without a byte of the body, in seconds.")] = 30
    total_s: Annotated[
        Seconds,
        Field(description="Longest total wait for the server, in seconds; the reader's own time does not count."),
    ] = 300
    ca_file: Annotated[
        InputPath | None,
        Field(
            description="Certificates of the authorities to trust (PEM), for servers of your own; by default those "
            "that the system trusts. Servers are always verified."
        ),
    ] = None

    _client: Any = PrivateAttr(default=None)  # a `Client`, whose module needs the extra

    @model_validator(mode="after")
    def _can_request(self) -> Self:
        if not _HAS_CLIENT:
            raise MissingExtraError("an HTTP request", "http")
        return self

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Open the client, and close its connections at the end."""
        await run_in_thread(_import_client)
        from headwater_steps.http.answer import Limits
        from headwater_steps.http.client import opened_client

        limits = Limits(
            max_body_bytes=self.max_body_bytes,
            max_redirects=self.max_redirects,
            connect_s=self.connect_s,
            first_byte_s=self.first_byte_s,
            idle_s=self.idle_s,
            total_s=self.total_s,
        )
        async with opened_client(self.hosts, limits, self.max_per_host, self.ca_file) as self._client:
            yield

    @asynccontextmanager
    async def exchange(
        self,
        ctx: StepContext,
        url: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        params: Query | None = None,
        content: bytes | None = None,
        on_status: OnStatus = "fail",
    ) -> AsyncGenerator[Answer]:
        """Send a request, and yield its answer, whose body can be read until the end."""
        from headwater_steps.http.client import Outgoing, url_of

        sent = self._headers() | {name.lower(): value for name, value in (headers or {}).items()}
        private = PERMISSION in ctx.allowed
        secret = {name.lower() for name in self.secret_headers}
        outgoing = Outgoing(method, url_of(method, url, params), sent, content, private, secret)
        async with self._client.exchange(outgoing) as answer:
            if answer.status >= 400 and on_status == "fail":
                after_s = seconds_until(answer.headers.get("retry-after", ""), time())
                raise HttpStatusError(answer.place, answer.status, await answer.excerpt(ctx.masked), after_s)
            answer.check_size()
            yield answer

    def _headers(self) -> dict[str, str]:
        bearer = {} if self.bearer is None else {"authorization": f"Bearer {self.bearer.get_secret_value()}"}
        secret = {name.lower(): value.get_secret_value() for name, value in self.secret_headers.items()}
        given = {name.lower(): value for name, value in self.headers.items()}
        return {"accept": "*/*", "user-agent": "headwater"} | given | secret | bearer


def _import_client() -> None:
    """Import the client, which takes a while the first time."""
    try:
        import_module("headwater_steps.http.client")
    except ImportError as error:
        raise MissingExtraError("an HTTP request", "http") from error
