"""The pytest plugin, tried in test runs of their own."""

from __future__ import annotations

import pytest

from headwater.testing import VirtualClock

pytest_plugins = ("pytester",)

USERS_TESTS = """
import anyio
import pytest

from headwater import Pipeline, StepError, Stream, step

pytestmark = pytest.mark.anyio


@step("plugin.total")
async def total(numbers: Stream[int]) -> int:
    return sum([number async for number in numbers])


@step("plugin.nap")
async def nap(number: int, *, nap_s: float = 60.0) -> int:
    await anyio.sleep(nap_s)  # by the virtual clock
    return number


async def test_kit(run_step, collect, verify_step, event_recorder):
    assert await run_step(total, [1, 2]) == 3
    await verify_step(total, [[1], []])
    await Pipeline("total", steps={"total": total}).run(iter([1]), subscribers=[event_recorder])
    event_recorder.assert_complete()


async def test_streams(run_step, endless_stream, slow_stream, breaking_stream, collect, virtual_clock):
    assert await run_step(total, slow_stream([1, 2], interval_s=60)) == 3
    assert virtual_clock.elapsed_s == 120
    with pytest.raises(StepError):
        await run_step(total, breaking_stream([1], OSError("gone")))


async def test_virtual_clock_is_new_for_each_test(run_step, virtual_clock):
    assert virtual_clock.elapsed_s == 0
    assert await run_step(nap, 7) == 7
    assert virtual_clock.elapsed_s == 60


def test_virtual_clock_without_a_loop(virtual_clock):
    virtual_clock.run(anyio.sleep, 5)
    assert virtual_clock.elapsed_s == 5
"""


def test_gives_the_kit_as_fixtures(pytester: pytest.Pytester) -> None:
    """A user's tests need neither an import nor a conftest, and wait for nothing."""
    pytester.makepyfile(USERS_TESTS)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nfilterwarnings = ["error"]\naddopts = ["--strict-markers"]')
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=5)  # the first test on asyncio and on trio, those by the clock once


def test_shows_the_fixtures_when_asked(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` lists each fixture with one line."""
    result = pytester.runpytest_subprocess("--fixtures", "-p", "no:xdist")
    result.stdout.fnmatch_lines(["event_recorder*", "*keeps the events*", "virtual_clock*", "*skips waiting*"])


def test_leaves_the_engine_alone_until_a_fixture_is_used(pytester: pytest.Pytester) -> None:
    """The plugin is loaded in every test run of an environment, so it must cost nothing there."""
    pytester.makepyfile(
        """
        import sys

        def test_light():
            faces = ("headwater.lazy", "headwater.testing")
            loaded = [name for name in sys.modules if name.startswith("headwater.") and not name.startswith(faces)]
            assert not loaded
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:xdist").assert_outcomes(passed=1)


def test_clock_stands_still_until_a_task_waits() -> None:
    """The time is virtual: work takes none of it."""
    clock = VirtualClock()

    async def work() -> int:
        return sum(range(100_000))

    assert clock.run(work) == 4_999_950_000
    assert clock.elapsed_s == 0
