"""What the command `run` runs: a pipeline here, or what a plug-in finds at a URL, by its scheme."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headwater.api.runner import Runner
from headwater.plugins import Group, load_plugin

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from headwater.api.pipeline import Pipeline
    from headwater.api.result import Result
    from headwater.events.subscriber import StreamSubscriber
    from headwater.streams.frames import StreamType
    from headwater.streams.stream import Stream

__all__ = ["Opening", "Running", "Target", "local_target", "target_at", "url_in"]

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/+(?P<rest>.*)")


class Running(Protocol):
    """An execution: what the command uses of one."""

    @property
    def outputs(self) -> Mapping[str, Stream[Any, Any, Any]]:
        """The streams of its outputs."""
        ...

    async def result(self, *, check: bool = True) -> Result:
        """Wait for the end, and return the outcome."""
        ...

    def cancel(self, reason: str = ...) -> None:
        """Stop it."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Target(Protocol):
    """A pipeline that can be started: the types of the items where its input is read, and those of its outputs."""

    @property
    def input_types(self) -> Sequence[Any]:
        """The types of the items that each reader of the input declares."""
        ...

    @property
    def outputs(self) -> Mapping[str, StreamType]:
        """The types of its outputs by their names."""
        ...

    def start(self, data: Any, subscribers: Sequence[StreamSubscriber]) -> Running:
        """Return an execution."""
        ...


Opening = AbstractAsyncContextManager[Target]
"""What opens a target for the time of a run."""


@dataclass(frozen=True, slots=True)
class _Local:
    """A pipeline here."""

    pipeline: Pipeline
    input_types: Sequence[Any]
    outputs: Mapping[str, StreamType]

    def start(self, data: Any, subscribers: Sequence[StreamSubscriber]) -> Running:
        return Runner(subscribers).start(self.pipeline, data)


@asynccontextmanager
async def local_target(pipeline: Pipeline) -> AsyncGenerator[Target]:
    """Open a pipeline that runs here."""
    plan = pipeline.plan()
    outputs = {name: plan.edges[index].type for name, index in zip(plan.output_names, plan.outputs, strict=True)}
    yield _Local(pipeline, [plan.edges[index].type.item for group in plan.inputs for index in group.edges], outputs)


def url_in(config: Path) -> tuple[str, str] | None:
    """Return the scheme and the whole of a URL that was read as a path, which has one slash where two were.

    Example:
        >>> from pathlib import Path
        >>> url_in(Path("http://example.org/pipelines/words")), url_in(Path("configs/words.json"))
        (('http', 'http://example.org/pipelines/words'), None)
    """
    found = _URL.fullmatch(str(config))
    return None if found is None else (found["scheme"], f"{found['scheme']}://{found['rest']}")


def target_at(scheme: str, url: str, settings: Sequence[str], key_file: Path | None) -> Opening:
    """Return what opens the pipeline at a URL, by the plug-in for its scheme."""
    opening: Opening = load_plugin(Group.RUNNERS, scheme)(url, settings, key_file)
    return opening
