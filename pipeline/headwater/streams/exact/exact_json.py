"""Values as JSON and back, exactly: with their types, NaN, keys that are not strings, and attributes.

Nothing is converted: what has no exact form is refused. Reading calls no code of a value's class, and a class is only
looked up, so that data cannot name code. What JSON does not have is an object with the one key `$`.
"""

# Values of any type pass here, so most expressions are Any.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from json import JSONDecoder, JSONEncoder
from operator import attrgetter, or_
from types import ModuleType, NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from headwater.annotations import walk
from headwater.streams.exact.exact_types import BASES, MARK, BaseOf, is_enum, is_record, made_in_python, slots_of

__all__ = ["ExactJson", "NotExactError", "inexact_type", "loaded_module"]

_PLAIN = frozenset({str, int, float, bool, NoneType})
_TEXT = frozenset({str})
_ORIGINAL_CLASS = "__orig_class__"
_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_decode = JSONDecoder().decode


class NotExactError(TypeError):
    """Internal: a value has no exact form outside its process; the step that it belongs to fails."""


class _Layout(NamedTuple):
    """How the instances of a class are written."""

    reference: Any
    base: type
    slots: tuple[str, ...]


def loaded_module(name: str) -> ModuleType | None:
    """Return a module that has been imported already."""
    return sys.modules.get(name)


class ExactJson:
    """Writes and reads values.

    `find` returns the module of a class that is read, or None. `written_as` renames modules whose classes are written.
    """

    def __init__(
        self, find: Callable[[str], ModuleType | None] = loaded_module, written_as: Mapping[str, str] | None = None
    ) -> None:
        self._find = find
        self._written_as: Mapping[str, str] = {} if written_as is None else written_as
        self._layouts: dict[type, _Layout] = {}
        self._classes: dict[str, Any] = {}

    def dump(self, value: Any) -> bytes:
        """Return a value as JSON; raises `NotExactError`."""
        try:
            return _encode(self._tree(value)).encode("utf-8", "surrogatepass")
        except RecursionError:
            msg = f"a value of type {_name(type(value))} is nested too deeply, or contains itself"
            raise NotExactError(msg) from None
        except ValueError as error:  # an integer with more digits than Python converts
            raise NotExactError(str(error)) from None

    def load(self, data: bytes) -> Any:
        """Return the value of some JSON; raises `NotExactError` when a class is not known here."""
        (value,) = self.load_each(b"[" + data + b"]")
        return value

    def load_each(self, data: bytes) -> Iterator[Any]:
        """Yield the values of a JSON array."""
        try:
            for tree in _decode(data.decode("utf-8", "surrogatepass")):
                yield self._value(tree)
        except (RecursionError, ValueError) as error:
            raise NotExactError(str(error)) from error

    def _tree(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return value if _PLAIN.issuperset(map(type, value)) else [self._tree(part) for part in value]
        if kind is dict and MARK not in value and _TEXT.issuperset(map(type, value)):
            if _PLAIN.issuperset(map(type, value.values())):
                return value
            return {key: self._tree(part) for key, part in value.items()}
        if (base := BASES.get(kind)) is not None:
            return {MARK: [base.code, self._tree(base.parts(value))]}
        return {MARK: self._instance(kind, value)}

    def _instance(self, kind: type, value: Any) -> list[Any]:
        if is_enum(kind):
            known = kind.__members__.get(value.name) is value
            content = value.name if known else self._tree(value.value)
            return ["member" if known else "flags", self._reference(kind), content]
        layout = self._layouts.get(kind) or self._layout(kind)
        base = BASES.get(layout.base)
        state: dict[str, Any] = {**getattr(value, "__dict__", {})}
        alias = state.pop(_ORIGINAL_CLASS, None)
        slots = {name: getattr(value, name) for name in layout.slots if hasattr(value, name)}
        return [
            "instance",
            layout.reference,
            None if base is None else self._tree(base.parts(value)),
            self._tree(state),
            self._tree(slots),
            None if alias is None else self._reference(alias),
        ]

    def _layout(self, kind: type) -> _Layout:
        base = _base_of(kind)
        if base is None:
            msg = f"a value of type {_name(kind)} has no exact form; make it a dataclass or a pydantic model"
            raise NotExactError(msg)
        layout = self._layouts[kind] = _Layout(self._reference(kind), base, slots_of(kind))
        return layout

    def _reference(self, annotation: Any) -> Any:
        """Return the name of a class, or of a generic with its arguments; it is one that can be found again."""
        generic: Mapping[str, Any] = getattr(annotation, "__pydantic_generic_metadata__", None) or {}
        origin, arguments = generic.get("origin") or get_origin(annotation), generic.get("args") or get_args(annotation)
        if origin in {Union, UnionType}:  # two ways to write it, which make two classes of a generic model
            return ["Union" if origin is Union else "|", *map(self._reference, arguments)]
        if origin is not None:
            return [self._reference(origin), *map(self._reference, arguments)]
        if annotation is Any:
            return "typing:Any"
        found = sys.modules.get(getattr(annotation, "__module__", ""))
        name = str(getattr(annotation, "__qualname__", annotation))
        try:
            known = annotation is NoneType or attrgetter(name)(found) is annotation
        except AttributeError:
            known = False
        if not known or not isinstance(annotation, type):
            msg = f"the class {_name(annotation)} cannot be found by its name; define it at the top level of a module"
            raise NotExactError(msg)
        module = "types" if annotation is NoneType else annotation.__module__
        return f"{self._written_as.get(module, module)}:{name}"

    def _value(self, tree: Any) -> Any:
        kind: Any = type(tree)
        if kind is list:
            return tree if _PLAIN.issuperset(map(type, tree)) else [self._value(part) for part in tree]
        if kind is not dict:
            return tree
        if MARK not in tree:
            return {key: self._value(part) for key, part in tree.items()}
        code, *content = tree[MARK]
        if code in _BY_CODE:
            known, base = _BY_CODE[code]
            return base.make(known, self._value(content[0]))
        return self._member(code, *content) if code in {"member", "flags"} else self._object(*content)

    def _member(self, code: str, reference: Any, content: Any) -> Any:
        kind = self._class(reference)
        if not is_enum(kind):
            raise NotExactError(f"{_name(kind)} is not an Enum")
        return kind.__members__[content] if code == "member" else kind(self._value(content))

    def _object(self, reference: Any, parts: Any, state: Any, slots: Any, alias: Any) -> Any:
        kind = self._class(reference)
        base = _base_of(kind) if isinstance(kind, type) else None
        if base is None:
            raise NotExactError(f"{_name(kind)} is not a class of data")
        made = object.__new__(kind) if base is object else BASES[base].make(kind, self._value(parts))
        if state:
            made.__dict__.update(self._value(state))
        for name, value in self._value(slots).items():
            object.__setattr__(made, name, value)
        if alias is not None:
            made.__dict__[_ORIGINAL_CLASS] = self._class(alias)
        return made

    def _class(self, reference: Any) -> Any:
        """Return the class, or the generic, of a reference."""
        if isinstance(reference, list):
            origin, *arguments = reference
            given = tuple(map(self._class, arguments))
            if origin in {"|", "Union"}:
                return reduce(or_, given) if origin == "|" else Union[given]  # noqa: UP007 - of a tuple
            known = self._class(origin)
            return known[given]
        if reference not in self._classes:
            module, _, name = reference.partition(":")
            try:
                self._classes[reference] = attrgetter(name)(self._find(module))
            except AttributeError:
                msg = f"the class {name} of the module {module!r} is not known here; import it where the step is used"
                raise NotExactError(msg) from None
        return self._classes[reference]


_BY_CODE: dict[str, tuple[type, BaseOf]] = {base.code: (kind, base) for kind, base in BASES.items()}


def _base_of(kind: type) -> type | None:
    """Return the class that makes the instances of a class: a built-in one, `object` for a record, or None."""
    for one in kind.__mro__:
        if one in BASES and BASES[one].extends:
            return one
        if one is object:
            return object if is_record(kind) else None
        if not made_in_python(one):
            return None
    return None


def inexact_type(annotation: Any) -> type | None:
    """Return a class among those of an annotation whose instances certainly have no exact form."""
    kinds = (get_origin(one) or one for one in walk(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and _inexact(kind)), None)


def _inexact(kind: type) -> bool:
    if kind in {object, Any, *_PLAIN, *BASES} or is_enum(kind):
        return False
    abstract = getattr(kind, "_is_protocol", False) or bool(getattr(kind, "__abstractmethods__", ()))
    if abstract or _base_of(kind) is not None:
        return False
    heirs: list[type] = type.__subclasses__(kind)
    return all(map(_inexact, heirs))


def _name(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', kind)}".removeprefix("builtins.")
