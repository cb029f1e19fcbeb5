"""The kind `control.switch`: one of several ways for each item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import Field, PrivateAttr

from headwater import Condition, Outputs, Step, To
from headwater.toolkit import Reads, in_words
from headwater_steps.control.control_errors import NoCaseError

__all__ = ["Case", "Switch"]

Item = TypeVar("Item")
_Port = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$")]


class Case(Outputs, Generic[Item]):
    """The outputs of a switch: a port for each of its cases, and its default."""

    default: Item


def _fields(cases: Mapping[str, Condition]) -> Iterable[str]:
    """Return the fields that the conditions compare."""
    return [field for condition in cases.values() for field in _compared(condition.source)]


def _compared(data: Mapping[str, Any]) -> Iterator[str]:
    for part in [*data.get("all", ()), *data.get("any", ()), *([data["not"]] if "not" in data else ())]:
        yield from _compared(part)
    if "field" in data and not data.keys() <= {"field", "exists"}:
        yield data["field"]


class Switch(Step, kind="control.switch"):
    """Send each item to the port of the first case whose condition it meets.

    The ports are named by the document: those of `cases`, and that of `default`. An item that meets no condition goes
    to the default, or is an error without one. Where the input is one value, the steps after other ports are skipped.

    Args:
        cases: The conditions by port, in the order in which they are tried.
        default: The port of items that meet no condition; it may be that of a case.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> sizes = Switch(cases={"small": {"lt": 10}}, default="large")
        >>> pipeline = Pipeline("sizes", steps={"sizes": sizes}, edges=[], output=["sizes.small", "sizes.large"])
        >>> run_sync(pipeline, [1, 20, 3]).output
        {'sizes.small': [1, 3], 'sizes.large': [20]}
    """

    cases: Annotated[dict[_Port, Condition], Field(min_length=1, max_length=100)]
    default: _Port | None = None

    _tests: list[tuple[str, Callable[[Any], bool]]] = PrivateAttr()
    _is_alone: bool = PrivateAttr()

    def model_post_init(self, _context: Any) -> None:
        """Note the tests, and whether there is only one port."""
        self._tests = [(port, condition.test) for port, condition in self.cases.items()]
        self._is_alone = len(self._ports()) == 1

    def run(self, item: Annotated[Item, Reads(at="cases", paths=_fields)]) -> Case[Item]:
        """Return the item with its port.

        Args:
            item: Anything.

        Returns:
            The item, to the port of its case.

        Raises:
            NoCaseError: It meets no condition, and there is no default.
        """
        port = next((port for port, test in self._tests if test(item)), self.default)
        if port is None:
            raise NoCaseError(in_words(item))
        return cast("Case[Item]", item if self._is_alone else To(port, item))

    def shaped_methods(self, declared: Sequence[Any]) -> Sequence[Any]:
        """Return the methods with a port for each case."""
        ports = self._ports()
        return [
            replace(
                method,
                outputs=tuple([replace(method.outputs[0], name=port) for port in ports]),
                outputs_type=method.outputs_type if len(ports) > 1 else None,
            )
            for method in declared
        ]

    def _ports(self) -> list[str]:
        return list(dict.fromkeys([*self.cases, *([] if self.default is None else [self.default])]))
