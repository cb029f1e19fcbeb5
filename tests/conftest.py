"""What all tests share: the event loops they run on and the profiles of hypothesis."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

BACKENDS = [pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")]
if importlib.util.find_spec("uvloop") is not None:
    BACKENDS.append(pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))
BACKENDS.append(pytest.param(("trio", {}), id="trio"))

# A shared machine stalls at times, so no example is judged by its time; pytest-timeout ends what hangs.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop of an asynchronous test: each one runs on all of them."""
    return request.param


@pytest.fixture(autouse=True)
def _unconfigured_log() -> Iterator[None]:
    """Take back what a test did to structlog: capturing logs configures it for all tests that follow."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
