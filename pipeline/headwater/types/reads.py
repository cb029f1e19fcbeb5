"""What steps declare beside the types of their ports: what they read of each item, and what depends on params."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.streams.frames import StreamType

__all__ = ["ByParam", "NeededWhen", "Reads"]


@dataclass(frozen=True, slots=True)
class Reads:
    """What a step reads of each item at a port, as metadata of the port's annotation.

    A pipeline is refused when the items that are declared to come cannot have that.

    Args:
        type: The type of what is read.
        at: The param with the path of the field that is read, a list of paths or a `Condition`; where it is None, or
            not named, the item itself is read.
        paths: Returns the paths of fields in the value of that param, where it is neither of these, such as a template.

    Example:
        >>> from collections.abc import Iterable
        >>> from typing import Annotated, Any
        >>> from headwater import step
        >>> from headwater.toolkit import FieldPath, Reads
        >>> @step("example.average")
        ... def average(
        ...     rows: Annotated[Iterable[Any], Reads(int | float, at="field")], *, field: FieldPath
        ... ) -> float: ...
        >>> average.definition.methods[0].inputs[0].reads[0].at
        'field'
    """

    type: Any = object
    at: str = ""
    paths: Callable[[Any], Iterable[str]] | None = None


@dataclass(frozen=True, slots=True)
class ByParam:
    """Other types of an output for some values of a param, as metadata of the output's annotation.

    Args:
        param: The name of the param.
        types: The type of the stream by the value of the param; for other values it is the one beside.
    """

    param: str
    types: Mapping[Any, StreamType]


@dataclass(frozen=True, slots=True)
class NeededWhen:
    """A side port that must be connected when a param has some value, as metadata of the port's annotation.

    A pipeline is refused when the param has that value and nothing reads the port.

    Args:
        param: The name of the param.
        value: Its value that sends items to the port.

    Example:
        >>> from typing import Annotated
        >>> from headwater import Outputs, SidePort
        >>> class Rows(Outputs):
        ...     good: int
        ...     rejected: Annotated[SidePort[str], NeededWhen("on_bad", "reject")]
    """

    param: str
    value: object
