from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.display import countdown, duration, one_line, quantity, shorten


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0"),
        (0.25, "0.2"),
        (7, "7"),
        (999, "999"),
        (9_999, "9,999"),
        (9_999.6, "10.0k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_960, "100k"),
        (999_400, "999k"),
        (999_600, "1.00M"),
        (1_234_567, "1.23M"),
        (5_000_000_000, "5.00G"),
        (12_000_000_000_000, "12000G"),
    ],
)
def test_quantity_is_short_and_exact_enough(count: float, expected: str) -> None:
    """Three digits and a unit, without a jump where the unit changes."""
    assert quantity(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1.0, "0 ms"),
        (0.0, "0 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (6000.0, "1 h 40 min"),
        (360_000.0, "100 h 00 min"),
    ],
)
def test_duration_has_the_units_that_matter(seconds: float, expected: str) -> None:
    """Rounding never gives 60 seconds or 60 minutes."""
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, "1 s left"), (1.4, "1 s left"), (59.4, "59 s left"), (59.6, "1 min 00 s left"), (3700.0, "1 h 01 min left")],
)
def test_countdown_promises_no_fractions(seconds: float, expected: str) -> None:
    """An estimate is in whole seconds, and at least one while there is time left."""
    assert countdown(seconds) == expected


@given(text=st.text(), limit=st.integers(1, 40))
def test_one_line_is_harmless(text: str, limit: int) -> None:
    """Nothing of a message can move the cursor or break the line."""
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert line == line.strip()


@given(text=st.text(), limit=st.integers(1, 40))
def test_shorten_keeps_what_fits_and_marks_what_does_not(text: str, limit: int) -> None:
    """Text within the limit stays as it is, and longer text ends with an ellipsis."""
    short = shorten(text, limit)
    assert short == text if len(text) <= limit else len(short) <= limit and short.endswith("…")
