"""Custom steps for `rising-gauges.json` and `chunk-documents.json`; pass this file with `--steps`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from headwater import Stream, step
from headwater_steps.sources.file_search import FoundFile
from headwater_steps.text.chunks import Chunks


class Rise(BaseModel, frozen=True):
    """The rise of a gauge from one reading to the next.

    Args:
        gauge: The code of the gauge.
        time: The time of the reading.
        level_m: The level, in meters.
        rise_m: The difference from the previous reading, in meters; negative if the level fell.
    """

    gauge: str
    time: str
    level_m: float
    rise_m: float


@step("gauges.rises")
async def rises(readings: Stream[dict[str, Any]]) -> AsyncIterator[Rise]:
    """Compare each reading with the previous one of the same gauge.

    Args:
        readings: Records with gauge, time and level_m, ordered by time.

    Yields:
        A rise for each reading except the first of each gauge. Readings without a level are skipped.
    """
    before: dict[str, float] = {}
    async for reading in readings:
        gauge, level_m = reading["gauge"], reading["level_m"]
        if level_m is None:
            continue
        if gauge in before:
            rise_m = round(level_m - before[gauge], 3)
            yield Rise(gauge=gauge, time=reading["time"], level_m=level_m, rise_m=rise_m)
        before[gauge] = level_m


@step("gauges.warning")
def warning(rise: Rise, *, steep_m: Annotated[float, Field(gt=0)] = 0.12) -> str:
    """Describe the rise of a gauge in words.

    Args:
        rise: The rise.
        steep_m: Minimum rise that counts as steep, in meters.

    Returns:
        One line of text.
    """
    how = "steeply" if rise.rise_m >= steep_m else "slowly"
    return f"{rise.gauge} rises {how}: {rise.level_m:.2f} m, {rise.rise_m:+.2f} m since the reading before"


class Passage(BaseModel, frozen=True):
    """A part of a document.

    Args:
        path: The path of the document.
        text: The text of the passage.
        start: Position of its first character in the document, from 0.
        end: Position after its last character.
        index: Number of the passage in the document, from 0.
    """

    path: str
    text: str
    start: int
    end: int
    index: int


@step("documents.passages", blocking=True)
def passages(
    file: FoundFile, *, size: Annotated[int, Field(ge=1)] = 120, overlap: Annotated[int, Field(ge=0)] = 20
) -> Iterator[Passage]:
    """Read a document and split it into overlapping passages.

    Args:
        file: The document, a text file in UTF-8.
        size: Maximum passage length, in words.
        overlap: Words that a passage shares with the previous one; fewer than `size`.

    Yields:
        The passages, with their positions.
    """
    text = Path(file.path).read_text("utf-8")
    for chunk in Chunks(by="words", size=size, overlap=overlap).whole(text):
        yield Passage(path=file.path, text=chunk.text, start=chunk.start, end=chunk.end, index=chunk.index)
