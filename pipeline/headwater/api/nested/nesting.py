"""Loads the pipelines within the steps of a document, and gives such steps the ports that follow from their params."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from headwater.api.compiled import CompiledPipeline
from headwater.api.nested.documents import Surroundings, inline_source, locate, read_nested, surroundings_of
from headwater.api.nested.forms import forms_of
from headwater.config.bound_steps import bind_steps
from headwater.config.load import LoadOptions, load
from headwater.config.nested.pipeline_param import NestedPipeline
from headwater.config.policies.substeps import substeps_of
from headwater.config.problems import Fault, path_text, quote
from headwater.errors import ConfigError, StepDefinitionError
from headwater.kinds.registry import registry
from headwater.shapes import has_part, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.config.load import Loaded
    from headwater.config.nested.pipeline_param import NestedForm
    from headwater.config.problems import JsonPath
    from headwater.kinds.definition import BoundStep, StepDefinition

__all__ = ["compile_nested", "is_nested_document"]

_OF_PARAMETERS = {"missing-parameter", "wrong-parameter"}
_OF_VALUES = {"unknown-parameter", "wrong-parameter"}


@dataclass(frozen=True, slots=True)
class _LoadedPipeline:
    """A nested pipeline that was loaded; conforms to `NestedPlans`."""

    compiled: CompiledPipeline
    forms: Sequence[NestedForm]

    @property
    def document(self) -> Mapping[str, Any]:
        """Its document, with templates."""
        return self.compiled.loaded.document

    @property
    def steps(self) -> Mapping[str, BoundStep]:
        """Its steps by id."""
        return self.compiled.graph.steps

    @property
    def substeps(self) -> Mapping[str, BoundStep]:
        """The steps in the policies of its steps."""
        return self.compiled.graph.substeps


def is_nested_document(kind: str, param: str) -> bool:
    """Return whether an object that is a param of a kind is a document of its own."""
    try:
        target = registry.find(kind)
    except StepDefinitionError:
        return False
    if target is None or not target.definition.is_shaped:
        return False
    field = target.definition.params_model.model_fields.get(param)
    return field is not None and field.annotation is NestedPipeline


def compile_nested(
    loaded: Loaded, steps: Mapping[str, BoundStep], options: LoadOptions, surroundings: Surroundings | None = None
) -> CompiledPipeline:
    """Compile a document with the pipelines that its steps hold; what is wrong with them is wrong with the document."""
    if any(bound.definition.is_shaped for bound in steps.values()):
        around = surroundings_of(options.folder, loaded.file) if surroundings is None else surroundings
        steps = _Nester(loaded, options, around).nest(steps)
    return CompiledPipeline(loaded, steps, options)


class _Nester:
    """Loads the pipelines in the steps of one document."""

    def __init__(self, loaded: Loaded, options: LoadOptions, surroundings: Surroundings) -> None:
        self._loaded = loaded
        self._options = options
        self._surroundings = surroundings
        self._problems = loaded.problems

    def nest(self, steps: Mapping[str, BoundStep]) -> dict[str, BoundStep]:
        """Return the steps with their own ports; one whose params have problems is left out, as it has none."""
        spec = self._loaded.spec
        places: dict[str, JsonPath] = {placed.id: placed.path for placed in substeps_of(spec.steps)}
        places |= {step.id: ("steps", index) for index, step in reversed(list(enumerate(spec.steps)))}
        nested: dict[str, BoundStep] = {}
        for step_id, bound in steps.items():
            shaped = self._shaped(bound, (*places[step_id], "params")) if bound.definition.is_shaped else bound
            if shaped is not None:
                nested[step_id] = shaped
        return nested

    def _shaped(self, bound: BoundStep, path: JsonPath) -> BoundStep | None:
        """Return a step with its pipelines loaded and its own ports, or None when that was not possible."""
        if not bound.has_params or self._problems.is_broken_inside(path):
            self._check_alone(bound.definition, path)
            return None
        instance: Any = bound.instance
        for name, value in cast("dict[str, Any]", vars(instance)).items():
            if isinstance(value, NestedPipeline):
                loaded = self._load(value, instance, (*path, name))
                if loaded is None:
                    return None
                instance = instance.model_copy(update={name: NestedPipeline(value.source, loaded)})
        try:
            methods = instance.shaped_methods(bound.definition.methods)
        except ValueError as error:
            self._problems.add("wrong-pipeline", str(error), path)
            return None
        definition = replace(bound.definition, methods=tuple(methods))
        return replace(bound, definition=definition, instance=instance)

    def _check_alone(self, definition: StepDefinition, path: JsonPath) -> None:
        """Report what is wrong with a pipeline although the other params of its step have problems."""
        raw: Any = _at(self._loaded.document, path)
        for name, field in definition.params_model.model_fields.items():
            document = raw.get(name) if is_mapping(raw) else None
            if field.annotation is NestedPipeline and is_object(document):
                try:
                    self._of_object(document, replace(self._options, parameters={}), (*path, name))
                except ConfigError as error:  # its parameters may be what is wrong
                    problems = [one for one in error.problems if one.code not in _OF_PARAMETERS]
                    if problems:
                        self._problems.adopt(problems, (*path, name))

    def _load(self, value: NestedPipeline, instance: Any, path: JsonPath) -> _LoadedPipeline | None:
        parameters: Mapping[str, Any] = getattr(instance, "parameters", {})
        options = replace(self._options, parameters=parameters)
        try:
            if isinstance(value.source, str):
                return self._of_file(value.source, options, path)
            return self._of_object(value.source, options, path)
        except ConfigError as error:
            given = {path_text(("parameters", name)): name for name in parameters}
            outside = [one for one in error.problems if one.path in given and one.code in _OF_VALUES]
            inside = [one for one in error.problems if one not in outside]
            if self._problems.is_broken_inside((*path[:-1], "parameters")):
                inside = [one for one in inside if one.code not in _OF_PARAMETERS]
            if inside:
                self._problems.adopt(inside, path)
            for one in outside:  # the value stands in this document
                self._problems.add(one.code, one.message, (*path[:-1], "parameters", given[one.path]), one.hint)
            return None

    def _of_file(self, text: str, options: LoadOptions, path: JsonPath) -> _LoadedPipeline | None:
        file = locate(text, self._surroundings)
        if isinstance(file, Fault):
            self._problems.add(file.code, file.message, path, file.hint)
            return None
        folder = self._surroundings.folder
        assert folder is not None  # noqa: S101 - `locate` refuses a document without one
        source = read_nested(file, text, folder)
        inner = (folder / text).parent
        return self._compiled(source, replace(options, folder=inner), self._surroundings.inside(file, inner), path)

    def _of_object(self, document: dict[str, Any], options: LoadOptions, path: JsonPath) -> _LoadedPipeline | None:
        written = _at(self._loaded.document, path)  # not with the values of the templates around it
        own = written if is_object(written) else document
        source = inline_source(own, self._loaded, path, has_templates=True)
        return self._compiled(source, options, self._surroundings.inside(), path)

    def _compiled(
        self, source: Any, options: LoadOptions, surroundings: Surroundings, path: JsonPath
    ) -> _LoadedPipeline | None:
        refusal = surroundings.refusal(source.document.get("steps"))
        if refusal is not None:
            self._problems.add(refusal.code, refusal.message, path)
            return None
        declared = source.document.get("parameters")
        unknown = [name for name in options.parameters or () if not has_part(declared, name)]
        for name in unknown:
            hint = self._problems.did_you_mean(name, declared if is_mapping(declared) else ())
            message = f"the nested pipeline does not declare the parameter {quote(name)}"
            place = (*path[:-1], "parameters", name)
            self._problems.add("unknown-parameter", message, place, hint, at_key=True)
            self._problems.block(place)
        known = {name: value for name, value in (options.parameters or {}).items() if name not in unknown}
        loaded = load(source, replace(options, parameters=known))
        compiled = compile_nested(loaded, bind_steps(loaded, registry, loaded.problems), options, surroundings)
        return None if unknown else _LoadedPipeline(compiled, forms_of(compiled))


def _at(document: Any, path: JsonPath) -> Any:
    """Return what stands at a place of a document, or None."""
    for part in path:
        document = document[part] if has_part(document, part) else None
    return document
