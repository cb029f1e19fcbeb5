"""The types whose values have an exact form in JSON, with the parts that they are made of again."""

# Values of any type pass here, so most expressions are Any.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, EnumType
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from operator import methodcaller
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from types import BuiltinMethodType
from typing import Any, NamedTuple, TypeGuard
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AnyUrl, BaseModel, SecretBytes, SecretStr
from pydantic_core import MultiHostUrl, TzInfo, Url

__all__ = ["BASES", "MARK", "BaseOf", "is_enum", "is_record", "made_in_python", "register_record", "slots_of"]

MARK = "$"
_HEAP_TYPE = 1 << 9
_records: list[type] = [BaseModel, AnyUrl]


class BaseOf(NamedTuple):
    """How values of a type become parts that are written, and are made of them again, also for a derived class."""

    code: str
    parts: Callable[[Any], Any]
    make: Callable[[Any, Any], Any]
    extends: bool = True


def _filled(base: Any, fill: Callable[[Any, Any], object]) -> Callable[[type, Any], Any]:
    """Return what makes an empty instance and fills it, by the methods of the base alone."""

    def make(kind: type, parts: Any) -> Any:
        made = base.__new__(kind)
        fill(made, parts)
        return made

    return make


def _by_parts(base: Any) -> Callable[[type, Any], Any]:
    return lambda kind, parts: base.__new__(kind, *parts)


def _pairs(value: dict[Any, Any]) -> list[list[Any]]:
    return [[key, dict.__getitem__(value, key)] for key in dict.__iter__(value)]


def _as_text(kind: Any, make: Callable[[Any], Any] | None = None) -> BaseOf:
    return BaseOf(kind.__name__, str, lambda _kind, parts: (make or kind)(parts), extends=False)


def _time_parts(value: time | datetime) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold]


def _make_time(kind: type, parts: Any) -> time:
    *given, fold = parts
    return time.__new__(kind, *given, fold=fold)


def _make_datetime(kind: type, parts: Any) -> datetime:
    *given, fold = parts
    return datetime.__new__(kind, *given, fold=fold)


def _zone_key(zone: Any) -> str:
    key: str | None = zone.key  # None for one that was read from a file
    if key is None:
        raise ValueError("a time zone without a name has no exact form")
    return key


def _factory_parts(value: defaultdict[Any, Any]) -> list[Any]:
    factory: Any = value.default_factory
    if factory is not None and _FACTORIES.get(factory.__name__) is not factory:
        raise ValueError(f"a defaultdict that calls {factory!r} has no exact form")
    return [factory and factory.__name__, _pairs(value)]


def _make_defaultdict(kind: type, parts: Any) -> Any:
    name, pairs = parts
    made: Any = defaultdict.__new__(kind)
    defaultdict.__init__(made, _FACTORIES[name] if name else None, pairs)
    return made


def _make_deque(kind: type, parts: Any) -> Any:
    most, items = parts
    made: Any = deque.__new__(kind)
    deque.__init__(made, items, most)
    return made


def _base64(value: Any) -> str:
    return b64encode(value).decode()


_FACTORIES: dict[str, Any] = {kind.__name__: kind for kind in (int, float, str, bool, list, dict, set, tuple)}
_secret = methodcaller("get_secret_value")

BASES: dict[type, BaseOf] = {
    str: BaseOf("str", str.__str__, str.__new__),
    int: BaseOf("int", int.__int__, int.__new__),
    float: BaseOf("float", float.__float__, float.__new__),
    complex: BaseOf("complex", lambda value: [value.real, value.imag], _by_parts(complex)),
    bytes: BaseOf("bytes", _base64, lambda kind, parts: bytes.__new__(kind, b64decode(parts))),
    bytearray: BaseOf("bytearray", _base64, _filled(bytearray, lambda made, parts: made.__iadd__(b64decode(parts)))),
    list: BaseOf("list", lambda value: [*list.__iter__(value)], _filled(list, list.extend)),
    tuple: BaseOf("tuple", lambda value: [*tuple.__iter__(value)], tuple.__new__),
    set: BaseOf("set", lambda value: [*set.__iter__(value)], _filled(set, set.update)),
    frozenset: BaseOf("frozenset", lambda value: [*frozenset.__iter__(value)], frozenset.__new__),
    dict: BaseOf("dict", _pairs, _filled(dict, dict.update)),
    OrderedDict: BaseOf("OrderedDict", _pairs, _filled(OrderedDict, OrderedDict.update)),
    defaultdict: BaseOf("defaultdict", _factory_parts, _make_defaultdict),
    deque: BaseOf("deque", lambda value: [value.maxlen, [*deque.__iter__(value)]], _make_deque),
    range: BaseOf("range", lambda value: [value.start, value.stop, value.step], _by_parts(range)),
    timedelta: BaseOf("timedelta", lambda value: [value.days, value.seconds, value.microseconds], _by_parts(timedelta)),
    datetime: BaseOf(
        "datetime", lambda value: [value.year, value.month, value.day, *_time_parts(value)], _make_datetime
    ),
    date: BaseOf("date", lambda value: [value.year, value.month, value.day], _by_parts(date)),
    time: BaseOf("time", _time_parts, _make_time),
    timezone: BaseOf("timezone", lambda value: [*value.__getinitargs__()], _by_parts(timezone)),
    ZoneInfo: BaseOf("ZoneInfo", _zone_key, lambda _kind, key: ZoneInfo(key), extends=False),
    TzInfo: BaseOf(
        "TzInfo",
        lambda value: value.utcoffset(None).total_seconds(),
        lambda _kind, seconds: TzInfo(seconds),
        extends=False,
    ),
    re.Pattern: BaseOf(
        "Pattern", lambda value: [value.pattern, value.flags], lambda _kind, parts: re.compile(*parts), extends=False
    ),
    Decimal: BaseOf("Decimal", Decimal.__str__, Decimal.__new__),
    SecretStr: BaseOf("SecretStr", _secret, lambda _kind, value: SecretStr(value), extends=False),
    SecretBytes: BaseOf("SecretBytes", _secret, lambda _kind, value: SecretBytes(value), extends=False),
    **{
        kind: _as_text(kind)
        for kind in (
            *(Fraction, UUID, Url, MultiHostUrl, PosixPath, PurePosixPath, WindowsPath, PureWindowsPath),
            *(IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
        )
    },
}
"""By type; for the exact type alone, unless it `extends` to classes that are derived from it."""


def register_record(kind: type) -> None:
    """Let the instances of a class, and of those derived from it, be written with their attributes."""
    _records.append(kind)


def is_enum(kind: Any) -> TypeGuard[EnumType]:
    """Return whether a class is an enumeration."""
    return isinstance(kind, EnumType) and issubclass(kind, Enum)


def is_record(kind: type) -> bool:
    """Return whether the instances of a class are nothing but their attributes."""
    return is_dataclass(kind) or issubclass(kind, tuple(_records))


def made_in_python(kind: type) -> bool:
    """Return whether a class was made by a `class` statement, so that no state of its instances is hidden."""
    return bool(kind.__flags__ & _HEAP_TYPE) and not isinstance(kind.__dict__.get("__new__"), BuiltinMethodType)


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots of a class, as its attributes are called."""
    names: list[str] = []
    for one in kind.__mro__:
        slots: Any = one.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{one.__name__.lstrip('_')}{name}" if private else name)
    return tuple(name for name in names if name not in {"__dict__", "__weakref__"})
