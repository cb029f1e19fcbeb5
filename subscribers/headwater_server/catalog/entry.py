"""One pipeline that a server offers: its document, and what is known of it before its parameters have values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headwater import ConfigError, HeadwaterError, Pipeline, Problem
from headwater.toolkit import is_list, is_object, parameters_schema, read_json, read_source
from headwater_server.refusals import Refusal

__all__ = ["Entry", "entry_of", "load_entry", "uploaded_entry"]

_SAMPLES: Final[Mapping[str, Any]] = {
    "string": "sample",
    "integer": 1,
    "number": 1.0,
    "boolean": False,
    "array": [],
    "object": {},
}
_MISSING: Final = "missing-parameter"


@dataclass(slots=True)
class Entry:
    """A pipeline by its name.

    `pipeline` was loaded with sample values for the parameters in `required`; it is None when the document is broken,
    or when it does not load with samples.
    """

    name: str
    description: str = ""
    path: Path | None = None
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pipeline: Pipeline | None = None
    required: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    owner: str | None = None
    _description: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """`ready`, or `broken` when it cannot run whatever its parameters are."""
        return "broken" if self.problems else "ready"

    def described(self) -> dict[str, Any]:
        """Return what is known of the pipeline, as the data that callers get; made once, which may take long."""
        if self._description is None:
            self._description = self._describe()
        return self._description

    def _describe(self) -> dict[str, Any]:
        if self.pipeline is None:
            schemas = {"parameters": parameters_schema(self.document), "inputs": {}, "outputs": {}}
            return {"document": self.document, **schemas, "steps": [], "drawing": None}
        steps = [
            {"id": step.id, "kind": step.kind, "flavor": step.flavor.name.lower()}
            for step in self.pipeline.plan().steps
        ]
        try:
            drawing = self.pipeline.layout()
        except ValueError:  # too many steps for a picture
            drawing = None
        return {"document": self.document, **self.pipeline.json_schemas(), "steps": steps, "drawing": drawing}

    def bound(self, parameters: Mapping[str, Any], allow: frozenset[str]) -> Pipeline:
        """Return the pipeline with values for its parameters; this may take long for a large document."""
        if self.problems:
            message = f"the document of pipeline {self.name!r} is broken, so it cannot run"
            raise Refusal(409, "broken-pipeline", message, problems=self.problems)
        if self.pipeline is None or any(name not in parameters for name in self.required):
            if self.path is None:
                raise Refusal(422, _MISSING, f"give a value to the parameters {', '.join(self.required)}")
            return Pipeline.load(self.path, dict(parameters), allow=allow)
        return self.pipeline.with_parameters(**parameters) if parameters else self.pipeline


def entry_of(pipeline: Pipeline) -> Entry:
    """Return the entry of a pipeline that a program has made."""
    document = read_json(pipeline.to_json())
    return Entry(pipeline.name, str(document.get("description", "")), None, document, pipeline)


def uploaded_entry(document: Mapping[str, Any], owner: str) -> Entry:
    """Return the entry of a document that a caller has sent: it has no permissions, and no environment."""
    pipeline = Pipeline.load(document)
    return Entry(pipeline.name, str(document.get("description", "")), None, document, pipeline, owner=owner)


def load_entry(path: Path, allow: frozenset[str]) -> Entry | None:
    """Load the document in a file; return None when the file is not a document of a pipeline."""
    entry = Entry(path.stem, path=path)
    if (shown := str(path).encode("utf-8", "replace").decode()) != str(path):  # no answer could give its name
        hint = "give the file another name"
        problem = Problem("unreadable", "the name of the file is not UTF-8", "$", file=shown, hint=hint)
        return Entry(Path(shown).stem, problems=(problem,))
    try:
        entry.document = read_source(path).document
    except HeadwaterError as error:
        entry.problems = error.problems if isinstance(error, ConfigError) else ()
        return entry
    if "steps" not in entry.document:
        return None
    if isinstance(name := entry.document.get("name"), str) and name:
        entry.name = name
    entry.description = str(entry.document.get("description", ""))
    try:
        entry.pipeline = Pipeline.load(path, allow=allow)
    except ConfigError as error:
        entry.problems = error.problems
        if {problem.code for problem in error.problems} == {_MISSING}:
            entry.problems = ()
            entry.required = tuple(problem.path.removeprefix("$.parameters.") for problem in error.problems)
            entry.pipeline = _sampled(path, entry, allow)
    return entry


def _sampled(path: Path, entry: Entry, allow: frozenset[str]) -> Pipeline | None:
    """Load a document with sample values for what has none, to see its steps."""
    declared = entry.document.get("parameters")
    samples = {name: _sample(declared.get(name)) for name in entry.required} if is_object(declared) else {}
    try:
        return Pipeline.load(path, samples, allow=allow)
    except ConfigError:  # not with these values, which says nothing about others
        return None


def _sample(declared: object) -> Any:
    spec = declared if is_object(declared) else {}
    choices = spec.get("enum")
    if is_list(choices) and choices:
        return choices[0]
    return spec.get("minimum", spec.get("maximum", _SAMPLES.get(str(spec.get("type")), "sample")))
