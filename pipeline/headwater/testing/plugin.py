"""The pytest plugin: the test kit as fixtures.

A fixture imports what it needs, as pytest loads the plugin also in test runs without pipelines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater import testing

__all__ = [
    "breaking_stream",
    "collect",
    "endless_stream",
    "event_recorder",
    "run_step",
    "slow_stream",
    "verify_step",
    "verify_task",
    "virtual_clock",
]


@pytest.fixture
def run_step() -> Callable[..., Any]:
    """Run one step alone with some data, and return its output."""
    return testing.run_step


@pytest.fixture
def collect() -> Callable[..., Any]:
    """Read a stream to its end, and return its items."""
    return testing.collect


@pytest.fixture
def verify_step() -> Callable[..., Any]:
    """Check that a step keeps its declaration."""
    return testing.verify_step


@pytest.fixture
def verify_task() -> Callable[..., Any]:
    """Check that a task gives the same for its whole input and for every stream of its parts."""
    return testing.verify_task


@pytest.fixture
def event_recorder() -> testing.EventRecorder:
    """A subscriber that keeps the events: `pipeline.run(data, subscribers=[event_recorder])`."""
    return testing.EventRecorder()


@pytest.fixture
def endless_stream() -> Callable[..., Any]:
    """Return a stream that never ends: `endless_stream(str)`."""
    return testing.endless_stream


@pytest.fixture
def slow_stream() -> Callable[..., Any]:
    """Return a stream that waits before each item: `slow_stream(["a", "b"], interval_s=60)`."""
    return testing.slow_stream


@pytest.fixture
def breaking_stream() -> Callable[..., Any]:
    """Return a stream that breaks after its last item: `breaking_stream(["a", "b"])`."""
    return testing.breaking_stream


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> testing.VirtualClock:
    """A clock that skips waiting times; an async test that uses it runs on trio, with this clock."""
    marker = request.node.get_closest_marker(_CLOCK_MARK)
    return testing.VirtualClock() if marker is None else marker.args[0]


_CLOCK_MARK = "headwater_virtual_clock"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that passes the clock of a test from the collection to the fixture."""
    config.addinivalue_line("markers", f"{_CLOCK_MARK}(clock): set by the fixture virtual_clock itself")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run an async test that uses `virtual_clock` on trio with that clock, whatever the backends."""
    if not {"virtual_clock", "anyio_backend"} <= set(metafunc.fixturenames):
        return
    clock = testing.VirtualClock()
    marks = getattr(pytest.mark, _CLOCK_MARK)(clock)
    backend = pytest.param(clock.backend, id="virtual", marks=marks)
    metafunc.definition.add_marker(pytest.mark.parametrize("anyio_backend", [backend]))
