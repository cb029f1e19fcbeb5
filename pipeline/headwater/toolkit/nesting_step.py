"""The base of kinds that run a nested pipeline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from headwater.config.nested.pipeline_param import NestedForm, NestedPipeline
from headwater.kinds.definition import Call, Method
from headwater.kinds.step import Step
from headwater.kinds.step_context import StepContext
from headwater.kinds.task import Flavor

__all__ = ["NestingStep"]


class NestingStep(Step):
    """A step that runs a pipeline which it holds as a param; its ports are the free inputs and outputs of the pipeline.

    A subclass that runs it once for its input needs nothing but a kind, a docstring and a `run` that names the ports in
    the reference. Others override `value`, and `frames` where the pipeline may write a stream.

    Attributes:
        takes_streams: Whether the pipeline may be given streams. If not, a stream is given to it item by item.

    Example:
        >>> class Twice(NestingStep, kind="example.twice"):
        ...     takes_streams = False
        ...
        ...     async def run(self, value: object, ctx: StepContext) -> object:
        ...         return await self.value(value, ctx=ctx)
        ...
        ...     async def value(self, *inputs: object, ctx: StepContext) -> object:
        ...         return await ctx.nested([await ctx.nested(inputs, iteration=0).value()], iteration=1).value()
        >>> from headwater import Pipeline, run_sync
        >>> upper = {"name": "inner", "steps": [{"id": "strip", "kind": "text.strip"}]}
        >>> run_sync(Pipeline("outer", steps={"twice": Twice(pipeline=upper)}), " x ").output
        'x'
    """

    takes_streams: ClassVar[bool] = True

    pipeline: NestedPipeline
    parameters: Mapping[str, Any] = {}

    async def value(self, *inputs: Any, ctx: StepContext) -> Any:
        """Run the pipeline, and return the value that it makes.

        Args:
            *inputs: A value or a stream for each input of the pipeline.
            ctx: The context of the step.

        Returns:
            The value, or an `Outputs` if the pipeline has several outputs.
        """
        return await ctx.nested(inputs, **self.metadata(ctx)).value()

    async def frames(self, *inputs: Any, ctx: StepContext) -> AsyncGenerator[Any, None]:
        """Run the pipeline, and yield what it writes while it is written.

        Args:
            *inputs: A value or a stream for each input of the pipeline.
            ctx: The context of the step.

        Yields:
            Headers, items, batches of items and footers, each with its port if the pipeline has several outputs.
        """
        frames = ctx.nested(inputs, **self.metadata(ctx)).frames()
        try:
            async for frame in frames:
                yield frame
        finally:
            await frames.aclose()

    def metadata(self, ctx: StepContext) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return what the events of a run have as metadata.

        Args:
            ctx: The context of the step.

        Returns:
            Values of types that JSON has, by name; they also distinguish the runs in idempotency keys.
        """
        return {}

    def shaped_methods(self, declared: Sequence[Method]) -> Sequence[Method]:
        """Return the methods of the step, with the ports of its pipeline.

        Args:
            declared: The methods that its class declares.

        Returns:
            A method for each way to run the pipeline; those of the class until the pipeline is loaded.

        Raises:
            ValueError: The kind cannot run such a pipeline.
        """
        if self.pipeline.loaded is None:
            return declared
        forms = [form for form in self.pipeline.loaded.forms if self.takes_streams or not form.streams_in]
        forms = forms or list(self.pipeline.loaded.forms)
        for form in forms:
            self.check_form(form)
        return [self._method(declared[0], form) for form in forms]

    def check_form(self, form: NestedForm) -> None:
        """Raise when the kind cannot run its pipeline.

        Args:
            form: One way to run the pipeline, with its ports.

        Raises:
            ValueError: What the kind expects of the pipeline.
        """

    def _method(self, declared: Method, form: NestedForm) -> Method:
        call = Call.ASYNC_GENERATOR if form.streams_out else Call.COROUTINE
        function = type(self).frames if form.streams_out else type(self).value
        return replace(
            declared,
            function=function,
            name=function.__name__,
            call=call,
            inputs=form.inputs,
            outputs=form.outputs,
            flavor=Flavor((form.streams_in, form.streams_out)),
            outputs_type=form.outputs_type,
            context="ctx",
            context_index=None,
            nested=form,
        )
