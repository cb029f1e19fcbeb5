"""The work that the checks of one document may take."""

from __future__ import annotations

import pytest

from headwater.limits.work_budget import DOCUMENT_STEPS_LIMIT, WorkBudget, WorkLimitError, charged, work_budget

done: list[str] = []


@charged(most_steps=DOCUMENT_STEPS_LIMIT, kept=4)
def check(budget: WorkBudget, text: str, steps: int) -> int:
    """Take some steps, and refuse a string that is not a number."""
    done.append(text)
    budget.charge(steps)
    return int(text)


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    done.clear()


def test_charges_a_document_once_when_a_check_is_repeated() -> None:
    """The outcome is kept; that another document has charged it does not make it free."""
    for _ in range(2):
        with work_budget() as budget:
            assert [check("7", 10) for _ in range(3)] == [7, 7, 7]
            assert budget.steps - budget.left == 10
    assert done == ["7"]


def test_keeps_and_charges_a_refusal() -> None:
    """A refused check costs what it took, and the same refusal is raised each time."""
    with work_budget() as budget:
        for _ in range(3):
            with pytest.raises(ValueError, match="invalid literal"):
                check("seven", 10)
        assert budget.steps - budget.left == 10
    assert done == ["seven"]


def test_keeps_the_outcomes_of_a_document_when_there_are_many() -> None:
    """However many different checks a document needs in turn, none is made twice."""
    with work_budget():
        for _ in range(3):
            assert [check(str(number), 1) for number in range(20)] == list(range(20))
    assert len(done) == 20


def test_checks_nothing_more_when_the_work_is_spent() -> None:
    """After the limit, new checks are refused before they begin."""
    with work_budget() as budget:
        check("1", DOCUMENT_STEPS_LIMIT - 5)
        with pytest.raises(WorkLimitError):
            check("2", 6)
        with pytest.raises(WorkLimitError):
            check("3", 0)
        assert budget.is_spent
    assert done == ["1", "2"]


def test_limits_one_check_when_no_document_is_loaded() -> None:
    """A program that checks by itself has the limit of each check alone."""
    with pytest.raises(WorkLimitError):
        check("4", DOCUMENT_STEPS_LIMIT + 1)
    assert [check(str(number), DOCUMENT_STEPS_LIMIT) for number in (5, 6)] == [5, 6]
