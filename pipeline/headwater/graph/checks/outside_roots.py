"""Finds the paths of a pipeline that lie outside of the folders where its steps may use files, before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.config.policies.substeps import substeps_of
from headwater.config.problems import quote
from headwater.files.confinement import Confinement
from headwater.graph.checks.path_params import used_paths
from headwater.graph.checks.shared_files import steps_within, uses_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from headwater.config.problems import JsonPath
    from headwater.errors import Problem
    from headwater.files.confinement import StrPath
    from headwater.graph.checks.loaded_pipeline import CompiledGraph, LoadedPipeline
    from headwater.kinds.definition import BoundStep

__all__ = ["paths_outside"]


def paths_outside(
    pipeline: LoadedPipeline, roots: Collection[StrPath], *, writable: Collection[StrPath] | None = None
) -> list[Problem]:
    """Return a problem for each param whose path steps may not use, if their files are confined to some folders.

    This finds what the params of kinds declare, such as the path of `source.lines`, also in nested pipelines. A path
    that comes as data is checked when it is used, in a block of `confined_to`.

    Args:
        pipeline: A `Pipeline`, with the values of its parameters.
        roots: The folders, which exist, as for `confined_to`.
        writable: The folders where steps may write, and read as well; by default, all of them.

    Returns:
        The problems, with the code `outside-roots` and the place of the param; none if all paths are inside.

    Raises:
        OSError: A folder does not exist, or cannot be looked at.

    Example:
        >>> from headwater import Pipeline
        >>> steps = [{"id": "lines", "kind": "source.lines", "params": {"path": "/etc/passwd"}}]
        >>> [problem.path for problem in paths_outside(Pipeline.load({"name": "read", "steps": steps}), roots=[])]
        ['$.steps[0].params.path']
    """
    confinement = Confinement.of(roots, writable)
    problems = pipeline.compiled.loaded.problems.renewed()
    for name, step, place, is_nested in _steps(pipeline.compiled):
        for used in used_paths(step):
            if fault := confinement.fault(used.path, writes=used.writes):
                verb = "write" if used.writes else "read"
                message = f"step {quote(name)} would {verb} {quote(used.path)}: {fault}"
                problems.add("outside-roots", message, (*place, "params", *(() if is_nested else used.param)))
    return list(problems.listed())


def _steps(compiled: CompiledGraph) -> Iterator[tuple[str, BoundStep, JsonPath, bool]]:
    """Yield each step that may use files: its name, its place in the document, and whether it is in a nested one."""
    graph = compiled.graph
    places = {step_id: graph.place(step_id) for step_id in graph.steps}
    places |= {one.id: one.path for one in substeps_of(compiled.loaded.spec.steps)}
    steps = {**graph.steps, **graph.substeps}
    for step_id in steps:
        for name, step in steps_within(step_id, steps):
            if uses_files(step):
                yield name, step, places[step_id], name != step_id
