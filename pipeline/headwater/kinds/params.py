"""The params of a step: their pydantic model, and the way back to JSON."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import PydanticSerializationError

if TYPE_CHECKING:
    from headwater.kinds.report import Report

__all__ = ["CONFIG", "arguments_of", "as_document", "params_model"]

CONFIG = ConfigDict(
    frozen=True,
    extra="forbid",
    hide_input_in_errors=True,  # an error must not show a secret
    protected_namespaces=(),
)
"""How the params of every step are validated."""


class NoParams(BaseModel):
    """The params of a function that has none."""

    model_config = CONFIG


def params_model(name: str, params: Mapping[str, Any], report: Report) -> type[BaseModel]:
    """Return a frozen pydantic model of a function's params, which are pairs of type and default by name."""
    if not params:
        return NoParams
    try:
        with warnings.catch_warnings():
            # a param may be named `schema` or `copy`: no method of this model is called
            warnings.filterwarnings("ignore", message="Field name .* shadows an attribute", category=UserWarning)
            return create_model(f"{name}_params", __config__=CONFIG, **params)
    except Exception as error:  # noqa: BLE001 - pydantic refuses types by errors of several families
        first = str(error).partition("\n")[0]
        report.add("param-type", f"its params cannot be validated: {first}", "use types that pydantic knows")
        return NoParams


def arguments_of(params: BaseModel) -> Mapping[str, Any]:
    """Return the validated keyword arguments that were given; the function has defaults for the rest."""
    values, given = params.__dict__, params.model_fields_set
    return MappingProxyType(values if len(given) == len(values) else {name: values[name] for name in given})


def as_document(params: BaseModel) -> Mapping[str, Any]:
    """Return the params that were given as a document would give them, secrets masked."""
    try:
        document = params.model_dump(mode="json", by_alias=True, exclude_unset=True)
    except PydanticSerializationError:
        document = params.model_dump(by_alias=True, exclude_unset=True)
    return MappingProxyType(document)
