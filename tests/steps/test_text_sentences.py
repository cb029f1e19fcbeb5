"""Sentences of texts that come whole, in lines, or in any pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headwater import ConfigError, ExecutionCancelled, Pipeline, Runner, StepError
from headwater.testing import breaking_stream, endless_stream, verify_task
from headwater_steps.text.sentences import Sentence, Sentences, SentenceSplitter

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "stream_vectors.json").read_text("utf-8"))["sentence_stream"]
PATTERN = re.compile(VECTORS["regex"])
CASES = [case for case in VECTORS["cases"] if "spans" in case]
HARD = st.text("ab .!?'\"\n\t\u2028\x1c", max_size=30)
TEXTS = st.one_of(HARD, st.text(max_size=30))


def pieces_of(text: str, cuts: Sequence[int]) -> list[str]:
    """Return a text cut at some places."""
    places = sorted({min(cut, len(text)) for cut in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def split(pieces: Sequence[str], *args: Any, **options: Any) -> list[Sentence]:
    """Return the sentences of a text in pieces."""
    splitter = SentenceSplitter(*args, **options)
    return [*(sentence for piece in pieces for sentence in splitter.feed(piece)), *splitter.finish()]


def spans(sentences: Sequence[Sentence]) -> list[list[int]]:
    """Return the places of sentences."""
    return [[sentence.start, sentence.end] for sentence in sentences]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_finds_the_sentences_of_the_vectors(case: dict[str, Any]) -> None:
    """Whole and character by character, the places are those of others who split streams."""
    text = case["text"]
    assert spans(split([text])) == spans(split(list(text))) == case["spans"]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
async def test_gives_a_stream_what_it_gives_a_whole_text(case: dict[str, Any]) -> None:
    """However a text is cut into items, a pipeline gives the same."""
    await verify_task(Sentences(), [case["text"], "", "Ab. C", "a.' b"])


@given(TEXTS, st.lists(st.integers(0, 30)))
@example("He said 'Stop.' Then left", [14, 15])
@example("3.14 is pi.\nNot e.", [2])
@example("a.'", [2])
@example("a.' ", [2, 3])
def test_finds_what_the_pattern_finds_however_the_text_is_cut(text: str, cuts: list[int]) -> None:
    """Every chunking gives the matches of the pattern, with their places and texts."""
    expected = [(found.start(), found.end(), found[0]) for found in PATTERN.finditer(text)]
    for pieces in ([text], list(text), pieces_of(text, cuts)):
        assert [(sentence.start, sentence.end, sentence.text) for sentence in split(pieces)] == expected


@given(TEXTS, st.lists(st.integers(0, 30)), st.integers(1, 5))
def test_cuts_long_sentences_at_the_same_places_however_the_text_is_cut(text: str, cuts: list[int], most: int) -> None:
    """A cut depends on the text alone, and nothing of the sentences is lost."""
    expected = split([text], most, cuts=True)
    assert split(pieces_of(text, cuts), most, cuts=True) == split(list(text), most, cuts=True) == expected
    assert all(len(sentence.text) <= most for sentence in expected)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in expected)
    covered = {place for sentence in expected for place in range(sentence.start, sentence.end)}
    assert all(text[place] in ".!?" or text[place].isspace() for place in range(len(text)) if place not in covered)


@pytest.mark.parametrize(
    ("pieces", "given"),
    [
        (["It rains. "], 1),
        (["It rains."], 0),
        (["It rains.", " "], 1),
        (["He said 'no.'"], 0),
        (["He said 'no.'", "\n"], 1),
        (["a line\n"], 1),
        (["a line", "\n"], 1),
        (["3.", "14"], 0),
    ],
)
def test_gives_a_sentence_as_soon_as_its_end_is_sure(pieces: list[str], given: int) -> None:
    """What stands after a mark decides, and nothing waits for longer than that."""
    splitter = SentenceSplitter()
    assert len([sentence for piece in pieces for sentence in splitter.feed(piece)]) == given


def test_reads_each_character_about_once() -> None:
    """A long text without an end of a sentence is read as fast character by character as at once."""
    text = "a, b" * 10_000
    assert [sentence.text for sentence in split(list(text), 10**6)] == [text]
    assert len(split([text], 10, cuts=True)) == len(text) // 10


def loaded(**params: Any) -> Pipeline:
    """Return a pipeline that splits into sentences, as a document gives it."""
    steps = [{"id": "sentences", "kind": "text.sentences", "params": params}]
    return Pipeline.load({"name": "sentences", "steps": steps})


@pytest.mark.parametrize(
    ("each", "items", "expected"),
    [
        ("chunk", ["One. T", "wo", ". Three"], [("One.", 0), ("Two.", 5), ("Three", 10)]),
        ("line", ["A title", "One. T", "wo."], [("A title", 0), ("One.", 8), ("T", 13), ("wo.", 15)]),
        ("text", ["One. T", "wo."], [("One.", 0), ("T", 5), ("wo.", 0)]),
    ],
)
async def test_takes_items_as_what_they_are(each: str, items: list[str], expected: list[tuple[str, int]]) -> None:
    """Items are parts of one text, its lines, or texts of their own."""
    result = await loaded(each=each).run(iter(items))
    assert [(sentence.text, sentence.start) for sentence in result.output] == expected


@pytest.mark.parametrize("as_stream", [False, True])
async def test_fails_at_a_sentence_that_is_too_long(*, as_stream: bool) -> None:
    """Memory is bounded, and the message says where the sentence starts and what can be done."""
    with pytest.raises(StepError, match=r"starts at character 0 has more than 5 characters; raise max_sentence_chars"):
        await loaded(max_sentence_chars=5).run(iter("It rains.") if as_stream else "It rains.")


async def test_cuts_a_sentence_that_is_too_long_when_asked() -> None:
    """The rest goes on as a sentence of its own."""
    result = await loaded(max_sentence_chars=5, on_too_long="cut").run("It rains.")
    assert [sentence.text for sentence in result.output] == ["It ra", "ins."]


@pytest.mark.parametrize("params", [{"max_sentence_chars": 0}, {"on_too_long": "drop"}, {"each": "word"}, {"most": 3}])
def test_refuses_wrong_params(params: dict[str, Any]) -> None:
    """A document with them is not loaded."""
    with pytest.raises(ConfigError):
        loaded(**params)


async def test_breaks_with_its_writer() -> None:
    """A text that broke off has no last sentence."""
    with pytest.raises(StepError, match="the sample stream broke"):
        await loaded().run(breaking_stream(["One. ", "Tw"]))


async def test_stops_in_the_middle_when_cancelled() -> None:
    """A text without an end is left at once."""
    texts = endless_stream(lambda number: execution.cancel() or "One. " if number == 500 else "One. ")
    async with Runner().start(loaded(), texts) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert texts.closed
    assert texts.given < 2_000
