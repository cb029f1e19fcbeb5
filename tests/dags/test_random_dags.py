"""Random pipelines with random policies, failures and cancellations give what a plain interpreter gives."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
import psutil
import pytest
from hypothesis import HealthCheck, given, settings

from headwater import ConfigError, Pipeline, Runner, StepError, StreamEvent
from tests.dags import kinds
from tests.dags.interpreter import Outcome, interpret
from tests.dags.recipes import Recipe, recipes

GRAPHS = int(os.environ.get("HEADWATER_GRAPHS", "2000"))
SHARDS = 8

assert kinds.plain, "imported for its kinds, which the documents name"


def traces() -> dict[str, Any]:
    """Return what a process holds that an execution must not leave behind."""
    process = psutil.Process()
    return {
        "threads": {thread.name for thread in threading.enumerate() if "headwater" in thread.name},
        "processes": set(process.children(recursive=True)),
        "files": process.num_fds(),
        "tasks": {task.id for task in anyio.get_running_tasks()},
    }


async def run(pipeline: Pipeline, cancel_at: int | None) -> tuple[str, Any, str, dict[str, Any]]:
    """Return the status, the output, the step that failed and the metrics; assert that nothing is left."""
    events: list[StreamEvent] = []

    def note(event: StreamEvent) -> None:
        events.append(event)
        if event.seq == cancel_at:
            execution.cancel()

    before = traces()
    execution = Runner([note]).start(pipeline)
    async with execution:
        result = await execution.result(check=False)
    assert traces() == before
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.event_type.terminal for event in events] == [False] * (len(events) - 1) + [True]
    failed = result.error.step_id if isinstance(result.error, StepError) else ""
    return result.status, result.output, failed, dict(result.metrics)


def loaded(document: dict[str, Any]) -> Pipeline | None:
    """Return the pipeline of a document, or None when it is refused because it could stand still."""
    codes: set[str] = set()
    try:
        return Pipeline.load(document)
    except ConfigError as error:
        codes.update(problem.code for problem in error.problems)
    assert codes == {"deadlock-risk"}
    return None


def compare(recipe: Recipe, backend: str, options: dict[str, Any]) -> str:
    """Run a recipe and compare it with what the interpreter says; return how it ended."""
    document = recipe.document()
    pipeline = loaded(document)
    if pipeline is None:
        return "refused"
    expected = interpret(recipe)
    status, output, failed, metrics = anyio.run(
        run, pipeline, recipe.cancel_at, backend=backend, backend_options=options
    )
    failing = {f"n{place}" for place, outcome in enumerate(expected) if outcome.failed}
    names = document["output"]
    outputs = output if len(names) > 1 else {names[0]: output}
    if status == "completed":
        assert not failing
        check_complete(expected, outputs or {}, metrics)
    elif status == "failed":
        assert failed in failing
        check_partial(expected, outputs or {})
    else:
        assert recipe.cancel_at is not None
        check_partial(expected, outputs or {})
    return status


def written(expected: Sequence[Outcome], name: str) -> tuple[list[Any], Outcome]:
    """Return what goes to an output, and the outcome of its node."""
    outcome = expected[int(name.partition(".")[0][1:])]
    return (outcome.letters if name.endswith(".errors") else outcome.items), outcome


def as_list(found: Any, outcome: Outcome) -> list[Any]:
    """Return what came to an output as a list."""
    if found is None:
        return []
    return [found] if outcome.is_value else found


def comparable(items: Sequence[Any], *, ordered: bool) -> Any:
    """Return items in a form in which those of an interleaved stream are equal in any order; errors have own tests."""
    plain = [{**item, "error": "", "code": ""} if isinstance(item, dict) else item for item in items]
    if ordered:
        return plain
    return Counter(str({**item, "index": None} if isinstance(item, dict) else item) for item in plain)


def check_complete(expected: Sequence[Outcome], outputs: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Assert that everything is there, once, and counted."""
    for name, found in outputs.items():
        items, outcome = written(expected, name)
        ordered = outcome.is_ordered
        assert comparable(as_list(found, outcome), ordered=ordered) == comparable(items, ordered=ordered), name
    for place, outcome in enumerate(expected):
        if (complete := metrics.get(f"n{place}")) is not None:
            assert complete.items_out == len(outcome.items), place
            assert complete.items_aside.get("errors", 0) == len(outcome.letters), place


def check_partial(expected: Sequence[Outcome], outputs: dict[str, Any]) -> None:
    """Assert that nothing is there that should not be."""
    for name, found in outputs.items():
        items, outcome = written(expected, name)
        came = as_list(found, outcome)
        if outcome.is_ordered:
            assert comparable(came, ordered=True) == comparable(items[: len(came)], ordered=True), name
        elif not outcome.is_broken:
            assert not comparable(came, ordered=False) - comparable(items, ordered=False), name


@pytest.mark.parametrize("shard", range(SHARDS))
def test_gives_what_a_plain_interpreter_gives(shard: int) -> None:
    """The same items, letters, counts and terminal state, and nothing left behind."""
    backend, options = (("asyncio", {}), ("trio", {}), ("asyncio", {"use_uvloop": True}))[shard % 3]

    @settings(max_examples=max(GRAPHS // SHARDS, 1), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(recipes())
    def check(recipe: Recipe) -> None:
        compare(recipe, backend, options)

    check()


@settings(max_examples=max(GRAPHS // 200, 1), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recipes(most=4, mapped=["dags.process"]))
def test_gives_what_a_plain_interpreter_gives_with_worker_processes(recipe: Recipe) -> None:
    """The same for steps in processes, which take long to start."""
    compare(recipe, "asyncio", {})
