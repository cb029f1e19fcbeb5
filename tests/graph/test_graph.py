"""The structure of a pipeline and everything that can be wrong with it."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.config.policies.merge_specs import MergeSpec
from headwater.config.problems import PROBLEMS_LIMIT
from headwater.graph.checks.topological_order import find_cycles, topological_order
from headwater.graph.graph import PIPELINE_INPUT, PIPELINE_OUTPUT, Edge, End
from tests.graph.pipelines import build


def texts(edges: Any) -> list[str]:
    """Return edges as texts."""
    return [str(edge) for edge in edges]


def test_build_graph_joins_a_chain_when_no_edges_are_written() -> None:
    """Steps without edges follow each other; the last one's output is the pipeline's."""
    graph, problems = build("source pass1 pass2")
    assert texts(graph.edges) == ["source.out -> pass1.items", "pass1.out -> pass2.items", "pass2.out -> output"]
    assert problems == ()
    assert graph.edges[0].path == ("steps", 1)


def test_build_graph_feeds_a_free_input_from_the_pipeline() -> None:
    """A first step that reads gets the data of the execution."""
    graph, problems = build("map")
    assert problems == ()
    assert graph.inputs == [Edge(1, PIPELINE_INPUT, End("map", "item"), graph.edges[1].spec, ("steps", 0))]
    assert [edge.target for edge in graph.outputs] == [PIPELINE_OUTPUT]


def test_build_graph_sorts_writers_before_readers() -> None:
    """The order of the document gives way to that of the data."""
    graph, _ = build("pass3 pass2 pass1 source", "source -> pass1, pass1 -> pass2, pass2 -> pass3")
    assert list(graph.steps) == ["source", "pass1", "pass2", "pass3"]
    assert texts(graph.edges_into("pass2")) == ["pass1.out -> pass2.items"]
    assert texts(graph.edges_out_of("pass2")) == ["pass2.out -> pass3.items"]
    assert graph.edges_into("source") == ()


def test_build_graph_makes_every_free_output_the_pipelines() -> None:
    """Nothing that a step writes is lost without a word."""
    graph, problems = build("source split pass", "source -> split, split.good -> pass")
    assert problems == ()
    assert texts(graph.outputs) == ["split.bad -> output", "pass.out -> output"]


def test_build_graph_keeps_to_the_outputs_that_are_named() -> None:
    """With `output` no other output is implied; a port that must be read is refused instead of dropped."""
    graph, problems = build("source split", output=["split.good"])
    assert [problem.code for problem in problems] == ["unread-output"]
    assert texts(graph.outputs) == ["split.good -> output"]
    assert graph.outputs[0].path == ("output", 0)


def test_build_graph_takes_own_ends_that_are_written() -> None:
    """`input` and `output` may be written as ends of edges, and then nothing is implied."""
    graph, problems = build("join pass", "input -> join.left, input -> join.right, join -> pass, join -> output")
    assert problems == ()
    assert texts(graph.inputs) == ["input -> join.left", "input -> join.right"]
    assert texts(graph.outputs) == ["join.out -> output"]


def test_build_graph_leaves_optional_inputs_free() -> None:
    """An input with a default needs no edge, and an end without a port means the other."""
    graph, problems = build("source option")
    assert problems == ()
    assert texts(graph.edges_into("option")) == ["source.out -> option.left"]


def test_build_graph_accepts_the_inputs_of_any_method() -> None:
    """A step with several methods needs the inputs of one of them."""
    by_default, problems = build("source both")
    assert (problems, texts(by_default.edges_into("both"))) == ((), ["source.out -> both.text"])
    by_name, problems = build("source both", "source -> both.texts")
    assert (problems, texts(by_name.edges_into("both"))) == ((), ["source.out -> both.texts"])


def test_build_graph_says_nothing_more_of_steps_that_are_not_bound() -> None:
    """A step of an unknown kind is reported where its kind is, and not again by its edges."""
    graph, problems = build("source mystery pass", "source -> mystery, mystery.any -> pass")
    assert problems == ()
    assert texts(graph.edges) == ["pass.out -> output"]
    assert graph.edges[0].index == 0


@pytest.mark.parametrize(
    ("steps", "edges", "document", "expected"),
    [
        ("source source", None, {}, [("duplicate-id", "$.steps[1].id")]),
        ("source output", None, {}, [("reserved-id", "$.steps[1].id")]),
        ("source pass", "source -> pas", {}, [("unknown-step", "$.edges[0]")]),
        ("source pass", "source -> pass.item", {}, [("unknown-port", "$.edges[0]")]),
        ("source pass", "source.in -> pass", {}, [("unknown-port", "$.edges[0]")]),
        ("source pass", "source -> pass.items.more", {}, [("unknown-port", "$.edges[0]")]),
        ("source join", "source -> join", {}, [("ambiguous-port", "$.edges[0]")]),
        ("source join", None, {}, [("ambiguous-port", "$.steps[1]")]),
        ("source split pass", "source -> split, split -> pass", {}, [("ambiguous-port", "$.edges[1]")]),
        ("source1 source2", None, {}, [("no-port", "$.steps[1]")]),
        ("source sink pass", "source -> sink, sink -> pass", {}, [("no-port", "$.edges[1]")]),
        ("source pass", "source -> pass, output -> pass", {}, [("misplaced-end", "$.edges[1]")]),
        ("source pass", "source -> pass, pass -> input", {}, [("misplaced-end", "$.edges[1]")]),
        ("source pass", "source -> pass, input -> output", {}, [("misplaced-end", "$.edges[1]")]),
        ("pass", "input.port -> pass", {}, [("unknown-port", "$.edges[0]")]),
        ("source pass", "source -> pass, pass -> pass", {}, [("self-loop", "$.edges[1]")]),
        ("source pass", "source -> pass, source.out -> pass", {}, [("duplicate-edge", "$.edges[1]")]),
        ("source pass", "source -> pass", {"output": ["pass", "pass"]}, [("duplicate-edge", "$.output[1]")]),
        ("source pass", "source -> pass", {"output": "pas"}, [("unknown-step", "$.output")]),
        ("pass1 pass2", "pass1 -> pass2, pass2 -> pass1", {}, [("cycle", "$.edges[1]")]),
        ("source1 source2 pass", "source1 -> pass, source2 -> pass", {}, [("merge-missing", "$.edges[1]")]),
        ("source pass", None, {"merge": {"pass": "concat"}}, [("merge-unused", "$.steps[1].merge")]),
        ("source pass", None, {"merge": {"pass": {"items": "concat"}}}, [("merge-unused", "$.steps[1].merge.items")]),
        ("source pass", None, {"merge": {"pass": {"item": "concat"}}}, [("unknown-port", "$.steps[1].merge.item")]),
        ("source join", "source -> join.left", {}, [("missing-input", "$.steps[1]")]),
        ("pass1 pass2", "input -> pass1, pass2 -> output", {}, [("missing-input", "$.steps[1]")]),
        ("source pass1 pass2", "source -> pass1", {}, [("unused-step", "$.steps[2]")]),
        ("pass", "pass -> no, on -> pass", {}, [("unknown-step", "$.edges[0]"), ("unknown-step", "$.edges[1]")]),
        # consequences are not told
        ("pass1 pass2", "input -> pass1, pass1 -> pas2", {}, [("unknown-step", "$.edges[1]")]),
        ("pass1 map", "input -> pass1, pass1 -> qqq", {}, [("unknown-step", "$.edges[1]")]),
        ("source join", "source -> join.left, sorce -> join.right", {}, [("unknown-step", "$.edges[1]")]),
        ("source pass1 pass2", "source -> pass1, pass1 -> pass2, pass2 -> pass1", {}, [("cycle", "$.edges[2]")]),
        ("source1 source2 pass1 pass2", "source1 -> pass1, source2 -> pass1, pass1 -> pass2, pass2 -> pass1", {},
         [("merge-missing", "$.edges[1]"), ("cycle", "$.edges[3]")]),
        ("source1 source2 join", "source1 -> join.left, source2 -> join.left, source1 -> join.right",
         {"merge": {"join": {"lft": "concat"}}}, [("unknown-port", "$.steps[2].merge.lft")]),
        ("source1 source2 both", "source1 -> both.text, source2 -> both.texts", {},
         [("exclusive-ports", "$.edges[1]")]),
    ],
)  # fmt: skip
def test_build_graph_reports_what_is_wrong(
    steps: str, edges: str | None, document: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Each fault is reported once, at its place, and no consequence of it."""
    _, problems = build(steps, edges, **document)
    assert [(problem.code, problem.path) for problem in problems] == expected


def test_build_graph_reports_all_problems_at_once() -> None:
    """One look at a document is enough."""
    edges = "source -> pas, source.on -> split, pass1 -> pass2, pass2 -> pass1, pass2 -> pass2"
    _, problems = build("source split pass1 pass2", edges)
    assert {problem.code for problem in problems} == {"unknown-step", "unknown-port", "cycle", "self-loop"}


@pytest.mark.parametrize(
    ("edges", "hint"),
    [
        ("source -> pas", "did you mean 'pass'?"),
        ("source -> pass.item", "did you mean 'items'?"),
        ("source -> outptu", "did you mean 'output'?"),
    ],
)
def test_build_graph_suggests_what_was_meant(edges: str, hint: str) -> None:
    """A misspelled name comes with the right one."""
    _, problems = build("source pass", edges)
    assert problems[0].hint == hint


def test_build_graph_says_which_inputs_exclude_each_other() -> None:
    """An edge into an input of a method that does not run would be dropped without a word."""
    _, problems = build("source1 source2 both", "source1 -> both.text, source2 -> both.texts")
    assert (
        problems[0].message == "'both.text' and 'both.texts' are inputs of different methods, but only one method runs"
    )


def test_build_graph_names_the_steps_of_a_cycle_in_order() -> None:
    """Each cycle is named once, along its edges."""
    edges = "pass1 -> pass2, pass2 -> pass3, pass3 -> pass1, pass4 -> pass5, pass5 -> pass4"
    _, problems = build("pass1 pass2 pass3 pass4 pass5", edges)
    assert [problem.message for problem in problems] == [
        "the steps 'pass1' -> 'pass2' -> 'pass3' -> 'pass1' form a cycle",
        "the steps 'pass4' -> 'pass5' -> 'pass4' form a cycle",
    ]


def test_build_graph_shortens_a_long_cycle() -> None:
    """A cycle through a thousand steps still makes one readable line."""
    steps = [f"pass{number}" for number in range(1000)]
    edges = ", ".join(f"{writer} -> {reader}" for writer, reader in zip(steps, [*steps[1:], steps[0]], strict=True))
    _, problems = build(" ".join(steps), edges)
    assert "more" in problems[0].message
    assert len(problems[0].message) < 400


DIAMOND = "source -> pass1, source -> pass2, pass1 -> pass3, pass2 -> pass3"


@pytest.mark.parametrize("policy", ["concat", {"items": "concat"}])
def test_build_graph_refuses_concat_when_branches_come_from_one_tee(policy: Any) -> None:
    """The branch that is read later fills up and stops the step that both come from."""
    _, problems = build("source pass1 pass2 pass3", DIAMOND, merge={"pass3": policy})
    assert [(problem.code, problem.path) for problem in problems] == [("deadlock-risk", "$.edges[3]")]
    assert "'source'" in problems[0].message


@pytest.mark.parametrize(
    ("steps", "edges", "reader"),
    [
        ("source1 source2 pass", "source1 -> pass, source2 -> pass", "pass"),
        ("source pass1 count pass3", "source -> pass1, source -> count, pass1 -> pass3, count -> pass3", "pass3"),
        ("map pass1 pass2", "map -> pass1, map -> pass2, pass1 -> pass2", "pass2"),
    ],
)
def test_build_graph_allows_concat_when_no_branch_fills_up(steps: str, edges: str, reader: str) -> None:
    """Branches of their own, or one that gathers its stream into one value, stop nobody."""
    assert build(steps, edges, merge={reader: "concat"})[1] == ()


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        ("source pass1 count pass3", "source -> pass1, source -> count, count -> pass3, pass1 -> pass3"),
        ("source map1 map2 pass", "source -> map1, source -> map2, map1 -> pass, map2 -> pass"),
        ("source pass1 pass2", "source -> pass1, source -> pass2, pass1 -> pass2"),
    ],
)
def test_build_graph_refuses_concat_when_a_later_branch_streams(steps: str, edges: str) -> None:
    """It matters what the branch read later does, whatever the first one is."""
    problems = build(steps, edges, merge={steps.rsplit(maxsplit=1)[-1]: "concat"})[1]
    assert [problem.code for problem in problems] == ["deadlock-risk"]


@pytest.mark.parametrize(
    ("steps", "edges", "later"),
    [
        ("source pass lookup", "source -> lookup.items, source -> pass, pass -> lookup.table", 0),
        ("source lookup", "source -> lookup.table, source -> lookup.items", 1),
        ("source count scale", "source -> count, count -> scale.by, source -> scale.item", 2),
        ("pass gather lookup", "input -> pass, pass -> gather, pass -> lookup.items, gather -> lookup.table", 2),
    ],
)
def test_build_graph_refuses_a_stream_that_waits_for_a_value_of_its_own_source(
    steps: str, edges: str, later: int
) -> None:
    """A step reads its streams when it has its values: of one source, the stream stops what the value waits for."""
    _, problems = build(steps, edges)
    assert [(problem.code, problem.path) for problem in problems] == [("deadlock-risk", f"$.edges[{later}]")]
    assert problems[0].hint == "give the branches sources of their own"


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        ("source1 source2 lookup", "source1 -> lookup.items, source2 -> lookup.table"),
        ("source count lookup", "source -> count, count -> lookup.items, source -> lookup.table"),
        ("map count scale", "map -> count, count -> scale.by, map -> scale.item"),
        ("source pass1 pass2 join", "source -> pass1, source -> pass2, pass1 -> join.left, pass2 -> join.right"),
        ("source scale", "source -> scale.item, input -> scale.by"),
        ("lookup", ""),
        ("lookup", "input -> lookup.table, input -> lookup.items"),
    ],
)
def test_build_graph_allows_a_stream_beside_a_value_when_neither_waits(steps: str, edges: str) -> None:
    """Sources of their own, values only, or streams that the step reads as it likes stop nobody."""
    assert build(steps, edges)[1] == ()


CROSSED = "source1 -> lookup1.items, source2 -> lookup1.table, source2 -> lookup2.items, source1 -> lookup2.table"


def test_deadlocks_are_found_when_steps_wait_for_each_other_across_the_graph() -> None:
    """Each of two steps collects what the other streams, so neither ends, though each reads from two sources."""
    _, problems = build("source1 source2 lookup1 lookup2", CROSSED)
    assert [(problem.code, problem.path) for problem in problems] == [
        ("deadlock-risk", "$.edges[0]"),
        ("deadlock-risk", "$.edges[2]"),
    ]
    assert "'source2.out -> lookup2.items' only after 'source1.out -> lookup2.table'" in problems[0].message


@pytest.mark.parametrize(
    ("steps", "edges"),
    [
        (
            "source1 source2 source3 lookup1 lookup2 lookup3",
            ", ".join(f"source{n} -> lookup{n}.items, source{n % 3 + 1} -> lookup{n}.table" for n in (1, 2, 3)),
        ),
        (
            "source1 source2 pass1 pass2 lookup1 lookup2",
            f"source1 -> pass1, source2 -> pass2, {CROSSED.replace('source1 -> lookup1', 'pass1 -> lookup1')}",
        ),
        (
            "source1 source2 pass lookup",
            "source1 -> lookup.items, source2 -> lookup.table, source1 -> pass, source2 -> pass",
        ),
    ],
)
def test_deadlocks_are_found_when_the_ring_is_longer(steps: str, edges: str) -> None:
    """Three steps, steps in between, and a `concat` that crosses a table."""
    _, problems = build(steps, edges, merge={"pass": "concat"} if "pass " in steps else {})
    assert {problem.code for problem in problems} == {"deadlock-risk"}


@pytest.mark.parametrize(
    ("steps", "edges", "merge"),
    [
        ("source1 source2 lookup1 lookup2", CROSSED.replace("source1 -> lookup2.table", "input -> lookup2.table"), {}),
        (
            "source1 source2 lookup1 lookup2",
            "source1 -> lookup1.items, source2 -> lookup1.table, source1 -> lookup2.items, source2 -> lookup2.table",
            {},
        ),
        (
            "source1 source2 pass1 pass2",
            "source1 -> pass1, source2 -> pass1, source2 -> pass2, source1 -> pass2",
            {"pass1": "interleave", "pass2": "interleave"},
        ),
        ("source gather count scale", "source -> gather, source -> count, gather -> output, count -> output", {}),
    ],
)
def test_deadlocks_are_not_reported_when_every_edge_is_read_in_the_end(steps: str, edges: str, merge: Any) -> None:
    """Two steps with the same order of reading, or without one, let each other end."""
    _, problems = build(steps, edges, merge=merge)
    assert [problem for problem in problems if problem.code == "deadlock-risk"] == []


@pytest.mark.parametrize(
    ("steps", "edges", "merge"),
    [
        ("map1 map2 pass", "input -> map1, input -> map2, map1 -> pass, map2 -> pass", {"pass": "concat"}),
        ("count scale", "input -> count, count -> scale.by, input -> scale.item", {}),
        ("map count scale", "map -> count, count -> scale.by, map -> scale.item", {}),
        ("gather lookup", "input -> gather, gather -> lookup.table, input -> lookup.items", {}),
    ],
)
def test_deadlocks_of_an_input_of_many_items_are_found_when_it_is_planned(steps: str, edges: str, merge: Any) -> None:
    """The pipeline's input is a writer like any other when it is a stream, also where one value would not hang."""
    _, problems = build(steps, edges, merge=merge, stream_input=True)
    assert [problem.code for problem in problems] == ["deadlock-risk"]
    assert problems[0].message.startswith("for an input of many items, ")


def test_deadlocks_are_found_once_each_when_many_steps_cross() -> None:
    """A document of thousands of joins is refused without a search for each of them."""
    joins = [f"source1 -> lookup{number}.items, source2 -> lookup{number}.table" for number in range(1, 2_000)]
    edges = ", ".join(["source2 -> lookup0.items, source1 -> lookup0.table", *joins])
    _, problems = build(f"source1 source2 {' '.join(f'lookup{number}' for number in range(2_000))}", edges)
    assert [problem.code for problem in problems] == ["deadlock-risk"] * PROBLEMS_LIMIT


def test_merge_policy_is_the_one_of_the_port() -> None:
    """A policy holds for every port, or for the ports that it names."""
    edges = "source1 -> join.left, source2 -> join.left, source1 -> join.right"
    graph, _ = build("source1 source2 join", edges, merge={"join": {"left": "interleave"}})
    assert graph.merge(End("join", "left")) == MergeSpec("interleave")
    assert graph.merge(End("join", "right")) is None


IDS = [f"step{number}" for number in range(8)]
PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]), max_size=20)


@given(st.permutations(IDS), PAIRS)
def test_topological_order_sorts_every_acyclic_graph(order: list[str], numbers: list[tuple[int, int]]) -> None:
    """Whatever the edges, each writer stands before its readers."""
    pairs = [(order[min(pair)], order[max(pair)]) for pair in numbers]
    found = topological_order(IDS, pairs)
    assert sorted(found) == IDS
    assert all(found.index(writer) < found.index(reader) for writer, reader in pairs)
    assert find_cycles(IDS, pairs) == []


@given(PAIRS)
def test_find_cycles_names_real_cycles_whenever_there_are_any(numbers: list[tuple[int, int]]) -> None:
    """It finds cycles just when networkx does, each along edges that exist, and no step in two of them."""
    pairs = [(IDS[writer], IDS[reader]) for writer, reader in numbers]
    cycles = find_cycles(IDS, pairs)
    assert bool(cycles) is not nx.is_directed_acyclic_graph(nx.DiGraph(pairs))
    for cycle in cycles:
        assert all(pair in pairs for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    steps = [step for cycle in cycles for step in cycle]
    assert len(steps) == len(set(steps))


def test_topological_order_keeps_the_document_order_when_steps_are_equal() -> None:
    """What could run in any order runs in the order written."""
    assert topological_order(["c", "a", "b"], []) == ["c", "a", "b"]
