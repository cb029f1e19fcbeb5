"""How a step writes more than one type: `Emits` for a header or footer, `Outputs` and `To` for several ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Never, get_args, get_origin

from typing_extensions import Format, TypeAliasType, TypeVar, dataclass_transform, get_annotations

from headwater.streams.frames import Footer, Header

__all__ = ["ERRORS_PORT", "Emits", "Failed", "Outputs", "Routed", "SidePort", "To", "main_type", "parts_of"]

Item = TypeVar("Item", default=Any)
HeaderT = TypeVar("HeaderT", default=Never)
FooterT = TypeVar("FooterT", default=Never)

Emits = TypeAliasType(
    "Emits",
    AsyncIterator[Item | HeaderT | FooterT | Header[HeaderT] | Footer[FooterT]],
    type_params=(Item, HeaderT, FooterT),
)
"""What an async generator yields that writes a header or footer: `Emits[Item, Header]`, `Emits[Item, Header, Footer]`.

It is an `AsyncIterator` of all of them. Where the classes cannot be distinguished, declare them wrapped, as in
`Emits[str, Header[str]]`; then only a wrapped value is the header.
"""


@dataclass(frozen=True, slots=True)
class Failed:
    """What a step with `batched=True` puts in the place of a result that it cannot make: that item alone fails.

    Args:
        error: Why.

    Example:
        >>> from headwater import Failed
        >>> def roots(numbers: list[float]) -> list[float | Failed]:
        ...     return [n**0.5 if n >= 0 else Failed(ValueError(f"{n} is negative")) for n in numbers]
        >>> roots([9, -1])
        [3.0, Failed(error=ValueError('-1 is negative'))]
    """

    error: Exception

    def __post_init__(self) -> None:
        if not isinstance(self.error, Exception):  # pyright: ignore[reportUnnecessaryIsInstance] - not all are checked
            raise TypeError(f"Failed needs an exception, found a {type(self.error).__name__}")


class _Side:
    """Marks the annotation of an output that may stay unconnected."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SIDE"


_SIDE: Final = _Side()
PortT = TypeVar("PortT")

ERRORS_PORT: Final = "errors"
"""The port of a step for items that failed, where a document asks for it; no step may declare it."""

SidePort = Annotated[PortT, _SIDE]
"""A field of an `Outputs` class that may stay unconnected, such as `rejected: SidePort[BadRow]`.

It is the pipeline's output only when a document names it. The id of the step alone means the other port, so that a
chain continues there. Writing to a side port that is not connected is an error: nothing is lost silently.
"""


def main_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type of an output port without the mark of a `SidePort`, and whether it must be connected."""
    metadata: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    if get_origin(annotation) is not Annotated or _SIDE not in metadata:
        return annotation, True
    others = tuple(extra for extra in metadata if extra is not _SIDE)
    inner = get_args(annotation)[0]
    return (Annotated[(inner, *others)] if others else inner), False


class Routed:
    """A value for one output port, or a `Header` or `Footer` that holds one; made by `To`."""

    __slots__ = ("port", "value")

    def __init__(self, port: str, value: Any) -> None:
        self.port: str = port
        self.value: Any = value

    def __repr__(self) -> str:
        return f"To({self.port!r}, {self.value!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Routed):
            return NotImplemented
        return (self.port, self.value) == (other.port, other.value)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # a value need not be hashable


def To(port: str, value: Any) -> Any:  # noqa: N802 - reads as what it makes, beside Header and Footer
    """Write a value to one output port of a step that has several.

    Args:
        port: Name of the port: a field of the `Outputs` class.
        value: The value, or a `Header` or `Footer` that holds one.

    Returns:
        What a step yields or returns, typed so that it fits the place of any `Outputs` class.

    Example:
        >>> To("rejected", 3)
        To('rejected', 3)
    """
    return Routed(port, value)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Outputs:
    """The output ports of a step that has several: one for each annotated field of a subclass.

    A unary step returns an instance, or `To` for a single port. A streaming step yields them: an instance writes an
    item to each port that it names, `To` writes to one. Where all ports except one are `SidePort`s, any other value
    goes to that one: a step that seldom writes to the side returns or yields its items as they are. A field of the type
    `Stream[Item, Header, Footer]` is a port whose stream has a header and footer.

    Example:
        >>> class Checked(Outputs):
        ...     accepted: int
        ...     rejected: str
        >>> Checked(accepted=3, rejected="x")
        Checked(accepted=3, rejected='x')
    """

    port_names: ClassVar[tuple[str, ...]] = ()
    """Names of the ports, in the order of definition."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        annotations = get_annotations(cls, format=Format.FORWARDREF)
        own = [name for name, annotation in annotations.items() if not _is_class_variable(annotation)]
        cls.port_names = tuple(dict.fromkeys((*cls.port_names, *own)))

    def __init__(self, **ports: Any) -> None:
        unknown = ports.keys() - set(self.port_names)
        if unknown:
            expected = ", ".join(self.port_names) or "none"
            msg = f"{type(self).__name__} has no port {min(unknown)!r}; its ports are: {expected}"
            raise TypeError(msg)
        self.__dict__.update(ports)

    def __setattr__(self, name: str, value: Any) -> None:
        msg = f"{type(self).__name__} is frozen: {name!r} cannot be set"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # a value need not be hashable


def parts_of(value: Any, main: str = "") -> Iterable[tuple[str, Any]]:
    """Return what a step returned or yielded by port; `main` is the port of a value without one."""
    if isinstance(value, Routed):
        return ((value.port, value.value),)
    if isinstance(value, Outputs):
        return vars(value).items()
    if main:
        return ((main, value),)
    msg = (
        f"a step with several outputs writes an instance of its Outputs class or To(port, value), "
        f"but this is {type(value).__name__}"
    )
    raise TypeError(msg)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar
