"""A nested pipeline does what its steps do without it: random chains, nested at random places."""

from __future__ import annotations

from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import ExecutionError, Pipeline
from tests.steps.nesting import chain

KINDS: list[dict[str, Any]] = [
    {"kind": "nesting.double"},
    {"kind": "nesting.fail_at", "params": {"bad": 4}},
    {"kind": "nesting.same"},
    {"kind": "nesting.repeat"},
    {"kind": "stream.filter", "params": {"where": {"ge": 1}}},
    {"kind": "stream.take", "params": {"n": 5}},
    {"kind": "stream.skip", "params": {"n": 1}},
    {"kind": "stream.distinct"},
    {"kind": "control.switch", "params": {"cases": {"all": {"exists": True}}}},
]
CHAINS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)


@st.composite
def nested(draw: st.DrawFn, steps: list[dict[str, Any]], levels: int = 3) -> list[dict[str, Any]]:
    """Return a chain with parts of it in nested pipelines."""
    if levels == 0 or not steps:
        return steps
    start = draw(st.integers(0, len(steps) - 1))
    end = draw(st.integers(start + 1, len(steps)))
    inside = draw(nested(steps[start:end], levels - 1))
    step = {"kind": "control.pipeline", "params": {"pipeline": chain(*inside)}}
    return [*steps[:start], step, *steps[end:]]


async def outcome(steps: list[dict[str, Any]], data: list[int]) -> tuple[Any, str]:
    """Return the output of a chain, or what came before its failure, and the cause."""
    try:
        return (await Pipeline.load(chain(*steps)).run(iter(data))).output, ""
    except ExecutionError as error:
        return None if error.result is None else error.result.output, str(error.__cause__)


@settings(max_examples=60, deadline=None)
@given(st.data(), CHAINS, st.lists(st.integers(0, 5), max_size=8))
def test_nested_chain_does_what_the_chain_does(
    draws: st.DataObject, steps: list[dict[str, Any]], data: list[int]
) -> None:
    """The same items come out, or the same error; on asyncio and on trio."""
    other = draws.draw(nested(steps))
    for backend in ("asyncio", "trio"):
        whole, cause = anyio.run(outcome, steps, data, backend=backend)
        parts, same_cause = anyio.run(outcome, other, data, backend=backend)
        assert cause == same_cause
        if not cause:
            assert parts == whole
        elif whole:
            assert (parts or []) == whole[: len(parts or [])] or whole == (parts or [])[: len(whole)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(KINDS[:4]), min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=6))
def test_map_does_what_single_runs_do(steps: list[dict[str, Any]], data: list[int]) -> None:
    """What comes out for a stream is what comes out for each item alone."""
    mapped = [{"kind": "control.map", "params": {"pipeline": chain(*steps)}}]
    found, cause = anyio.run(outcome, mapped, data)
    alone: list[Any] = []
    for item in data:
        output, _ = anyio.run(outcome, steps, [item])
        alone += output or []
    if not cause:
        assert found == alone
