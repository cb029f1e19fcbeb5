"""Chunks of texts for retrieval, however the texts arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import ConfigError, ExecutionCancelled, Pipeline, Runner, StepError
from headwater.testing import breaking_stream, endless_stream, verify_task
from headwater_steps.text.chunks import Chunk, ChunkCutter, Chunks
from headwater_steps.text.sentences import SentenceSplitter
from headwater_steps.text.units import Unit

UNITS = ["characters", "words", "sentences"]
TEXTS = st.one_of(st.text("ab .!?'\"\n\t\u2028", max_size=30), st.text(max_size=30))
POEM = "To be, or not to be. That is the question! Whether\n'tis nobler?"


def cut(pieces: Sequence[str], *args: Any) -> list[Chunk] | str:
    """Return the chunks of a text in pieces, or what is wrong with it."""
    cutter = ChunkCutter(*args)
    try:
        return [*(chunk for piece in pieces for chunk in cutter.feed(piece)), *cutter.finish()]
    except ValueError as error:
        return str(error)


def texts_of(chunks: Sequence[Chunk]) -> list[str]:
    """Return the texts of chunks."""
    return [chunk.text for chunk in chunks]


def loaded(**params: Any) -> Pipeline:
    """Return a pipeline that cuts into chunks, as a document gives it."""
    return Pipeline.load({"name": "chunks", "steps": [{"id": "chunks", "kind": "text.chunks", "params": params}]})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"size": 30}, ["To be, or not to be. That is t", "he question! Whether\n'tis nobl", "er?"]),
        ({"size": 40, "overlap": 20}, [POEM[:40], POEM[20:60], POEM[40:]]),
        ({"by": "words", "size": 6}, ["To be, or not to be.", "That is the question! Whether\n'tis", "nobler?"]),
        ({"by": "words", "size": 8, "overlap": 4}, [POEM[:28], POEM[14:55], POEM[29:]]),
        ({"by": "sentences", "size": 1}, ["To be, or not to be.", "That is the question!", "Whether", "'tis nobler?"]),
        ({"by": "sentences", "size": 2, "overlap": 1}, [POEM[:42], POEM[21:50], POEM[43:]]),
        ({"size": 1_000}, [POEM]),
        ({"by": "words"}, [POEM]),
    ],
)
async def test_cuts_a_text_into_overlapping_chunks(params: dict[str, Any], expected: list[str]) -> None:
    """Each unit gives passages of so many of them, the next beginning with some of the last."""
    result = await loaded(**params).run(POEM)
    assert texts_of(result.output) == expected


OPTIONS = st.tuples(st.sampled_from(UNITS), st.integers(1, 5), st.integers(0, 4), st.integers(5, 40)).map(
    lambda drawn: (drawn[0], drawn[1], min(drawn[2], drawn[1] - 1), drawn[3])
)


@given(TEXTS, st.lists(st.integers(0, 30)), OPTIONS)
def test_gives_the_same_chunks_however_the_text_is_cut(
    text: str, cuts: list[int], options: tuple[str, int, int, int]
) -> None:
    """Chunks, their places and what is wrong depend on the text alone."""
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert cut([text], *options) == cut(list(text), *options) == cut(pieces, *options)


@given(TEXTS, st.sampled_from(UNITS), st.integers(1, 5), st.integers(0, 4))
def test_covers_the_text(text: str, unit: str, size: int, overlap: int) -> None:
    """Every character is in a chunk, but for spaces around words and sentences, and places are right."""
    chunks = cut([text], unit, size, min(overlap, size - 1), 1_000)
    assert isinstance(chunks, list)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    missed = [text[place] for place in range(len(text)) if place not in covered]
    assert not missed if unit == "characters" else all(map(str.isspace, missed))


@given(TEXTS, st.integers(1, 5), st.integers(0, 4))
def test_chunks_of_words_have_as_many_words(text: str, size: int, overlap: int) -> None:
    """All but the last have the size, and the overlap is what two of them share."""
    overlap = min(overlap, size - 1)
    chunks = cut([text], "words", size, overlap, 1_000)
    assert isinstance(chunks, list)
    words = [chunk.text.split() for chunk in chunks]
    assert all(len(each) == size for each in words[:-1])
    assert [word for each in words[:1] for word in each] + [word for each in words[1:] for word in each[overlap:]] == (
        text.split()
    )


@given(TEXTS)
def test_chunks_of_sentences_begin_where_sentences_do(text: str) -> None:
    """Those that `text.sentences` finds; only what stands before the first may come with it."""
    splitter = SentenceSplitter()
    starts = {sentence.start for sentence in [*splitter.feed(text), *splitter.finish()]}
    chunks = cut([text], "sentences", 1, 0, 1_000)
    assert isinstance(chunks, list)
    assert {chunk.start for chunk in chunks[1:]} == starts - {min(starts, default=0)}


@pytest.mark.parametrize(
    "params", [{"size": 7, "overlap": 3}, {"by": "words", "size": 3, "overlap": 1}, {"by": "sentences", "size": 1}]
)
async def test_gives_a_stream_what_it_gives_a_whole_text(params: dict[str, Any]) -> None:
    """However a text is cut into items, a pipeline gives the same."""
    await verify_task(Chunks(**params), [POEM, "", "a. b"])


@pytest.mark.parametrize(
    ("by", "piece", "given"),
    [
        ("characters", "ab", 1),
        ("words", "a b ", 0),
        ("words", "a b c", 1),
        ("sentences", "So. It is. ", 0),
        ("sentences", "So. It is. No", 1),
    ],
)
def test_gives_a_chunk_as_soon_as_it_is_complete(by: Unit, piece: str, given: int) -> None:
    """It leaves when the next one begins, not when that is complete as well."""
    assert len(list(ChunkCutter(by, 2, 0, 1_000).feed(piece))) == given


@pytest.mark.parametrize("unit", UNITS)
def test_reads_a_long_text_in_small_pieces(unit: str) -> None:
    """Character by character is no more than a small multiple of the work, and memory holds one chunk."""
    text = "Salt water. " * 5_000
    chunks = cut(list(text), unit, 50, 10, 2_000)
    assert chunks == cut([text], unit, 50, 10, 2_000)
    assert len(chunks) > 100


@pytest.mark.parametrize(
    ("each", "items", "expected"),
    [
        ("chunk", ["a b", "c d"], [("a bc", 0, 0), ("d", 5, 1)]),
        ("line", ["a b", "c d"], [("a b", 0, 0), ("c d", 4, 1)]),
        ("text", ["a b c", "d"], [("a b", 0, 0), ("c", 4, 1), ("d", 0, 0)]),
    ],
)
async def test_takes_items_as_what_they_are(each: str, items: list[str], expected: list[tuple[str, int, int]]) -> None:
    """Items are parts of one text, its lines, or texts of their own."""
    result = await loaded(by="words", size=2, each=each).run(iter(items))
    assert [(chunk.text, chunk.start, chunk.index) for chunk in result.output] == expected


@pytest.mark.parametrize("as_stream", [False, True])
async def test_fails_at_a_chunk_that_is_too_long(*, as_stream: bool) -> None:
    """Memory is bounded, and the message says where the chunk starts and what can be done."""
    text = "a bb cccccccccccc"
    pipeline = loaded(by="words", size=2, max_chunk_chars=8)
    with pytest.raises(StepError, match="starts at character 5 has more than 8 characters; raise max_chunk_chars"):
        await pipeline.run(iter(text) if as_stream else text)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"size": 0}, "size"),
        ({"size": 5, "overlap": 5}, "overlap"),
        ({"overlap": 1_000}, "overlap"),
        ({"overlap": -1}, "overlap"),
        ({"by": "lines"}, "by"),
        ({"size": 50, "max_chunk_chars": 49}, "max_chunk_chars"),
    ],
)
def test_refuses_wrong_params_when_a_document_is_loaded(params: dict[str, Any], path: str) -> None:
    """What could never work is told at its place."""
    with pytest.raises(ConfigError) as caught:
        loaded(**params)
    assert [problem.path for problem in caught.value.problems] == [f"$.steps[0].params.{path}"]


async def test_breaks_with_its_writer() -> None:
    """A text that broke off has no last chunk."""
    with pytest.raises(StepError, match="the sample stream broke"):
        await loaded().run(breaking_stream(["One. ", "Tw"]))


async def test_stops_in_the_middle_when_cancelled() -> None:
    """A text without an end is left at once."""
    texts = endless_stream(lambda number: execution.cancel() or "One. " if number == 500 else "One. ")
    async with Runner().start(loaded(size=10), texts) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert texts.closed
    assert texts.given < 2_000
