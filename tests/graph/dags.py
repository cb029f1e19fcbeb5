"""Random graphs for the tests of drawings."""

from __future__ import annotations

from hypothesis import strategies as st

from headwater.graph.drawing.views import EdgeView, NodeView


@st.composite
def dags(draw: st.DrawFn, most: int = 12) -> tuple[list[NodeView], list[EdgeView]]:
    """Return nodes in the order of the data, and edges that lead from earlier to later ones, each once."""
    count = draw(st.integers(1, most))
    pairs = [(one, other) for other in range(count) for one in range(other)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3 * count)) if pairs else []
    ports = draw(st.lists(st.sampled_from(["", "good", "bad"]), min_size=len(chosen), max_size=len(chosen)))
    nodes = [NodeView(f"n{number}", f"n{number}\ntest.kind") for number in range(count)]
    edges = [
        EdgeView(f"n{one}", f"n{other}", "str", source_port=port, condition="{}" if port == "bad" else "")
        for (one, other), port in zip(sorted(chosen), ports, strict=True)
    ]
    return nodes, edges
