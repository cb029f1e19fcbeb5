"""Errors that answer oddly, and code that catches its cancellation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from headwater import Pipeline, StepError, StepTimeoutError, Stream, run_sync, step

pytestmark = pytest.mark.anyio


class WithCodeError(Exception):
    """Means something else by its code, as errors of HTTP libraries do."""

    @property
    def code(self) -> int:
        return 503


class RaisingError(ConnectionError):
    """Fails when it is asked."""

    names = None

    @property
    def retryable(self) -> bool:
        raise LookupError("not now")

    @property
    def retry_after_s(self) -> float:
        raise LookupError("not now")


class HugeError(ConnectionError):
    """Asks for a pause that no float has."""

    retry_after_s = 10**400


class SurrogateError(Exception):
    """Has half a character in its message."""

    def __init__(self) -> None:
        super().__init__("caf\udce9")


ODD = {"code": WithCodeError, "raising": RaisingError, "huge": HugeError, "surrogate": SurrogateError}


@step("odd.plain")
def plain(number: int, *, kind: str) -> int:
    """Raise an odd error for 1."""
    if number == 1:
        raise ODD[kind]
    return number


@step("odd.process", cpu=True)
def process(number: int, *, kind: str, key: SecretStr) -> int:
    """Raise an odd error for 1, in a process, with a secret in it."""
    if number == 1:
        raise ODD[kind] from ValueError(key.get_secret_value())
    return number


@pytest.mark.parametrize("kind", ODD)
async def test_writes_a_letter_for_any_error(kind: str) -> None:
    """What an error says of itself does not replace it, and the letter can be written."""
    options = {"a": {"on_error": "dead_letter", "retry": {"attempts": 2, "backoff_s": 0}}}
    pipeline = Pipeline("odd", steps={"a": plain.with_params(kind=kind)}, options=options, output=["a", "a.errors"])
    output = (await pipeline.run([0, 1, 2])).output
    assert output["a"] == [0, 2]
    (letter,) = output["a.errors"]
    assert letter["code"] == ODD[kind].__name__
    assert json.dumps(letter).encode()


@pytest.mark.parametrize("kind", ODD)
async def test_gives_any_error_as_json(kind: str) -> None:
    """Its code is a string, or that of its class is left out."""
    with pytest.raises(StepError) as caught:
        await Pipeline("odd", steps={"a": plain.with_params(kind=kind)}).run(1)
    assert json.loads(json.dumps(caught.value.to_json()))["causes"][0]["code"] is None


@pytest.mark.parametrize("kind", ODD)
def test_reports_any_error_of_a_worker_process(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The process does not fail to describe it, and writes no secret."""
    pipeline = Pipeline("odd", steps={"a": process.with_params(kind=kind, key=SecretStr("swordfish"))})
    with pytest.raises(StepError, match=ODD[kind].__name__):
        run_sync(pipeline, 1)
    shown = capfd.readouterr()
    assert "swordfish" not in shown.out + shown.err


@step("odd.source")
async def source() -> AsyncIterator[int]:
    """Write slowly."""
    for number in range(10):
        await anyio.sleep(0.05)  # the time that the limits are about
        yield number


@step("odd.copy")
async def copy(numbers: Stream[int]) -> AsyncIterator[int]:
    """Catch everything, as a bare `except` does."""
    try:
        async for number in numbers:
            yield number
    except BaseException:  # noqa: BLE001, S110 - the mistake that is tested
        pass


@step("odd.ask")
async def ask(number: int) -> str:
    """Make something up when it is cancelled."""
    try:
        await anyio.sleep(60)  # until its limit
    except BaseException:  # noqa: BLE001 - the mistake that is tested
        return "unknown"
    return str(number)


@step("odd.other_error")
async def other_error(number: int) -> str:
    """Raise an error of its own when it is cancelled."""
    try:
        await anyio.sleep(60)  # until its limit
    except BaseException:  # noqa: BLE001 - the mistake that is tested
        raise ValueError("something went wrong") from None
    return str(number)


@pytest.mark.parametrize(
    ("steps", "limits"),
    [
        ({"source": source, "a": copy}, {"total_s": 0.12}),
        ({"source": source, "a": copy}, {"attempt_s": 0.12}),
        ({"source": source, "a": copy}, {"idle_s": 0.02}),
        ({"source": source, "a": copy}, {"first_item_s": 0.02}),
        ({"a": ask}, {"total_s": 0.02}),
        ({"a": ask}, {"attempt_s": 0.02}),
        ({"a": other_error}, {"attempt_s": 0.02}),
        ({"a": other_error}, {"total_s": 0.02}),
    ],
)
@pytest.mark.parametrize("data", [[1, 2], 1])
async def test_names_the_limit_when_the_code_catches_its_cancellation(
    steps: dict[str, Any], limits: dict[str, float], data: Any
) -> None:
    """A stream that was cut is not complete, and what was made up is not a result."""
    given = None if "source" in steps else data
    with pytest.raises(StepError) as caught:
        await Pipeline("limited", steps=steps, options={"a": {"timeout": limits}}).run(given)
    cause = caught.value.__cause__
    assert isinstance(cause, StepTimeoutError)
    assert (caught.value.step_id, cause.limit) == ("a", next(iter(limits)))


@step("odd.rows")
async def rows() -> AsyncIterator[int]:
    """Fail in the cleanup."""
    try:
        for number in range(1_000):
            yield number
    finally:
        raise ValueError("the rollback failed")


@step("odd.first")
async def first(numbers: Stream[int]) -> AsyncIterator[int]:
    """Read one item."""
    async for number in numbers:
        yield number
        return


@pytest.mark.parametrize(
    "options", [{}, {"timeout": {"idle_s": 60}}, {"timeout": {"attempt_s": 60}}, {"retry": {"backoff_s": 0}}]
)
async def test_fails_alike_when_the_cleanup_of_a_stopped_step_fails(options: dict[str, Any]) -> None:
    """Policies do not decide whether an error after the last reader has left is seen."""
    with pytest.raises(StepError, match="the rollback failed"):
        await Pipeline("rows", steps={"a": rows, "b": first}, options={"a": options}).run()
