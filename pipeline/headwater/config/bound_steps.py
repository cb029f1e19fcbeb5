"""Binds the steps of a document: looks up their kinds and validates their params."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic_core import to_json

from headwater.config.load import Loaded
from headwater.config.notation.schema_words import Schema
from headwater.config.policies.substeps import PlacedStep, substeps_of
from headwater.config.problems import JsonPath, Problems, quote
from headwater.config.secret_params import reveal_secrets, takes_secrets
from headwater.config.validation_errors import Subject, add_faults
from headwater.errors import MissingExtraError, StepDefinitionError
from headwater.kinds.definition import BoundStep, StepDefinition, Target
from headwater.kinds.params import arguments_of, params_validator
from headwater.limits.work_budget import work_budget
from headwater.shapes import is_list, is_object

__all__ = ["Kinds", "bind_steps", "bind_substeps"]


class Kinds(Protocol):
    """The part of a `Registry` that looks up kinds."""

    def find(self, kind: str) -> Target | None:
        """Return the step of a kind, or None."""
        ...

    def kinds(self) -> list[str]:
        """Return all kinds."""
        ...


def bind_steps(loaded: Loaded, registry: Kinds, problems: Problems) -> dict[str, BoundStep]:
    """Return the steps whose kinds are known by id; of two steps with one id, the first.

    The params are validated strictly as JSON data: a string is not a number, but it may be a value that JSON has no
    type for, such as a path or a date. A step whose params have problems is bound without them, so that its ports and
    permissions are checked in the same round.
    """
    steps: list[PlacedStep] = [
        PlacedStep(step.id, step.kind, step.params, ("steps", index)) for index, step in enumerate(loaded.spec.steps)
    ]
    return _bind([*steps, *substeps_of(loaded.spec.steps)], loaded, registry, problems)


def bind_substeps(loaded: Loaded, registry: Kinds, problems: Problems) -> dict[str, BoundStep]:
    """Return the steps in the policies of other steps, by ids such as `fetch/@fallback`."""
    return _bind([*substeps_of(loaded.spec.steps)], loaded, registry, problems)


def _bind(places: Sequence[PlacedStep], loaded: Loaded, registry: Kinds, problems: Problems) -> dict[str, BoundStep]:
    binder = _Binder(loaded, registry, problems)
    bound: dict[str, BoundStep] = {}
    with work_budget() as budget:
        for place in places:
            one = binder.bind(place)
            if one is not None:
                bound.setdefault(place.id, one)
            if (one is None or not one.has_params) and (budget.is_spent or problems.are_enough):
                break
    return bound


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind that a document names: the step, or what is wrong with it."""

    name: str
    target: Target | None = None
    validate: Callable[..., Any] = dict[str, Any]
    takes_secrets: bool = False
    schema: Callable[[], Schema] = dict[str, Any]
    code: str = ""
    message: str = ""
    hint: str = ""

    @property
    def definition(self) -> StepDefinition:
        assert self.target is not None  # noqa: S101 - used only for kinds that were found
        return self.target.definition


class _Binder:
    """Binds the steps of one document; kinds are looked up once, and steps of a function without params are shared."""

    def __init__(self, loaded: Loaded, registry: Kinds, problems: Problems) -> None:
        self._raw: Sequence[Any] = loaded.document["steps"]
        self._registry = registry
        self._problems = problems
        self._broken = problems.is_broken_inside(())
        self._has_secrets = problems.knows_secrets
        self._kinds: dict[str, _Kind] = {}
        self._bare: dict[str, BoundStep] = {}

    def bind(self, step: PlacedStep) -> BoundStep | None:
        """Return a step with its params, without them when they have problems, or None when its kind is not known."""
        if self._broken and self._problems.is_blocked((*step.path, "kind")):
            return None
        kind = self._kinds.get(step.kind) or self._look_up(step.kind)
        if kind.target is None:
            self._problems.add(kind.code, kind.message, (*step.path, "kind"), kind.hint)
            return None
        return self._with_params(kind, step.params, step.path) or BoundStep(kind.definition, has_params=False)

    def _with_params(self, kind: _Kind, params: Mapping[str, Any], path: JsonPath) -> BoundStep | None:
        """Return a step with its params, or None when they have problems."""
        if not params:
            return self._bare.get(kind.name) or self._bind_bare(kind, path)
        raw = _raw_params(self._raw, path)
        if kind.takes_secrets or self._has_secrets:
            return self._bind_secret(kind, params, raw, path)
        return self._validated(kind, to_json(params), params, raw, path)

    @cached_property
    def _known_names(self) -> list[str]:
        """Every registered kind; listed once, as a document may name thousands of unknown kinds."""
        return self._registry.kinds()

    def _look_up(self, name: str) -> _Kind:
        kind = self._kinds[name] = self._found(name)
        return kind

    def _found(self, name: str) -> _Kind:
        try:
            target = self._registry.find(name)
        except StepDefinitionError as error:
            first = error.problems[0]
            return _Kind(name, code=first.code, message=first.message, hint=first.hint)
        if target is None:
            near = self._problems.did_you_mean(name, self._known_names)
            return _Kind(
                name, code="unknown-kind", message=f"no step of kind {quote(name)} is known", hint=near or _OWN
            )
        definition = target.definition
        model = definition.params_model
        return _Kind(name, target, params_validator(model), takes_secrets(model), cache(definition.params_schema))

    def _bind_bare(self, kind: _Kind, path: JsonPath) -> BoundStep | None:
        bound = self._validated(kind, b"{}", {}, {}, path)
        if bound is not None and bound.instance is None:
            self._bare[kind.name] = bound
        return bound

    def _bind_secret(
        self, kind: _Kind, params: Mapping[str, Any], raw: Mapping[str, Any], path: JsonPath
    ) -> BoundStep | None:
        """Bind params that may hold secrets."""
        revealed = reveal_secrets(kind.definition.params_model, params, (*path, "params"), self._problems)
        return self._validated(kind, to_json(revealed), params, raw, path)

    def _validated(
        self, kind: _Kind, data: bytes, params: Mapping[str, Any], raw: Mapping[str, Any], step: JsonPath
    ) -> BoundStep | None:
        definition, path = kind.definition, (*step, "params")
        try:
            validated = kind.validate(data, strict=True)
        except ValidationError as error:
            owner = f"kind {kind.name!r}"
            if error.errors(include_input=False)[0]["type"] == "json_invalid":
                message = f"a number has more than {sys.get_int_max_str_digits()} digits"
                self._problems.add("number-too-large", message, (*path, *_place_of_large_number(params)))
                return None
            add_faults(error, Subject(params, kind.schema, path, "param", owner), self._problems)
            return None
        except MissingExtraError as error:
            self._problems.add("missing-extra", str(error), (*step, "kind"), "install it, then load again")
            return None
        except Exception as error:  # noqa: BLE001 - the validators of other people's kinds may raise anything
            message = f"kind {kind.name!r} failed to check its params: {type(error).__name__}"
            self._problems.add("params-failed", message, path, f"its code is in {definition.origin}")
            return None
        document = MappingProxyType(raw)
        if definition.varied:
            definition = definition.with_params(arguments_of(validated))
        if definition.step_class is None:
            return BoundStep(definition, None, arguments_of(validated), document)
        return BoundStep(definition, validated, _NOTHING, document)


_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OWN = "`headwater steps` lists the kinds; --steps FILE adds yours"


def _place_of_large_number(value: Any) -> JsonPath:
    """Return the path of a number with more digits than are read, which only YAML and Python can give."""
    members: Iterable[tuple[str | int, Any]] = ()
    if is_object(value):
        members = value.items()
    elif is_list(value):
        members = enumerate(value)
    for key, member in members:
        if isinstance(member, int) and member.bit_length() > 3 * sys.get_int_max_str_digits():
            return (key,)
        if place := _place_of_large_number(member):
            return (key, *place)
    return ()


def _raw_params(steps: Sequence[Any], path: JsonPath) -> dict[str, Any]:
    """Return the params of a step as written; a broken step has none."""
    found: Any = steps[int(path[1])]
    for part in (*path[2:], "params"):
        found = found.get(str(part)) if is_object(found) else None
    return found if is_object(found) else {}
