"""The pipeline as a program holds it: a checked, frozen definition that can be planned, drawn, written and run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from headwater.api.authoring import bind_authored, load_authored
from headwater.api.nested.nesting import compile_nested, is_nested_document
from headwater.api.views.pipeline_views import PipelineViews
from headwater.config.bound_steps import bind_steps, bind_substeps
from headwater.config.garbage_collection import collection_paused
from headwater.config.load import LoadOptions, load
from headwater.config.notation.reading import begins_object, read_text
from headwater.config.permissions import allowed_names
from headwater.events.subscriber import checked_subscribers
from headwater.kinds.registry import registry
from headwater.running.request import RunOptions
from headwater.shapes import is_mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pydantic import SecretStr

    from headwater.api.compiled import CompiledPipeline
    from headwater.api.result import Result
    from headwater.config.notation.reading import Source
    from headwater.events.streaming_context import StreamingContext
    from headwater.events.subscriber import EventFunction, StreamSubscriber
    from headwater.kinds.step import Step, StepFunction

__all__ = ["Pipeline"]


class Pipeline(PipelineViews):
    """A pipeline: steps joined by typed edges, checked as a whole.

    Written in Python here; `Pipeline.load` makes one from a document. Both pass the same checks.

    Args:
        name: Name of the pipeline.
        steps: The steps by id: decorated functions, `Step` instances, or `Step` classes that need no params.
        edges: Edges as a document has them, such as `"words -> upper"` or `{"from": ..., "to": ..., "buffer": 64}`;
            without them the steps are a chain in the order written.
        options: Further keys of steps as a document has them, such as `{"fetch": {"concurrency": 8}}`.
        output: The step, `step.port` or list of them whose output is the pipeline's; by default every output that is
            not connected.
        streaming: The `streaming` object of a document.
        timeout_s: Most seconds that an execution may take.
        stall_s: Most seconds for which all steps may wait for each other, while no item moves.
        slo: The `slo` object of a document, such as `{"step_success_rate": 0.95}`.
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

    def __init__(  # noqa: PLR0913 - each is a key of a document
        self,
        name: str,
        *,
        steps: Mapping[str, StepFunction[..., Any] | Step | type[Step]],
        edges: Sequence[str | Mapping[str, Any]] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        output: str | Sequence[str] | None = None,
        streaming: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        stall_s: float | None = None,
        slo: Mapping[str, float] | None = None,
        description: str = "",
        allow: Collection[str] = (),
    ) -> None:
        bound = bind_authored(steps)
        head = {"name": name, "description": description}
        limits = {"total_s": timeout_s, "stall_s": stall_s}
        timeout = {key: limit for key, limit in limits.items() if limit is not None} or None
        keys = {"edges": edges, "output": output, "streaming": streaming, "timeout": timeout, "slo": slo}
        loaded = load_authored(head, bound, options or {}, keys)
        bound |= bind_substeps(loaded, registry, loaded.problems)
        self.compiled: CompiledPipeline = compile_nested(loaded, bound, LoadOptions(allowed=allowed_names(allow)))

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
        """Load a pipeline from a file, or from a document that is given as data.

        Args:
            source: Path of a JSON (or, with the extra `yaml`, YAML) file, or the document. JSON text that begins with
                `{` is taken as by `loads`, which is for text that a program was sent: it never opens a file.
            parameters: Values of the document's parameters.
            secrets: Secrets by name; those not given are looked up as `HEADWATER_SECRET_NAME` in `env`.
            env: Environment variables; by default those of the process for a file, and none for a document given as
                data, whose author may be anyone.
            allow: The permissions that the document may use, such as `process` or `private-network`; none by default.

        Returns:
            The pipeline, with parameters bound.

        Raises:
            ConfigError: Something is wrong; lists every problem with its place.

        Example:
            >>> Pipeline.load({"name": "count", "steps": [{"id": "n", "kind": "stream.count"}]}).name
            'count'
        """
        if isinstance(source, str) and begins_object(source):
            return cls.loads(source, parameters, secrets=secrets, env=env, allow=allow)
        if env is None and not is_mapping(source):
            env = os.environ
        folder = Path(source).parent if isinstance(source, (str, os.PathLike)) else None
        return cls._load(source, LoadOptions(parameters, secrets, env, allowed_names(allow), folder))

    @classmethod
    def loads(
        cls,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        secrets: Mapping[str, str | SecretStr] | None = None,
        env: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
    ) -> Pipeline:
        """Load a pipeline from JSON text, which may come from anyone: no file is opened, no environment used.

        Args:
            text: The text of a JSON object.
            parameters: Values of the document's parameters.
            secrets: Secrets by name; those not given are looked up as `HEADWATER_SECRET_NAME` in `env`.
            env: Environment variables; none by default.
            allow: The permissions that the document may use, such as `process` or `private-network`; none by default.

        Returns:
            The pipeline, with parameters bound.

        Raises:
            ConfigError: Something is wrong; lists every problem with its place.

        Example:
            >>> Pipeline.loads('{"name": "count", "steps": [{"id": "n", "kind": "stream.count"}]}').name
            'count'
        """
        return cls._load(read_text(text), LoadOptions(parameters, secrets, env, allowed_names(allow)))

    @classmethod
    def _load(cls, source: Source | Path | str | Mapping[str, Any], options: LoadOptions) -> Pipeline:
        with collection_paused():
            options = replace(options, is_literal=is_nested_document)
            loaded = load(source, options)
            compiled = compile_nested(loaded, bind_steps(loaded, registry, loaded.problems), options)
        pipeline = cls.__new__(cls)
        pipeline.compiled = compiled
        return pipeline

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self.compiled.loaded.spec.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Value of each parameter."""
        return MappingProxyType(dict(self.compiled.loaded.parameters))

    def __repr__(self) -> str:
        return f"<Pipeline {self.name!r}: {len(self.compiled.graph.steps)} steps>"

    def with_parameters(self, /, **parameters: Any) -> Pipeline:
        """Return the same pipeline with other values for some of its parameters.

        Args:
            **parameters: Values by name; the others keep theirs.

        Returns:
            Another pipeline.

        Raises:
            ConfigError: A parameter is unknown or of another type.
        """
        loaded, options = self.compiled.loaded, self.compiled.options
        return self._load(loaded.document, replace(options, parameters={**loaded.parameters, **parameters}))

    async def run(
        self,
        data: Any = None,
        *,
        subscribers: Sequence[StreamSubscriber | EventFunction] = (),
        execution_id: str | None = None,
        context: StreamingContext | None = None,
    ) -> Result:
        """Run the pipeline to its end.

        Args:
            data: One value, or any iterable or async iterable of items, for the pipeline's free input; a mapping by
                step id when there are several.
            subscribers: Receivers of the events.
            execution_id: Id of the execution: ASCII letters, digits, `_` and `-`, at most 128 characters; by default a
                random one.
            context: Where the events of the execution are emitted, with subscribers of its own; for one execution only.

        Returns:
            The outcome.

        Raises:
            ConfigError: The data does not fit the pipeline's input.
            ExecutionError: The execution did not complete: a step failed (`StepError`), it took too long, or it was
                cancelled.
            ValueError: The id is not one.
            RuntimeError: The context was used before.
        """
        from headwater.api.execution import run_to_end  # a program that only loads and plans does without it

        options = RunOptions(checked_subscribers(subscribers))
        return await run_to_end(self.compiled.request(data, options, execution_id, context))
