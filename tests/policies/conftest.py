"""What tests of policies share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policies import kinds


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    """Forget how often steps were called."""
    kinds.CALLS.clear()
    yield
    kinds.CALLS.clear()
