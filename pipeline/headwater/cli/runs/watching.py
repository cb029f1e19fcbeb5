"""The subscribers of one run of the command line, found by name among those that are installed.

What they must offer: `console(file=, clock=)` shows a run; `file(path)` writes its events, and
`file.read(path, on_bad=)` reads them back; `metrics()` can `write` its metrics, and `timeline()` returns an `svg()`.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from headwater.cli.runs.output import OutputError, open_file, packing, write_all
from headwater.display import plural
from headwater.errors import ConfigError, HeadwaterError, Problem
from headwater.plugins import Group, installed, load_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from headwater.api.result import Result
    from headwater.cli.command_options import WatchOptions
    from headwater.events.subscriber import StreamSubscriber

__all__ = ["Watchers", "find_subscriber"]


def find_subscriber(name: str, option: str = "") -> Any:
    """Return an installed subscriber, which is a class; `option` is what needs it, for the message."""
    try:
        return load_plugin(Group.SUBSCRIBERS, name)
    except HeadwaterError as error:
        raise HeadwaterError(f"{option}: {error}" if option else str(error)) from error


class Watchers:
    """The subscribers of one run: each is None when it is not asked for."""

    def __init__(self, options: WatchOptions, *, view: Any, events: Any, metrics: Any, timeline: Any) -> None:
        self._options = options
        self._view = view
        self._events = events
        self._metrics = metrics
        self._timeline = timeline

    @classmethod
    @contextmanager
    def opened(cls, options: WatchOptions) -> Generator[Watchers]:
        """Find the subscribers, and make sure before the run that their files can be written.

        The drawing is written when the block is left without an error.
        """
        target = nullcontext(None) if options.timeline is None else open_file(str(options.timeline))
        pack = packing(str(options.timeline or ""))
        with target as descriptor:
            watchers = cls(
                options,
                view=None if options.quiet else _view(),
                events=None if options.events is None else _events(options.events),
                metrics=find_subscriber("metrics", "--metrics")() if options.metrics else None,
                timeline=None if descriptor is None else find_subscriber("timeline", "--timeline")(),
            )
            yield watchers
            if descriptor is not None:
                drawing = watchers._timeline.svg().encode()
                write_all(descriptor, pack(drawing))

    @property
    def subscribers(self) -> list[StreamSubscriber]:
        """All of them."""
        return [one for one in (self._view, self._events, self._metrics, self._timeline) if one is not None]

    @property
    def has_view(self) -> bool:
        """Whether the run is shown while it runs."""
        return self._view is not None

    def has_shown(self, result: Result) -> bool:
        """Return whether the view has shown the run to its end."""
        return self.has_view and all(lost.subscriber is not self._view for lost in result.lost_subscribers)

    def show_metrics(self) -> None:
        """Show the metrics, if they are asked for."""
        if self._metrics is not None:
            self._metrics.write(sys.stderr)

    def check(self, result: Result) -> None:
        """Raise an error when events are missing in their file."""
        if self._events is None:
            return
        lost = next((lost for lost in result.lost_subscribers if lost.subscriber is self._events), None)
        if lost is not None:
            raise OutputError(f"not all events were written to {self._options.events}: {lost.error or lost.reason}")
        if self._events.missed:
            raise OutputError(f"{plural(self._events.missed, 'event')} could not be written to {self._options.events}")


def _view() -> Any:
    """Return what shows a run, or None when it is not installed: a run does not need it."""
    return find_subscriber("console")() if "console" in installed(Group.SUBSCRIBERS) else None


def _events(path: Path) -> Any:
    subscriber = find_subscriber("file", "--events")
    try:
        return subscriber(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(Problem("bad-output", f"the events cannot be written: {reason}", file=str(path))) from None
