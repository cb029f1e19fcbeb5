"""Events in files: which files belong together, and reading them back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from headwater import HeadwaterError, StreamEvent
from headwater.toolkit import one_line, open_unpacked, without_suffix

__all__ = ["BadEventError", "numbers_of_parts", "part_path", "parts", "read_events"]

_LONGEST_LINE: Final = 64 * 1024 * 1024
"""Longest line that is read, in bytes: far longer than an event, as the values in it are bounded."""


class BadEventError(HeadwaterError, ValueError):
    """A line of a file of events is not an event.

    Args:
        path: The file.
        line: Number of the line, from 1.
        reason: What is wrong.
        torn: Whether the line is the last one and has no end, as when its writer was killed.

    Example:
        >>> print(BadEventError(Path("events.jsonl"), 7, "it is empty"))
        events.jsonl:7: it is empty
    """

    def __init__(self, path: Path, line: int, reason: str, *, torn: bool = False) -> None:
        super().__init__(path, line, reason)
        self.path = path
        self.line = line
        self.reason = reason
        self.torn = torn

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def read_events(path: Path | str, *, on_bad: Callable[[BadEventError], None] | None = None) -> Iterator[StreamEvent]:
    r"""Read the events back that a `FileSubscriber` wrote, in the order they were written.

    The files that continue `path` (`events.2.jsonl` after `events.jsonl`) are read after it. Files that were compressed
    since, such as `events.jsonl.gz`, are decompressed. A file may hold several
    executions, also at the same time; `execution_id` says which one an event belongs to. Memory is constant.

    Args:
        path: The file, as it was given to the subscriber.
        on_bad: Called with an error for every line that is not an event; reading then goes on. None to raise it.

    Yields:
        The events.

    Raises:
        BadEventError: A line is not an event, and there is no `on_bad`; it has the file and the number of the line.
        DamagedFileError: A compressed file is damaged or cut off.
        FileNotFoundError: The file does not exist, or one of those that continue it is missing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from headwater import EventType
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "events.jsonl")
        ...     _ = path.write_bytes(StreamEvent(1, EventType.STEP_SKIPPED, "e1", "count").to_json() + b"\n{")
        ...     [
        ...         (event.seq, event.step_id)
        ...         for event in read_events(path, on_bad=lambda bad: print(bad.line, bad.torn))
        ...     ]
        2 True
        [(1, 'count')]
    """
    path = Path(path)
    for part in parts(path) or [path]:
        with open_unpacked(part) as file:
            yield from _events_in(file, part, on_bad)


def part_path(path: Path, number: int) -> Path:
    """Return the path of one of the files that events are written to in turn.

    Example:
        >>> [part_path(Path("events.jsonl"), number).name for number in (1, 2)]
        ['events.jsonl', 'events.2.jsonl']
    """
    stem, suffix = _split(path)
    return path if number == 1 else path.with_name(f"{stem}.{number}{suffix}")


def parts(path: Path) -> list[Path]:
    """Return the files that events were written to in turn and that still exist, in order."""
    numbers = numbers_of_parts(path)
    for before, number in pairwise(numbers):
        if number != before + 1:
            raise FileNotFoundError(f"{part_path(path, before + 1)} is missing, but {part_path(path, number)} exists")
    return [part_path(path, number) for number in numbers]


def numbers_of_parts(path: Path) -> list[int]:
    """Return the numbers of the files that exist, in order."""
    stem, suffix = _split(path)
    name = re.compile(rf"{re.escape(stem)}\.([1-9]\d{{0,8}}){re.escape(suffix)}")
    matches = (name.fullmatch(file.name) for file in path.parent.iterdir()) if path.parent.is_dir() else ()
    later = sorted(int(match[1]) for match in matches if match and int(match[1]) > 1)
    return [1, *later] if path.exists() else later


def _split(path: Path) -> tuple[str, str]:
    """Return the parts of a name before and after the number of a file, which stands before its kind."""
    name = without_suffix(path)
    return name.stem, path.name[len(name.stem) :]


def _events_in(file: IO[bytes], path: Path, on_bad: Callable[[BadEventError], None] | None) -> Iterator[StreamEvent]:
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        try:
            event = _event(line, path, number)
        except BadEventError as error:
            if on_bad is None:
                raise
            on_bad(error)
        else:
            yield event


def _event(line: bytes, path: Path, number: int) -> StreamEvent:
    try:
        return StreamEvent.from_json(line)
    except ValueError as error:
        torn = not line.endswith(b"\n")
        reason = "the line is cut" if torn else f"not an event: {one_line(_reason(error))}"
        raise BadEventError(path, number, reason, torn=torn) from error


def _reason(error: ValueError) -> str:
    """Return what is wrong, and in which field."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}" if field else first["msg"]
