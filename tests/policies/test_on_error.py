"""What happens to an item whose last attempt fails."""

from __future__ import annotations

from typing import Any

import pytest

from headwater import ConfigError, Pipeline, StepError, StepSkipped, step
from headwater_subscribers import ConsoleSubscriber, MetricsSubscriber
from tests.policies.documents import document, run

pytestmark = pytest.mark.anyio

MAPPED = ["policies.plain", "policies.later", "policies.thread", "policies.process"]
ALWAYS = {"params": {"times": 9}}


def letter(item: int, index: int, error: str = "ConnectionError: call 1 for 3", attempt: int = 1) -> dict[str, Any]:
    """Return what is written to the port `errors`."""
    code = error.partition(":")[0]
    return {"item": item, "error": error, "code": code, "attempt": attempt, "step_id": "a", "index": index}


@pytest.mark.parametrize("kind", MAPPED)
@pytest.mark.parametrize(
    ("policy", "mapped", "one", "aside"),
    [
        ("skip_item", [10, 20, 40], None, {"skipped": 1}),
        ({"value": 7}, [10, 20, 7, 40], 7, {}),
        ({"fallback": {"kind": "policies.negative"}}, [10, 20, -3, 40], -3, {}),
    ],
)
async def test_goes_on_with_the_other_items(kind: str, policy: Any, mapped: Any, one: Any, aside: Any) -> None:
    """The same for the items of a stream and for one value, wherever the code runs."""
    source = document({"id": "a", "kind": kind, "on_error": policy, **ALWAYS})
    result, _ = await run(source, [1, 2, 3, 4])
    assert result.output == mapped
    assert result.metrics["a"].items_aside == aside
    assert result.metrics["a"].compensations == 1
    result, _ = await run(source, 3)
    assert result.output == one


@pytest.mark.parametrize("kind", MAPPED)
async def test_writes_dead_letters_to_the_port_errors(kind: str) -> None:
    """Each has the item, its place and the error; the name of the main output stays that of the step."""
    source = document({"id": "a", "kind": kind, "on_error": "dead_letter", **ALWAYS}, output=["a", "a.errors"])
    if kind == "policies.process":
        error = "ProcessError: ConnectionError: attempt 1 for 3"
        expected = {**letter(3, 2, error), "code": "process"}
    else:
        expected = letter(3, 2)
    result, _ = await run(source, [1, 2, 3, 4])
    assert result.output == {"a": [10, 20, 40], "a.errors": [expected]}
    assert result.metrics["a"].items_aside == {"errors": 1}
    result, _ = await run(source, 3)
    assert result.output.keys() == {"a.errors"}
    assert result.output["a.errors"]["item"] == 3


async def test_notes_the_attempts_in_a_dead_letter_when_the_item_was_retried() -> None:
    """It is written after the last attempt."""
    step_ = {"id": "a", "kind": "policies.later", "on_error": "dead_letter", "retry": {"attempts": 2, "backoff_s": 0}}
    result, _ = await run(document({**step_, **ALWAYS}, output=["a", "a.errors"]), [3])
    assert result.output["a.errors"] == [letter(3, 0, "ConnectionError: call 2 for 3", attempt=2)]


@step("policies.picky")
async def picky(number: int) -> int:
    """Refuse 37 of 1,000 numbers."""
    if number % 27 == 0 and number < 999:
        raise ValueError(number)
    return number


async def test_counts_dead_letters_alike_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Of 1,000 items 963 go on and 37 to the port, in the output, the events, the metrics and on the console."""
    metrics = MetricsSubscriber()
    source = document({"id": "a", "kind": "policies.picky", "on_error": "dead_letter"}, output=["a", "a.errors"])
    pipeline = Pipeline.load(source)
    result = await pipeline.run(range(1000), subscribers=[metrics, ConsoleSubscriber(live=False)])
    assert (len(result.output["a"]), len(result.output["a.errors"])) == (963, 37)
    complete = result.metrics["a"]
    assert (complete.items_in, complete.items_out, complete.items_aside) == (1000, 963, {"errors": 37})
    assert metrics.snapshot().steps[0].items_aside == {"errors": 37}
    shown = capsys.readouterr()
    assert "37 errors" in shown.out + shown.err


async def test_emits_each_item_that_is_skipped() -> None:
    """The event has the number of the item and the reason."""
    _, events = await run(document({"id": "a", "kind": "policies.picky", "on_error": "skip_item"}), [1, 27, 2, 54])
    skipped = [event.data for event in events if isinstance(event.data, StepSkipped)]
    assert [(data.index, data.reason) for data in skipped] == [(1, "ValueError: 27"), (3, "ValueError: 54")]


async def test_treats_a_wrong_type_as_a_failure_of_its_item() -> None:
    """What comes in and what is returned is checked in the attempt."""
    source = document({"id": "a", "kind": "policies.picky", "on_error": "skip_item"})
    result, _ = await run(source, [1, "two", 3])
    assert result.output == [1, 3]


async def test_lets_a_fallback_write_the_stream_when_nothing_was_written() -> None:
    """Afterwards its items would come in addition."""
    fallback = {"fallback": {"kind": "policies.source", "params": {"times": 0, "items": 2}}}
    result, _ = await run(document({"id": "a", "kind": "policies.source", "on_error": fallback}))
    assert result.output == [0, 1]
    with pytest.raises(StepError) as caught:
        await run(document({"id": "a", "kind": "policies.source", "params": {"after": 3}, "on_error": fallback}))
    assert caught.value.result is not None
    assert caught.value.result.output == [0, 1, 2]


async def test_fails_with_the_error_of_the_fallback_when_that_fails_too() -> None:
    """Both errors are there."""
    fallback = {"fallback": {"kind": "policies.picky"}}
    with pytest.raises(StepError, match="ValueError: 27") as caught:
        await run(document({"id": "a", "kind": "policies.later", "on_error": fallback, **ALWAYS}), [27])
    assert caught.value.__cause__ is not None
    assert isinstance(caught.value.__cause__.__context__, ConnectionError)


async def test_puts_a_value_in_the_place_of_what_a_reader_of_a_stream_returns() -> None:
    """A step that reads a whole stream has one output."""
    steps = [
        {"id": "a", "kind": "policies.source", "params": {"times": 0}},
        {"id": "b", "kind": "policies.total", "on_error": {"value": -1}},
    ]
    result, _ = await run(document(*steps))
    assert result.output == -1


@pytest.mark.parametrize("policy", ["skip_item", "dead_letter"])
async def test_keeps_what_was_written_of_an_item_that_fails_in_the_middle(policy: str) -> None:
    """A step that makes a stream of each item may have written a part of it."""
    spread = {"id": "a", "kind": "policies.spread", "params": {"after": 2, "times": 9}, "on_error": policy}
    keys = {"output": ["a", "a.errors"]} if policy == "dead_letter" else {}
    result, _ = await run(document(spread, **keys), [1, 2, 3])
    written = result.output["a"] if keys else result.output
    assert written == [10, 11, 12, 20, 21, 30, 31, 32]


def fallback_to(kind: str) -> dict[str, Any]:
    """Return the policy by which a step of another kind takes over."""
    return {"fallback": {"kind": kind}}


def test_says_how_a_step_gets_the_port_errors() -> None:
    """It has one only where the document asks for it."""
    with pytest.raises(ConfigError, match=r'give step .a. "on_error": "dead_letter"'):
        Pipeline.load(document({"id": "a", "kind": "policies.picky"}, output=["a", "a.errors"]))


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([{"id": "a", "kind": "policies.picky", "on_error": "dead_letter"}], "unread-output"),
        ([{"id": "a", "kind": "policies.source", "on_error": "skip_item"}], "unfit-policy"),
        ([{"id": "a", "kind": "policies.source", "on_error": {"value": 1}}], "unfit-policy"),
        ([{"id": "a", "kind": "policies.picky", "on_error": {"value": "x"}}], "unfit-policy"),
        (
            [{"id": "a", "kind": "policies.picky", "on_error": {"fallback": {"kind": "policies.total"}}}],
            "unfit-fallback",
        ),
        ([{"id": "a", "kind": "policies.picky", "on_error": {"fallback": {"kind": "policies.no"}}}], "unknown-kind"),
        ([{"id": "a", "kind": "policies.source", "compensate": {"kind": "policies.undo"}}], "unfit-policy"),
        ([{"id": "a", "kind": "policies.picky", "compensate": {"kind": "policies.total"}}], "unfit-policy"),
        ([{"id": "a", "kind": "policies.total", "timeout": {"idle_s": 1}}], "unfit-policy"),
    ],
)
def test_refuses_a_policy_when_the_step_cannot_have_it(steps: list[dict[str, Any]], code: str) -> None:
    """What cannot hold is found when the document is loaded."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(document(*steps))
    assert [problem.code for problem in caught.value.problems] == [code]
