"""What queries say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from headwater_server.routes.guarded import Call

__all__ = ["MOST", "flag_in", "member", "number_in"]

MOST: Final = 10**17
"""Largest number in a query."""

ValueT = TypeVar("ValueT")


def member(given: Mapping[str, object], name: str, kind: type[ValueT], default: ValueT) -> ValueT:
    """Return a member of the object of a request, which has a type."""
    value = given.get(name, default)
    if not isinstance(value, kind):
        raise Refusal(400, "bad-body", f"{name} must be a {_KINDS[kind]}")
    return value


def number_in(call: Call, name: str, default: int) -> int:
    """Return a number of the query, which is not negative."""
    text = call.request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > MOST:
        raise Refusal(400, "bad-query", f"{name} is {text!r:.80}, but a number up to {MOST} is expected")
    return int(text)


def flag_in(call: Call, name: str) -> bool | None:
    """Return a flag of the query, or None when it is not given."""
    text = call.request.query_params.get(name)
    if text is None:
        return None
    if text.lower() not in {"true", "false", "1", "0"}:
        raise Refusal(400, "bad-query", f"{name} is {text!r:.80}, but true or false is expected")
    return text.lower() in {"true", "1"}


_KINDS: Final[Mapping[type, str]] = {bool: "boolean", str: "string"}
