r"""The patterns that read any string in linear time when `re` runs them.

A pattern is accepted when there is only one way to read a string with it, up to each of its characters; then there is
nothing to go back to. A repetition must not take what the next part begins with, unless what follows determines where
it ends: `"[^"]*" ` and `\S+ ` are good, and so is `\S+" `, because no space is in `\S+`; `.*,.*,` is not, because a
string with many commas can be read in many ways. A last `.*` may be anything. What has to be tried can be made
possessive, as in `(?>.*?: )`: then the first way that is found is kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, Field

from headwater import PatternError
from headwater.toolkit import PATTERN_LENGTH_LIMIT, WorkBudget, WorkLimitError, charged
from headwater_steps.text.patterns.ambiguity import Scope, check_linear
from headwater_steps.text.patterns.machine import Machine

__all__ = ["Pattern", "SearchPattern", "compile_linear", "with_groups"]

_STEPS_LIMIT = 1_000_000
_POSITION_STEPS = 1_000
"""What a position of a good pattern is charged at least: more than its check takes, as each item pays for it, too."""
_TOGETHER = "the patterns of this document are too large together"
_GROUP_START = re.compile(r"\\.|\(\?P<(\w+)>", re.DOTALL)


def compile_linear(pattern: str, scope: Scope = "start") -> re.Pattern[str]:
    r"""Compile a pattern that reads any string in linear time, or raise a `PatternError` that says why it does not.

    Example:
        >>> compile_linear(r'(?P<path>\S+) "(?P<agent>[^"]*)"').match('/ "curl"').groupdict()
        {'path': '/', 'agent': 'curl'}
        >>> compile_linear("(a+)+b")
        Traceback (most recent call last):
        ...
        headwater.limits.patterns.PatternError: a repetition within a repetition that adds nothing, such as (a+)+
    """
    try:
        return _compiled(pattern, scope)
    except WorkLimitError:
        raise PatternError(_TOGETHER) from None


@charged(most_steps=_STEPS_LIMIT, kept=256)
def _compiled(budget: WorkBudget, pattern: str, scope: Scope) -> re.Pattern[str]:
    machine = Machine(pattern, budget)
    if scope == "anywhere" and machine.empty:
        raise PatternError("a pattern that matches the empty string is found everywhere; let it take a character")
    check_linear(machine, scope, budget)
    budget.charge_up_to(_POSITION_STEPS * (len(machine.sets) - 1))
    return re.compile(pattern)


def with_groups(pattern: str, names: Collection[str]) -> str:
    r"""Return a pattern that matches the same, but keeps only some of its named groups, which is faster.

    Example:
        >>> with_groups(r"(?P<key>\w+)=(?P<value>\S+)", ["value"])
        '(?:\\w+)=(?P<value>\\S+)'
    """
    try:
        return _with_groups(pattern, tuple(names))
    except WorkLimitError:
        raise PatternError(_TOGETHER) from None


@charged(most_steps=_STEPS_LIMIT, kept=256)
def _with_groups(budget: WorkBudget, pattern: str, names: tuple[str, ...]) -> str:
    changed = _GROUP_START.sub(lambda found: "(?:" if found[1] and found[1] not in names else found[0], pattern)
    budget.charge(len(pattern) * len(names))
    if Machine(changed, budget).sets != Machine(pattern, budget).sets:
        raise PatternError("a set of characters looks like the start of a group; write its parenthesis as \\(")
    return changed


def _at_start(pattern: str) -> str:
    compile_linear(pattern)
    return pattern


def _anywhere(pattern: str) -> str:
    compile_linear(pattern, "anywhere")
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=PATTERN_LENGTH_LIMIT), AfterValidator(_at_start)]
"""The type of a param that is a pattern for the start of a string."""

SearchPattern = Annotated[str, Field(min_length=1, max_length=PATTERN_LENGTH_LIMIT), AfterValidator(_anywhere)]
"""The type of a param that is a pattern for anywhere in a string."""
