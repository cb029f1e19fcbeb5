"""Whether a value of one declared type may be read as another, decided for every edge before anything runs.

The rules are those of PEP 484 where a pipeline is like a program (subclasses, unions, literals, the numeric tower), and
more practical where it is not: containers are covariant, because what flows is read and not written to; a mapping may
become a model; and a string is never a sequence of strings, although it is one in Python.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Mapping, ValuesView
from dataclasses import dataclass, field, is_dataclass
from enum import IntEnum
from types import GenericAlias
from typing import Any, Literal, Never, NewType, NoReturn, TypeVar, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import Unpack, is_typeddict

from headwater.annotations import (
    cached,
    constraints,
    describe,
    members,
    parameters,
    plain,
    shape,
    substitute,
    typed_dict_fields,
    union,
    upper,
)
from headwater.types.value_checkers import checker, needs_validation, runtime_class

__all__ = ["Fit", "check", "checker", "describe", "needs_validation", "runtime_class", "substitute"]

_STRINGS = (str, bytes, bytearray, memoryview)
_TOWER: Mapping[Any, tuple[type, ...]] = {
    float: (int,),
    complex: (int, float),
}  # PEP 484, "The numeric tower"
_CONTAINER_MODULES = frozenset({"builtins", "collections", "collections.abc"})
_DEEPEST = 50


class Fit(IntEnum):
    """How well a declared type fits another; ordered, so that the worst of several is their minimum."""

    NO = 0
    """It never fits: the edge is refused."""
    UNSURE = 1
    """It may fit: each value is checked when it flows."""
    PROVEN = 2
    """It always fits: no value needs a check."""


def check(source: Any, target: Any, bindings: dict[Any, Any] | None = None) -> Fit:
    """Return how well a value declared as one type fits another; an annotation that is not understood is unsure.

    A type variable left in the source stands for any type that it allows. `bindings` are the types of the variables of
    the target: variables met for the first time are added, and one met again is widened where it must be.
    """
    try:
        if bindings is not None and parameters(target):
            return _Comparison(bindings).fit(source, target)
        return _unbound(source, target)
    except Exception:  # noqa: BLE001 - a user's metaclass may raise anything from == or issubclass
        return Fit.UNSURE


@cached
def _unbound(source: Any, target: Any) -> Fit:
    return _Comparison({}).fit(source, target)


@dataclass(slots=True)
class _Comparison:
    """A comparison of two types with all those that it leads to.

    `bindings` are the type variables of the target so far; `open` the comparisons in progress, which end the recursion
    of types that contain themselves.
    """

    bindings: dict[Any, Any]
    open: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])

    def fit(self, source: Any, target: Any) -> Fit:
        """Return the result of the first rule that applies; on `Fit.NO`, the bindings that it made are undone."""
        question = (source, target)
        if source == target or question in self.open:
            return Fit.PROVEN
        if len(self.open) > _DEEPEST:
            return Fit.UNSURE
        before = dict(self.bindings)
        self.open.append(question)
        answer = self._by_rules(plain(source), plain(target))
        self.open.pop()
        if answer is Fit.NO:
            self.bindings.clear()
            self.bindings.update(before)
        return min(answer, Fit.UNSURE) if constraints(target) else answer

    def _by_rules(self, source: Any, target: Any) -> Fit:
        answers = (rule(self, source, target) for rule in _RULES)
        return next((answer for answer in answers if answer is not None), Fit.UNSURE)

    def arguments(self, source: tuple[Any, ...], target: tuple[Any, ...]) -> Fit:
        """Compare the arguments of a generic class pair by pair; missing ones may be anything."""
        if not target:
            return Fit.PROVEN
        if len(source) != len(target):
            return Fit.UNSURE
        return min(map(self.fit, source, target))


def _same(_: _Comparison, source: Any, target: Any) -> Fit | None:
    return Fit.PROVEN if source == target or source in {Never, NoReturn} else None


def _open_source(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    return comparison.fit(upper(source), target) if isinstance(source, TypeVar) else None


def _anything(_: _Comparison, __: Any, target: Any) -> Fit | None:
    return Fit.PROVEN if target is Any or target is object or target is Ellipsis else None


def _variable(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    if not isinstance(target, TypeVar):
        return None
    chosen, answer = _choice(comparison, source, target)
    if answer is Fit.NO:
        return Fit.NO
    bound = comparison.bindings.get(target, chosen)
    if comparison.fit(chosen, bound) is Fit.PROVEN:
        chosen = bound
    elif target.__constraints__:
        return Fit.NO
    elif comparison.fit(bound, chosen) is not Fit.PROVEN:
        chosen = union(bound, chosen)
    comparison.bindings[target] = chosen
    return answer


def _choice(comparison: _Comparison, source: Any, variable: TypeVar) -> tuple[Any, Fit]:
    """Return the type of a variable when this source alone is bound to it, and how well that fits.

    Where it is unsure, the values are checked against the bound, so the bound is the type that flows on.
    """
    limits = variable.__constraints__ or (variable.__bound__ or object,)
    fits = {limit: comparison.fit(source, limit) for limit in limits}
    best = max(fits.values())
    fitting = [limit for limit, fit in fits.items() if fit is best]
    if best is Fit.UNSURE:
        return union(*fitting), best
    if variable.__constraints__:
        return next((limit for limit in fitting if limit == source), fitting[0]), best
    return source, best


def _each_member(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    alternatives = members(source)
    if len(alternatives) == 1:
        return None
    fits = {comparison.fit(alternative, target) for alternative in alternatives}
    return fits.pop() if len(fits) == 1 else Fit.UNSURE


def _best_member(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    alternatives = members(target)
    if len(alternatives) == 1:
        return None
    best = Fit.NO
    for alternative in sorted(alternatives, key=lambda member: bool(parameters(member))):
        best = max(best, comparison.fit(source, alternative))
        if best is Fit.PROVEN:  # later alternatives must not bind their variables to types that an earlier one accepts
            break
    return best


def _unknown(_: _Comparison, source: Any, __: Any) -> Fit | None:
    return Fit.UNSURE if source is Any else None


def _new_type(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    """Treat a `NewType` as a subclass of its supertype."""
    if isinstance(source, NewType):
        above = comparison.fit(source.__supertype__, target) if not isinstance(target, NewType) else None
        return above if above is not None else _between_new_types(source, target)
    if isinstance(target, NewType):
        return min(Fit.UNSURE, comparison.fit(source, target.__supertype__))
    return None


def _between_new_types(source: Any, target: Any) -> Fit:
    if target in _lineage(source):
        return Fit.PROVEN
    return Fit.UNSURE if source in _lineage(target) else Fit.NO


def _lineage(new_type: Any) -> list[Any]:
    line = [new_type]
    while isinstance(line[-1], NewType):
        line.append(line[-1].__supertype__)
    return line


def _literal(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    if get_origin(source) is Literal:
        value = get_args(source)[0]
        return Fit.NO if get_origin(target) is Literal else comparison.fit(type(value), target)
    if get_origin(target) is Literal:
        return min(Fit.UNSURE, comparison.fit(target, source))
    return None


def _tuple(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    if get_origin(source) is not tuple or get_origin(target) is not tuple:
        return None
    if any(map(_is_unpacked, (*get_args(source), *get_args(target)))):
        return Fit.UNSURE
    written, many_written = _tuple_items(source)
    read, many_read = _tuple_items(target)
    if many_read:
        return min((comparison.fit(item, read[0]) for item in written), default=Fit.PROVEN)
    if many_written:
        return min((comparison.fit(written[0], item) for item in read), default=Fit.UNSURE) and Fit.UNSURE
    return comparison.arguments(written, read) if len(written) == len(read) else Fit.NO


def _tuple_items(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the types of a tuple's items, and whether it has any number of items of one type."""
    args = get_args(annotation)
    return (args[:1], True) if args[-1:] == (Ellipsis,) else (args, False)


def _is_unpacked(argument: Any) -> bool:
    return get_origin(argument) is Unpack or getattr(argument, "__unpacked__", False)


def _typed_dict(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    if is_typeddict(source) and is_typeddict(target):
        return _between_typed_dicts(comparison, source, target)
    if is_typeddict(target):
        return min(Fit.UNSURE, comparison.fit(source, Mapping[str, Any]))
    if is_typeddict(source):
        return comparison.fit(GenericAlias(dict, (str, union(*typed_dict_fields(source)[0].values()))), target)
    return None


def _between_typed_dicts(comparison: _Comparison, source: Any, target: Any) -> Fit:
    written, always_written = typed_dict_fields(source)
    read, needed = typed_dict_fields(target)
    if not needed <= written.keys():
        return Fit.NO
    fits = [comparison.fit(written[key], read[key]) for key in read if key in written]
    if not needed <= always_written or not read.keys() <= written.keys():
        fits.append(Fit.UNSURE)
    return min(fits, default=Fit.PROVEN)


def _class(comparison: _Comparison, source: Any, target: Any) -> Fit | None:
    written, written_args = shape(source)
    read, read_args = shape(target)
    if not (isinstance(written, type) and isinstance(read, type)):
        return None
    if _splits_string(written, read) or _splits_string(read, written):
        return Fit.NO
    below = _is_subclass(written, read)
    if below or issubclass(written, _TOWER.get(read, ())):
        return comparison.arguments(_arguments_as(written, written_args, read), read_args)
    above = _is_subclass(read, written)
    if above:
        return min(Fit.UNSURE, comparison.arguments(written_args, _arguments_as(read, read_args, written)))
    if is_dataclass(read) or issubclass(read, BaseModel):
        return min(Fit.UNSURE, comparison.fit(source, Mapping[str, Any]))
    return Fit.NO if below is above is False else Fit.UNSURE


def _splits_string(text: type, other: type) -> bool:
    """Return whether a string would be read as the sequence of its characters, which is never meant."""
    return issubclass(text, _STRINGS) and not issubclass(other, _STRINGS) and _is_subclass(other, Iterable) is True


def _is_subclass(special: Any, general: Any) -> bool | None:
    """Return whether one class is a subclass of another; None for a protocol that cannot be tested."""
    if general in special.__mro__:
        return True
    try:
        return issubclass(special, general)
    except TypeError:
        return None


def _arguments_as(special: Any, args: tuple[Any, ...], general: Any) -> tuple[Any, ...]:
    """Return the arguments that a class with arguments passes to a base class; empty when they are not known."""
    if special is general:
        return args
    known = dict(zip(getattr(special, "__parameters__", ()), args, strict=False))
    for base in special.__dict__.get("__orig_bases__", special.__bases__):
        origin, base_args = shape(base)
        if isinstance(origin, type) and _is_subclass(origin, general):
            return _arguments_as(origin, tuple(substitute(arg, known) for arg in base_args), general)
    return _container_arguments(special, args, general)


def _container_arguments(special: Any, args: tuple[Any, ...], general: Any) -> tuple[Any, ...]:
    """Return the same for Python's own containers, whose bases are registered without arguments."""
    if special.__module__ not in _CONTAINER_MODULES or issubclass(special, (ItemsView, ValuesView)):
        return ()
    if special is tuple:
        return (union(*(arg for arg in args if arg is not Ellipsis)),) if args else ()
    return args if issubclass(general, Mapping) else args[:1]


_Rule = Callable[[_Comparison, Any, Any], Fit | None]
_RULES: tuple[_Rule, ...] = (
    _same,
    _open_source,
    _anything,
    _variable,
    _each_member,
    _best_member,
    _unknown,
    _new_type,
    _literal,
    _tuple,
    _typed_dict,
    _class,
)
