"""Parameters from strings, and the JSON Schema of parameters."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.toolkit import parameter_values, parameters_schema

DECLARED: dict[str, Any] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."},
    "title": {"type": "string", "default": "none", "enum": ["none", "all"]},
    "ratio": {"type": "number", "default": None, "minimum": 0.5},
    "tags": {"type": "array", "default": []},
    "port": {"type": "integer", "default": "${env.PORT:integer}"},
    "broken": {"type": "text"},
}


def test_converts_strings_to_the_declared_types() -> None:
    """Numbers, lists and strings become what the document declares."""
    given = {"limit": "4", "title": "4", "ratio": "0.5", "tags": '["a"]'}
    assert parameter_values({"parameters": DECLARED}, given) == {
        "limit": 4,
        "title": "4",
        "ratio": 0.5,
        "tags": ["a"],
    }


@pytest.mark.parametrize("declared", [DECLARED, None, [], {"limit": 7}])
def test_leaves_strings_to_the_loader_when_they_do_not_fit(declared: Any) -> None:
    """What is wrong or unknown is reported when the document is loaded."""
    given = {"limit": "four", "unknown": "1", "broken": "x"}
    assert parameter_values({"parameters": declared}, given) == given


def test_describes_parameters_when_some_have_no_value() -> None:
    """The schema has types, limits, defaults and descriptions; what has no default is required."""
    assert parameters_schema({"parameters": DECLARED}) == {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."},
            "title": {"type": "string", "enum": ["none", "all"], "default": "none"},
            "ratio": {"type": ["number", "null"], "minimum": 0.5, "default": None},
            "tags": {"type": "array", "default": []},
            "port": {"type": "integer"},
            "broken": {},
        },
        "required": ["limit"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("document", [{}, {"parameters": None}, {"parameters": [1]}])
def test_describes_no_parameters_when_there_are_none(document: dict[str, Any]) -> None:
    """A document without usable declarations has an empty object."""
    assert parameters_schema(document)["properties"] == {}
