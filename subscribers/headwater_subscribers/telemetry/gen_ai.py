"""The names that OpenTelemetry has for what steps report about models: one table.

They are those of the semantic conventions for generative AI
(https://github.com/open-telemetry/semantic-conventions-genai), which are still in development.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from headwater.toolkit import plain

__all__ = ["GEN_AI_ATTRIBUTES", "Attribute", "attribute", "gen_ai_attributes"]

Attribute = str | bool | int | float | list[str]
"""What the value of an attribute may be here."""

_LONGEST: Final = 1_000

GEN_AI_ATTRIBUTES: Final[Mapping[str, str]] = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "conversation_id": "gen_ai.conversation.id",
    "output_type": "gen_ai.output.type",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "choices": "gen_ai.request.choice.count",
    "response_id": "gen_ai.response.id",
    "response_model": "gen_ai.response.model",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "tool_name": "gen_ai.tool.name",
    "tool_call_id": "gen_ai.tool.call.id",
}
"""What a step reports with its progress, such as `ctx.progress(model=..., input_tokens=...)`, by attribute."""

_PREFIX: Final = "gen_ai."


def gen_ai_attributes(reported: Mapping[str, Any] | None) -> dict[str, Attribute]:
    """Return what a step reports about a model under the names of OpenTelemetry, without what has no name.

    Example:
        >>> gen_ai_attributes({"model": "small-1", "input_tokens": 12, "page": 3})
        {'gen_ai.request.model': 'small-1', 'gen_ai.usage.input_tokens': 12}
    """
    named = ((GEN_AI_ATTRIBUTES.get(key, key), value) for key, value in (reported or {}).items())
    return {name: attribute(value) for name, value in named if name.startswith(_PREFIX) and value is not None}


def attribute(value: Any) -> Attribute:
    """Return a value as an attribute can have it: a string, number, boolean or list of strings, or else its JSON.

    Example:
        >>> attribute(0.5), attribute(("stop", 3)), attribute({"page": 3})
        (0.5, ['stop', '3'], '{"page":3}')
    """
    value = plain(value)
    if isinstance(value, str):
        return value[:_LONGEST]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        return [str(part)[:_LONGEST] for part in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of `plain`
    return to_json(value).decode()[:_LONGEST]
