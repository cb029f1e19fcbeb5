"""The work that the checks of one document may take, counted in their steps and not in seconds.

Reading a document takes work in proportion to its length. Checking a pattern or a schema may take far more than its
length says, so such a check counts its steps as it goes. They are charged to the document, whether the check accepts or
refuses; its outcome is kept, so that what occurs again in a document is neither checked nor charged again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

__all__ = ["DOCUMENT_STEPS_LIMIT", "WorkBudget", "WorkLimitError", "charged", "work_budget"]

DOCUMENT_STEPS_LIMIT = 300_000
"""Steps of all checks of a document; measured, each takes about a microsecond."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkLimitError(Exception):
    """Internal: a check, or all checks of a document together, would take more steps than they may."""


class WorkBudget:
    """How many steps may still be taken, and the outcomes of the checks that were charged.

    Args:
        steps: How many steps there are.

    Attributes:
        steps: How many there were.
        left: How many are left; less than none when a check needed more.

    Example:
        >>> budget = WorkBudget(steps=5)
        >>> budget.charge(3)
        >>> budget.left
        2
    """

    __slots__ = ("_outcomes", "left", "steps")

    def __init__(self, steps: int = DOCUMENT_STEPS_LIMIT) -> None:
        self.steps: int = steps
        self.left: int = steps
        self._outcomes: dict[Hashable, _Outcome[Any]] = {}

    @property
    def is_spent(self) -> bool:
        """Whether more steps were needed than there were."""
        return self.left < 0

    def charge(self, steps: int = 1) -> None:
        """Take some steps; a `WorkLimitError` says that there are not as many left."""
        self.left -= steps
        if self.left < 0:
            raise WorkLimitError

    def charge_up_to(self, steps: int) -> None:
        """Take what is missing to a number of steps in all."""
        self.charge(max(0, steps - (self.steps - self.left)))

    def outcome(self, key: Hashable, check: Callable[[], _Outcome[_T]]) -> _Outcome[_T]:
        """Return what a check found, made and charged at its first use."""
        found = self._outcomes.get(key)
        if found is None:
            self.charge(0)
            found = self._outcomes[key] = check()
            self.charge(found.steps)
        return found


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[_T]):
    """What a check found, or the error that it refused with, and the steps that it took."""

    steps: int
    value: _T | None = None
    refusal: Exception | None = None


_document: ContextVar[WorkBudget | None] = ContextVar("document_budget", default=None)


@contextmanager
def work_budget() -> Generator[WorkBudget]:
    """Charge the checks within the block to one budget, as those of one document.

    Yields:
        The budget.

    Example:
        >>> from headwater.toolkit import compile_pattern
        >>> with work_budget() as budget:
        ...     pattern = compile_pattern("a{100}")
        >>> budget.left < budget.steps
        True
    """
    budget = WorkBudget()
    token = _document.set(budget)
    try:
        yield budget
    finally:
        _document.reset(token)


def charged(
    *, most_steps: int = DOCUMENT_STEPS_LIMIT, kept: int
) -> Callable[[Callable[Concatenate[WorkBudget, _P], _T]], Callable[_P, _T]]:
    """Make a check count its steps, up to a number, and charge them once to the document that is being loaded.

    The check gets a budget of its own as its first argument. Its other arguments are hashable, and determine what it
    returns, or which `ValueError` it raises.

    Args:
        most_steps: How many steps one check may take; `charge` raises `WorkLimitError` then.
        kept: How many outcomes are kept for the process; those of a document are kept until it is loaded.

    Returns:
        A decorator. What it returns is called without the budget, and raises `WorkLimitError` when the check, or the
        checks of the document together, take too many steps.

    Example:
        >>> @charged(most_steps=1_000, kept=16)
        ... def is_prime(budget: WorkBudget, number: int) -> bool:
        ...     budget.charge(number)
        ...     return all(number % factor for factor in range(2, number))
        >>> is_prime(97)
        True
    """

    def decorate(check: Callable[Concatenate[WorkBudget, _P], _T]) -> Callable[_P, _T]:
        @lru_cache(maxsize=kept)
        def outcome(*arguments: _P.args, **named: _P.kwargs) -> _Outcome[_T]:
            budget = WorkBudget(most_steps)
            try:
                value = check(budget, *arguments, **named)
            except (ValueError, WorkLimitError) as error:
                return _Outcome(budget.steps - budget.left, refusal=error)
            return _Outcome(budget.steps - budget.left, value)

        @wraps(check)
        def use(*arguments: _P.args, **named: _P.kwargs) -> _T:
            document = _document.get()
            make = cast("Callable[[], _Outcome[_T]]", partial(outcome, *cast("Any", arguments), **cast("Any", named)))
            key = (check, arguments, *sorted(named.items()))
            found = make() if document is None else document.outcome(key, make)
            if found.refusal is not None:
                raise type(found.refusal)(*found.refusal.args)
            return cast("_T", found.value)

        return use

    return decorate
