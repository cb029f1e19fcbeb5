"""What the tests of subscribers share."""

from __future__ import annotations

from typing import Any

import pytest
import structlog


@pytest.fixture
def reports() -> Any:
    """What is reported through structlog during a test."""
    with structlog.testing.capture_logs() as captured:
        yield captured
