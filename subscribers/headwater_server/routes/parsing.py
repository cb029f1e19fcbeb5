"""What queries say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater_server.problems import Refusal

if TYPE_CHECKING:
    from headwater_server.routes.guarded import Call

__all__ = ["flag_in", "number_in"]


def number_in(call: Call, name: str, default: int) -> int:
    """Return a number of the query, which is not negative."""
    text = call.request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal(400, "bad-query", f"{name} is {text!r:.80}, but a number is expected")
    return int(text)


def flag_in(call: Call, name: str) -> bool | None:
    """Return a flag of the query, or None when it is not given."""
    text = call.request.query_params.get(name)
    if text is None:
        return None
    if text.lower() not in {"true", "false", "1", "0"}:
        raise Refusal(400, "bad-query", f"{name} is {text!r:.80}, but true or false is expected")
    return text.lower() in {"true", "1"}
