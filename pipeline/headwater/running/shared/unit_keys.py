"""Keys of units of work: what two of them must have in common to share a result or a limit."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from inspect import unwrap
from secrets import token_bytes
from types import CodeType
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from pydantic_core import to_json

from headwater.config.conditions.field_paths import Lookup
from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.streams.exact.exact_json import ExactJson, NotExactError
from headwater.toolkit.fields import MissingFieldError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headwater.config.policies.shared_specs import FieldRef
    from headwater.graph.plan import PlannedStep
    from headwater.kinds.definition import BoundStep, StepDefinition

__all__ = ["UnitKeys", "code_version", "params_key"]


class UnitKeys:
    """Makes the keys of one step in one execution; `arguments` are the inputs besides the mapped one."""

    def __init__(self, step: PlannedStep, arguments: Sequence[Any] = ()) -> None:
        self._step = step
        self._arguments = arguments
        self._exact = ExactJson()

    def of_fields(self, refs: Sequence[FieldRef] | None) -> Callable[[Any], bytes]:
        """Return a function of a unit that makes a key of some of its fields, or of the whole."""
        if refs is None:
            return self._digest
        lookups = [(ref if isinstance(ref, str) else ".".join(ref), _lookup(ref)) for ref in refs]

        def key(unit: Any) -> bytes:
            item = self._item(unit)
            values = [lookup.find(item) for _, lookup in lookups]
            for value, (path, _) in zip(values, lookups, strict=True):
                if value is Lookup.MISSING:
                    raise MissingFieldError(path, item, "name a field that every item has")
            return self._digest(values)

        return key

    def of_call(self, refs: Sequence[FieldRef] | None) -> Callable[[Any], bytes]:
        """Return a function of a unit that makes a key of all that its result depends on."""
        step, of_fields = self._step, self.of_fields(refs)
        bound = step.bound
        before = sha256(code_version(bound.definition) + step.method.name.encode() + params_key(bound))
        before.update(self._digest([value for place, value in enumerate(self._arguments) if place != step.mapped]))
        start = before.digest()
        return lambda unit: start + of_fields(unit)

    def _item(self, unit: Any) -> Any:
        """Return what the fields of a unit are looked up in: several inputs by their names."""
        inputs = self._step.inputs
        if self._step.mapped is not None:
            return unit
        return unit[0] if len(inputs) == 1 else {given.port.name: unit[place] for place, given in enumerate(inputs)}

    def _digest(self, value: Any) -> bytes:
        try:
            return sha256(self._exact.dump(value)).digest()
        except NotExactError as error:
            hint = "name the fields that count, of types that can be sent to a worker process"
            raise TypeError(f"an item cannot be compared with others: {error}; {hint}") from error


def _lookup(ref: FieldRef) -> Lookup:
    return Lookup.of(ref) if isinstance(ref, str) else Lookup(tuple(ref))


def params_key(bound: BoundStep) -> bytes:
    """Return a key of the params of a step, secrets included, so it is a hash."""
    given = dict(bound.instance) if bound.instance is not None else dict(bound.arguments)
    if bound.definition.is_shaped:
        given = {
            name: _nested_key(value) if isinstance(value, NestedPipeline) else value for name, value in given.items()
        }
    try:
        return sha256(ExactJson().dump(given)).digest()
    except NotExactError:  # such as a function: nothing is shared with other executions
        return token_bytes(16)


def _nested_key(pipeline: NestedPipeline) -> str:
    """Return a key of a nested pipeline: of its document, and of the code and params of its steps."""
    key = sha256(b"" if pipeline.loaded is None else to_json(pipeline.loaded.document))
    for bound in () if pipeline.loaded is None else pipeline.loaded.steps.values():
        key.update(code_version(bound.definition) + params_key(bound))
    return key.hexdigest()


def code_version(definition: StepDefinition) -> bytes:
    """Return a hash of the code of a kind, which is another one after its code has changed."""
    functions = [cast("Callable[..., Any]", unwrap(method.function)) for method in definition.methods]
    own = [_tokens.setdefault(function, token_bytes(16)) for function in functions if _has_closure(function)]
    return b"".join([_version(definition.kind, *map(_code_of, functions)), *own])


_tokens: WeakKeyDictionary[Callable[..., Any], bytes] = WeakKeyDictionary()
"""What distinguishes functions with one code that were made in another function, as they see other values there."""


def _has_closure(function: object) -> bool:
    return bool(getattr(function, "__closure__", None))


def _code_of(function: object) -> CodeType | None:
    code: object = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


@lru_cache(maxsize=1024)
def _version(kind: str, *codes: CodeType | None) -> bytes:
    version = sha256(kind.encode())
    for code in codes:
        for part in () if code is None else _parts(code):
            version.update(part)
    return version.digest()


def _parts(code: CodeType) -> list[bytes]:
    """Return what a function does: its code, the names in it, and its constants, with the functions among them."""
    parts = [code.co_code, repr(code.co_names).encode()]
    for constant in code.co_consts:
        parts += _parts(constant) if isinstance(constant, CodeType) else [repr(constant).encode()]
    return parts
