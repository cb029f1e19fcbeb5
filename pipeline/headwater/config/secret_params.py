"""Which params take secrets: those of type `SecretStr`, and no others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr
from typing_extensions import is_typeddict

from headwater.config.problems import JsonPath, Problems
from headwater.shapes import is_list, is_object

__all__ = ["is_plain", "reveal_secrets", "takes_secrets"]

_PLAIN = (bool, bytes, float, int, str, type(None), Path, ...)
_PLAIN_CONTAINERS = (dict, list, tuple, Mapping, Sequence)


def takes_secrets(model: type[BaseModel]) -> bool:
    """Return whether a secret is declared anywhere in the params of a kind.

    Args:
        model: The model of the params.

    Returns:
        True for a `SecretStr` at any depth.
    """
    return any(one is SecretStr for one in _mentioned(model, []))


def is_plain(model: type[BaseModel]) -> bool:
    """Return whether no value of the params of a kind can be a secret, wherever it comes from.

    Args:
        model: The model of the params.

    Returns:
        True when they are nothing but numbers, texts and the like, in lists, tuples and dictionaries.
    """
    return all(one is model or one in _PLAIN or get_origin(one) in _PLAIN_CONTAINERS for one in _mentioned(model, []))


def reveal_secrets(annotation: Any, value: Any, path: JsonPath, problems: Problems) -> Any:
    """Return params with the texts of their secrets, ready to be validated, where these are declared as secrets.

    Args:
        annotation: Type of the params.
        value: The params, with templates filled in: secrets are `SecretStr` objects.
        path: Where the params stand in the document.
        problems: Where it is told that a secret stands where none is declared, or that the document itself says one.

    Returns:
        A copy; what is refused is None, and its place blocked.
    """
    members = list(_members(annotation))
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
        message = "a secret for a param that is not declared as one"
        return _refuse(problems, "secret-misplaced", message, path, "only params of type SecretStr take secrets")
    if isinstance(value, str) and declared and str not in members:
        message = "a secret in the document itself; it must come from outside"
        return _refuse(problems, "secret-literal", message, path, "write ${secret.NAME}")
    return value


def _refuse(problems: Problems, code: str, message: str, path: JsonPath, hint: str) -> None:
    problems.add(code, message, path, hint)
    problems.block(path)


def _union(annotations: Iterable[Any]) -> Any:
    members = tuple(annotation for annotation in annotations if annotation is not None)
    return Union[members] if members else None  # noqa: UP007 - the members are known only now


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, without what only annotates them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from _members(member)
    elif (alias := getattr(annotation, "__value__", None)) is not None:
        yield from _members(alias)
    else:
        yield annotation


def _at_key(annotation: Any, key: str) -> Any:
    """Return the type of what a key of an object of this type holds."""
    fields = _fields(annotation)
    if fields:
        return fields.get(key)
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    return arguments[1] if is_mapping and len(arguments) == 2 else None


def _at_index(annotation: Any, index: int) -> Any:
    """Return the type of what an index of an array of this type holds."""
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and arguments[-1] is not ...:
        return arguments[index] if index < len(arguments) else None
    origin = get_origin(annotation)
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    return arguments[0] if arguments and not is_mapping else None


def _fields(annotation: Any) -> dict[str, Any]:
    """Return the types of the fields of a model, a dataclass or a typed dictionary, by the names documents use."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        names = {name: field.annotation for name, field in fields.items()}
        return names | {field.alias: field.annotation for field in fields.values() if field.alias}
    declares: bool = dataclasses.is_dataclass(cast("object", annotation)) or is_typeddict(cast("object", annotation))
    return _hints(annotation) if declares else {}


def _hints(cls: Any) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except (NameError, TypeError):
        return {}


def _mentioned(annotation: Any, seen: list[Any]) -> Iterator[Any]:
    """Yield every type that a type is made of, each once: types may contain themselves."""
    for member in _members(annotation):
        if member in seen:
            continue
        seen.append(member)
        yield member
        for inner in (*get_args(member), *_fields(member).values()):
            yield from _mentioned(inner, seen)
