"""The order of frames, `header? item* footer?`, is held by tables and by a regular expression."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from headwater import Footer, FrameTypeError, Header, StreamOrderError, StreamType
from headwater.kinds.port_types import wrapped_frames
from headwater.streams.grammar import NOT_AN_ITEM, Grammar
from headwater.types.value_checkers import checker


class Language(BaseModel):
    model_config = ConfigDict(frozen=True)
    code: str


class Total(BaseModel):
    model_config = ConfigDict(frozen=True)
    words: int


H, F, I = Language(code="en"), Total(words=3), "item"  # noqa: E741 - the letters of the tables below
FRAMES = {"h": H, "i": I, "f": F, "H": Header(H), "F": Footer(F)}
"""A letter for each frame; a capital is the wrapped form."""


def grammar(declared: str, item: Any = str, header: Any = Language, footer: Any = Total) -> Grammar:
    """Return the grammar of a stream that declares a header (`h`), a footer (`f`), both or neither."""
    return Grammar(
        "step 'words' port 'out'",
        checker(item),
        checker(header) if "h" in declared else None,
        checker(footer) if "f" in declared else None,
        wrapped=wrapped_frames(StreamType(item, header, footer)),
    )


def write(rules: Grammar, frames: list[Any]) -> list[Any]:
    """Write frames and the end; return the items."""
    items = [item for frame in frames if (item := rules.admit(frame)) is not NOT_AN_ITEM]
    rules.end()
    return items


@pytest.mark.parametrize(
    ("declared", "frames"),
    [
        ("", ""),
        ("", "iii"),
        ("h", "h"),
        ("h", "hii"),
        ("h", "Hi"),
        ("f", "f"),
        ("f", "iif"),
        ("f", "iF"),
        ("hf", "hf"),
        ("hf", "hiif"),
        ("hf", "HiF"),
    ],
)
def test_accepts_frames_in_order(declared: str, frames: str) -> None:
    """Every stream of the form header, items, footer passes, and only its items come out."""
    assert write(grammar(declared), [FRAMES[letter] for letter in frames]) == [I] * frames.count("i")


@pytest.mark.parametrize(
    ("declared", "frames", "message"),
    [
        ("h", "", "declared header starts with it, but the end came first"),
        ("h", "i", "declared header starts with it, but an item came first"),
        ("hf", "f", "declared header starts with it, but a footer came first"),
        ("h", "hh", "the header comes once"),
        ("h", "hih", "the header comes once"),
        ("h", "hiH", "the header comes once"),
        ("f", "", "the footer is missing"),
        ("f", "ii", "the footer is missing"),
        ("hf", "hi", "the footer is missing"),
        ("f", "iff", "nothing follows the footer, but a footer did"),
        ("f", "ifi", "nothing follows the footer, but an item did"),
        ("hf", "hfh", "nothing follows the footer, but a header did"),
        ("", "H", "declares no header"),
        ("", "iF", "declares no footer"),
        ("f", "Hf", "declares no header"),
        ("h", "hF", "declares no footer"),
    ],
)
def test_refuses_frames_out_of_order(declared: str, frames: str, message: str) -> None:
    """Every other order is an error that names the step, the port and the frame."""
    with pytest.raises(StreamOrderError, match=message) as caught:
        write(grammar(declared), [FRAMES[letter] for letter in frames])
    assert "step 'words' port 'out'" in str(caught.value)


@pytest.mark.parametrize(
    ("frames", "place"),
    [
        ([3], "item"),
        ([None], "item"),
        ([Header(3)], "header"),
        ([Header(F)], "header"),
        ([H, Footer("x")], "footer"),
        ([H, I, Footer({"words": "many"})], "footer.*words"),
        ([Header({"code": 7})], "header.*code"),
    ],
)
def test_refuses_frames_of_another_type(frames: list[Any], place: str) -> None:
    """A frame of a foreign type is an error that names the frame and the field."""
    with pytest.raises(FrameTypeError, match=f"step 'words' port 'out': {place}"):
        write(grammar("hf"), [*([] if isinstance(frames[0], (Header, Language)) else [H]), *frames])


def test_makes_the_declared_class_of_a_mapping() -> None:
    """A mapping in the place of a model is validated once."""
    rules = grammar("hf", item=Language)
    assert rules.admit(Header({"code": "en"})) is NOT_AN_ITEM
    assert rules.admit({"code": "de"}) == Language(code="de")
    rules.admit(Footer({"words": 1}))
    rules.end()
    assert rules.footer == Total(words=1)


def test_gives_the_header_on_at_once() -> None:
    """Whoever waits for the header gets it when it is written, not with the first item."""
    given_on: list[Any] = []
    rules = Grammar("words", checker(str), checker(Language), on_header=given_on.append)
    rules.admit(H)
    assert given_on == [H]


def test_takes_only_wrapped_frames_when_the_classes_are_equal() -> None:
    """Where item and header have one class, an unwrapped value is an item."""
    rules = grammar("hf", item=str, header=str, footer=str)
    assert write(rules, [Header("head"), "item", "item", Footer("foot")]) == ["item", "item"]
    assert rules.footer == "foot"


def test_lets_nothing_unlooked_at_pass_when_any_item_is_allowed() -> None:
    """A header of a stream of anything is still seen as the header."""
    rules = grammar("h", item=object)
    assert write(rules, [H, 1, None, "x"]) == [1, None, "x"]


@given(
    declared=st.sampled_from(["", "h", "f", "hf"]),
    frames=st.text(st.sampled_from(sorted(FRAMES)), max_size=8),
)
def test_agrees_with_a_regular_expression(declared: str, frames: str) -> None:
    """Any sequence of frames is accepted exactly when the expression of the grammar matches it."""
    expression = ("[hH]" if "h" in declared else "") + "i*" + ("[fF]" if "f" in declared else "")
    right = re.fullmatch(expression, frames) is not None
    try:
        items = write(grammar(declared), [FRAMES[letter] for letter in frames])
    except (StreamOrderError, FrameTypeError):
        assert not right
    else:
        assert right
        assert items == [I] * frames.count("i")


@given(st.lists(st.one_of(st.text(), st.integers(), st.none(), st.just(H)), max_size=6))
def test_lets_only_items_of_the_declared_type_through(values: list[Any]) -> None:
    """Whatever is written, what comes out is of the declared type."""
    rules = grammar("")
    try:
        items = write(rules, values)
    except FrameTypeError:
        assert not all(isinstance(value, str) for value in values)
    else:
        assert items == values
