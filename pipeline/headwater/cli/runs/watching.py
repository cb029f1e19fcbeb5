"""The subscribers of one run of the command line, found by name among those that are installed.

The rule for them, in the group `headwater.subscribers` of entry points: `console(file=, clock=)` shows a run;
`file(path)` writes its events, and `file.read(path, on_bad=)` reads them back; `metrics()` can `write` its
figures to a file, and `timeline()` gives an `svg()`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from headwater.cli.runs.output import OutputError, open_file
from headwater.display import plural
from headwater.errors import ConfigError, HeadwaterError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from headwater.api.result import Result
    from headwater.cli.command_options import WatchOptions
    from headwater.events.subscriber import StreamSubscriber

__all__ = ["Watchers", "find_subscriber"]


def find_subscriber(name: str, option: str = "") -> Any:
    """Return an installed subscriber.

    Args:
        name: Its name in the group `headwater.subscribers` of entry points.
        option: The option that needs it, for the message.

    Returns:
        What the entry point names: a class, as the rule above says.

    Raises:
        HeadwaterError: No installed package brings it.
    """
    for entry in entry_points(group="headwater.subscribers", name=name):
        return entry.load()
    needs = f"{option} needs the subscriber {name!r}" if option else f"the subscriber {name!r} is needed"
    raise HeadwaterError(f"{needs}, which no installed package brings; is the installation of headwater complete?")


class Watchers:
    """The subscribers of one run.

    Args:
        options: What is to be told.
        view: Shows the run while it goes on, or None.
        events: Writes the events, or None.
        metrics: Counts, or None.
        timeline: Notes when each step ran, or None.
    """

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

        Args:
            options: What is to be told.

        Yields:
            The subscribers; the drawing is written when the block is left without an error.

        Raises:
            ConfigError: A file cannot be written.
            HeadwaterError: A subscriber is not installed.
        """
        target = nullcontext(None) if options.timeline is None else open_file(str(options.timeline))
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
                _write(descriptor, watchers._timeline.svg())

    @property
    def subscribers(self) -> list[StreamSubscriber]:
        """All of them."""
        return [one for one in (self._view, self._events, self._metrics, self._timeline) if one is not None]

    @property
    def has_view(self) -> bool:
        """Whether the run is shown while it goes on."""
        return self._view is not None

    def has_told(self, result: Result) -> bool:
        """Return whether the view has shown everything to the end.

        Args:
            result: The outcome of the run.
        """
        return self.has_view and all(lost.subscriber is not self._view for lost in result.lost_subscribers)

    def tell(self) -> None:
        """Show what is told at the end."""
        if self._metrics is not None:
            self._metrics.write(sys.stderr)

    def check(self, result: Result) -> None:
        """Make sure that what was asked for has been written.

        Args:
            result: The outcome of the run.

        Raises:
            OutputError: Events are missing in their file.
        """
        if self._events is None:
            return
        lost = next((lost for lost in result.lost_subscribers if lost.subscriber is self._events), None)
        if lost is not None:
            raise OutputError(f"not all events were written to {self._options.events}: {lost.error or lost.reason}")
        if self._events.missed:
            raise OutputError(f"{plural(self._events.missed, 'event')} could not be written to {self._options.events}")


def _view() -> Any:
    """Return what shows a run, or None where that is not installed: a run needs no view."""
    try:
        return find_subscriber("console")()
    except HeadwaterError:
        return None


def _events(path: Path) -> Any:
    subscriber = find_subscriber("file", "--events")
    try:
        return subscriber(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(Problem("bad-output", f"the events cannot be written: {reason}", file=str(path))) from None


def _write(descriptor: int, text: str) -> None:
    view = memoryview(text.encode())
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise OutputError(f"the timeline cannot be written: {error.strerror}") from None
