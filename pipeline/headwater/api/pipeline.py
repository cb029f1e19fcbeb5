"""The pipeline as a program holds it: a checked, frozen definition that can be planned, drawn, written and run."""

from __future__ import annotations

import json
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from headwater.config.bound_steps import bind_steps
from headwater.config.garbage_collection import collection_paused
from headwater.config.load import load
from headwater.config.permissions import allowed_names, check_permissions
from headwater.config.templates import literal
from headwater.graph.analysis import Analysis
from headwater.graph.build import build_graph
from headwater.graph.checks.unused_options import check_options
from headwater.graph.compile import compile_plan
from headwater.graph.drawing.draw import draw
from headwater.graph.resolve import resolve
from headwater.kinds.binding import bind
from headwater.kinds.registry import registry
from headwater.running.feed import data_by_group, is_stream
from headwater.running.order import Order, start_data
from headwater.running.redaction import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import networkx as nx
    from pydantic import SecretStr

    from headwater.api.result import Result
    from headwater.config.load import Loaded
    from headwater.events.data import PipelineStart, StepComplete
    from headwater.events.subscriber import EventFunction, StreamSubscriber
    from headwater.graph.drawing.draw import DrawingStyle
    from headwater.graph.plan import Plan
    from headwater.kinds.definition import BoundStep
    from headwater.kinds.step import Step, StepFunction

__all__ = ["Pipeline"]


class Pipeline:
    """A pipeline: steps joined by typed edges, checked as a whole.

    Written in Python here; `Pipeline.load` makes one from a document. Both pass the same checks.

    Args:
        name: Name of the pipeline.
        steps: The steps by id: decorated functions, `Step` instances, or `Step` classes that need no params.
        edges: Edges as a document has them, such as `"words -> upper"` or `{"from": ..., "to": ..., "buffer": 64}`;
            without them the steps are a chain in the order written.
        options: Further keys of steps as a document has them, such as `{"fetch": {"concurrency": 8}}`.
        output: The step, `step.port` or list of them whose output is the pipeline's; all that lead nowhere by default.
        streaming: The `streaming` object of a document.
        timeout_s: Most seconds that an execution may take.
        description: What it is for.
        allow: The permissions that its steps may need, such as `process` or `private-network`.

    Raises:
        ConfigError: Something is wrong; lists every problem.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.shout")
        ... def shout(text: str) -> str:
        ...     return text.upper()
        >>> run_sync(Pipeline("loud", steps={"shout": shout}), "hello").output
        'HELLO'
    """

    def __init__(
        self,
        name: str,
        *,
        steps: Mapping[str, StepFunction[..., Any] | Step | type[Step]],
        edges: Sequence[str | Mapping[str, Any]] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        output: str | Sequence[str] | None = None,
        streaming: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        description: str = "",
        allow: Collection[str] = (),
    ) -> None:
        bound = {step_id: bind(target) for step_id, target in steps.items()}
        document: dict[str, Any] = {"name": name}
        if description:
            document["description"] = description
        document["steps"] = [
            _step_document(step_id, step, (options or {}).get(step_id, {})) for step_id, step in bound.items()
        ]
        optional = {
            "edges": None if edges is None else [edge if isinstance(edge, str) else dict(edge) for edge in edges],
            "output": output if output is None or isinstance(output, str) else list(output),
            "streaming": None if streaming is None else dict(streaming),
            "timeout": None if timeout_s is None else {"total_s": timeout_s},
        }
        document.update((key, value) for key, value in optional.items() if value is not None)
        loaded = load(document, parameters=None)
        unknown = sorted(set(options or {}) - set(steps))
        for step_id in unknown:
            hint = loaded.problems.did_you_mean(step_id, steps)
            loaded.problems.add(
                "unknown-step", f"options are given for {step_id!r}, which is no step", ("steps",), hint
            )
        self._finish(loaded, bound, allow=allow)

    @classmethod
    def load(
        cls,
        source: Path | str | Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        secrets: Mapping[str, str | SecretStr] | None = None,
        env: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
    ) -> Pipeline:
        """Load a pipeline from a document.

        Args:
            source: Path of a JSON (or, with the extra `yaml`, YAML) file, the text of a JSON object, or the document.
            parameters: Values of the document's parameters.
            secrets: Secrets by name; those not given are looked up as `HEADWATER_SECRET_NAME` in the environment.
            env: Environment variables; those of the process by default.
            allow: The permissions that the document may use, such as `process` or `private-network`; none by default.

        Returns:
            The pipeline, with parameters bound.

        Raises:
            ConfigError: Something is wrong; lists every problem with its place.

        Example:
            >>> Pipeline.load({"name": "count", "steps": [{"id": "n", "kind": "stream.count"}]}).name
            'count'
        """
        pipeline = cls.__new__(cls)
        with collection_paused():
            loaded = load(source, parameters=parameters, secrets=secrets, env=env)
            steps = bind_steps(loaded, registry, loaded.problems)
            pipeline._finish(loaded, steps, secrets=secrets, env=env, allow=allow)  # noqa: SLF001 - a second constructor of this class
        return pipeline

    def _finish(
        self,
        loaded: Loaded,
        steps: Mapping[str, BoundStep],
        *,
        secrets: Mapping[str, str | SecretStr] | None = None,
        env: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
    ) -> None:
        self._allowed = allowed_names(allow)
        check_permissions(loaded.spec, steps, self._allowed, loaded.problems)
        self._graph = build_graph(loaded.spec, steps, loaded.problems)
        self._choices = {False: resolve(self._graph, loaded.problems, stream_input=False)}
        check_options(self._graph, self._choices[False], loaded.problems)
        loaded.problems.raise_if_any()
        self._plans: dict[bool, Plan] = {}
        self._starts: dict[Plan, PipelineStart] = {}
        self._loaded = loaded
        self._spec = loaded.spec
        self._secrets, self._env = secrets, env

    # ---- what it says

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self._spec.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Value of each parameter."""
        return MappingProxyType(dict(self._loaded.parameters))

    def __repr__(self) -> str:
        return f"<Pipeline {self.name!r}: {len(self._graph.steps)} steps>"

    def _repr_html_(self) -> str:
        from headwater.api.notebook import pipeline_html

        return pipeline_html(self.plan())

    def with_parameters(self, **parameters: Any) -> Pipeline:
        """Return the same pipeline with other values for some of its parameters.

        Args:
            **parameters: Values by name; the others keep theirs.

        Returns:
            Another pipeline.

        Raises:
            ConfigError: A parameter is unknown or of another type.
        """
        given = {**self._loaded.parameters, **parameters}
        return Pipeline.load(self._loaded.document, given, secrets=self._secrets, env=self._env, allow=self._allowed)

    def to_json(self) -> str:
        """Return the document as JSON text; loading it gives the same pipeline.

        Returns:
            The document as it was written, templates unreplaced, so that no secret is in it.
        """
        return json.dumps(self._loaded.document, ensure_ascii=False, indent=2)

    # ---- what becomes of it

    def plan(self, *, stream_input: bool = False) -> Plan:
        """Return what runs.

        Args:
            stream_input: Whether the input is a stream of items also where a step takes one value.

        Returns:
            The plan: methods, adapters, segments, capacities.

        Raises:
            ConfigError: The pipeline does not fit such an input.
        """
        if stream_input not in self._choices:
            problems = self._loaded.problems.renewed()
            choices = resolve(self._graph, problems, stream_input=stream_input)
            problems.raise_if_any()
            self._choices[stream_input] = choices
        if stream_input not in self._plans:
            with collection_paused():
                self._plans[stream_input] = compile_plan(self._graph, self._choices[stream_input])
        return self._plans[stream_input]

    @cached_property
    def _redact(self) -> Callable[[str], str]:
        return redactor(self._graph.steps.values())

    def _start_data(self, plan: Plan) -> PipelineStart:
        """Return what executions of a plan tell first, made once."""
        if plan not in self._starts:
            self._starts[plan] = start_data(plan)
        return self._starts[plan]

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
        return Analysis(self.plan()).to_networkx()

    def draw(self, style: DrawingStyle = "mermaid") -> str:
        """Return a drawing of the pipeline.

        Args:
            style: `mermaid` text for documents (https://mermaid.js.org, `flowchart`), `dot` for Graphviz, a complete
                `svg` picture in light and dark, or `text` for a terminal.

        Raises:
            ValueError: There is no such style, or the pipeline has too many steps for a picture.
        """
        return draw(self.plan(), style)

    async def run(self, data: Any = None, *, subscribers: Sequence[StreamSubscriber | EventFunction] = ()) -> Result:
        """Run the pipeline to its end.

        Args:
            data: One value, or any iterable or async iterable of items, for the pipeline's free input; a mapping by
                step id when there are several.
            subscribers: Who receives the events.

        Returns:
            What came of it.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
            StepError: A step failed.
            ExecutionCancelled: The execution was cancelled.
        """
        from headwater.api.runner import Runner  # the runner knows the pipeline, not the reverse

        return await Runner(subscribers=subscribers).run(self, data)

    def order(self, data: Any) -> Order:
        """Return what an execution with some data needs to know.

        Args:
            data: As for `run`.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
        """
        plan = self.plan()
        if data is not None and plan.inputs and is_stream(plan, data):
            plan = self.plan(stream_input=True)
        data_by_group(plan, data)
        timeout = self._spec.timeout
        return Order(
            owner=self,
            plan=plan,
            data=data,
            streaming=self._spec.streaming,
            start_data=self._start_data(plan),
            timeout_s=None if timeout is None else timeout.total_s,
            redact=self._redact,
            allowed=self._allowed,
        )


def _step_document(step_id: str, step: BoundStep, options: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"id": step_id, "kind": step.definition.kind}
    if step.params:
        document["params"] = literal(step.params)
    return {**document, **options}
