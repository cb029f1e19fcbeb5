"""Analyses of plans, compared with what trying everything gives."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import Analysis, Pipeline, Plan, Stream, run_sync, step
from headwater.events.data import StepComplete
from headwater.graph.plan import Adapter


@step("analysis.same")
async def same(text: str) -> str:
    """Give back a text."""
    return text


@step("analysis.count")
async def count(texts: Stream[str]) -> int:
    """Count texts."""
    return len(await texts.collect())


MODEL = Pipeline("model", steps={"same": same}).plan()
COMPLETE = StepComplete(0, 0, 0.0)


def plan_of(number: int, edges: dict[tuple[int, int], Adapter | None]) -> Plan:
    """Return a plan of steps `s0`, `s1` and so on; an edge without an adapter carries one value."""
    planned = [
        replace(
            MODEL.edges[0], index=index, source=f"s{writer}", target=f"s{reader}", streaming=adapter is not None,
            adapter=adapter or Adapter.NONE,
        )
        for index, ((writer, reader), adapter) in enumerate(edges.items())
    ]  # fmt: skip
    steps = tuple(replace(MODEL.steps[0], id=f"s{place}") for place in range(number))
    return replace(
        MODEL, steps=steps, edges=tuple(planned), segments=tuple((step.id,) for step in steps), outputs=(), _by_id={}
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return a plan of up to seven steps with random edges: one value, a stream, a stream that is collected."""
    number = draw(st.integers(1, 7))
    pairs = [pair for pair in combinations(range(number), 2) if draw(st.booleans())]
    return plan_of(number, {pair: draw(st.sampled_from([None, Adapter.NONE, Adapter.COLLECT])) for pair in pairs})


def paths(plan: Plan) -> list[list[str]]:
    """Return every path of a plan, those of one step among them, by trying all sequences of steps."""
    pairs = {(edge.source, edge.target) for edge in plan.edges}
    ids = [step.id for step in plan.steps]
    chosen = [list(some) for size in range(1, len(ids) + 1) for some in combinations(ids, size)]
    return [some for some in chosen if pairs.issuperset(pairwise(some))]


def must_wait(plan: Plan) -> set[tuple[str, str]]:
    """Return the pairs of steps of which the second begins after the first has ended."""
    waiting = {
        (edge.source, edge.target) for edge in plan.edges if not edge.streaming or edge.adapter is Adapter.COLLECT
    }
    return {(path[0], path[-1]) for path in paths(plan) if waiting.intersection(pairwise(path))}


@given(plans())
def test_concurrent_steps_are_a_largest_set_whatever_the_edges(plan: Plan) -> None:
    """No two of the steps wait for each other, and no larger set is like that."""
    order = must_wait(plan)

    def free(some: tuple[str, ...]) -> bool:
        return not order.intersection(combinations(some, 2))

    found = Analysis(plan).concurrent_steps
    assert free(found)
    ids = [step.id for step in plan.steps]
    assert not any(free(some) for some in combinations(ids, len(found) + 1))


@given(plans(), st.lists(st.integers(0, 9), min_size=7, max_size=7))
def test_critical_path_is_a_longest_one_whatever_the_times(plan: Plan, seconds: list[int]) -> None:
    """No path through the pipeline was busy longer."""
    metrics = {f"s{place}": replace(COMPLETE, duration_s=float(busy)) for place, busy in enumerate(seconds)}
    found = list(Analysis(plan, metrics).critical_path)

    def busy_s(path: list[str]) -> float:
        return sum(metrics[step_id].duration_s for step_id in path)

    assert busy_s(found) == max(map(busy_s, paths(plan)))
    assert found in [*paths(plan), []]


@given(plans())
def test_downstream_is_what_paths_lead_to_whatever_the_edges(plan: Plan) -> None:
    """A failing step takes with it the steps at the ends of its paths, each counted once."""
    analysis = Analysis(plan)
    for step_id in (planned.id for planned in plan.steps):
        ends = {path[-1] for path in paths(plan) if path[0] == step_id} - {step_id}
        assert set(analysis.downstream(step_id)) == ends
        assert analysis.downstream_counts[step_id] == len(ends)


def test_waits_do_not_count_when_a_path_is_critical() -> None:
    """A step that mostly waited is not what made the execution slow."""
    plan = plan_of(3, {(0, 1): Adapter.NONE, (0, 2): Adapter.NONE})
    waiting = replace(COMPLETE, duration_s=9.0, input_wait_s=6.0, output_wait_s=2.0)
    working = replace(COMPLETE, duration_s=2.0)
    analysis = Analysis(plan, {"s0": working, "s1": waiting, "s2": working})
    assert analysis.critical_path == ("s0", "s2")
    assert (analysis.busy_s("s1"), analysis.busy_s("s2")) == (1.0, 2.0)


def test_critical_path_is_empty_when_nothing_was_measured() -> None:
    """Without times there is no longest path."""
    assert Analysis(plan_of(2, {(0, 1): None})).critical_path == ()


def test_fused_steps_count_once_when_they_run_as_one() -> None:
    """Steps of one segment take turns, so only the first of them is named."""

    @step("analysis.upper")
    def upper(text: str) -> str:
        return text.upper()

    pipeline = Pipeline("fused", steps={"same": same, "upper": upper, "count": count})
    assert pipeline.plan(stream_input=True).segments == (("same", "upper"), ("count",))
    assert Analysis(pipeline.plan(stream_input=True)).concurrent_steps == ("same", "count")


def test_downstream_refuses_a_step_that_does_not_exist() -> None:
    """A wrong id is not taken for a step without readers."""
    with pytest.raises(KeyError):
        Analysis(MODEL).downstream("other")


def test_to_networkx_holds_every_step_and_edge_when_a_pipeline_has_run() -> None:
    """The graph has plain attributes, so that networkx can write it."""
    edges = ["input -> a", {"from": "a", "to": "b", "when": {"eq": "x"}}, "b -> output"]
    pipeline = Pipeline("small", steps={"a": same, "b": same}, edges=edges)
    graph = pipeline.analyze(run_sync(pipeline, "x").metrics).to_networkx()
    assert list(nx.topological_sort(graph)) == ["input", "a", "b", "output"]
    assert graph.nodes["a"].items() >= {"kind": "analysis.same", "flavor": "unary_unary", "segment": "a"}.items()
    assert graph.nodes["a"]["busy_s"] > 0
    assert graph.edges["a", "b", 1].items() >= {"type": "str", "streaming": False, "condition": '{"eq": "x"}'}.items()
    assert set(pipeline.to_networkx()) == set(graph)
    assert "small" in "\n".join(nx.generate_graphml(graph))


def test_networkx_is_imported_only_when_an_analysis_is_asked_for() -> None:
    """Loading, planning and running a pipeline do without it."""
    code = (
        "import sys\n"
        "from headwater import Pipeline, run_sync\n"
        "pipeline = Pipeline.load({'name': 'n', 'steps': [{'id': 'n', 'kind': 'text.upper'}]})\n"
        "run_sync(pipeline, 'a')\n"
        "before = 'networkx' in sys.modules\n"
        "pipeline.to_networkx()\n"
        "assert not before and 'networkx' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
