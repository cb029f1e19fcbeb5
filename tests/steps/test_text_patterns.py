"""Patterns that read every text in linear time, and those that do not."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headwater import ConfigError, PatternError, Pipeline
from headwater.toolkit import WorkBudget
from headwater_steps.text.patterns.alphabet import Alphabet, CharSet
from headwater_steps.text.patterns.ambiguity import Scope, check_linear
from headwater_steps.text.patterns.linear import compile_linear, with_groups
from headwater_steps.text.patterns.machine import Machine
from tests.effort import calls
from tests.steps.backtracking import Backtracking

SCOPES: tuple[Scope, ...] = get_args(Scope)
ACCESS = (
    r'(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) (?P<protocol>\S+)" '
    r'(?P<status>\d{3}) (?:(?P<size>\d+)|-)(?: "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)")?'
)
AT_START = [
    ACCESS,
    r"(?P<first>\S+) (?P<rest>.*)",
    r"^(.*?) - (.*)",
    r"(?>(.*?) - )(.*)$",
    r"(\w+)\s*=\s*(.*)",
    r"\[?(\d+)\]?",
    r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:[.,](\d+))?",
    r'"(?:[^"\\]|\\.)*"',
    r"(DEBUG|INFO|WARNING|ERROR) ++(.*)$",
    r"(?>\d+|\S+) x",
    r"([^:]*):([^:]*):.*:x",
    r"\S+\"",
    r".*foo.*",
    r"(?:\w+\s+)*",
    r"(?<![é-ü])[é-ü]+\s→",
]
ANYWHERE = [
    r"\d+",
    r"\b\d+ms",
    r"https?://\S+",
    r"#(\w+)",
    r"\[[^\[\]]*\]",
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    r"\b(\w+)=(\S+)",
    r'\b(\w+)="([^"]*)"',
    r"(?<!\s)\s+$",
    r"^\s+",
    r"\d{3}-\d{4}",
]
REFUSED: list[tuple[str, Scope, str]] = [
    ("(a+)+b", "start", "adds nothing"),
    (r"(\w+\s?)*$", "start", "adds nothing"),
    ("(a*)*b", "start", "what can be empty"),
    ("(?:a?){30}a{30}", "start", "what can be empty"),
    ("(?:a?|b?)c", "start", "two alternatives that can both be empty"),
    (r"(?:\w|a\w)*x", "start", "two ways to read the same string, such as one that ends with 'aaa'"),
    (r"(\d+|\S+) x", "start", "two ways to read the same string"),
    (".*,.*,.*x", "start", "two ways"),
    (r"(INFO|ERROR) +(.*)$", "start", "two ways"),
    ("(?:(?>a+b|a))*x", "start", "two ways"),
    (".*foo.*", "whole", "two ways"),
    (r"\d+x", "anywhere", "can begin again within what it has read"),
    ("b(?:b*c)?", "anywhere", "can begin again"),
    (r"\[[^\]]*\]", "anywhere", "can begin again"),
    (r"\s+$", "anywhere", "can begin again"),
    (r"[\w.]+@\w+\.\w+", "anywhere", "can begin again"),
    ("a*", "anywhere", "matches the empty string"),
    (r"(a)\1", "start", "a reference to another group"),
    ("(a)?(?(1)b|c)", "start", "a condition on another group"),
    ("(?=ab)a", "start", "more than one character"),
    ("(?i)a", "start", "flags such as"),
    ("(?i:a)", "start", "flags such as"),
    ("(", "start", "not a pattern: missing"),
    ("[[a]", "start", "not a pattern: Possible nested set"),
    ("a{1000}", "start", "a pattern of 1000 characters with its repetitions"),
    ("((a{100}){100}){100}", "start", "a pattern of 1000000 characters"),
    ("a{99999999999}", "start", "not a pattern"),
    ("a" * 501, "start", "at most 500"),
    ("(" * 51 + ")" * 51, "start", "more than 50 groups"),
    ("(?:" + "a?" * 80 + ")b", "start", "more than 2000 ways"),
]


@pytest.mark.parametrize("pattern", AT_START)
def test_takes_patterns_of_lines(pattern: str) -> None:
    """What honest documents say of lines is good at the start of a text."""
    assert compile_linear(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ANYWHERE)
def test_takes_patterns_to_look_for(pattern: str) -> None:
    """What honest documents look for in texts is good anywhere."""
    assert compile_linear(pattern, "anywhere").pattern == pattern


@pytest.mark.parametrize(("pattern", "scope", "reason"), REFUSED)
def test_refuses_a_pattern_with_the_reason(pattern: str, scope: Scope, reason: str) -> None:
    """What could take long, or cannot be checked, is refused, and the message says why."""
    with pytest.raises(PatternError) as caught:
        compile_linear(pattern, scope)
    assert reason in str(caught.value)


PIECES = ["a", "b", "ab", " ", "\n", "0", '"', "=", "-", "[", "a b ", '" "', "0.", "foo", "x"]


@pytest.mark.parametrize("pattern", [*AT_START, *ANYWHERE])
def test_reads_long_hostile_texts_in_no_time(pattern: str) -> None:
    """Texts on which a matcher that goes back would work for hours are read at once."""
    compiled = compile_linear(pattern, "anywhere" if pattern in ANYWHERE else "start")
    for piece in PIECES:
        text = piece * 100_000 + "\n!"
        assert len(compiled.findall(text) if pattern in ANYWHERE else [compiled.match(text)]) <= len(text)


ATOMS = ["a", "b", "c", "[ab]", "[^a]", ".", r"\w", r"\s", r"\S", " ", "[^b\\n]", "[a-c]"]
SIGNS = ["^", "$", r"\b", "(?<!a)", "(?=b)", r"(?<![\w])", r"(?<=[ab])"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,3}", "{2,}"]
PATTERNS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda parts: f"(?:{parts[0]}|{parts[1]})"),
        inner.map(lambda part: f"(?>{part})"),
        st.tuples(st.sampled_from(SIGNS), inner).map("".join),
        st.tuples(inner, st.sampled_from(REPEATS)).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
    ),
    max_leaves=8,
)
PART = st.text("abc \n", max_size=3)
TEXTS = st.tuples(PART, PART, st.integers(1, 8), PART, PART, st.integers(1, 6), PART).map(
    lambda parts: parts[0] + parts[1] * parts[2] + parts[3] + parts[4] * parts[5] + parts[6]
)


@given(PATTERNS, st.lists(TEXTS, min_size=3, max_size=6), st.sampled_from(SCOPES))
@example(r"(?>a(?:\w)*+)a", ["caaaaaaacbcbcb"], "anywhere")
@example(r"(?:(?:\w|a\w))*", ["cabcabcabcabcabcabcab"], "whole")
@example(r"(?=b)(?:(?:[bc]\S|\w)(?:  )?){2,}", ["bbabababababababa"], "whole")
def test_looks_at_each_character_at_most_once_for_each_way_to_it(pattern: str, texts: list[str], scope: Scope) -> None:
    """A matcher that goes back takes at most as many looks as a text has characters, times the size of the pattern."""
    machine = _good(pattern, scope)
    assume(machine is not None)
    assert machine is not None
    ways = sum(map(len, machine.edges))
    for text in texts:
        matcher = Backtracking(pattern)
        if scope == "anywhere":
            assert matcher.find_all(text) == [found.span() for found in re.finditer(pattern, text)]
        else:
            found = re.match(pattern, text) if scope == "start" else re.fullmatch(pattern, text)
            assert matcher.match(text, whole=scope == "whole") == (found.end() if found else None)
        assert matcher.looks <= (len(text) + 1) * ways


def _good(pattern: str, scope: Scope) -> Machine | None:
    try:
        machine = Machine(pattern, WorkBudget())
        check_linear(machine, scope, WorkBudget())
    except PatternError:
        return None
    return None if scope == "anywhere" and machine.empty else machine


SETS = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "[a-fé]", r"[^\s\d_]", r"[\Wx]", "é", "[^\n]", "[→-⇒]"]


@given(st.characters())
def test_knows_which_characters_a_set_takes(char: str) -> None:
    """The alphabet has a set's characters as `re` itself has them."""
    for source in SETS:
        chars = Machine(source, WorkBudget()).sets[1]
        kind = char.isdecimal() * 0b001 | (char.isalnum() or char == "_") * 0b010 | char.isspace() * 0b100
        assert chars.takes(ord(char), kind) is (re.fullmatch(source, char) is not None)


@given(st.lists(st.sampled_from(SETS), min_size=1, unique=True), st.characters())
def test_sets_with_a_common_character_overlap(sources: list[str], char: str) -> None:
    """No character is in two sets whose bits say that they have nothing in common."""
    sets = [Machine(source, WorkBudget()).sets[1] for source in sources if re.fullmatch(source, char)]
    assume(sets)
    alphabet = Alphabet([Machine(source, WorkBudget()).sets[1] for source in sources], WorkBudget())
    common = alphabet.full
    for chars in sets:
        common &= alphabet.mask(chars)
    assert common


def test_examples_of_an_alphabet_are_in_their_sets() -> None:
    """What a message shows is right."""
    letters, spaces = CharSet(((0x61, 0x7A),)), CharSet(categories=("SPACE",))
    alphabet = Alphabet([letters, spaces], WorkBudget())
    assert alphabet.example(alphabet.mask(letters)) == "a"
    assert alphabet.example(alphabet.mask(spaces)).isspace()


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        (r"(?P<a>x)(?P<b>y)", ["b"], r"(?:x)(?P<b>y)"),
        (r"(?P<a>x)\(?P<a>", ["a"], r"(?P<a>x)\(?P<a>"),
        (r"(?P<a>x)\(?P<a>", [], r"(?:x)\(?P<a>"),
        (r"(?P<a>(?P<b>y))", ["b"], r"(?:(?P<b>y))"),
    ],
)
def test_keeps_only_the_groups_that_are_wanted(pattern: str, names: list[str], expected: str) -> None:
    """The others group still, but are not kept; a parenthesis that is a character stays one."""
    assert with_groups(pattern, names) == expected


def test_refuses_to_change_a_set_that_looks_like_a_group() -> None:
    """What cannot be told apart by its text alone is not guessed."""
    with pytest.raises(PatternError, match="looks like the start of a group"):
        with_groups("(?P<a>x)[(?P<a>]", [])


def test_bounds_the_patterns_of_a_document_together() -> None:
    """Many patterns that are good alone cannot hold up the loading of a document."""
    steps = [
        {"id": f"s{number}", "kind": "text.find", "params": {"pattern": f"x{number}" + "[^x]" * 100}}
        for number in range(20)
    ]
    with pytest.raises(ConfigError) as caught:
        Pipeline.load({"name": "many", "steps": steps})
    assert "the patterns of this document are too large together" in str(caught.value)
    assert caught.value.problems[0].path == "$.steps[2].params.pattern"
    assert len(caught.value.problems) == 1, "nothing is checked once the work of the document is spent"


def finding(patterns: list[str]) -> str:
    """Return a document with a step for each pattern."""
    steps = [{"id": f"s{n}", "kind": "text.find", "params": {"pattern": one}} for n, one in enumerate(patterns)]
    return json.dumps({"name": "many", "steps": steps})


def test_checks_a_refused_pattern_once_when_it_occurs_in_many_steps() -> None:
    """What a refusal has cost is kept with it, also when other patterns come between."""

    def refuse(patterns: list[str]) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            Pipeline.loads(finding(patterns))
        return caught.value

    refuse(["b" * 250])  # so that nothing is imported while calls are counted
    once = calls(lambda: refuse(["c" * 251]))
    often = calls(lambda: refuse(["d" * 252] * 50))
    assert often < 2 * once
    assert len(refuse(["e" * 253] * 50).problems) == 50


def test_charges_patterns_that_are_refused() -> None:
    """A document of patterns that are all hard to refuse is given up after a few of them."""
    patterns = ["f" * (200 + number) for number in range(40)]
    with pytest.raises(ConfigError) as caught:
        Pipeline.loads(finding(patterns))
    problems = caught.value.problems
    assert "too ambiguous" in problems[0].message
    assert "the patterns of this document are too large together" in problems[-1].message
    assert len(problems) < 5
