"""What goes wrong between a client and its server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from headwater import ConfigError, HeadwaterError, Problem
from headwater.toolkit import is_list, is_object

__all__ = [
    "AddressRefusedError",
    "Cut",
    "RequestRefusedError",
    "ServerError",
    "ServerUnreachableError",
    "UnknownExecutionError",
    "error_in",
]


class ServerError(HeadwaterError):
    """A server could not be used."""

    retryable: ClassVar[bool] = False


class RequestRefusedError(ServerError):
    """The server refuses a request.

    Args:
        message: What happened and what to do, as the server puts it.
        status: The HTTP status.
        reason: The stable code that the server gives, such as `unknown-pipeline`.

    Example:
        >>> RequestRefusedError("there is no pipeline 'words'", status=404, reason="unknown-pipeline").status
        404
    """

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status: int = status
        self.reason: str = reason


class UnknownExecutionError(RequestRefusedError):
    """The server does not know the execution: it was restarted, has let it go, or it belongs to another caller."""


class ServerUnreachableError(ServerError):
    """There is no connection to the server, and the time for attempts is over.

    Args:
        url: The server.
        seconds: For how long it could not be reached.
        reason: What the last attempt failed with.
    """

    retryable: ClassVar[bool] = True

    def __init__(self, url: str, seconds: float, reason: str) -> None:
        super().__init__(f"the server {url} cannot be reached for {seconds:.0f} s: {reason}")
        self.url: str = url
        self.seconds: float = seconds


class AddressRefusedError(ServerError):
    """The address of a server is not public, and private ones are not allowed."""


class Cut(Exception):  # noqa: N818 - it is handled inside the client, which connects again
    """Internal: a connection ended before what it carried."""

    def __init__(self, reason: object, wait_s: float = 0.0) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.wait_s: float = wait_s


def error_in(status: int, body: Any, execution_id: str | None = None) -> HeadwaterError:
    """Return the error of a problem response: that of the engine on the server, or what the server refuses."""
    about: Mapping[str, Any] = body if is_object(body) else {}
    code, detail = str(about.get("code", "")), str(about.get("detail") or f"the server answered with status {status}")
    problems, inner = about.get("problems"), about.get("error")
    if is_list(problems) and problems:
        return ConfigError([_problem(one) for one in problems])
    if is_object(inner):
        return HeadwaterError.from_json({"code": code, "message": detail, "causes": [], **inner})
    if code == "unknown-execution":
        message = (
            f"the server does not know the execution {execution_id}: it was restarted, or has let the execution go"
            if execution_id
            else detail
        )
        return UnknownExecutionError(message, status=status, reason=code)
    return RequestRefusedError(detail, status=status, reason=code or "http")


def _problem(about: Any) -> Problem:
    if not is_object(about):
        return Problem("", str(about))
    return Problem(**{name: about[name] for name in Problem.__match_args__ if name in about})
