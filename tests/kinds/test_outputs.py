"""Several outputs: `Outputs`, `To`, and what the engine reads of them."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import pytest

from headwater.kinds.outputs import Outputs, To, parts_of
from headwater.streams import Header

Value = TypeVar("Value")


LOG: dict[str, Any] = {"log": "x"}
MISSPELLED: dict[str, Any] = {"acepted": 3}


class Checked(Outputs):
    limit: ClassVar[int] = 3
    accepted: int
    rejected: str


class Audited(Checked):
    log: str


class Pair(Outputs, Generic[Value]):
    left: Value
    right: list[Value]


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (Outputs, ()),
        (Checked, ("accepted", "rejected")),
        (Audited, ("accepted", "rejected", "log")),
        (Pair, ("left", "right")),
    ],
)
def test_names_the_ports_in_the_order_of_definition(outputs: type[Outputs], names: tuple[str, ...]) -> None:
    """The annotated fields are the ports, those of bases first, and class variables are none."""
    assert outputs.port_names == names


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        (To("rejected", "x"), [("rejected", "x")]),
        (To("rejected", Header("x")), [("rejected", Header("x"))]),
        (Checked(accepted=3, rejected="x"), [("accepted", 3), ("rejected", "x")]),
        (Audited(**LOG), [("log", "x")]),
        (Pair[int](left=1, right=[2]), [("left", 1), ("right", [2])]),
    ],
)
def test_says_which_value_goes_to_which_port(written: Any, parts: list[tuple[str, Any]]) -> None:
    """An instance gives what was given to it, and `To` gives one value."""
    assert list(parts_of(written)) == parts


@pytest.mark.parametrize("written", [3, None, "rejected", ("rejected", 3), Checked])
def test_refuses_a_value_without_a_port(written: Any) -> None:
    """A value that says no port is a mistake of the step, never a guess of the engine."""
    with pytest.raises(TypeError, match="several outputs"):
        parts_of(written)


def test_refuses_a_port_that_is_not_there() -> None:
    """A misspelled port is refused where it is written, with the ports that there are."""
    with pytest.raises(TypeError, match="no port 'acepted'; its ports are: accepted, rejected"):
        Checked(**MISSPELLED)


def test_is_frozen_and_compared_by_value() -> None:
    """Outputs are values: equal by their fields, and never changed."""
    checked = Checked(accepted=3, rejected="x")
    with pytest.raises(AttributeError, match="frozen"):
        checked.accepted = 4  # type: ignore[misc]
    assert checked == Checked(accepted=3, rejected="x")
    assert checked != Checked(accepted=4, rejected="x")
    assert checked != Audited(accepted=3, rejected="x", log="")
    assert To("accepted", 3) == To("accepted", 3)
    assert To("accepted", 3) != To("rejected", 3)
    assert repr(checked) == "Checked(accepted=3, rejected='x')"
