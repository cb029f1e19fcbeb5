"""Types of params that are given as data."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from headwater import Condition, ConfigError, Pipeline, step
from headwater.toolkit import DataParam, Fault, Transform


class Level(DataParam):
    data_type = int

    def __init__(self, source: int) -> None:
        self.source = source

    @classmethod
    def from_data(cls, data: Any) -> Level:
        """Return the level in a document."""
        if not isinstance(data, int):
            raise cls.refusal([Fault("wrong-type", "expected a level", hint="write a number")])
        return cls(data)


@step("data_params.at")
def at(item: int, *, level: Level) -> bool:
    """Return whether an item is at a level."""
    return item == level.source


def document(level: Any) -> dict[str, Any]:
    """Return a document with a level."""
    return {"name": "levels", "steps": [{"id": "at", "kind": "data_params.at", "params": {"level": level}}]}


def test_reports_a_fault_at_its_place_when_a_document_has_one() -> None:
    """Code, message, path and hint of a fault are those of the problem."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document("high"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("wrong-type", "$.steps[0].params.level")
    assert (problem.message, problem.hint) == ("expected a level", "write a number")


def test_is_written_as_its_data_and_has_their_schema() -> None:
    """What was read is what is written, and the JSON Schema is that of the data."""
    assert TypeAdapter(Level).dump_python(Level(3)) == 3
    assert TypeAdapter(Level).json_schema() == {"type": "integer"}


@pytest.mark.parametrize(
    ("kind", "data"), [(Level, 3), (Condition, {"ge": 3}), (Transform, {"kind": "text.upper", "params": {}})]
)
def test_equals_another_when_their_data_are_equal(kind: type[DataParam], data: Any) -> None:
    """A param is a value: equal data make equal params, of the same hash, that show their data."""
    one, two = TypeAdapter(kind).validate_python(data), TypeAdapter(kind).validate_python(data)
    assert one == two
    assert hash(one) == hash(two)
    assert repr(one) == f"{kind.__name__}({data!r})"
    assert TypeAdapter(kind).validate_python(one) is one
