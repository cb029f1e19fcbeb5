# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A worker process reads inputs and writes results as streams, and its end is never taken for theirs."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from headwater import Flavor, Outputs, Pipeline, ProcessError, Runner, StepError, To, step
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


@step("processes.read_stdin", cpu=True)
def read_stdin(number: int) -> str:
    child = subprocess.run([sys.executable, "-c", "print(input('?'))"], capture_output=True, check=False, text=True)
    return sys.stdin.read() + child.stdout + child.stderr.splitlines()[-1]


class Reading(BaseModel):
    value: float


class FineReading(Reading):
    digits: int = 3


@dataclass
class Station:
    name: str


@dataclass
class Buoy(Station):
    depths: tuple[float, ...] = ()


class Split(Outputs):
    whole: int
    half: float


@step("processes.same", cpu=True)
def same(value: Any) -> Any:
    return value


@step("processes.same_reading", cpu=True)
def same_reading(reading: Reading) -> Reading:
    return reading


@step("processes.same_station", cpu=True)
def same_station(station: Station) -> Station:
    return station


@step("processes.lock", cpu=True)
def lock(number: int) -> Any:
    return threading.Event() if number == 3 else number


@step("processes.split", cpu=True)
def split(number: int) -> Split:
    return Split(whole=number, half=number / 2) if number % 2 else To("whole", number)


@step("processes.scaled", cpu=True)
def scaled(number: float, *, by: float = 1.0, reading: Reading | None = None, key: SecretStr | None = None) -> str:
    return f"{number * by} {reading!r} {key and key.get_secret_value()}"


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


ITEMS: list[Any] = [
    math.inf,
    b"\xff",
    (1, (2,)),
    {1: "a", None: {2}},
    Decimal("1.10"),
    date(2024, 1, 2),
    Flavor.UNARY_UNARY,
]


async def test_carries_values_as_they_are() -> None:
    """Nothing is converted on the way to the process and back, alone or among other items."""
    pipeline = Pipeline("same", steps={"same": same})
    result = await pipeline.run(iter([*ITEMS, math.nan]))
    *items, nan = result.output
    assert items == ITEMS
    assert [type(item) for item in items] == [type(item) for item in ITEMS]
    assert math.isnan(nan)
    assert (await pipeline.run({"all": ITEMS})).output == {"all": ITEMS}


async def test_carries_derived_classes_with_what_they_add() -> None:
    """An item may have more than its declared type."""
    fine, buoy = FineReading(value=math.inf, digits=9), Buoy("north", (1.0, 2.5))
    for target, item in ((same_reading, fine), (same_station, buoy)):
        (found,) = (await Pipeline("same", steps={"same": target}).run(iter([item]))).output
        assert (type(found), found) == (type(item), item)


async def test_names_the_type_of_an_item_that_cannot_be_sent() -> None:
    """The items before it are worked on; the error says what cannot be sent."""
    async with Runner().start(Pipeline("same", steps={"same": same}), iter([1, 2, threading.Event()])) as execution:
        with pytest.raises(StepError) as caught:
            await execution.result()
        output = (await execution.result(check=False)).output
    assert output == [1, 2]
    assert str(caught.value) == (
        "step 'same' failed: ProcessError: an item cannot be sent to the worker process: a value of type "
        "threading.Event has no exact form; make it a dataclass or a pydantic model"
    )


async def test_names_the_type_of_a_result_that_cannot_return() -> None:
    """The results before it are kept."""
    error, items = await failure_of(after_count(lock))
    assert items == [0, 1, 2]
    assert "a value of type threading.Event has no exact form" in str(error)


async def test_carries_results_for_several_ports() -> None:
    """A step in a process may have several outputs."""
    result = await Pipeline("split", steps={"count": kinds.async_count, "split": split}).run(4)
    assert result.output == {"split.whole": [0, 1, 2, 3], "split.half": [0.5, 1.5]}


async def test_carries_params_as_they_are() -> None:
    """Params with NaN, models and secrets arrive as they were validated."""
    bound = scaled.with_params(by=2.5, reading=FineReading(value=2), key=SecretStr("k3y"))
    result = await Pipeline("scaled", steps={"scaled": bound}).run(2.0)
    assert result.output == "5.0 FineReading(value=2.0, digits=3) k3y"


PROGRAM = """
from dataclasses import dataclass
from headwater import Pipeline, run_sync, step

@dataclass
class Depth:
    meters: float

@dataclass
class Sounding(Depth):
    place: str = "bay"

@step("program.deeper", cpu=True)
def deeper(depth: Depth) -> Depth:
    return Sounding(depth.meters + 1, depth.place)

if __name__ == "__main__":
    print(run_sync(Pipeline("deeper", steps={"deeper": deeper}), iter([Sounding(2.0, "fjord")])).output)
"""


def test_carries_classes_of_the_program_itself(tmp_path: Path) -> None:
    """A program that is started as a file has another name in its worker process."""
    (tmp_path / "sounding.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, "sounding.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[Sounding(meters=3.0, place='fjord')]\n", "")


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_standard_input_of_a_worker_is_empty(concurrency: int) -> None:
    """Neither the step nor a program that it starts reads the inputs of other calls."""
    pipeline = Pipeline("reads", steps={"read": read_stdin}, options={"read": {"concurrency": concurrency}})
    result = await pipeline.run(iter(range(4)))
    assert result.output == ["?EOFError: EOF when reading a line"] * 4
