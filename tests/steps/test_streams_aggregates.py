"""One number of many: exact sums and means, the smallest and the largest."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Pipeline, StepError, run_sync
from headwater.testing import EventRecorder
from headwater_steps.streams import largest, mean, smallest, total

STEPS = {"sum": total, "mean": mean, "min": smallest, "max": largest}
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=32)
EACH = pytest.mark.parametrize("name", STEPS)


def output(name: str, items: Any, **params: Any) -> Any:
    """Return what a step makes of some items."""
    return run_sync(Pipeline("figure", steps={"step": STEPS[name].with_params(**params)}), iter(items)).output


@given(st.lists(st.integers()))
def test_sum_of_whole_numbers_is_whole(numbers: list[int]) -> None:
    """Whole numbers of any size are added exactly."""
    found = output("sum", numbers)
    assert (found, type(found)) == (sum(numbers), int)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, max_value=1e300, min_value=-1e300), min_size=1))
def test_sum_of_fractions_is_that_of_fsum(numbers: list[float]) -> None:
    """The sum is the float that is nearest to the exact one."""
    found = output("sum", numbers)
    assert (found, type(found)) == (math.fsum(numbers), float)


@given(st.lists(NUMBERS, min_size=1))
def test_sum_and_mean_of_any_numbers_are_rounded_once(numbers: list[Any]) -> None:
    """Whole numbers and fractions may be mixed."""
    exact = sum(map(Fraction, numbers))
    assert output("sum", numbers) == (float(exact) if any(isinstance(one, float) for one in numbers) else exact)
    assert output("mean", numbers) == float(exact / len(numbers))


@given(st.lists(NUMBERS, min_size=1))
def test_min_and_max_are_those_of_python(numbers: list[Any]) -> None:
    """Whole numbers and fractions are compared exactly."""
    assert (output("min", numbers), output("max", numbers)) == (min(numbers), max(numbers))


def test_sums_stay_exact_over_many_batches() -> None:
    """What one batch cannot hold is not lost before the next one comes."""
    numbers = [1e100, *[1.0] * 1_000, -1e100, 0.1]
    assert output("sum", numbers) == 1_000.1
    assert output("mean", numbers) == pytest.approx(statistics.fmean([1_000.1]) / len(numbers), rel=1e-15)


def test_sum_of_huge_numbers_that_cancel_out() -> None:
    """A sum that is too large in between may be right in the end."""
    assert output("sum", [1.7e308, 1.7e308, -1.7e308]) == 1.7e308
    assert output("mean", [1.7e308, 1.7e308]) == 1.7e308


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_says_that_a_result_is_too_large(name: str) -> None:
    """What no float can hold is an error, not infinity."""
    with pytest.raises(StepError, match="OverflowError: the result is larger than"):
        output(name, [10**400, 0.5])


def test_min_and_max_of_huge_whole_numbers() -> None:
    """Whole numbers need not fit into a float."""
    assert (output("min", [10**400, 0.5]), output("max", [10**400, 0.5])) == (0.5, 10**400)


@EACH
async def test_finds_numbers_in_a_field(name: str) -> None:
    """A path leads to the numbers, on every event loop."""
    pipeline = Pipeline("figure", steps={"step": STEPS[name].with_params(field="size.b")})
    result = await pipeline.run({"size": {"b": number}} for number in [4, 1, 1])
    assert result.output == {"sum": 6, "mean": 2.0, "min": 1, "max": 4}[name]


@EACH
@pytest.mark.parametrize(
    ("items", "field", "message"),
    [
        ([1, "2"], None, "TypeError: item 2 is the string '2', not a number; convert it before"),
        ([1.5, True], None, "TypeError: item 2 is true, not a number"),
        ([{"n": 1}, {"n": [1]}], "n", "TypeError: the field 'n' of item 2 is a list of 1, not a number"),
        ([1, 2, math.nan], None, "ValueError: item 3 is nan, not a finite number; filter such items out"),
        ([math.inf], None, "ValueError: item 1 is inf, not a finite number"),
        ([{"n": 1}, {}], "n", "there is no field 'n' in item 2 with the fields (none); set on_missing to skip"),
        ([{"n": 1}, {"n": None}], "n", "ValueError: the field 'n' of item 2 is null; set on_missing to skip"),
        ([None], None, "ValueError: item 1 is null; set on_missing to skip"),
        ([*range(1_000), "x"], None, "TypeError: item 1001 is the string 'x'"),
    ],
)
def test_refuses_what_is_no_number(name: str, items: list[Any], field: str | None, message: str) -> None:
    """A text that looks like a number, a boolean, NaN and infinity are none, and the error says which item it was."""
    with pytest.raises(StepError) as error:
        output(name, items, field=field)
    assert message in str(error.value)


@EACH
def test_skips_items_without_the_field_when_asked(name: str) -> None:
    """Missing numbers count for nothing, and it is told how many there were."""
    recorder = EventRecorder(types={"step_progress"})
    target = STEPS[name].with_params(field="n", on_missing="skip")
    items = [{"n": 2}, {}, {"n": None}, {"n": 4}, 7]
    result = run_sync(Pipeline("figure", steps={"step": target}), iter(items), subscribers=[recorder])
    assert result.output == {"sum": 6, "mean": 3.0, "min": 2, "max": 4}[name]
    assert {"compensations": 3} in [event.data.data for event in recorder.events]


@EACH
def test_skipping_lets_no_wrong_value_pass(name: str) -> None:
    """A text is no missing number."""
    with pytest.raises(StepError, match="item 2 is the string 'x'"):
        output(name, [None, "x"], on_missing="skip")


@EACH
def test_has_an_answer_when_all_items_are_skipped(name: str) -> None:
    """Nothing but missing numbers is as good as no items."""
    assert output(name, [None, None], on_missing="skip") == (0 if name == "sum" else None)
