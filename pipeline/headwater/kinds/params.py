"""The params of a step: their pydantic model, and the way back to JSON."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import is_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import PydanticSerializationError, SchemaValidator

from headwater.shapes import is_object

if TYPE_CHECKING:
    from headwater.kinds.report import Report

__all__ = ["CONFIG", "arguments_of", "as_document", "is_closed", "params_model", "params_validator"]

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


@cache
def params_validator(model: type[BaseModel]) -> Callable[..., Any]:
    """Return the function that validates params as JSON text: a nested model takes no keys that it does not know."""
    schema = model.__pydantic_core_schema__
    closed = _closed(schema)
    if closed is schema:
        return model.__pydantic_validator__.validate_json
    rebuilt: Any = SchemaValidator  # otherwise it would take the nested models as they were built for themselves
    return cast("Callable[..., Any]", rebuilt(closed, _use_prebuilt=False).validate_json)


def is_closed(model: type) -> bool:
    """Return whether a model takes no other keys in a document: if it does not say itself what happens to them."""
    return issubclass(model, BaseModel) and not model.__pydantic_root_model__ and "extra" not in model.model_config


_OPAQUE_KEYS = frozenset({"cls", "config", "default", "expected", "function", "metadata", "serialization"})


def _closed(schema: Any) -> Any:
    """Return a core schema whose models without a rule for other keys refuse them; the same one if it has none."""
    if isinstance(schema, (list, tuple)):
        parts = [_closed(part) for part in cast("Sequence[Any]", schema)]
        return cast("Any", schema) if all(map(is_, parts, cast("Sequence[Any]", schema))) else parts
    if not is_object(schema):
        return schema
    node = schema
    copy = {key: part if key in _OPAQUE_KEYS else _closed(part) for key, part in node.items()}
    if node.get("type") == "model" and isinstance(cls := node.get("cls"), type) and is_closed(cls):
        return {**copy, "config": {**node.get("config", {}), "extra_fields_behavior": "forbid"}}
    return node if all(map(is_, copy.values(), node.values())) else copy


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
