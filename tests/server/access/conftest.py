"""Access has no server in it, so that its tests run on every event loop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import BACKENDS


@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop of an asynchronous test: each one runs on all of them."""
    return request.param
