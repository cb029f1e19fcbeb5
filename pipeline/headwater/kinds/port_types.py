"""Reads which frames flow through a port from its annotation."""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Literal, Never, NewType, NoReturn, TypeVar, get_args, get_origin

from typing_extensions import is_typeddict

from headwater.annotations import alternatives, is_union, shape, union, walk
from headwater.kinds.outputs import Emits
from headwater.streams.frames import Batch, Footer, Header, StreamType
from headwater.streams.stream import Stream
from headwater.types.reads import ByParam, NeededWhen, Reads

__all__ = ["Form", "Shape", "contains_stream", "form_of", "wrapped_frames"]

_PLAIN: frozenset[type] = frozenset({str, bytes, int, float, bool, dict, list, tuple})


class Shape(Enum):
    """What kind of thing an annotation describes."""

    VALUE = "a value"
    STREAM = "a Stream"
    ITERABLE = "an Iterator"
    ASYNC_ITERABLE = "an AsyncIterator"


@dataclass(frozen=True, slots=True)
class Form:
    """An annotation, read."""

    shape: Shape
    type: StreamType
    wrapped: frozenset[str] = frozenset()
    disagrees: bool = False
    reads: tuple[Reads, ...] = ()
    by_param: ByParam | None = None
    needed: NeededWhen | None = None


_SHAPES: dict[Any, Shape] = {
    Stream: Shape.STREAM,
    Emits: Shape.ASYNC_ITERABLE,
    AsyncIterable: Shape.ASYNC_ITERABLE,
    AsyncIterator: Shape.ASYNC_ITERABLE,
    AsyncGenerator: Shape.ASYNC_ITERABLE,
    Iterable: Shape.ITERABLE,
    Iterator: Shape.ITERABLE,
    Generator: Shape.ITERABLE,
}
_WRAPPERS: dict[Any, str] = {Header: "header", Footer: "footer"}
_NEVER: tuple[Any, ...] = (Never, NoReturn)
_ABSENT: tuple[Any, ...] = (None, types.NoneType, *_NEVER)


def form_of(annotation: Any) -> Form:
    """Return the shape of an annotation, as `get_type_hints(..., include_extras=True)` gives it, and its frames."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation)
    if is_union(annotation):
        return _optional(annotation)
    shape = _SHAPES.get(annotation if origin is None else origin)
    if shape is None:
        return Form(Shape.VALUE, StreamType(annotation))
    arguments = get_args(annotation)
    if (origin or annotation) in {Stream, Emits}:
        return _frames(shape, *arguments)
    return _union_of_frames(shape, arguments[0] if arguments else Any)


def _annotated(annotation: Any) -> Form:
    """Read `Annotated[Stream[...], StreamType(...)]`: the `StreamType` adds mode and rules."""
    inner, *metadata = get_args(annotation)
    form = form_of(inner)
    declared = [extra for extra in metadata if isinstance(extra, StreamType)]
    reads = tuple(extra for extra in metadata if isinstance(extra, Reads))
    by_param = next((extra for extra in metadata if isinstance(extra, ByParam)), None)
    needed = next((extra for extra in metadata if isinstance(extra, NeededWhen)), None)
    form = replace(form, reads=reads, by_param=by_param, needed=needed)
    if form.shape is Shape.VALUE:
        rest = tuple(extra for extra in metadata if not isinstance(extra, Reads | NeededWhen))
        value = Annotated[(inner, *rest)] if rest else inner
        return replace(form, type=StreamType(value), disagrees=bool(declared))
    if not declared:
        return form
    same = (declared[-1].item, declared[-1].header, declared[-1].footer) == (
        form.type.item,
        form.type.header,
        form.type.footer,
    )
    return replace(form, type=declared[-1], disagrees=not same)


def _optional(annotation: Any) -> Form:
    """Read `Stream[...] | None`, the type of an input that may stay unconnected."""
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    form = form_of(members[0])
    if len(members) == 1 and form.shape is not Shape.VALUE:
        return form
    return Form(Shape.VALUE, StreamType(annotation))


def _union_of_frames(shape: Shape, item: Any) -> Form:
    """Read `Iterator[Item | Batch[Item] | Header[...] | Footer[...]]`."""
    several = tuple(one for one in get_args(item) if one not in _NEVER) if is_union(item) else (item,)
    frames = {_WRAPPERS[get_origin(member)]: member for member in several if get_origin(member) in _WRAPPERS}
    items = [_single(member) for member in several if member not in frames.values()]
    if frames or any(one in _NEVER for one in get_args(item)) or any(get_origin(member) is Batch for member in several):
        item = union(*items)
    return _frames(shape, item, frames.get("header"), frames.get("footer"))


def _single(member: Any) -> Any:
    return get_args(member)[0] if get_origin(member) is Batch else member


def _frames(shape: Shape, item: Any = Any, header: Any = None, footer: Any = None) -> Form:
    frames = {"header": header, "footer": footer}
    bare = {name: _unwrapped(frame) for name, frame in frames.items()}
    wrapped = frozenset(name for name in frames if bare[name] is not None and get_origin(frames[name]) in _WRAPPERS)
    return Form(shape, StreamType(item, **bare), wrapped)


def _unwrapped(frame: Any) -> Any:
    """Return the type of a header or footer; None for `None` and `Never`, which stand for a stream without one."""
    bare = get_args(frame)[0] if get_origin(frame) in _WRAPPERS else frame
    return None if bare in _ABSENT else bare


def contains_stream(annotation: Any) -> bool:
    """Return whether a type, or a part of it, is a `Stream`."""
    return any(shape(part)[0] is Stream for part in walk(annotation, fields=False))


def wrapped_frames(type_: StreamType) -> frozenset[str]:
    """Return which of header and footer count only when they are wrapped in `Header` or `Footer`.

    Their class does not distinguish them from an item, or the footer from the header.
    """
    confusable = {
        "header": type_.header is not None and _covers(type_.header, type_.item),
        "footer": type_.footer is not None
        and (_covers(type_.footer, type_.item) or (type_.header is not None and _covers(type_.header, type_.footer))),
    }
    return frozenset(name for name, confused in confusable.items() if confused)


def _covers(frame: Any, other: Any) -> bool:
    """Return whether a value of the second type may be an instance of the first one's class.

    Items of any type are assumed to be plain data, or instances of classes that are not used for frames.
    """
    frames = tuple(_classes(frame))
    try:
        return any(
            issubclass(cls, frames) or (cls is object and _PLAIN.intersection(frames)) for cls in _classes(other)
        )
    except TypeError:  # a protocol that cannot be tested at run time distinguishes nothing
        return True


def _classes(annotation: Any) -> list[type]:
    """Return the run-time classes of a type; none where a type variable leaves it open."""
    return [cls for one in alternatives(annotation) for cls in _classes_of_one(one)]


def _classes_of_one(annotation: Any) -> list[type]:
    if isinstance(annotation, NewType):
        return _classes(annotation.__supertype__)
    origin, args = shape(annotation)
    if origin is Literal:
        return [type(args[0])]
    if origin is Any:
        return [object]
    if isinstance(annotation, TypeVar) or not isinstance(origin, type):
        return []
    return [dict if is_typeddict(origin) else origin]
