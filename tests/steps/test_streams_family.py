"""What all shaping steps have in common: one value, many, none, a header, a cancel in the middle, a break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater import (
    ExecutionCancelled,
    Footer,
    Header,
    Pipeline,
    Runner,
    StepError,
    run_sync,
    step,
)
from headwater.testing import breaking_stream, endless_stream

KINDS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    # kind: params, what one value 3 gives, what no items give
    "filter": ({"where": {"gt": 0}}, [3], []),
    "take": ({"n": 10**9}, [3], []),
    "skip": ({"n": 0}, [3], []),
    "distinct": ({"max_keys": 10, "on_full": "forget_oldest"}, [3], []),
    "count": ({}, 1, 0),
    "group_count": ({"max_groups": 10**9}, [(3, 1)], []),
    "sum": ({}, 3, 0),
    "mean": ({}, 3.0, None),
    "min": ({}, 3, None),
    "max": ({}, 3, None),
    "batch": ({"size": 2}, [[3]], []),
    "window": ({"size": 2, "every": 1}, [[3]], []),
    "sort": ({"max_items": 50}, [3], []),
    "shuffle": ({"max_items": 50}, [3], []),
    "sample": ({"n": 5}, [3], []),
    "split": ({"test_fraction": 0.0}, {"it.train": [3], "it.test": []}, {"it.train": [], "it.test": []}),
    "augment": ({"using": {"kind": "family.same"}, "max_items": 10**9}, [3, 3], []),
    "peek": ({"every": 10**9, "to": "progress"}, [3], []),
    "rate": ({"per_second": 1_000_000, "burst": 1_000_000}, [3], []),
}
MAPPED = {"filter"}


@step("family.same")
def same(value: Any) -> Any:
    """Return the value."""
    return value


@step("family.framed")
def framed() -> Iterator[int | Header[str] | Footer[str]]:
    """Write numbers between a header and a footer."""
    yield Header("first")
    yield from range(1, 100)
    yield Footer("last")


def made(kind: str, *before: dict[str, Any]) -> Pipeline:
    """Return a pipeline of one shaping step, perhaps after others."""
    params = KINDS[kind][0]
    one = {"id": "it", "kind": f"stream.{kind}", "params": params}
    return Pipeline.load({"name": "family", "steps": [*before, one]})


def plain(output: Any) -> Any:
    """Return an output with groups as pairs."""
    return (
        [(one.key, one.count) if hasattr(one, "key") else one for one in output] if isinstance(output, list) else output
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_takes_one_value(kind: str) -> None:
    """A single value is a stream of one item."""
    assert plain((await made(kind).run(3)).output) == KINDS[kind][1]


@pytest.mark.parametrize("kind", KINDS)
async def test_takes_no_items(kind: str) -> None:
    """A stream without items is no mistake."""
    assert plain((await made(kind).run(iter([]))).output) == KINDS[kind][2]


@pytest.mark.parametrize("kind", KINDS)
async def test_stops_its_writer_when_cancelled(kind: str) -> None:
    """In the middle of a stream without an end, a cancel leaves nothing behind."""

    def number_or_cancel(number: int) -> int:
        if number == 1_000:
            execution.cancel()
        return number

    numbers = endless_stream(number_or_cancel)
    async with Runner().start(made(kind), numbers) as execution:
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert numbers.closed
    assert numbers.given < 2_000


@pytest.mark.parametrize("kind", KINDS)
async def test_fails_with_its_writer(kind: str) -> None:
    """A stream that breaks is never taken for one that ends."""
    with pytest.raises(Exception, match="the sample stream broke after 100 items"):
        await made(kind).run(breaking_stream(range(1, 101)))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"count", "sum", "mean", "min", "max", "split"}))
def test_keeps_header_and_footer_only_when_mapped(kind: str) -> None:
    """A step that reads the stream as a whole starts a new one; a step of single items leaves what is around them."""
    result = run_sync(made(kind, {"id": "framed", "kind": "family.framed"}))
    assert (result.header, result.footer) == (("first", "last") if kind in MAPPED else (None, None))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"count", "group_count", "sum", "mean", "min", "max"}))
def test_knows_what_it_writes(kind: str) -> None:
    """The type of the items follows from what the edge brings, so that the next edge is checked too."""
    plan = made(kind, {"id": "framed", "kind": "family.framed"}).plan()
    types = {edge.type.item for edge in plan.edges if edge.source == "it"}
    assert types == {list[int]} if kind in {"batch", "window"} else {int}


def test_flatten_knows_what_it_writes() -> None:
    """What comes of lists is what was in them."""
    steps = [{"id": "framed", "kind": "family.framed"}, {"id": "pairs", "kind": "stream.batch", "params": {"size": 2}}]
    pipeline = Pipeline.load({"name": "flat", "steps": [*steps, {"id": "it", "kind": "stream.flatten"}]})
    assert [edge.type.item for edge in pipeline.plan().edges if edge.source == "it"] == [int]
    assert run_sync(pipeline).output == list(range(1, 100))


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("skip", {"n": -1}),
        ("batch", {}),
        ("batch", {"size": 0}),
        ("batch", {"size": 2, "linger_s": 0}),
        ("window", {"size": 2, "every": 0}),
        ("window", {"size": 2, "on_partial": "pad"}),
        ("distinct", {"max_keys": 0}),
        ("distinct", {"on_full": "drop"}),
        ("sum", {"field": ""}),
        ("sum", {"on_missing": "zero"}),
        ("sort", {"by": []}),
        ("sort", {"by": ["a", ""]}),
        ("sort", {"max_items": 0}),
        ("sample", {}),
        ("sample", {"n": 3, "fraction": 0.5}),
        ("sample", {"n": 0}),
        ("sample", {"fraction": 1.5}),
        ("shuffle", {"seed": -1}),
        ("split", {}),
        ("split", {"test_fraction": 2}),
        ("peek", {"every": 0}),
        ("peek", {"to": "screen"}),
        ("rate", {}),
        ("rate", {"per_second": 0}),
        ("rate", {"per_second": 1, "burst": 0}),
        ("augment", {}),
    ],
)
def test_refuses_wrong_params_when_loaded(kind: str, params: dict[str, Any]) -> None:
    """What is wrong is told at load, with the place in the document."""
    document = {"name": "wrong", "steps": [{"id": "it", "kind": f"stream.{kind}", "params": params}]}
    with pytest.raises(Exception, match=r"\$\.steps\[0\]\.params"):
        Pipeline.load(document)


async def test_split_goes_on_when_one_reader_leaves() -> None:
    """Who needs no more items to test with does not keep the others from training."""
    steps = [
        {"id": "it", "kind": "stream.split", "params": {"test_fraction": 0.5}},
        {"id": "some", "kind": "stream.take", "params": {"n": 1}},
        {"id": "n", "kind": "stream.count"},
    ]
    edges = ["it.test -> some", "it.train -> n"]
    result = await Pipeline.load({"name": "parts", "steps": steps, "edges": edges}).run(range(1_000))
    assert len(result.output["some"]) == 1
    assert 400 < result.output["n"] < 600


def test_error_names_the_step() -> None:
    """An error of the items is the step's failure."""
    with pytest.raises(StepError, match="step 'it' failed: TypeError: item 2 is the string 'x', not a number"):
        run_sync(made("sum"), iter([1, "x"]))
