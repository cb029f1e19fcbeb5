"""The JSON Schema of params is there for every kind."""

from __future__ import annotations

from collections.abc import Callable

from headwater import step
from headwater.config.schema import config_schema


def test_schema_lets_no_value_pass_when_json_cannot_express_a_param() -> None:
    """A kind whose param is a function is described all the same, and so are all the other kinds."""

    @step("schema.apply")
    def apply(number: int, *, function: Callable[[int], int] = abs, times: int = 1) -> int:
        return function(number) * times

    properties = apply.definition.params_schema()["properties"]
    assert properties["function"]["not"] == {}
    assert properties["times"]["type"] == "integer"
    assert "params of schema.apply" in config_schema()["$defs"]
