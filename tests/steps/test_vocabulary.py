"""One vocabulary for the params of all kinds that ship: what they are called, and what they may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from headwater.kinds.registry import registry

FAMILIES = ("file", "http", "process", "sink", "source", "stream", "text")
KINDS = [kind for kind in registry.kinds() if kind.partition(".")[0] in FAMILIES]


def params(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the JSON Schema of each param of a kind."""
    found = registry.find(kind)
    assert found is not None
    return found.definition.params_schema().get("properties", {})


def choices(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that a param may have, where they are listed."""
    yield from schema.get("enum", ())
    for part in schema.get("anyOf", ()):
        yield from choices(part)


@pytest.mark.parametrize("kind", KINDS)
def test_policy_is_called_after_what_it_decides_about(kind: str) -> None:
    """A param that may be `fail` says what happens on something: `on_bad`, `on_missing`."""
    wrong = [name for name, schema in params(kind).items() if "fail" in choices(schema) and not name.startswith("on_")]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_policy_calls_leaving_out_one_thing(kind: str) -> None:
    """What leaves an item out and counts it is `skip`, whatever the reason."""
    policies = {name: set(choices(schema)) for name, schema in params(kind).items() if name.startswith("on_")}
    assert not [name for name, values in policies.items() if values & {"drop", "omit", "leave_out", "discard"}]


@pytest.mark.parametrize("kind", KINDS)
def test_every_param_is_described(kind: str) -> None:
    """The reference page of a kind tells each of its params in a sentence."""
    assert [name for name, schema in params(kind).items() if not schema.get("description", "").endswith(".")] == []
