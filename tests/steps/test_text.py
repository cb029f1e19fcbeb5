"""Words and cases of texts in any script."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater import Pipeline
from headwater_steps.text import lower, upper, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ,;- ", []),
        ("one two", ["one", "two"]),
        ("Don't stop, it\u2019s 'fine'", ["Don't", "stop", "it\u2019s", "fine"]),
        ("dogs' tails", ["dogs", "tails"]),
        ("snake_case well-known", ["snake", "case", "well", "known"]),
        ("3.14 and 42nd", ["3", "14", "and", "42nd"]),
        ("déjà-vu", ["déjà", "vu"]),
        (unicodedata.normalize("NFD", "déjà vu"), [unicodedata.normalize("NFD", "déjà"), "vu"]),
        ("हिन्दी में लिखो।", ["हिन्दी", "में", "लिखो"]),
        ("مُحَمَّد كتب", ["مُحَمَّد", "كتب"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("ภาษาไทย ที่นี่", ["ภาษาไทย", "ที่นี่"]),
        ("東京タワー、日本", ["東京タワー", "日本"]),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, expected: list[str]) -> None:
    """Words of any script are whole, with their marks and inner apostrophes."""
    assert list(words(text)) == expected


@given(st.text())
def test_words_keep_every_letter_and_digit(text: str) -> None:
    """No letter or digit is lost or moved, and nothing but marks, joiners and apostrophes comes along."""
    found = list(words(text))
    assert [char for word in found for char in word if char.isalnum()] == [char for char in text if char.isalnum()]
    assert all(word[0].isalnum() for word in found)
    strange = {char for word in found for char in word if not char.isalnum()} - set("'\u2019\u200c\u200d")
    assert all(unicodedata.category(char)[0] == "M" for char in strange)


@given(st.text(st.sampled_from("aB3 ,.-'")), st.text(st.sampled_from("aB3 ,.-'")))
def test_words_of_two_texts_are_those_of_each(left: str, right: str) -> None:
    """Cutting a text between two words changes nothing."""
    assert list(words(f"{left} {right}")) == [*words(left), *words(right)]


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_what_a_plain_pattern_finds(text: str) -> None:
    """On plain text the marks of other scripts play no part."""
    assert list(words(text)) == re.findall(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*", text)


def test_words_leave_out_short_ones_when_asked() -> None:
    """The shortest length is that of a word that still counts."""
    assert list(words.with_params(min_length=3)("a bc def ghij")) == ["def", "ghij"]


def test_words_refuse_a_length_of_nothing() -> None:
    """A word has at least one character."""
    with pytest.raises(ValidationError):
        words.with_params(min_length=0)


@given(st.text())
def test_cases_are_those_of_python(text: str) -> None:
    """Lower and upper case follow the rules of Unicode, as `str` does."""
    assert (lower(text), upper(text)) == (text.lower(), text.upper())


PIPELINE = Pipeline("words", steps={"words": words, "lower": lower, "upper": upper})


@pytest.mark.parametrize("data", ["One two", ["One", "", "two"], ["One two"]])
async def test_text_steps_take_one_text_or_a_stream(data: str | list[str]) -> None:
    """The same pipeline splits one text, or each text of a stream."""
    result = await PIPELINE.run(data if isinstance(data, str) else iter(data))
    assert result.output == ["ONE", "TWO"]


def test_text_steps_share_one_segment_when_they_follow_one_another() -> None:
    """Plain steps over a stream are fused, so that no channel stands between them."""
    plan = PIPELINE.plan(stream_input=True)
    assert [edge.fused for edge in plan.edges if edge.source and edge.target] == [True, True]
