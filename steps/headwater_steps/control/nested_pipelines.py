"""The kinds `control.pipeline` and `control.map`: a pipeline as a step, for all of the input or for each item."""

from __future__ import annotations

from typing import Any, ClassVar

from headwater import StepContext
from headwater.toolkit import NestedForm, NestingStep

__all__ = ["MapPipeline", "RunPipeline"]


class RunPipeline(NestingStep, kind="control.pipeline"):
    """Run another pipeline as one step.

    Its inputs and outputs are those of the pipeline, with their types: a stream goes in and out item by item, with its
    header and footer. An input or output that is the only one is named `in` or `out`, others by the step that has it.

    Args:
        pipeline: The pipeline as an object, or the path of its file. A path is relative to the folder of the document
            that names it, and leads to a file inside that folder.
        parameters: Values of the parameters that the pipeline declares.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> steps = [{"id": "words", "kind": "text.words"}, {"id": "n", "kind": "stream.count"}]
        >>> inner = {"name": "inner", "steps": steps}
        >>> run_sync(Pipeline("outer", steps={"count": RunPipeline(pipeline=inner)}), "to be or not").output
        4
    """

    async def run(self, value: Any, ctx: StepContext) -> Any:
        """Run the pipeline for one value."""
        return await self.value(value, ctx=ctx)


class MapPipeline(NestingStep, kind="control.map"):
    """Run another pipeline for each item, from its start to its end.

    Each item has a run of its own, which begins with nothing. `concurrency` of the step says how many run at a time.
    The pipeline has one input; a run that writes a stream adds its items to the output of the step. Events of its steps
    have the `index` of the item in their metadata.

    Args:
        pipeline: The pipeline as an object, or the path of its file. A path is relative to the folder of the document
            that names it, and leads to a file inside that folder.
        parameters: Values of the parameters that the pipeline declares.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> steps = [{"id": "words", "kind": "text.words"}, {"id": "n", "kind": "stream.count"}]
        >>> inner = {"name": "inner", "steps": steps}
        >>> texts = ["to be", "or not to be"]
        >>> run_sync(Pipeline("outer", steps={"count": MapPipeline(pipeline=inner)}), iter(texts)).output
        [2, 4]
    """

    takes_streams: ClassVar[bool] = False

    async def run(self, item: Any, ctx: StepContext) -> Any:
        """Run the pipeline for one item."""
        return await self.value(item, ctx=ctx)

    def metadata(self, ctx: StepContext) -> dict[str, Any]:
        """Return the index of the item."""
        return {"index": ctx.next_index()}

    def check_form(self, form: NestedForm) -> None:
        """Raise when the pipeline has not exactly one input."""
        if len(form.inputs) != 1:
            raise ValueError(f"control.map runs a pipeline with one input, but this one has {len(form.inputs)}")
