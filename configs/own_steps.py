"""Steps of one's own, for `rising-gauges.json` and `chunk-documents.json`: name this file with `--steps`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from headwater import Stream, step
from headwater_steps.sources.file_search import FoundFile
from headwater_steps.text.chunks import Chunks


class Rise(BaseModel, frozen=True):
    """How much a gauge has risen from one of its readings to the next.

    Args:
        gauge: Its code.
        time: When it was read.
        level_m: The level then.
        rise_m: How much higher that is than the reading before; negative when it has fallen.
    """

    gauge: str
    time: str
    level_m: float
    rise_m: float


@step("gauges.rises")
async def rises(readings: Stream[dict[str, Any]]) -> AsyncIterator[Rise]:
    """Compare each reading with the one before of the same gauge.

    Args:
        readings: Records with gauge, time and level_m, in the order of their times.

    Yields:
        A rise for each reading but the first of each gauge. Readings without a level are left out.
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
    """Say in words how much a gauge has risen.

    Args:
        rise: The rise.
        steep_m: From how much on a rise is called steep, in meters.

    Returns:
        One line of text.
    """
    how = "steeply" if rise.rise_m >= steep_m else "slowly"
    return f"{rise.gauge} rises {how}: {rise.level_m:.2f} m, {rise.rise_m:+.2f} m since the reading before"


class Passage(BaseModel, frozen=True):
    """A part of a document.

    Args:
        path: The document.
        text: The passage.
        start: Its first character in the document, from 0.
        end: The character after its last one.
        index: Its number in the document, from 0.
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
    """Read a document and cut it into overlapping passages.

    Args:
        file: The document, a text in UTF-8.
        size: Longest passage, in words.
        overlap: Words that a passage repeats of the one before; fewer than `size`.

    Yields:
        The passages, with their places.
    """
    text = Path(file.path).read_text("utf-8")
    for chunk in Chunks(by="words", size=size, overlap=overlap).whole(text):
        yield Passage(path=file.path, text=chunk.text, start=chunk.start, end=chunk.end, index=chunk.index)
