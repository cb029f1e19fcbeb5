"""Which adapter joins a writer and a reader, for every combination of what they declare."""

from __future__ import annotations

from collections.abc import Sequence
from types import GenericAlias
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from headwater import StreamType, Task
from headwater.annotations import union
from headwater.graph.adaptation import Flow, fit_output, fit_port
from headwater.kinds.definition import Port

T = TypeVar("T")
Bound = TypeVar("Bound", bound=BaseModel)


class Line(BaseModel):
    text: str


LINES = Task(
    "lines",
    unary_input=str,
    stream_input=str,
    unary_output=list[Line],
    stream_output=Line,
    input_join="".join,
    input_split=str.split,
    output_join=list,
    output_split=iter,
)
TEXT = Task(
    "text",
    unary_input=str,
    stream_input=str,
    unary_output=str,
    stream_output=str,
    input_join="".join,
    output_join="".join,
)


def chosen(item: Any, reads: Any, *, writer: Task | None = None, adapt: str | None = None) -> str:
    """Return the adapter of a stream for a port of one value: `-` for none, with a `?` where two are possible."""
    fitting = fit_port(
        Flow(StreamType(item), streaming=True, task=writer),
        Port("in", StreamType(reads), streaming=False),
        None,
        adapt,
        {},
    )
    if fitting is None:
        return "-"
    return fitting.adapter.value + ("?" if fitting.rival is not None else "")


@pytest.mark.parametrize(
    ("item", "reads", "adapter", "allowed"),
    [
        # One value of the type of an item, or of any type, is read item by item.
        (int, int, "map", "map"),
        (int, float, "map", "map"),
        (int, Any, "map", "map"),
        (int, object, "map", "map"),
        (int, T, "map", "map"),
        (int, union(T, None), "map", "map"),
        (int, int | str, "map", "map"),
        (int, str, "-", ""),
        (Any, int, "map", "map"),
        # A list whose items fit is collected.
        (int, list[int], "collect", "collect"),
        (int, list[float], "collect", "collect"),
        (int, list, "collect", "collect"),
        (int, Sequence[int], "collect", "collect"),
        (int, GenericAlias(list, (T,)), "collect", "collect"),
        (int, list[int] | None, "collect", "collect"),
        (int, list[str], "-", ""),
        (str, Sequence[str], "collect", "collect"),
        (Any, list[int], "collect", "collect map"),
        (Any, list, "collect", "collect map"),
        # A stream of lists is mapped where the list itself fits.
        (list[int], list[int], "map", "map"),
        (list[int], list, "map", "map collect"),
        (list[int], list[Any], "map", "map collect"),
        (list[int], GenericAlias(list, (T,)), "map", "map collect"),
        (list[int], Sequence[int], "map", "map"),
        (list[int], list[list[int]], "collect", "collect"),
        (list[list[int]], list[int], "-", ""),
        (list[int], str, "-", ""),
        # What may be either has to be said.
        (int | list[int], list[int], "collect?", "collect map"),
        (object, list[int], "collect?", "collect map"),
    ],
)
def test_reads_a_stream_as_the_types_say(item: Any, reads: Any, adapter: str, allowed: str) -> None:
    """A port of one value maps or collects a stream; the document may ask for any adapter whose types fit."""
    assert chosen(item, reads) == adapter
    for name in ("map", "collect", "join", "split", "one"):
        assert chosen(item, reads, adapt=name) == (name if name in allowed.split() else "-")


@pytest.mark.parametrize(
    ("task", "reads", "adapter"),
    [
        (LINES, list[Line], "join"),
        (LINES, list[Line] | None, "join"),
        (LINES, list, "join"),
        (LINES, Sequence[Line], "join"),
        (LINES, Line, "map"),
        (LINES, T, "map"),
        (LINES, Bound, "map"),
        (LINES, Any, "map"),
        (LINES, object, "map"),
        (LINES, union(Any, None), "map"),
        (LINES, BaseModel, "map"),
        (LINES, Line | list[Line], "join?"),
        (LINES, str, "-"),
        (TEXT, str, "join"),
        (TEXT, str | None, "join"),
        (TEXT, str | bytes, "join?"),
        (TEXT, Any, "map"),
        (TEXT, T, "map"),
        (TEXT, list[str], "collect"),
        (TEXT, list[Any], "collect"),
    ],
)
def test_joins_only_for_a_reader_of_the_whole(task: Task, reads: Any, adapter: str) -> None:
    """A declared join is for a port of the task's unary type; a port of any type gets the items."""
    assert task.stream_output is not None
    assert chosen(task.stream_output.item, reads, writer=task) == adapter
    if adapter != "-":
        assert chosen(task.stream_output.item, reads, writer=task, adapt=adapter.rstrip("?")) == adapter.rstrip("?")


@pytest.mark.parametrize(
    ("writes", "reads", "tasks", "adapter"),
    [
        (("value", int), ("value", int), (None, None), "none"),
        (("value", list[int]), ("value", list[int]), (None, None), "none"),
        (("stream", int), ("stream", int), (None, None), "none"),
        (("value", int), ("stream", int), (None, None), "one"),
        (("value", int), ("stream", T), (None, None), "one"),
        (("value", list[int]), ("stream", int), (None, None), "-"),
        (("value", int), ("value", str), (None, None), "-"),
        (("value", list[Line]), ("stream", Line), (LINES, None), "split"),
        (("value", list[Line]), ("stream", Any), (LINES, None), "split"),
        (("value", list[Line]), ("stream", list[Line]), (LINES, None), "one"),
        (("value", str), ("stream", str), (None, LINES), "split"),
        (("value", str), ("stream", str), (TEXT, None), "one"),
        (("stream", str), ("value", str), (None, LINES), "join"),
        (("stream", Any), ("value", str), (None, LINES), "join"),
        (("stream", bytes), ("value", str), (None, LINES), "-"),
    ],
)
def test_passes_or_converts_by_the_rules_of_a_task(
    writes: tuple[str, Any], reads: tuple[str, Any], tasks: tuple[Task | None, Task | None], adapter: str
) -> None:
    """Equal shapes need no adapter, and a value becomes a stream by a declared split, or alone."""
    flow = Flow(StreamType(writes[1]), writes[0] == "stream", tasks[0])
    fitting = fit_port(flow, Port("in", StreamType(reads[1]), reads[0] == "stream"), tasks[1], None, {})
    assert ("-" if fitting is None else fitting.adapter.value) == adapter


@pytest.mark.parametrize(
    ("streaming", "adapt", "adapter"),
    [
        (True, None, "none"),
        (True, "map", "none"),
        (True, "collect", "collect"),
        (True, "join", "join"),
        (True, "one", "-"),
        (True, "split", "-"),
        (False, None, "none"),
        (False, "one", "one"),
        (False, "split", "split"),
        (False, "map", "-"),
        (False, "collect", "-"),
        (False, "join", "-"),
    ],
)
def test_adapts_outputs_as_the_document_says(streaming: bool, adapt: str | None, adapter: str) -> None:
    """An output stays what it is, unless the document asks for an adapter that fits."""
    fitting = fit_output(Flow(StreamType(Line if streaming else list[Line]), streaming, LINES), adapt)
    assert ("-" if fitting is None else fitting.adapter.value) == adapter
