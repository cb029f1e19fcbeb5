"""What a checked pipeline shows of itself: its document, its plan, analyses and drawings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, Self

from headwater.config.parameters import parameters_schema
from headwater.frozen import refusal
from headwater.graph.analysis import Analysis
from headwater.graph.drawing.draw import draw
from headwater.graph.drawing.views import plan_views

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx

    from headwater.api.compiled import CompiledPipeline
    from headwater.events.data import StepComplete
    from headwater.graph.drawing.draw import DrawingStyle
    from headwater.graph.plan import Plan

__all__ = ["PipelineViews"]


_UNCHANGEABLE = (
    "a pipeline",
    "make another pipeline; what runs it, such as subscribers, is given to run or Runner",
)


class PipelineViews:
    """The part of `Pipeline` that shows what it is, without running it."""

    compiled: CompiledPipeline

    if not TYPE_CHECKING:  # type checkers would take it for a sign that there are more attributes

        def __setattr__(self, name: str, value: Any) -> None:
            if name != "compiled" or "compiled" in self.__dict__:
                raise refusal(self, name, *_UNCHANGEABLE)
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise refusal(self, name, *_UNCHANGEABLE)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        hint = "make it there from its module, or send to_json() and load that"
        raise TypeError(f"pipeline {self.compiled.loaded.spec.name!r} cannot be pickled, as its steps are code: {hint}")

    def _repr_html_(self) -> str:
        from headwater.api.views.notebook import pipeline_html  # only a notebook asks for it

        return pipeline_html(self.plan())

    def to_json(self) -> str:
        """Return the document as JSON text; loading it gives the same pipeline.

        Returns:
            The document as it was written, its templates not filled in, so that it holds no secret.
        """
        return json.dumps(self.compiled.loaded.document, ensure_ascii=False, indent=2)

    def plan(self, *, stream_input: bool = False) -> Plan:
        """Return what runs.

        Args:
            stream_input: Whether the input is a stream of items also where a step takes one value.

        Returns:
            The plan: methods, adapters, segments, capacities.

        Raises:
            ConfigError: The pipeline does not fit such an input, or would hang on a long one.
        """
        return self.compiled.plan(stream_input=stream_input)

    def json_schemas(self, *, stream_input: bool = False) -> dict[str, Any]:
        """Return the form of everything that goes in and out, for a program that runs the pipeline for others.

        Args:
            stream_input: Whether the input is a stream of items also where a step takes one value.

        Returns:
            JSON data: `parameters`, the JSON Schema of an object with the parameters; `inputs` and `outputs`, for each
            name an object with `streaming` and the JSON Schemas (draft 2020-12) `item`, `header` and `footer`. A header
            or footer that the stream does not have is null. Bytes are strings in base64. The name of an input is that
            of the step that reads it, as in the data of a pipeline with several inputs.

        Raises:
            ConfigError: The pipeline does not fit such an input.

        Example:
            >>> from headwater import Pipeline
            >>> pipeline = Pipeline.load({"name": "words", "steps": [{"id": "words", "kind": "text.words"}]})
            >>> pipeline.json_schemas()["outputs"]
            {'words': {'streaming': True, 'item': {'type': 'string'}, 'header': None, 'footer': None}}
        """
        from headwater.api.views.data_schemas import data_schemas  # only a server asks for it

        document = self.compiled.loaded.document
        return {"parameters": parameters_schema(document), **data_schemas(self.plan(stream_input=stream_input))}

    def analyze(self, metrics: Mapping[str, StepComplete] | None = None) -> Analysis:
        """Return what the structure says: which steps can work at once, and what fails with a step.

        Args:
            metrics: What each step measured in an execution, as `Result.metrics` has it, for the critical path.

        Returns:
            The analyses; each is made when it is asked for.
        """
        return Analysis(self.plan(), metrics)

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the pipeline as a graph of networkx; see `Analysis.to_networkx`.

        Returns:
            A new graph.
        """
        return self.analyze().to_networkx()

    def draw(self, style: DrawingStyle = "mermaid") -> str:
        """Return a drawing of the pipeline.

        Args:
            style: `mermaid` text for documents (https://mermaid.js.org, `flowchart`), `dot` for Graphviz, a complete
                `svg` picture in light and dark, or `text` for a terminal.

        Returns:
            The drawing.

        Raises:
            ValueError: There is no such style, or the pipeline has too many steps for a picture.
        """
        return draw(self.plan(), style)

    def layout(self) -> dict[str, Any]:
        """Return the places of a drawing, for a program that draws it: those of the `svg` style.

        A pipeline of 1,000 steps takes a fifth of a second.

        Returns:
            JSON data: `width` and `height`; `direction`, in which the data flows (`right`, or `down` where that would
            be too wide); `nodes`, each with `id`, `kind`, `shape` (`step`, `source`, `sink`, or `end` for the input and
            the outputs of the pipeline), `x` and `y` of its top left corner, `width` and `height`; `edges`, each with
            `source`, `target`, `label` (the type of what flows), `name` (as in events), `streaming`, `condition` or
            null, and `points`, which are joined by curves or lines. Steps of nested pipelines are nodes with ids such
            as `outer/inner`.

        Raises:
            ValueError: The pipeline has more than 3,000 steps, which are too many for a picture.

        Example:
            >>> from headwater import Pipeline
            >>> pipeline = Pipeline.load({"name": "count", "steps": [{"id": "n", "kind": "stream.count"}]})
            >>> [(node["id"], node["kind"]) for node in pipeline.layout()["nodes"]]
            [('input', 'input'), ('n', 'stream.count'), ('output', 'output')]
        """
        from headwater.graph.drawing.placing import coordinates, placed  # only a server asks for it

        return coordinates(placed(*plan_views(self.plan())))
