"""Sentences of texts that come whole, in lines, or in any pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headwater import ConfigError, ExecutionCancelled, Pipeline, Runner, StepError, Stream, StreamType, step
from headwater.testing import breaking_stream, endless_stream, verify_task
from headwater_steps.sources.text_files import lines
from headwater_steps.text.sentences import Sentence, Sentences, SentenceSplitter

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "stream_vectors.json").read_text("utf-8"))["sentence_stream"]
CASES = [case for case in VECTORS["cases"] if "spans" in case]
HARD = st.text("aB1 .!?…'\"”)]\n\t\u2028\x1c。」•", max_size=40)
ODD = "Dr. e.g. U.S. I. He he 5 p. co. Inc. . ... ) ” one! What? 。 • x"
WORDS = st.lists(st.sampled_from([*ODD.split(), "\n"])).map(" ".join)
TEXTS = st.one_of(HARD, WORDS, st.text(max_size=40))


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


@given(TEXTS, st.lists(st.integers(0, 40)))
@example("He said 'Stop.' Then left", [14, 15])
@example("3.14 is pi.\nNot e.", [2])
@example("a.'", [2])
@example("a.' ", [2, 3])
def test_loses_nothing_however_the_text_is_cut(text: str, cuts: list[int]) -> None:
    """Every chunking gives the same sentences, and these and the spaces between them are the text."""
    sentences = split([text])
    assert split(list(text)) == split(pieces_of(text, cuts)) == sentences
    written = [sentence.text for sentence in sentences]
    places = [0, *(place for sentence in sentences for place in (sentence.start, sentence.end)), len(text)]
    between = [text[end:start] for end, start in zip(places[::2], places[1::2], strict=True)]
    assert "".join(part for pair in zip(between, [*written, ""], strict=True) for part in pair) == text
    assert all(gap == "" or gap.isspace() for gap in between)
    assert all(part and part == part.strip() for part in written)


ENDS = {
    "a quote": ["“Is it late?”", "She left.", '"Yes."', "(It rains.)", "He sleeps."],
    "a quote that goes on": ['"Run!" he cried, and "wait." they said.', "It rained."],
    "brackets inside": ["They built it (it took years.) near the river."],
    "titles": ["Dr. Lind and Mrs. Oak met on Mt. Rain.", "St. Ida came."],
    "abbreviations": ["Bring nails, e.g. long ones, glue, etc. for the roof of Oak & Co. at noon.", "We wait."],
    "an abbreviation that ends": ["They sold it to Oak Inc.", "Nobody knew."],
    "initials": ["A. B. Stone wrote it.", "So did Ida C. Reed."],
    "letters": ["The U.S. Senate met at 9 a.m. on Monday in the U.K.", "It was you and I.", "They agreed."],
    "numbers": ["See p. 12 and fig. 3.", "It costs 2.50.", "No. 5 is alive.", "He said no.", "He left."],
    "a list": ["1. Boil water.", "2. Add salt.", "b. Stir it."],
    "bullets": ["• one thing", "• two things"],
    "dots": ["Well ... maybe.", "I wait....", "He came… slowly.", "...and left.", ".5 is half."],
    "dots with spaces": ["It was . . . said.", "They left . . . .", "More followed."],
    "words left out": ["It shows [...] That much."],
    "marks together": ["Really?!", "Yes!!!", "?!"],
    "addresses": ["Ask ida@example.com or example.com/a.html.", "Then go."],
    "other scripts": ["क्या हुआ।", "कुछ नहीं।", "هل تعرف؟", "نعم."],
    "months": ["It snowed on Jan. 5 and Feb. Ninth.", "In Dec. it stopped."],
}


@pytest.mark.parametrize("sentences", ENDS.values(), ids=ENDS)
def test_ends_sentences_where_a_reader_does(sentences: list[str]) -> None:
    """Abbreviations, initials, quotes, list items and dots are read as people read them."""
    text = " ".join(sentences)
    assert [sentence.text for sentence in split([text])] == sentences
    assert [sentence.text for sentence in split(list(text))] == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["雨が降る。", "家にいる！？", "「そうだ。」", "寝る。"],
        ["「寝る。」と言った。", "『行け！』って。", "「雨だ。」、彼は言う。", "「え？」"],
        ["你好！", "“下雨了。”", "(走吧？)", "好"],
    ],
    ids=["Japanese", "Japanese quotes", "Chinese"],
)
def test_needs_no_space_after_marks_of_chinese_and_japanese(sentences: list[str]) -> None:
    """These scripts are written without spaces."""
    assert [sentence.text for sentence in split(["".join(sentences)])] == sentences


@given(TEXTS, st.lists(st.integers(0, 30)), st.integers(1, 5))
def test_cuts_long_sentences_at_the_same_places_however_the_text_is_cut(text: str, cuts: list[int], most: int) -> None:
    """A cut depends on the text alone, and nothing of the sentences is lost."""
    expected = split([text], most, cuts=True)
    assert split(pieces_of(text, cuts), most, cuts=True) == split(list(text), most, cuts=True) == expected
    assert all(len(sentence.text) <= most for sentence in expected)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in expected)
    covered = {place for sentence in expected for place in range(sentence.start, sentence.end)}
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)


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
        (["Dr. "], 0),
        (["in the U.S. "], 0),
        (["in the U.S. ", "It "], 1),
        (["in the U.S. ", "Senate "], 0),
        (["雨。", "家"], 1),
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


POEM = "The tide rises\nand falls. Boats wait\n\nfor the moon.\n"
BETWEEN = {
    "nothing": [],
    "items chosen one by one": [{"id": "some", "kind": "stream.filter", "params": {"where": {"matches": "."}}}],
    "items passed on": [{"id": "some", "kind": "stream.take", "params": {"n": 9}}],
    "lines changed": [{"id": "some", "kind": "text.strip"}],
    "two steps": [{"id": "some", "kind": "text.strip"}, {"id": "more", "kind": "stream.take", "params": {"n": 9}}],
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("kind", ["text.sentences", "text.chunks"])
async def test_keeps_lines_of_a_file_apart(tmp_path: Path, kind: str, between: list[dict[str, Any]]) -> None:
    """A stream that is declared as lines is read as lines, also behind steps that pass them on."""
    path = tmp_path / "poem.txt"
    path.write_text(POEM)
    steps = [
        {"id": "lines", "kind": "source.lines", "params": {"path": str(path)}},
        *between,
        {"id": "s", "kind": kind},
    ]
    result = await Pipeline.load({"name": "poem", "steps": steps}).run()
    assert "rises\nand" in "\n".join(part.text for part in result.output)


@step("tests.letters")
async def letters(parts: Annotated[Stream[str], StreamType(str, mode="delta")]) -> str:
    """Join parts of a text."""
    return "".join(await parts.collect())


async def test_gives_a_reader_of_deltas_the_line_ends(tmp_path: Path) -> None:
    """Lines become parts of the text by the rule of their writer."""
    path = tmp_path / "poem.txt"
    path.write_text(POEM)
    result = await Pipeline("poem", steps={"lines": lines.with_params(path=path), "joined": letters}).run()
    assert result.output == POEM


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
