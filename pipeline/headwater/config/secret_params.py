"""Secrets in params: only params of type `SecretStr` take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from headwater.annotations import alternatives, cached, fields_of, union, walk
from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.config.problems import JsonPath, Problems
from headwater.shapes import is_list, is_mapping, is_object, is_sequence

if TYPE_CHECKING:
    from headwater.kinds.definition import BoundStep

__all__ = ["is_plain", "reveal_secrets", "secrets_of", "takes_secrets"]

_PLAIN = (bool, bytes, float, int, str, type(None), Path, ...)
_PLAIN_CONTAINERS = (dict, list, tuple, Mapping, Sequence)


@cached
def takes_secrets(model: type[BaseModel]) -> bool:
    """Return whether the params of a kind have a `SecretStr` at any depth."""
    return any(one is SecretStr for one in walk(model))


@cached
def is_plain(model: type[BaseModel]) -> bool:
    """Return whether no value of the params can be a secret: they are numbers, strings and containers of them."""
    return all(one is model or one in _PLAIN or get_origin(one) in _PLAIN_CONTAINERS for one in walk(model))


def reveal_secrets(annotation: Any, value: Any, path: JsonPath, problems: Problems) -> Any:
    """Return params with the values of their secrets where secrets are declared, ready to be validated.

    A secret anywhere else, and one that the document itself contains, is reported, replaced by None, and its place
    blocked.
    """
    members = list(alternatives(annotation))
    if is_object(value):
        return {
            key: reveal_secrets(_union(_at_key(member, key) for member in members), item, (*path, key), problems)
            for key, item in value.items()
        }
    if is_list(value):
        return [
            reveal_secrets(_union(_at_index(member, index) for member in members), item, (*path, index), problems)
            for index, item in enumerate(value)
        ]
    declared = SecretStr in members
    if isinstance(value, SecretStr):
        if declared:
            return value.get_secret_value()
        message = "the param is given a secret, but is not declared as one"
        return _refuse(problems, "secret-misplaced", message, path, "only params of type SecretStr take secrets")
    if isinstance(value, str) and declared and str not in members:
        message = "the document contains a secret; it must come from outside"
        return _refuse(problems, "secret-literal", message, path, "write ${secret.NAME}")
    return value


def _refuse(problems: Problems, code: str, message: str, path: JsonPath, hint: str) -> None:
    problems.add(code, message, path, hint)
    problems.block(path)


def _union(annotations: Iterable[Any]) -> Any:
    known = [annotation for annotation in annotations if annotation is not None]
    return union(*known) if known else None


def _at_key(annotation: Any, key: str) -> Any:
    """Return the type of what a key of an object of this type holds."""
    fields = fields_of(annotation)
    if fields:
        return fields.get(key)
    arguments = get_args(annotation)
    return arguments[1] if _is_mapping(annotation) and len(arguments) == 2 else None


def _at_index(annotation: Any, index: int) -> Any:
    """Return the type of what an index of an array of this type holds."""
    # The arguments of a literal are values, not types.
    arguments: tuple[Any, ...] = () if get_origin(annotation) is Literal else get_args(annotation)
    if get_origin(annotation) is tuple and arguments[-1] is not ...:
        return arguments[index] if index < len(arguments) else None
    return arguments[0] if arguments and not _is_mapping(annotation) else None


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def secrets_of(steps: Collection[BoundStep]) -> set[str]:
    """Return every secret among the params of some steps."""
    suspects = {model for model in {step.definition.params_model for step in steps} if not is_plain(model)}
    return {
        secret
        for step in steps
        if step.definition.params_model in suspects
        for secret in _secrets_in((step.arguments, step.instance))
    }


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, NestedPipeline):
        yield from () if value.loaded is None else secrets_of(value.loaded.steps.values())
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
