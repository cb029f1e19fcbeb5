"""The kind `control.pipeline`: a pipeline as a step."""

from __future__ import annotations

from typing import Any

from headwater import StepContext
from headwater.toolkit import NestingStep

__all__ = ["RunPipeline"]


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
        >>> inner = {
        ...     "name": "inner",
        ...     "steps": [{"id": "words", "kind": "text.words"}, {"id": "n", "kind": "stream.count"}],
        ... }
        >>> run_sync(Pipeline("outer", steps={"count": RunPipeline(pipeline=inner)}), "to be or not").output
        4
    """

    async def run(self, value: Any, ctx: StepContext) -> Any:
        """Run the pipeline for one value."""
        return await self.value(value, ctx=ctx)
