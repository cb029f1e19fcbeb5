"""Keeps secrets out of what is told: the texts of errors may contain what a step was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.step.definition import BoundStep

__all__ = ["redactor"]

_MASK = "**********"


def redactor(steps: Iterable[BoundStep]) -> Callable[[str], str]:
    """Return a function that masks every secret among the params of some steps.

    Args:
        steps: The steps.

    Returns:
        A function of a text that returns it without the secrets.
    """
    secrets = {secret for step in steps for secret in _secrets_in((step.arguments, step.instance)) if secret}
    if not secrets:
        return str
    longest_first = sorted(secrets, key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, _MASK)
        return text

    return redact


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode(errors="replace")
    elif isinstance(value, BaseModel):
        yield from _secrets_in(dict(value))
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _secrets_in(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _secrets_in(member)
