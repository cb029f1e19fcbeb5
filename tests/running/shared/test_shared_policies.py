# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Breakers, rate limits and caches of steps: shared by the executions of a runner, counted exactly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from pydantic import BaseModel

from headwater import (
    CircuitOpenError,
    ExecutionError,
    Pipeline,
    Runner,
    Step,
    StepComplete,
    StepContext,
    StepError,
    Stream,
    step,
)
from headwater.testing import EventRecorder

calls: list[Any] = []
times: list[float] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    calls.clear()
    times.clear()


class Record(BaseModel):
    """A record with a user."""

    user: str
    text: str = ""


@step("shared.double")
async def double(number: int) -> int:
    calls.append(number)
    times.append(anyio.current_time())
    await anyio.lowlevel.checkpoint()
    return 2 * number


@step("shared.plain")
def plain(number: int) -> int:
    calls.append(number)
    return 2 * number


@step("shared.threaded", blocking=True)
def threaded(number: int) -> int:
    calls.append(number)
    return 2 * number


@step("shared.processed", cpu=True)
def processed(number: int) -> int:
    if number < 0:
        raise ValueError(number)
    return 2 * number


@step("shared.down")
async def down(number: int) -> int:
    calls.append(number)
    await anyio.lowlevel.checkpoint()
    raise ConnectionError("down")


@step("shared.slow")
async def slow(number: int) -> int:
    calls.append(number)
    await anyio.sleep(1)  # in virtual time
    return 2 * number


@step("shared.shout")
async def shout(record: Record) -> str:
    calls.append(record)
    times.append(anyio.current_time())
    await anyio.lowlevel.checkpoint()
    return record.text.upper()


@step("shared.emitting")
async def emitting(number: int) -> AsyncIterator[int]:
    calls.append(number)
    if number < 0:
        raise ConnectionError("down")
    for value in range(number):
        yield value


@step("shared.whole")
async def whole(numbers: Stream[int]) -> AsyncIterator[int]:
    calls.append("whole")
    async for number in numbers:
        yield number


@step("shared.add")
async def add(number: int, other: int, ctx: StepContext) -> int:
    calls.append((number, other))
    await anyio.lowlevel.checkpoint()
    ctx.progress(message="adds")
    return number + other


class Times(Step, kind="shared.times"):
    """Multiplies."""

    factor: int = 2

    def run(self, number: int) -> int:
        calls.append((self.factor, number))
        return self.factor * number


def of(target: Any, **policies: Any) -> Pipeline:
    """Return a pipeline of one step with policies."""
    return Pipeline("one", steps={"step": target}, options={"step": policies})


def counts(recorder: EventRecorder) -> dict[str, int]:
    """Return what the policies of the step did, as `step_complete` says."""
    [data] = [event.data for event in recorder.events if isinstance(event.data, StepComplete)]
    return dict(data.policies)


async def run_50(runner: Runner, pipeline: Pipeline, data: Any = 1) -> list[Any]:
    """Run a pipeline 50 times at once; return the outputs and the errors."""
    found: list[Any] = []

    async def one() -> None:
        try:
            found.append((await runner.run(pipeline, data)).output)
        except ExecutionError as error:
            found.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(one)
    return found


# what 50 executions of one runner share


async def test_breaker_lets_no_more_calls_fail_when_executions_share_it(virtual_clock: Any) -> None:
    """Of 50 executions five fail, and the others are refused; after a reset one call is the trial."""
    pipeline = of(down, circuit_breaker={"failures": 5, "window_s": 60, "reset_s": 30})
    async with Runner() as runner:
        errors = [error.__cause__ for error in await run_50(runner, pipeline)]
        assert sum(isinstance(error, ConnectionError) for error in errors) >= 5
        refused = await run_50(runner, pipeline)
        assert all(isinstance(error.__cause__, CircuitOpenError) for error in refused)
        before = len(calls)
        await anyio.sleep(30)  # in virtual time
        await run_50(runner, pipeline)
    assert len(calls) == before + 1


async def test_breaker_refuses_exactly_those_after_the_failures(virtual_clock: Any) -> None:
    """Executions one after the other: five reach the service, 45 do not."""
    pipeline = of(down, circuit_breaker={"failures": 5})
    async with Runner() as runner:
        for number in range(50):
            with pytest.raises(StepError):
                await runner.run(pipeline, number)
    assert calls == [0, 1, 2, 3, 4]


async def test_rate_limit_holds_for_all_executions_together(virtual_clock: Any) -> None:
    """50 executions at 5 a second, 5 at once: the last call begins after nine seconds."""
    async with Runner() as runner:
        assert await run_50(runner, of(double, rate_limit={"per_s": 5, "burst": 5})) == [2] * 50
    expected = [0.0] * 5 + [number / 5 for number in range(1, 46)]
    assert [time - times[0] for time in times] == pytest.approx(expected)


async def test_rate_limit_holds_for_each_key(virtual_clock: Any) -> None:
    """Two users get one call a second each, whichever execution asks."""
    pipeline = of(shout, rate_limit={"per_s": 1, "key": "user"}, concurrency=4)
    records = [Record(user=user) for user in "aabb"]
    async with Runner() as runner, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(runner.run, pipeline, records)
    for user in "ab":
        own = [time for record, time in zip(calls, times, strict=True) if record.user == user]
        assert [time - own[0] for time in own] == pytest.approx([0, 1, 2, 3, 4, 5])


async def test_cache_makes_one_call_when_executions_share_it(virtual_clock: Any) -> None:
    """50 executions at once make one call, and none within an hour; then another."""
    pipeline = of(slow, cache={"ttl_s": 3600})
    async with Runner() as runner:
        assert await run_50(runner, pipeline) == [2] * 50
        assert await run_50(runner, pipeline) == [2] * 50
        assert calls == [1]
        await anyio.sleep(3600)  # in virtual time
        await run_50(runner, pipeline)
    assert calls == [1, 1]


async def test_keeps_nothing_when_there_is_no_runner(virtual_clock: Any) -> None:
    """Each execution has its own cache, limit and breaker."""
    cached, limited = of(double, cache={}), of(double, rate_limit={"per_s": 1})
    for _ in range(3):
        await cached.run([1, 1, 2])
    assert calls == [1, 2] * 3
    started = anyio.current_time()
    for _ in range(3):
        await limited.run(1)
    assert anyio.current_time() == started


async def test_forgets_when_the_runner_was_idle_for_long(virtual_clock: Any) -> None:
    """What no execution uses is dropped after `idle_s`."""
    pipeline = of(double, cache={})
    async with Runner(idle_s=60) as runner:
        await runner.run(pipeline, 1)
        await anyio.sleep(59)  # in virtual time
        await runner.run(pipeline, 1)
        assert calls == [1]
        await anyio.sleep(61)  # in virtual time
        await runner.run(pipeline, 1)
    assert calls == [1, 1]


# every shape and place


@pytest.mark.parametrize("target", [double, plain, threaded], ids=lambda target: target.kind)
@pytest.mark.parametrize("data", [3, [3, 4, 3, 3, 4]], ids=["unary", "mapped"])
async def test_counts_what_policies_did(target: Any, data: Any) -> None:
    """Equal items are called once; the hits are in `step_complete`."""
    recorder = EventRecorder()
    pipeline = of(target, cache={}, circuit_breaker={}, rate_limit={"per_s": 1e6, "burst": 100})
    output = (await pipeline.run(data, subscribers=[recorder])).output
    assert output == (6 if data == 3 else [6, 8, 6, 6, 8])
    assert sorted(calls) == ([3] if data == 3 else [3, 4])
    assert counts(recorder) == ({} if data == 3 else {"cached": 3})


async def test_guards_calls_in_a_process() -> None:
    """A call that is refused or spared does not end the process."""
    recorder = EventRecorder()
    pipeline = of(processed, cache={}, circuit_breaker={"failures": 2}, on_error="skip_item")
    result = await pipeline.run([1, 1, 2, -1, -2, 5, 1], subscribers=[recorder])
    assert result.output == [2, 2, 4, 2]
    assert counts(recorder)["cached"] == 2
    assert counts(recorder)["rejected"] == 1


@pytest.mark.parametrize("data", [-1, [-1]], ids=["unary", "mapped"])
async def test_guards_steps_that_write_streams(data: Any) -> None:
    """The breaker counts attempts of the whole step, or of each item that makes a stream."""
    pipeline = of(emitting, circuit_breaker={"failures": 2})
    async with Runner() as runner:
        assert (await runner.run(pipeline, 3)).output == [0, 1, 2]
        for _ in range(4):
            with pytest.raises(StepError):
                await runner.run(pipeline, data)
    assert calls == [3, -1, -1]


async def test_breaker_takes_a_reader_that_leaves_for_no_failure() -> None:
    """A step that writes more than is asked for has not failed."""

    @step("shared.first_item")
    async def first_item(numbers: Stream[int]) -> int:
        return await anext(aiter(numbers))

    options = {"write": {"circuit_breaker": {"failures": 1}}}
    pipeline = Pipeline("first", steps={"write": emitting, "read": first_item}, options=options)
    async with Runner() as runner:
        for _ in range(3):
            assert (await runner.run(pipeline, 100_000)).output == 0


async def test_rate_limit_holds_for_starts_of_steps_that_read_streams(virtual_clock: Any) -> None:
    """A step without items of its own is limited as a whole."""
    pipeline = of(whole, rate_limit={"per_s": 1})
    started = anyio.current_time()
    async with Runner() as runner:
        for _ in range(4):
            assert (await runner.run(pipeline, [1, 2])).output == [1, 2]
    assert anyio.current_time() - started == pytest.approx(3)


async def test_retries_wait_for_a_breaker_to_half_open(virtual_clock: Any) -> None:
    """The error of a breaker says when to try again, so a retry is the trial."""
    pipeline = of(down, circuit_breaker={"failures": 2, "reset_s": 30}, retry={"attempts": 4, "jitter": 0})
    started = anyio.current_time()
    with pytest.raises(StepError) as caught:
        await pipeline.run(1)
    assert caught.value.attempt == 4
    assert len(calls) == 3
    assert anyio.current_time() - started == pytest.approx(1 + 30)  # it has opened after the second attempt


# the keys of a cache


async def test_cache_distinguishes_params_and_kinds() -> None:
    """The same document with other params, or another kind, has other results."""
    async with Runner() as runner:
        for target in (Times(factor=2), Times(factor=3), Times(factor=2), plain):
            await runner.run(of(target, cache={}), 5)
    assert calls == [(2, 5), (3, 5), 5]


async def test_cache_distinguishes_values_of_different_types() -> None:
    """1 and true are not one item."""

    @step("shared.any")
    async def anything(value: object) -> str:
        calls.append(value)
        await anyio.lowlevel.checkpoint()
        return repr(value)

    assert (await of(anything, cache={}).run(iter([1, True, 1.0, "1", 1]))).output == ["1", "True", "1.0", "'1'", "1"]


@pytest.mark.parametrize("fields", [["text"], [["text"]], ["text", "user"]], ids=str)
async def test_cache_compares_the_fields_that_are_named(fields: Any) -> None:
    """Items that differ in other fields share a result."""
    records = [Record(user="a", text="x"), Record(user="b", text="x")]
    await of(shout, cache={"fields": fields}).run(records)
    assert len(calls) == len(fields)


async def test_cache_includes_the_inputs_beside_the_item() -> None:
    """A mapped step with another value beside its items has other results."""
    pipeline = Pipeline("two", steps={"add": add}, options={"add": {"cache": {}}})
    async with Runner() as runner:
        for other in (1, 2, 1):
            data = {"add.number": [1, 1], "add.other": other}
            assert (await runner.run(pipeline, data)).output == [1 + other] * 2
    assert calls == [(1, 1), (1, 2)]


async def test_keys_need_nothing_of_the_types_of_a_step() -> None:
    """What stands in an annotation may be of any kind, also one without a hash."""

    @step("shared.annotated")
    def annotated(number: Annotated[int, {"unit": "kg"}]) -> Annotated[int, ["grams"]]:
        calls.append(number)
        return 1000 * number

    assert (await of(annotated, cache={}).run([1, 2, 1])).output == [1000, 2000, 1000]
    assert calls == [1, 2]


async def test_cache_distinguishes_code() -> None:
    """A kind that is defined anew, as in a notebook, has no results of the old one."""

    def define(times: int) -> Any:
        if times == 2:

            @step("shared.redefined")
            def redefined(number: int) -> int:
                return 2 * number

        else:

            @step("shared.redefined")
            def redefined(number: int) -> int:
                return 3 * number

        return redefined

    async with Runner() as runner:
        assert (await runner.run(of(define(2), cache={}), 5)).output == 10
        assert (await runner.run(of(define(3), cache={}), 5)).output == 15


async def test_cache_distinguishes_functions_that_a_function_makes() -> None:
    """They have one code, but see other values; each keeps its own results."""

    def make(times: int) -> Any:
        @step("shared.made")
        def made(number: int) -> int:
            calls.append(number)
            return times * number

        return made

    double_, triple = make(2), make(3)
    async with Runner() as runner:
        for target, expected in ((double_, 10), (triple, 15), (double_, 10)):
            assert (await runner.run(of(target, cache={}), 5)).output == expected
    assert calls == [5, 5]


async def test_item_fails_when_it_has_no_key() -> None:
    """A value that cannot be compared is an error of its item, which the document may skip."""

    @step("shared.named")
    async def named(item: dict[str, Any]) -> int:
        await anyio.lowlevel.checkpoint()
        return len(item)

    items: list[dict[str, Any]] = [{"a": 1}, {"b": 2}, {"a": object()}, {"a": 1}]
    pipeline = of(named, cache={"fields": ["a"]}, on_error="skip_item")
    assert (await pipeline.run(items)).output == [1, 1]


async def test_cache_is_not_disturbed_when_the_execution_that_calls_is_cancelled(virtual_clock: Any) -> None:
    """Another execution that waits for the result makes the call itself."""
    pipeline = of(slow, cache={})
    async with Runner() as runner, anyio.create_task_group() as group, runner.start(pipeline, 1) as first:
        await anyio.sleep(0.5)  # in virtual time
        group.start_soon(runner.run, pipeline, 1)
        await anyio.sleep(0.1)  # in virtual time
        first.cancel()
    assert calls == [1, 1]


# cancellation


@step("shared.turns")
async def turns(number: int) -> int:
    for _ in range(number % 4):
        await anyio.lowlevel.checkpoint()
    return 2 * number


@step("shared.turns_of_batches", batched=True)
async def turns_of_batches(numbers: list[int]) -> list[int]:
    for _ in range(len(numbers) % 4):
        await anyio.lowlevel.checkpoint()
    return [2 * number for number in numbers]


POLICIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "cache": (turns, {"cache": {}, "concurrency": 3}),
    "rate limit": (turns, {"rate_limit": {"per_s": 50_000, "key": None}, "concurrency": 3, "ordered": False}),
    "breaker": (turns, {"circuit_breaker": {}}),
    "all": (turns, {"cache": {}, "rate_limit": {"per_s": 50_000}, "circuit_breaker": {}, "retry": {}}),
    "batches": (turns_of_batches, {"batch": {"size": 4, "across": "runner"}}),
    "batches with a cache": (turns_of_batches, {"batch": {"size": 4, "across": "runner"}, "cache": {}}),
    "thread": (threaded, {"cache": {}, "circuit_breaker": {}, "concurrency": 2}),
}


@pytest.mark.parametrize("turns_before", [*range(0, 60, 5)])
@pytest.mark.parametrize("name", POLICIES)
async def test_leaves_nothing_behind_when_executions_are_cancelled(name: str, turns_before: int) -> None:
    """After a cancellation at any moment, the next execution of the runner has all that it needs."""
    target, policies = POLICIES[name]
    pipeline = of(target, **policies)
    async with Runner() as runner:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(runner.run, pipeline, range(12))
            for _ in range(turns_before):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        with anyio.fail_after(30):
            assert sorted((await runner.run(pipeline, range(12))).output) == [2 * number for number in range(12)]


async def test_nested_steps_share_what_executions_share() -> None:
    """The steps of a nested pipeline have their own limits and caches, by their own document."""
    inner = {"name": "inner", "steps": [{"id": "double", "kind": "shared.double", "cache": {}}]}
    pipeline = Pipeline.load(
        {"name": "outer", "steps": [{"id": "each", "kind": "control.map", "params": {"pipeline": inner}}]}
    )
    async with Runner() as runner:
        for _ in range(2):
            assert (await runner.run(pipeline, [1, 2, 1])).output == [2, 4, 2]
    assert sorted(calls) == [1, 2]


def test_policies_are_the_same_in_json_in_yaml_and_in_python(tmp_path: Path) -> None:
    """Whatever they are written in, the plan has them."""
    policies: dict[str, Any] = {
        "circuit_breaker": {"failures": 2},
        "rate_limit": {"per_s": 5.0, "key": ["user"]},
        "cache": {"fields": ["text"], "ttl_s": 60.0},
        "concurrency": 2,
        "ordered": False,
    }
    document = {"name": "one", "steps": [{"id": "step", "kind": "shared.shout", **policies}]}
    text = """
name: one
steps:
  - id: step
    kind: shared.shout
    circuit_breaker: {failures: 2}
    rate_limit: {per_s: 5.0, key: [user]}
    cache: {fields: [text], ttl_s: 60.0}
    concurrency: 2
    ordered: false
"""
    (tmp_path / "one.yaml").write_text(text)
    pipelines = [Pipeline.loads(json.dumps(document)), Pipeline.load(tmp_path / "one.yaml"), of(shout, **policies)]
    steps = [pipeline.plan(stream_input=True).step("step") for pipeline in pipelines]
    assert len({repr(step.policies) for step in steps}) == 1
    assert {(step.concurrency, step.ordered) for step in steps} == {(2, False)}


def test_values_of_policies_may_be_parameters() -> None:
    """A template stands for any value."""
    document = {
        "name": "one",
        "parameters": {"rate": {"type": "number", "default": 5}, "burst": {"type": "integer", "default": 2}},
        "steps": [
            {
                "id": "step",
                "kind": "shared.double",
                "rate_limit": {"per_s": "${parameters.rate}", "burst": "${parameters.burst}"},
            }
        ],
    }
    policies = Pipeline.load(document, {"rate": 7}).plan().step("step").policies
    assert policies is not None
    assert policies.shared.rate_limit is not None
    assert (policies.shared.rate_limit.per_s, policies.shared.rate_limit.burst) == (7, 2)
