"""The translation of a whole document: steps with ports, edges with conditions, loops as pipelines of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.config.dialects.flow_checks import check_condition, check_flow
from headwater.config.dialects.flow_conditions import UntranslatedError, condition_of
from headwater.config.dialects.flow_document import Flow, FlowPath, is_flow, read_flow
from headwater.config.dialects.flow_loops import Region, check_limits, found_loops
from headwater.config.dialects.flow_policies import policies_of
from headwater.config.dialects.flow_wiring import Wired, wired
from headwater.config.dialects.placeholders import Placeholder, kind_of, port_name
from headwater.config.notation.reading import Source
from headwater.config.problems import Problems

__all__ = ["Translated", "translated"]


@dataclass(slots=True)
class Translated:
    """A document of Headwater, and the kinds that it names."""

    document: dict[str, Any]
    placeholders: list[Placeholder] = field(default_factory=list[Placeholder])


def translated(source: Source) -> Translated:
    """Return what a document of another engine becomes; raise `ConfigError` with everything that cannot be translated.

    Raises:
        ConfigError: The document is not one of those that are known, or parts of it have no counterpart.
    """
    problems = source.problems
    problems.raise_if_any()
    if not is_flow(source.document):
        found = "a document of Headwater" if "steps" in source.document else "something else"
        hint = "headwater check checks a document of Headwater"
        problems.add("cannot-import", f"expected steps with 'step_class' and a 'flow', found {found}", (), hint=hint)
        problems.raise_if_any()
    flow = read_flow(source.document, problems)
    check_flow(flow, problems)
    translation = _Translation(flow, problems)
    document = translation.document()
    problems.raise_if_any()
    return Translated(document, list(translation.kinds.values()))


class _Translation:
    """Makes a document of a flow."""

    def __init__(self, flow: Flow, problems: Problems) -> None:
        self.flow = flow
        self.problems = problems
        self.kinds: dict[tuple[Any, ...], Placeholder] = {}
        self.conditions: dict[int, dict[str, Any] | None] = {}

    def document(self) -> dict[str, Any]:
        """Return the document; what cannot be translated is a problem."""
        flow, problems = self.flow, self.problems
        for index, path in enumerate(flow.paths):
            try:
                self.conditions[index] = condition_of(path.condition, path.source, flow.steps)
            except UntranslatedError as error:
                self.conditions[index] = None
                problems.add("cannot-import", f"the condition cannot be translated: {error}", path.condition_path)
            check_condition(self.conditions[index], path, flow, problems)
        if flow.start not in flow.steps:  # everything else that is found would be a consequence
            problems.raise_if_any()
        known = len(problems)
        loops = found_loops(flow, self.conditions, problems)
        if len(problems) > known:  # what is in a loop cannot be connected
            problems.raise_if_any()
        check_limits(flow, loops, problems)
        paths = [(path, self.conditions[index]) for index, path in enumerate(flow.paths)]
        head: dict[str, Any] = {"name": flow.name}
        head |= {key: value for key in ("description", "version") if (value := getattr(flow, key))}
        if flow.parameters:
            head["parameters"] = flow.parameters
        region = Region(tuple(flow.steps), flow.start, loops=loops)
        return {**head, **self.part(region, paths)}

    def part(self, region: Region, paths: Sequence[tuple[FlowPath, dict[str, Any] | None]]) -> dict[str, Any]:
        """Return the steps and edges of a region, with a step for each loop in it."""
        made = wired(self.flow, region, paths, self.problems)
        steps = [self.step(one) for one in made.steps if one.loop is None]
        for one in made.steps:
            if one.loop is not None:
                inner = self.part(one.loop, one.loop.inner_paths(paths))
                pipeline = {"name": one.id, **self._parameters_in(inner), **inner}
                params = {"pipeline": pipeline, **one.loop.params(self.flow), **self._given(pipeline)}
                steps.append({"id": one.id, "kind": "control.loop", "params": params, **self._merges(one)})
        order = {one.id: index for index, one in enumerate(made.steps)}
        steps.sort(key=lambda step: order[step["id"]])
        document: dict[str, Any] = {"steps": steps, "edges": made.edges}
        return {**document, "output": made.output} if made.output else document

    def _parameters_in(self, part: Mapping[str, Any]) -> dict[str, Any]:
        used = {name: spec for name, spec in self.flow.parameters.items() if f"${{parameters.{name}}}" in str(part)}
        return {"parameters": used} if used else {}

    @staticmethod
    def _given(pipeline: Mapping[str, Any]) -> dict[str, Any]:
        names = pipeline.get("parameters", {})
        return {"parameters": {name: f"${{parameters.{name}}}" for name in names}} if names else {}

    def step(self, one: Wired) -> dict[str, Any]:
        """Return a step, and note the kind that it needs."""
        kind = self._kind(one)
        params: dict[str, Any] = {**one.params, **({"fields": one.fields} if one.fields else {})}
        step: dict[str, Any] = {"id": one.id, "kind": kind.kind}
        if params:
            step["params"] = params
        if one.step is not None:
            step |= policies_of(one.step, self.problems)
        step |= self._merges(one)
        if one.step is not None and one.step.about:
            step["description"] = one.step.about
        return step

    @staticmethod
    def _merges(one: Wired) -> dict[str, Any]:
        if not one.merges:
            return {}
        policies = {*one.merges.values()}
        return {"merge": policies.pop() if len(policies) == 1 else one.merges}

    def _kind(self, one: Wired) -> Placeholder:
        """Return the kind of a step: steps of one class with the same ports share it."""
        step = one.step
        cls = step.cls if step is not None else one.cls
        key = (cls, "" if step is None else step.module, tuple(one.ports), frozenset(one.optional), bool(one.fields))
        kind = self.kinds.get(key)
        if kind is None:
            taken = [known.kind for known in self.kinds.values()]
            kind = self.kinds[key] = Placeholder(
                kind=kind_of(cls, taken),
                cls=cls,
                module=key[1],
                about=one.about if step is None else step.about,
                ports=tuple(one.ports),
                optional=frozenset(one.optional),
                takes_fields=bool(one.fields),
                body=one.body,
            )
        config: set[str] = set() if step is None else {port_name(name) for name in step.config}
        for name in one.params:
            (kind.config if name in config else kind.inputs)[name] = None
        if step is not None:
            kind.outputs.update(dict.fromkeys(step.outputs))
        return kind
