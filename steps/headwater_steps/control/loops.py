"""The kind `control.loop`: a pipeline that runs again and again until a condition holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from anyio import move_on_after, sleep
from pydantic import Field

from headwater import Condition, StepContext
from headwater.toolkit import NestedForm, NestingStep
from headwater_steps.control.control_errors import LoopLimitError

__all__ = ["Loop"]

_NOTHING: Any = object()


class Loop(NestingStep, kind="control.loop"):
    """Run another pipeline until a condition holds, each time with the value that it made the time before.

    The first run gets the value that comes in. A stream is worked on item by item, each in a loop of its own. Events of
    the steps inside have the `iteration` in their metadata, from 0.

    Args:
        pipeline: The pipeline as an object, or the path of its file. A path is relative to the folder of the document
            that names it, and leads to a file inside that folder. It makes one value of one value, and takes what it
            makes.
        parameters: Values of the parameters that the pipeline declares.
        until: The condition, of the value that a run has made.
        max_iterations: How often the pipeline runs at most.
        max_time_s: How long all the runs for a value may take together, in seconds.
        delay_s: How long to wait between two runs, in seconds.
        on_limit: What happens when `max_iterations` or `max_time_s` is reached before the condition holds: `fail`, or
            `return` the value of the last run.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.halve")
        ... def halve(number: float) -> float:
        ...     return number / 2
        >>> inner = {"name": "inner", "steps": [{"id": "halve", "kind": "example.halve"}]}
        >>> run_sync(Pipeline("outer", steps={"loop": Loop(pipeline=inner, until={"lt": 1})}), 6.0).output
        0.75
    """

    takes_streams: ClassVar[bool] = False

    until: Condition
    max_iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    max_time_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    delay_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    on_limit: Literal["fail", "return"] = "fail"

    async def run(self, value: Any, ctx: StepContext) -> Any:
        """Run the loop for one value."""
        return await self.value(value, ctx=ctx)

    async def value(self, *inputs: Any, ctx: StepContext) -> Any:
        """Run the pipeline until the condition holds, and return the last value."""
        last = _NOTHING
        limit_s = float("inf") if self.max_time_s is None else self.max_time_s
        with move_on_after(limit_s):
            for iteration in range(self.max_iterations):
                await sleep(self.delay_s if iteration else 0)  # others have a turn even without a delay
                last = await ctx.nested(inputs if last is _NOTHING else [last], iteration=iteration).value()
                if self.until.test(last):
                    return last
        if self.on_limit == "return" and last is not _NOTHING:
            return last
        raise LoopLimitError(self.max_iterations, self.max_time_s)

    def check_form(self, form: NestedForm) -> None:
        """Raise when the pipeline does not make one value of one value, or does not take what it makes."""
        if len(form.inputs) != 1 or len(form.outputs) != 1 or form.streams_out or form.outputs_type is not None:
            raise ValueError("control.loop runs a pipeline that makes one value of one value, but this one does not")
        if not form.takes_its_output:
            raise ValueError("control.loop gives a pipeline what it made before, but this one does not take that type")
