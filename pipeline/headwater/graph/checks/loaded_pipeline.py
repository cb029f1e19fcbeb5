"""What checks read of a pipeline that a program holds, which is made above this layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from headwater.config.load import Loaded
    from headwater.graph.graph import Graph

__all__ = ["CompiledGraph", "LoadedPipeline"]


class CompiledGraph(Protocol):
    """A compiled pipeline."""

    @property
    def graph(self) -> Graph:
        """Its steps."""
        ...

    @property
    def loaded(self) -> Loaded:
        """Its document."""
        ...


class LoadedPipeline(Protocol):
    """A `Pipeline`."""

    @property
    def compiled(self) -> CompiledGraph:
        """The pipeline with its graph."""
        ...
