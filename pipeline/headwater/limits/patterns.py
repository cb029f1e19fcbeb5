r"""Regular expressions that match in linear time: those of pydantic-core, with a bound on their size.

The `regex` crate of Rust never backtracks: the time of a match is proportional to the length of the text times the
size of the pattern. Counted repetitions (`a{1000}`) and Unicode classes (`\w`) multiply that size, so it is estimated
and bounded before a pattern is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic_core import SchemaError, SchemaValidator, core_schema

from headwater.errors import HeadwaterError
from headwater.limits.work_budget import WorkBudget, WorkLimitError, charged

__all__ = [
    "PATTERN_LENGTH_LIMIT",
    "PATTERN_SIZE_LIMIT",
    "STEPS_PER_SIZE",
    "PatternError",
    "compile_pattern",
    "too_large_together",
]

PATTERN_LENGTH_LIMIT = 500
PATTERN_SIZE_LIMIT = 1_000
"""Size of one pattern; measured, a unit takes about 10 microseconds to compile."""

STEPS_PER_SIZE = 100
"""What a unit of size is charged to the document: more than it takes to compile, as each item pays for it, too."""

_BASE_SIZE = 3
_CLASS_SIZE = 40
_FOLDED_SET_SIZE = 60

_TOKEN = re.compile(
    r"""(?P<unicode>\\[wW]|\\[pP](?:\{[^}]*\}|.))
      | (?P<escape>\\(?:[xuU]\{[^}]*\}|.))
      | (?P<repeat>\{\s*(?P<low>\d*)\s*(?:,\s*(?P<high>\d*)\s*)?\})
      | (?P<open>\()
      | (?P<close>\))
      | (?P<set>\[)
      | (?P<atom>[^*+?|])
      | (?P<operator>.)""",
    re.VERBOSE | re.DOTALL,
)
_FLAGS = re.compile(r"\(\?([a-zA-Z]*)")
_SET_START = re.compile(r"\^?-*\]?")


class PatternError(HeadwaterError, ValueError):
    r"""A regular expression is wrong, or too large to be safe.

    Example:
        >>> from headwater.toolkit import compile_pattern
        >>> try:
        ...     compile_pattern(r"\w{500}")
        ... except PatternError as error:
        ...     print(error)
        a pattern that is too large: repetitions such as {100} and classes such as \w count for their full size
    """


def compile_pattern(pattern: str) -> Callable[[object], bool]:
    r"""Return a predicate: whether a pattern occurs in a string.

    Args:
        pattern: A regular expression in the syntax of the `regex` crate: no look-around, no back-references.

    Returns:
        A function that returns True for a string in which the pattern is found, and False for anything else.

    Raises:
        PatternError: The pattern is wrong or larger than what is safe, or those of the document that is being loaded
            are too large together.

    Example:
        >>> compile_pattern(r"^\d+$")("2026")
        True
    """
    if len(pattern) > PATTERN_LENGTH_LIMIT:
        raise PatternError(f"a pattern of {len(pattern)} characters; at most {PATTERN_LENGTH_LIMIT} are allowed")
    try:
        return _compiled(pattern)
    except WorkLimitError:
        raise too_large_together() from None


def too_large_together() -> PatternError:
    """Return the error for a pattern when those of the document take more work than all its checks may."""
    return PatternError("the patterns of this document are too large together")


@charged(most_steps=STEPS_PER_SIZE * PATTERN_SIZE_LIMIT, kept=1_024)
def _compiled(budget: WorkBudget, pattern: str) -> Callable[[object], bool]:
    size = pattern_size(pattern)
    if size > PATTERN_SIZE_LIMIT:
        budget.charge(len(pattern))
        raise PatternError(
            "a pattern that is too large: repetitions such as {100} and classes such as \\w count for their full size"
        )
    budget.charge(STEPS_PER_SIZE * size)
    schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        raise PatternError(_reason(str(error))) from None


def pattern_size(pattern: str) -> int:
    """Estimate the size of a pattern in simple characters, with its repetitions written out; it need not be valid."""
    flags = set("".join(_FLAGS.findall(pattern)))
    if "x" in flags:
        return PATTERN_SIZE_LIMIT + 1  # in verbose mode, comments could hide what is counted here
    groups = [[_BASE_SIZE]]
    at = 0
    while (match := _TOKEN.match(pattern, at)) is not None:
        at = match.end()
        match match.lastgroup:
            case "open":
                groups.append([1])
            case "close" if len(groups) > 1:
                closed = sum(groups.pop())
                groups[-1].append(closed)
            case "set":
                at = _set_end(pattern, at)
                groups[-1].append(_set_size(pattern[match.start() : at], folded="i" in flags))
            case "repeat":
                groups[-1][-1] *= max(1, _count(match["low"]), _count(match["high"]))
            case "operator":
                pass
            case kind:
                groups[-1].append(_CLASS_SIZE if kind == "unicode" else 1)
    return sum(map(sum, groups))


def _count(digits: str | None) -> int:
    return min(int(digits), PATTERN_SIZE_LIMIT) if digits and len(digits) < 10 else len(digits or "")


def _set_end(pattern: str, at: int) -> int:
    """Return where a set such as `[^]a-z[0-9]]` ends, given where its inner part starts; sets may be nested."""
    depth = 1
    at = _SET_START.match(pattern, at).end()  # type: ignore[union-attr]  # it always matches
    while at < len(pattern) and depth:
        char = pattern[at]
        at += 2 if char == "\\" else 1
        if char == "[":
            depth += 1
            at = _SET_START.match(pattern, at).end()  # type: ignore[union-attr]  # as above
        elif char == "]":
            depth -= 1
    return at


def _set_size(text: str, *, folded: bool) -> int:
    if re.search(r"\\[wWpP]", text):
        return _CLASS_SIZE
    return _FOLDED_SET_SIZE if folded and not re.fullmatch(r"[ -\[\]-~]*", text) else 1


def _reason(text: str) -> str:
    """Return the last line of a message of the regex engine, which is its reason."""
    reason = text.strip().splitlines()[-1].strip().removeprefix("error:").strip()
    return f"not a pattern: {reason}"
