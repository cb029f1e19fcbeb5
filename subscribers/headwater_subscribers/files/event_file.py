"""A subscriber that writes events to a file, one line of JSON each."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio import CancelScope
from anyio.to_thread import run_sync

from headwater import StreamEvent, StreamSubscriber
from headwater.toolkit import gap_event, notice
from headwater_subscribers.files.journal import Journal, Rotation, Sync, check_appendable
from headwater_subscribers.files.recorded import BadEventError, read_events

__all__ = ["BadEventError", "FileSubscriber", "read_events"]


@dataclass(slots=True)
class _Missing:
    """The events of an execution that could not be written."""

    events: int
    first_seq: int
    last_seq: int


class FileSubscriber(StreamSubscriber):
    r"""Append every event to a file as a line of JSON, as `headwater schema events` describes it.

    `read_events` reads the file back, and `headwater replay` shows it again. One subscriber may serve several
    executions, also at the same time; an existing file of events is continued. Only one subscriber writes a file at a
    time, and no line is ever left half written: what a killed process began is removed before the file is continued.

    With rotation, the file is continued by others with numbers in their names: `events.jsonl`, `events.2.jsonl`,
    `events.3.jsonl`. Numbers are never left out or used again.

    When the file cannot be written, as when the disk is full, the execution goes on. This is reported once, and when
    the file can be written again, a `stream_gap` event in it has the number of the events that are missing.

    Args:
        path: The file; its folder has to exist.
        types: Types of the events that are written; None for all.
        steps: Ids of the steps whose events are written; None for all.
        rotate_bytes: Largest size of a file, unless a single event is larger; None for any size.
        rotate_events: Most events in a file; None for any number.
        keep_files: How many files are kept; the oldest are deleted. None for all.
        sync: When lines are flushed to the disk itself, where they survive a power failure: `never` leaves it to the
            system, `close` does it when a file ends, `batch` after each write (up to ten a second). A crash of the
            process alone never loses a written line.

    Attributes:
        missed: How many events could not be written so far.

    Raises:
        OSError: The folder is missing, or the file cannot be read or is not a regular file.
        ValueError: The file has a line that is not an event, or an argument is out of its range.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.lower")
        ... def lower(text: str) -> str:
        ...     return text.lower()
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "events.jsonl")
        ...     _ = run_sync(Pipeline("lower", steps={"lower": lower}), "A", subscribers=[FileSubscriber(path)])
        ...     [event.event_type.value for event in read_events(path)]
        ['pipeline_start', 'step_start', 'step_output', 'step_complete', 'pipeline_complete']
    """

    send_deadline_s: float = 60.0
    interval_s: float = 0.1

    def __init__(
        self,
        path: Path | str,
        *,
        types: Collection[str] | None = None,
        steps: Collection[str] | None = None,
        rotate_bytes: int | None = None,
        rotate_events: int | None = None,
        keep_files: int | None = None,
        sync: Sync = "close",
    ) -> None:
        self.types = types
        self.steps = steps
        self.missed: int = 0
        self._path = Path(path)
        check_appendable(self._path)
        self._journal = Journal(self._path, Rotation(rotate_bytes, rotate_events, keep_files), sync)
        self._lock = threading.Lock()  # executions that share the subscriber may run on different loops
        self._users = 0
        self._missing: dict[str, _Missing] = {}
        self._is_reported = False

    @staticmethod
    def read(path: Path, *, on_bad: Callable[[BadEventError], None] | None = None) -> Iterator[StreamEvent]:
        """Read a file back, as `read_events` does; the command line, which finds subscribers by name, calls it."""
        return read_events(path, on_bad=on_bad)

    async def on_events(self, batch: Sequence[StreamEvent]) -> None:
        """Write events in a thread, as a disk may be slow."""
        await run_sync(self._append, list(batch))

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Keep the file open while an execution needs it."""
        await run_sync(self._enter)
        try:
            yield
        finally:
            with CancelScope(shield=True):
                await run_sync(self._leave)

    def _enter(self) -> None:
        with self._lock:
            if not self._users:
                self._journal.open()
            self._users += 1

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._settle()
                self._journal.close()

    def _append(self, events: Sequence[StreamEvent]) -> None:
        with self._lock:
            execution_id = events[0].execution_id
            gap = self._gap(execution_id)
            lines = [event.to_json() + b"\n" for event in (*gap, *events)]
            written, error = self._journal.append(lines)
            if written and gap:
                del self._missing[execution_id]
            if error is None:
                self._is_reported = False
            else:
                self._miss(events[max(written - len(gap), 0) :], error)

    def _miss(self, events: Sequence[StreamEvent], error: OSError) -> None:
        """Note events that could not be written, and report the first of them."""
        if events:
            missing = self._missing.setdefault(events[0].execution_id, _Missing(0, events[0].seq, 0))
            missing.events += len(events)
            missing.last_seq = events[-1].seq
            self.missed += len(events)
        self._report(
            "events cannot be written; when the file can be written again, a stream_gap event will replace them", error
        )

    def _report(self, text: str, error: OSError) -> None:
        if not self._is_reported:
            self._is_reported = True
            notice(text, path=str(self._journal.part), error=error.strerror or str(error))

    def _gap(self, execution_id: str) -> Sequence[StreamEvent]:
        missing = self._missing.get(execution_id)
        if missing is None:
            return ()
        return (gap_event(execution_id, missing.events, missing.first_seq, missing.last_seq),)

    def _settle(self) -> None:
        """Write at the end how many events are missing, or else report it."""
        for execution_id, missing in self._missing.items():
            lines = [event.to_json() + b"\n" for event in self._gap(execution_id)]
            if not self._journal.append(lines)[0]:
                notice("events are missing", path=str(self._path), execution_id=execution_id, events=missing.events)
        self._missing.clear()
