"""The language of what people read: messages, help, docstrings, comments, documents and names."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.project.sources import modules

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(file.relative_to(modules(package)[package].parents[1])): file
    for package in ("headwater", "headwater_steps", "headwater_subscribers", "headwater_server", "headwater_client")
    for file in modules(package).values()
}
TESTS = {str(file.relative_to(ROOT)): file for file in sorted(ROOT.glob("tests/**/*.py"))}
TEMPLATES = modules("headwater")["headwater.cli"].parent / "project"
KINDS_OF_DOCUMENTS = ("*.md", "docs/**/*.md", "configs/**/*.md")
DOCUMENTS = {
    **{
        str(file.relative_to(ROOT)): file
        for kind in KINDS_OF_DOCUMENTS
        for file in ROOT.glob(kind)
        if "generated" not in file.parts
    },
    **{f"headwater/cli/project/{file.name}": file for file in TEMPLATES.iterdir()},
}

HABITS = {
    "tell": r"\b(?:tell|tells|telling|told)\b(?! (?:\w+ ){0,3}apart\b)",  # emit, report, show, list, print
    "is no": r"(?<!there )\b(?:is|are|was|were|be|being) no (?!(?:longer|more|less|fewer|other|such)\b)",  # is not a
    "a text": r"\ba text\b(?! (?:file|editor|field|stream))|\btexts\b",  # a string, text
    "for ever": r"\bfor ever\b",
    "leads nowhere": r"\b(?:lead|leads|led|leading) (?:no|some)where\b",  # is not connected
    "mend": r"\bmend(?:s|ed|ing)?\b",  # fix, repair
    "of which": r"\bof (?:which|whose|whom)\b",  # two sentences
    "as far as": r"\bas far as\b",
    "likewise": r"\blikewise\b",
    "all in all": r"\ball in all\b",
    "so many": r"\bso many\b",
    "nobody": r"\b(?:nobody|somebody)\b",
    "comes of": r"\b(?:becomes?|became|comes?|came) of\b|\bwhat\b[^.;:]{0,40}\b(?:came|comes?) to\b",  # the result of
    "well": r"\bchecks well\b|: well\b",  # OK
    "is there already": r"\b(?:is|are|was) there already\b",  # already exists
}
"""What not to write. CONTRIBUTING has a table of what to write instead."""

NAMES = re.compile(
    r"(?:^|_)(?:tells?|telling|told|untold|mend|mends|mended|astray|blamed|pressed|audience|relief|nowhere|somebody|nobody"
    r"|tries|molds?)(?:_|$)|^_?(?:Try|Mold)(?![a-z])"
)
"""Names that the field has better words for: emit, report, unconnected, template, attempt."""

SPEECH = re.compile("|".join(f"(?:{pattern})" for pattern in HABITS.values()), re.IGNORECASE)
IN_CODE = re.compile(r"`[^`]*`|^\s*(?:>>>|\.\.\.) .*")
NOT_PROSE = ("python", "json", "toml", "yaml", "dockerfile", "html")

EXCEPTIONS = {
    r"\bof a text\b": "a written work, as in: the words of a text",
    r"^USER nobody$": "the name of a user of Linux",
    r"^\s*texts: ": "the input port of `text.join`",
}
"""Phrases that are right all the same, each with its reason."""


def prose(text: str) -> str:
    """Return a line without the code in it and without the phrases that are right."""
    text = IN_CODE.sub("", text)
    for phrase in EXCEPTIONS:
        text = re.sub(phrase, "", text)
    return text


def habits(lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield the bad habits in numbered lines."""
    for number, line in lines:
        for found in SPEECH.finditer(prose(line)):
            yield f"{number}: {found[0]!r} in {line.strip()!r}"


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of the strings, docstrings and comments of a Python file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from enumerate(node.value.split("\n"), node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names(source: str) -> Iterator[str]:
    """Yield the names in a Python file that the field has better words for."""
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_place_in_file = before + token.string == ".tell"
        is_claim = token.string.lower() in {"audience", "_audience"} and (
            "jwt" in source or "jwks" in source
        )  # RFC 7519 has the name
        if token.type == tokenize.NAME and NAMES.search(token.string) and not is_place_in_file and not is_claim:
            yield f"{token.start[0]}: {token.string}"
        before = token.string


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a Markdown document, but for blocks of code."""
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip("` ") or "text"
        elif not fence.startswith(NOT_PROSE):
            yield number, line


def test_messages_and_comments_are_in_plain_english() -> None:
    """Strings, docstrings and comments of the packages have none of the habits that slow readers down."""
    found = [f"{path}:{habit}" for path, file in SOURCES.items() for habit in habits(strings(file.read_text("utf-8")))]
    assert_clean(found)


def test_documents_are_in_plain_english() -> None:
    """Neither have the documents, nor the files of a new project."""
    found = [
        f"{path}:{habit}" for path, file in DOCUMENTS.items() for habit in habits(paragraphs(file.read_text("utf-8")))
    ]
    assert_clean(found)


def test_names_are_the_words_of_the_field() -> None:
    """Names of the packages and of the tests are those that a reader knows from other projects."""
    found = [f"{path}:{name}" for path, file in (SOURCES | TESTS).items() for name in names(file.read_text("utf-8"))]
    assert_clean(found)


def assert_clean(found: list[str]) -> None:
    """Show what was found in the folders that are clean."""
    assert not found, "\n".join(["write plain English, as CONTRIBUTING says:", *found])


@pytest.mark.parametrize(
    "line",
    [
        "the events that it tells",
        "it is no file",
        "the values are no text",
        "return a text",
        "Texts are cut",
        "runs for ever",
        "a port that leads nowhere",
        "mend it there",
        "the files, of which one is read",
        "as far as it is known",
        "Likewise for lists",
        "many, all in all",
        "after so many items",
        "Nobody reads it",
        "what becomes of an item",
        "What the run came to",
        "x.json: well",
        "something is there already",
    ],
)
def test_habit_is_found_when_written_in_this_way(line: str) -> None:
    """The words that the tests above rely on find each habit once."""
    assert len(list(habits([(1, line)]))) == 1


@pytest.mark.parametrize(
    "line",
    ["there is no file", "it is no longer read", "tell them apart", "a text file", "`told` is a name", ">>> tell()"],
)
def test_line_is_clean_when_it_is_good_english(line: str) -> None:
    """What only looks like a habit is left alone."""
    assert list(habits([(1, line)])) == []


@pytest.mark.parametrize("name", ["tells_more", "_told", "test_tells_of", "nobody", "Mold", "_Try"])
def test_name_is_found_when_the_field_has_a_better_one(name: str) -> None:
    """Parts of names count as whole words."""
    assert list(names(name)) == [f"1: {name}"]


@pytest.mark.parametrize("name", ["retelling", "audit", "Trying", "entry", "smold", "file.tell()"])
def test_name_is_left_alone_when_it_only_contains_such_a_word(name: str) -> None:
    """A part of a word is not a word."""
    assert list(names(name)) == []


@pytest.mark.parametrize("phrase", EXCEPTIONS)
def test_exception_is_in_use(phrase: str) -> None:
    """A phrase that is no longer written needs no exception."""
    if not any(name.startswith("docs/") for name in DOCUMENTS):
        pytest.skip("the built package is tested without the documents")
    assert any(re.search(phrase, file.read_text("utf-8"), re.MULTILINE) for file in (SOURCES | DOCUMENTS).values())
