# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A worker process reads inputs and writes results as streams, and its end is never taken for theirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from headwater import Pipeline, ProcessError, Runner, StepError, step
from tests.running import kinds


@step("processes.vanish", cpu=True)
def vanish(number: int) -> int:
    if number == 3:
        os._exit(7)
    return number


@step("processes.refuse", cpu=True)
def refuse(number: int) -> int:
    if number == 3:
        msg = "three is refused"
        raise ValueError(msg)
    return number


@step("processes.untrue", cpu=True)
def untrue(number: int) -> int:
    return "not a number" if number == 3 else number  # type: ignore[return-value]  # what the test is about


@step("processes.long", cpu=True)
def long(number: int) -> str:
    return str(number) * 100_000


def after_count(target: Any) -> Pipeline:
    return Pipeline("processes", steps={"count": kinds.async_count, "work": target})


async def failure_of(pipeline: Pipeline) -> tuple[BaseException | None, list[Any]]:
    """Return the error of a pipeline's step, and the items before it."""
    async with Runner().start(pipeline, 10) as execution:
        with pytest.raises(StepError) as caught:
            await execution.result()
        return caught.value.__cause__, (await execution.result(check=False)).output


async def test_reports_the_exit_code_when_the_process_vanishes() -> None:
    """A process that ends in the middle of a call is an error, with what is known of it."""
    error, _ = await failure_of(after_count(vanish))
    assert isinstance(error, ProcessError)
    assert str(error) == "the worker process ended unexpectedly, with exit code 7"


async def test_gives_the_items_before_when_a_call_fails() -> None:
    """Results cross before the error, which has its traceback as a note."""
    error, items = await failure_of(after_count(refuse))
    assert isinstance(error, ProcessError)
    assert (str(error), items) == ("ValueError: three is refused", [0, 1, 2])
    assert "in refuse" in "".join(error.__notes__)


async def test_fails_when_a_result_is_not_of_its_type() -> None:
    """What a function returns is checked on its way back."""
    error, _ = await failure_of(after_count(untrue))
    assert "not a number" in str(error)


async def test_carries_results_of_any_length() -> None:
    """Results that do not fit into a pipe are read as they come."""
    result = await after_count(long).run(5)
    assert result.output == [str(number) * 100_000 for number in range(5)]


async def test_does_not_import_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that happens to lie where the program was started is not code of the worker process."""
    for name in ("json", "pydantic", "headwater"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code from the working directory')\n")
    monkeypatch.chdir(tmp_path)
    assert (await after_count(kinds.process_double).run(2)).output == [0, 2]
