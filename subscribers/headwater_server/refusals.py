"""Refusals and errors as problem responses (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from headwater import (
    ConfigError,
    ExecutionCancelled,
    ExecutionError,
    ExecutionTimeoutError,
    HeadwaterError,
    Problem,
    StreamError,
)

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["PROBLEM_TYPE", "Refusal", "problem_of", "problem_response", "refusal_of"]

PROBLEM_TYPE: Final = "application/problem+json"


class Refusal(Exception):  # noqa: N818 - what a request is answered with, not a fault of the server
    """Why a request is refused, with the status of the answer.

    Args:
        status: The HTTP status.
        code: Stable name of the reason, in kebab case.
        message: What happened and what to do, for people.
        problems: All problems of a document or of an input, when there are several.
        headers: Headers of the answer.
        more: Further members of the problem.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        problems: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status: int = status
        self.code: str = code
        self.message: str = message
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.headers: dict[str, str] = dict(headers or {})
        self.more: dict[str, Any] = dict(more or {})

    def to_json(self) -> dict[str, Any]:
        """Return the problem as RFC 9457 has it, with the stable code."""
        listed = {"problems": [asdict(problem) for problem in self.problems]} if self.problems else {}
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            **listed,
            **self.more,
        }


def refusal_of(error: Exception) -> Refusal:
    """Return what a request is answered with when an error was raised for it."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ConfigError):
        first = error.problems[0].code if len(error.problems) == 1 else error.code
        return Refusal(422, first, str(error), problems=error.problems)
    if isinstance(error, HeadwaterError):
        more = {key: value for key, value in error.to_json().items() if key not in {"code", "message"}}
        return Refusal(_status_of(error), error.code, str(error), more={"error": {**more, "message": str(error)}})
    if isinstance(error, ValueError):
        return Refusal(400, "bad-request", str(error))
    raise error


def problem_of(error: Exception) -> dict[str, Any]:
    """Return an error as the data of a problem."""
    return refusal_of(error).to_json()


def problem_response(error: Exception) -> Response:
    """Return the answer for an error."""
    from starlette.responses import Response

    refusal = refusal_of(error)
    return Response(
        to_json(refusal.to_json(), fallback=str, inf_nan_mode="strings"),
        refusal.status,
        {"cache-control": "no-store", **refusal.headers},
        PROBLEM_TYPE,
    )


def _status_of(error: HeadwaterError) -> int:
    if isinstance(error, ExecutionTimeoutError):
        return 504
    if isinstance(error, ExecutionCancelled):
        return 409
    return 422 if isinstance(error, ExecutionError | StreamError) else 500
