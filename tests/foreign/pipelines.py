"""The pipelines that clients follow and run, with a gate that the tests open."""

from __future__ import annotations

from collections.abc import AsyncIterator

from headwater import Pipeline, StepContext, step
from tests.browser.pipelines import GATE

COUNT = 6


@step("foreign.measure")
async def measure(ctx: StepContext) -> AsyncIterator[int]:
    """Write numbers when the gate is open for them, and report how far it is."""
    for number in range(COUNT):
        await GATE.wait(number)
        ctx.progress((number + 1) / COUNT, f"{number + 1} of {COUNT}")
        yield number


@step("foreign.double")
async def double(number: int) -> int:
    """Double a number, but not 13."""
    if number == 13:
        raise ValueError("13 cannot be doubled")
    return 2 * number


STEPS = [{"id": "measure", "kind": "foreign.measure"}, {"id": "double", "kind": "foreign.double"}]
MEASURES = Pipeline.load({"name": "measures", "streaming": {"emit_items": "all"}, "steps": STEPS})
DOUBLES = Pipeline.load({"name": "doubles", "steps": STEPS[1:]})
