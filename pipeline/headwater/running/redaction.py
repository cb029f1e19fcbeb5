"""Keeps secrets out of what is told: the texts of errors may contain what a step was given."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, SecretBytes, SecretStr

from headwater.config.secret_params import is_plain
from headwater.masking import masker
from headwater.shapes import is_mapping, is_sequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater.kinds.definition import BoundStep

__all__ = ["redactor"]


def redactor(steps: Collection[BoundStep]) -> Callable[[str], str]:
    """Return a function that masks every secret among the params of some steps.

    Args:
        steps: The steps.

    Returns:
        A function of a text that returns it without the secrets.
    """
    models = {step.definition.params_model for step in steps}
    suspects = {model for model in models if not is_plain(model)}
    checked = (step for step in steps if step.definition.params_model in suspects)
    return masker(secret for step in checked for secret in _secrets_in((step.arguments, step.instance)))


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode(errors="replace")
    else:
        for part in _parts(value):
            yield from _secrets_in(part)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, BaseModel):
        return dict(value).values()
    if is_mapping(value):
        return value.values()
    if is_sequence(value):
        return value
    if isinstance(value, set | frozenset):
        return cast("Iterable[Any]", value)
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return ()
