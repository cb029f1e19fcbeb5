"""Pipelines that are written in Python, as the documents that they could be loaded from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from headwater.config.load import load
from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.config.policies.substeps import FALLBACK
from headwater.config.templates import literal
from headwater.errors import ConfigError, Problem
from headwater.kinds.binding import bind
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headwater.config.load import Loaded
    from headwater.kinds.definition import BoundStep

__all__ = ["bind_authored", "load_authored"]

_OF_STEP = {"id", "kind", "params"}


def bind_authored(steps: object) -> dict[str, BoundStep]:
    """Return the steps that a program gives; raise when one is not a step, or lacks a param."""
    if not is_mapping(steps):
        msg = f"expected steps by their ids, such as {{'shout': shout}}, found a {type(steps).__name__}"
        raise TypeError(msg)
    bound: dict[str, BoundStep] = {}
    problems: list[Problem] = []
    for index, (step_id, target) in enumerate(steps.items()):
        try:
            bound[step_id] = bind(target)
        except TypeError as error:
            raise TypeError(f"step {step_id!r}: {error}") from None
        except ValidationError as error:
            problems += _missing_params(f"$.steps[{index}].params", step_id, target, error)
    if problems:
        raise ConfigError(problems)
    return bound


def _missing_params(path: str, step_id: str, target: Any, error: ValidationError) -> Iterator[Problem]:
    """Yield a problem for each param that a step was not given."""
    kind: str = target.kind
    names = [str(line["loc"][0]) for line in error.errors(include_url=False, include_input=False)]
    given = ", ".join(f"{name}=..." for name in names)
    call = f"{target.__name__}({given})" if isinstance(target, type) else f"{target.__name__}.with_params({given})"
    for name in names:
        message = f"step {step_id!r}: the param {name!r} of kind {kind!r} is missing"
        yield Problem("missing-key", message, f"{path}.{name}", hint=f"write {call}")


def load_authored(
    head: Mapping[str, str],
    steps: Mapping[str, BoundStep],
    options: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, Any],
) -> Loaded:
    """Load a document with a head, some steps with further keys of each, and further keys that are not None."""
    for step_id, option in _mapping("options", options).items():
        _check_option(step_id, _mapping(f"the options of step {step_id!r}", option))
    document: dict[str, Any] = {key: value for key, value in head.items() if value or key == "name"}
    document["steps"] = [_step_document(step_id, step, options.get(step_id, {})) for step_id, step in steps.items()]
    document.update((key, _plain(value)) for key, value in keys.items() if value is not None)
    loaded = load(document)
    for step_id in sorted(set(options) - set(steps)):
        hint = loaded.problems.did_you_mean(step_id, steps)
        message = f"options are given for {step_id!r}, which is not a step"
        loaded.problems.add("unknown-step", message, ("steps",), hint)
    return loaded


def _mapping(what: str, value: object) -> Mapping[str, Any]:
    if not is_mapping(value):
        example = "{'fetch': {'concurrency': 8}}" if what == "options" else "{'concurrency': 8}"
        raise TypeError(f"expected {what} as a mapping, such as {example}, found a {type(value).__name__}")
    return value


def _check_option(step_id: str, option: Mapping[str, Any]) -> None:
    """Refuse keys of a step that the step itself says."""
    for key in _OF_STEP & option.keys():
        hint = "give params to the step itself" if key == "params" else "the step itself says it"
        raise TypeError(f"the options of step {step_id!r} cannot have {key!r}; {hint}")


def _step_document(step_id: str, step: BoundStep, options: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"id": step_id, "kind": step.definition.kind}
    if step.params:
        document["params"] = {name: _param(step, name, value) for name, value in step.params.items()}
    return {**document, **{key: _with_kinds(value) for key, value in options.items()}}


def _with_kinds(value: Any) -> Any:
    """Return an option with the step in it, such as a fallback, as a document names it."""
    if is_mapping(value) and FALLBACK in value:
        return {key: _with_kinds(member) for key, member in value.items()}
    if getattr(value, "definition", None) is None:
        return value
    step = bind(cast("Any", value))
    return {"kind": step.definition.kind, "params": literal(step.params)}


def _param(step: BoundStep, name: str, value: Any) -> Any:
    """Return a param as a document has it; a nested pipeline has templates of its own."""
    return value if isinstance(getattr(step.instance, name, None), NestedPipeline) else literal(value)


def _plain(value: Any) -> Any:
    """Return a value as a document has it: an object as it is, several values as an array."""
    if is_mapping(value):
        return dict(value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return [_plain(member) for member in cast("Any", value)]
