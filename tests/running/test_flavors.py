# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""Every way to write a step gives the same results, wherever it runs and whatever feeds it."""

import os
import re
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

import anyio
import pytest
from anyio.lowlevel import checkpoint

from headwater import (
    ConfigError,
    Flavor,
    Outputs,
    Pipeline,
    Runner,
    Step,
    StepContext,
    Stream,
    StreamType,
    Task,
    To,
    step,
)
from headwater.graph.plan import Adapter
from tests.running import kinds
from tests.running.kinds import Closing, Opening

T = TypeVar("T")

DOUBLES = [kinds.def_double, kinds.async_double, kinds.thread_double]
COUNTS = [kinds.generator_count, kinds.async_count, kinds.thread_count]
SUMS = [kinds.async_sum, kinds.thread_sum, kinds.list_sum]
PASSES = [kinds.async_pass, kinds.batch_pass, kinds.thread_pass]


def by_kind(target: Any) -> str:
    return str(getattr(target, "kind", target))


def chain(*steps: Any, **options: Any) -> Pipeline:
    """Return a pipeline of steps in a row, called a, b, c ..."""
    return Pipeline("chain", steps=dict(zip("abcdefgh", steps, strict=False)), **options)


async def output(pipeline: Pipeline, data: Any = None) -> Any:
    """Return what a pipeline makes of some data."""
    return (await pipeline.run(data)).output


class TestCallKinds:
    @pytest.mark.parametrize("double", DOUBLES, ids=by_kind)
    @pytest.mark.parametrize(("data", "expected"), [(4, 8), ([1, 2, 3], [2, 4, 6]), ([], [])])
    async def test_unary_unary(self, double: Any, data: Any, expected: Any) -> None:
        """A function of one value is called with it, or mapped over a stream."""
        assert await output(chain(double), data) == expected

    @pytest.mark.parametrize("count", COUNTS, ids=by_kind)
    @pytest.mark.parametrize(
        ("data", "expected"), [(3, [0, 1, 2]), (0, []), ([2, 0, 3], [0, 1, 0, 1, 2]), (1000, list(range(1000)))]
    )
    async def test_unary_stream(self, count: Any, data: Any, expected: Any) -> None:
        """A generator of one value gives its stream, or is flat-mapped over a stream."""
        assert await output(chain(count), data) == expected

    @pytest.mark.parametrize("total", SUMS, ids=by_kind)
    @pytest.mark.parametrize(("data", "expected"), [([1, 2, 3], 6), ([], 0), (list(range(1000)), 499_500)])
    async def test_stream_unary(self, total: Any, data: Any, expected: int) -> None:
        """A function of a stream gives one value."""
        assert await output(chain(total), data) == expected

    @pytest.mark.parametrize("through", PASSES, ids=by_kind)
    @pytest.mark.parametrize("data", [[1, 2, 3], [], range(1000)])
    async def test_stream_stream(self, through: Any, data: Any) -> None:
        """A generator of a stream gives a stream."""
        assert await output(chain(through), data) == list(data)

    @pytest.mark.parametrize(("data", "expected"), [(4, 8), ([1, 2, 3], [2, 4, 6])])
    async def test_process(self, data: Any, expected: Any) -> None:
        """A step for a whole core runs in a process of its own."""
        assert await output(chain(kinds.process_double), data) == expected

    @pytest.mark.parametrize("first", COUNTS, ids=by_kind)
    @pytest.mark.parametrize("second", [*DOUBLES, *PASSES], ids=by_kind)
    @pytest.mark.parametrize("third", [*SUMS, *DOUBLES, *COUNTS], ids=by_kind)
    async def test_any_chain(self, first: Any, second: Any, third: Any) -> None:
        """Any three kinds of step in a row give what plain functions would."""
        items = [2 * value if second in DOUBLES else value for value in range(5)]
        expected: Any = sum(items)
        if third in DOUBLES:
            expected = [2 * item for item in items]
        elif third in COUNTS:
            expected = [value for item in items for value in range(item)]
        assert await output(chain(first, second, third), 5) == expected


class TestAdapters:
    @pytest.mark.parametrize(
        ("steps", "adapter", "expected"),
        [
            ([kinds.async_count, kinds.async_pass], Adapter.NONE, [0, 1, 2]),
            ([kinds.def_double, kinds.async_double], Adapter.NONE, 12),
            ([kinds.def_double, kinds.async_pass], Adapter.ONE, [6]),
            ([kinds.async_count, kinds.def_double], Adapter.MAP, [0, 2, 4]),
            ([kinds.async_count, kinds.generator_count], Adapter.MAP, [0, 0, 1]),
            ([kinds.async_count, kinds.list_sum], Adapter.COLLECT, 3),
        ],
    )
    async def test_joins_a_writer_and_a_reader(self, steps: list[Any], adapter: Adapter, expected: Any) -> None:
        """The adapter between two steps follows from their types, and is in the plan."""
        pipeline = chain(*steps)
        between = next(edge for edge in pipeline.plan().edges if (edge.source, edge.target) == ("a", "b"))
        assert between.adapter is adapter
        assert await output(pipeline, 3) == expected

    @pytest.mark.parametrize("double", [*DOUBLES, kinds.process_double], ids=by_kind)
    async def test_lets_header_and_footer_flow_around_a_mapped_step(self, double: Any) -> None:
        """A step that knows nothing of the header does not lose it."""
        result = await chain(kinds.framed, double).run(3)
        assert (result.header, result.output, result.footer) == (Opening(language="en"), [0, 2, 4], Closing(items=3))

    @pytest.mark.parametrize("count", COUNTS, ids=by_kind)
    async def test_lets_header_and_footer_flow_around_a_flat_mapped_step(self, count: Any) -> None:
        """Also a step that makes several items of one keeps the frames around them."""
        result = await chain(kinds.framed, count).run(3)
        assert (result.header, result.output, result.footer) == (Opening(language="en"), [0, 0, 1], Closing(items=3))

    async def test_lets_frames_flow_around_several_mapped_steps(self) -> None:
        """Frames pass a whole row of mapped steps, fused or not."""
        result = await chain(
            kinds.framed, kinds.def_double, kinds.async_double, kinds.def_double, kinds.thread_double
        ).run(2)
        assert (result.header, result.output, result.footer) == (Opening(language="en"), [0, 16], Closing(items=2))

    async def test_gives_header_and_footer_to_a_step_that_reads_them(self) -> None:
        """A step gets what its annotations ask for."""

        @step("running.frames_read")
        async def frames_read(numbers: Stream[int, Opening, Closing]) -> str:
            header = await numbers.header()
            items = await numbers.collect()
            footer = await numbers.footer()
            return f"{header.language} {items} {footer.items}"

        assert await output(chain(kinds.framed, kinds.def_double, frames_read), 2) == "en [0, 2] 2"

    @pytest.mark.parametrize("concurrency", [1, 2, 5, 16])
    async def test_maps_in_order_and_not_more_than_asked_at_a_time(self, concurrency: int) -> None:
        """`concurrency` calls run at a time, no more and no fewer, and the results keep the order of the items."""
        active, most, items = 0, 0, 40
        full = anyio.Event()

        @step("running.slow_start")
        async def slow_start(number: int) -> int:
            nonlocal active, most
            active += 1
            most = max(most, active)
            if active == concurrency:
                full.set()
            await full.wait()
            for _ in range((items - number) % 7):  # so that they end in another order than they begin
                await checkpoint()
            active -= 1
            return number

        pipeline = chain(slow_start, options={"a": {"concurrency": concurrency}})
        assert await output(pipeline, range(items)) == list(range(items))
        assert most == concurrency

    async def test_works_on_several_items_in_threads_at_a_time(self) -> None:
        """Blocking calls of one step overlap when it asks for concurrency."""
        meeting = threading.Barrier(3, timeout=60)

        @step("running.meet", blocking=True)
        def meet(number: int) -> int:
            meeting.wait()
            return number

        pipeline = chain(meet, options={"a": {"concurrency": 3}})
        assert await output(pipeline, [1, 2, 3]) == [1, 2, 3]

    async def test_keeps_the_order_of_threads_and_processes(self) -> None:
        """Workers give their results in the order of the items, whoever is first."""
        pipeline = chain(
            kinds.thread_double, kinds.process_double, options={"a": {"concurrency": 3}, "b": {"concurrency": 2}}
        )
        assert await output(pipeline, range(300)) == [4 * number for number in range(300)]

    async def test_turns_snapshots_into_deltas_where_a_rule_says_how(self) -> None:
        """Modes of a stream are converted by the declared rule, in both directions."""
        deltas = StreamType(str, mode="delta", to_snapshot=lambda before, delta: (before or "") + delta)
        snapshots = StreamType(str, mode="snapshot", to_delta=lambda before, text: text[len(before or "") :])
        growing = Task("growing", unary_input=str, stream_input=deltas, unary_output=str, stream_output=snapshots)
        plain = Task("plain", unary_input=str, stream_input=deltas, unary_output=str, stream_output=deltas)

        class Grow(Step, kind="running.grow"):
            @growing.method(Flavor.STREAM_STREAM)
            async def run(self, parts: Stream[str]) -> AsyncIterator[str]:
                text = ""
                async for part in parts:
                    text += part
                    yield text

        class Keep(Step, kind="running.keep"):
            @plain.method(Flavor.STREAM_STREAM)
            async def run(self, parts: Stream[str]) -> AsyncIterator[str]:
                async for part in parts:
                    yield part

        assert await output(chain(Grow()), ["a", "b", "c"]) == ["a", "ab", "abc"]
        pipeline = chain(Grow(), Keep(), Keep())
        assert [edge.adapter for edge in pipeline.plan().edges if edge.target in {"b", "c"}] == [
            Adapter.TO_DELTA,
            Adapter.NONE,
        ]
        assert await output(pipeline, ["a", "b", "c"]) == ["a", "b", "c"]

    async def test_refuses_modes_that_no_rule_joins(self) -> None:
        """Snapshots are never taken for deltas."""
        writes = Task(
            "writes",
            unary_input=str,
            stream_input=str,
            unary_output=str,
            stream_output=StreamType(str, mode="snapshot"),
        )
        reads = Task(
            "reads", unary_input=str, stream_input=StreamType(str, mode="delta"), unary_output=str, stream_output=str
        )

        class Writes(Step, kind="running.snapshots"):
            @writes.method(Flavor.STREAM_STREAM)
            async def run(self, parts: Stream[str]) -> AsyncIterator[str]:
                async for part in parts:
                    yield part

        class Reads(Step, kind="running.deltas"):
            @reads.method(Flavor.STREAM_STREAM)
            async def run(self, parts: Stream[str]) -> AsyncIterator[str]:
                async for part in parts:
                    yield part

        with pytest.raises(ConfigError) as caught:
            chain(Writes(), Reads())
        assert [problem.code for problem in caught.value.problems] == ["mode-mismatch"]


WORDS = Task(
    "words",
    unary_input=str,
    stream_input=str,
    unary_output=list[str],
    stream_output=str,
    input_join="".join,
    input_split=lambda text: iter([text[:2], text[2:]]),
    output_join=list,
    output_split=iter,
)


async def chunks_of(parts: Stream[str]) -> AsyncIterator[str]:
    text = "".join(await parts.collect())
    for word in text.split():
        yield word


class WordsUnaryUnary(Step, kind="running.words_uu"):
    @WORDS.method(Flavor.UNARY_UNARY)
    def whole(self, text: str) -> list[str]:
        return text.split()


class WordsUnaryStream(Step, kind="running.words_us"):
    @WORDS.method(Flavor.UNARY_STREAM)
    def each(self, text: str) -> Iterator[str]:
        yield from text.split()


class WordsStreamUnary(Step, kind="running.words_su"):
    @WORDS.method(Flavor.STREAM_UNARY)
    async def gather(self, parts: Stream[str]) -> list[str]:
        return [word async for word in chunks_of(parts)]


class WordsStreamStream(Step, kind="running.words_ss"):
    @WORDS.method(Flavor.STREAM_STREAM)
    async def flow(self, parts: Stream[str]) -> AsyncIterator[str]:
        async for word in chunks_of(parts):
            yield word


class WordsAll(WordsUnaryUnary, WordsUnaryStream, WordsStreamUnary, WordsStreamStream, kind="running.words_all"):
    pass


@step("running.letters")
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@step("running.count_list")
def count_list(words: list[str]) -> int:
    return len(words)


@step("running.join_stream")
async def join_stream(words: Stream[str]) -> str:
    return "|".join(await words.collect())


FLAVORED = [WordsUnaryUnary, WordsUnaryStream, WordsStreamUnary, WordsStreamStream, WordsAll]


@pytest.mark.parametrize("words", FLAVORED, ids=by_kind)
class TestTasks:
    """A step with any one of the four flavors serves all four, through the rules of its task."""

    async def test_gives_the_same_for_a_value_and_for_a_stream(self, words: type[Step]) -> None:
        """Whatever feeds it and whatever reads it, the words are the same."""
        text = "to be or not"
        assert await output(chain(words(), count_list), text) == 4
        assert await output(chain(words(), join_stream), text) == "to|be|or|not"
        assert await output(chain(letters, words(), count_list), text) == 4
        assert await output(chain(letters, words(), join_stream), text) == "to|be|or|not"

    async def test_runs_in_every_way_at_once(self, words: type[Step]) -> None:
        """One step object serves executions in different flavors at the same time."""
        one = words()
        seen: list[Any] = []

        async def run(*steps: Any) -> None:
            seen.append(await output(chain(*steps), "a b c"))

        async with anyio.create_task_group() as group:
            group.start_soon(run, one, count_list)
            group.start_soon(run, letters, one, join_stream)
        assert sorted(map(str, seen)) == ["3", "a|b|c"]


class TestPorts:
    async def test_takes_several_values(self) -> None:
        """Several positional arguments are several inputs; several free inputs get their data by name."""
        pipeline = Pipeline(
            "two",
            steps={"one": kinds.def_double, "other": kinds.async_double, "add": kinds.add},
            edges=["one -> add.left", "other -> add.right"],
        )
        assert await output(pipeline, {"one": 1, "other": 2}) == 6

    @pytest.mark.parametrize("order", ["number, factor", "factor, number"])
    async def test_broadcasts_a_value_to_every_item(self, order: str) -> None:
        """A mapped step gets its other inputs once, and uses them for each item."""

        @step("running.scale")
        def scale(number: int, factor: int) -> int:
            return number * factor

        @step("running.scale_turned")
        def scale_turned(factor: int, number: int) -> int:
            return number * factor

        target = scale if order == "number, factor" else scale_turned
        pipeline = Pipeline(
            "broadcast",
            steps={"count": kinds.async_count, "double": kinds.async_double, "scale": target},
            edges=["input -> count", "input -> double", "count -> scale.number", "double -> scale.factor"],
        )
        assert await output(pipeline, 4) == [0, 8, 16, 24]

    @pytest.mark.parametrize("blocking", [False, True])
    async def test_gives_streams_and_values_to_one_step(self, blocking: bool) -> None:
        """A step may read a stream and take a value beside it."""

        @step("running.scaled")
        async def scaled(numbers: Stream[int], factor: int) -> AsyncIterator[int]:
            async for number in numbers:
                yield number * factor

        @step("running.scaled_thread", blocking=True)
        def scaled_thread(numbers: Iterable[int], factor: int) -> Iterator[int]:
            for number in numbers:
                yield number * factor

        pipeline = Pipeline(
            "both",
            steps={
                "count": kinds.async_count,
                "double": kinds.def_double,
                "scaled": scaled_thread if blocking else scaled,
            },
            edges=["input -> count", "input -> double", "count -> scaled.numbers", "double -> scaled.factor"],
        )
        assert await output(pipeline, 3) == [0, 6, 12]

    async def test_reads_two_streams(self) -> None:
        """A step may read several streams at its own pace."""

        @step("running.zip_two")
        async def zip_two(left: Stream[int], right: Stream[int]) -> AsyncIterator[int]:
            others = aiter(right)
            async for number in left:
                yield number * 100 + await anext(others)

        pipeline = Pipeline(
            "two",
            steps={"count": kinds.async_count, "double": kinds.def_double, "zip": zip_two},
            edges=["count -> zip.left", "count -> double", "double -> zip.right"],
        )
        assert await output(pipeline, 4) == [0, 102, 204, 306]

    async def test_leaves_an_optional_port_at_its_default(self) -> None:
        """An input with a default may stay unconnected."""

        @step("running.greet")
        def greet(name: str, greeting: str = "hello") -> str:
            return f"{greeting} {name}"

        edges = ["input -> greet.name"]
        assert await output(Pipeline("greet", steps={"greet": greet}, edges=edges), "you") == "hello you"

    async def test_connects_a_later_port_without_an_optional_one_before(self) -> None:
        """Ports are given by name, so that a hole among them does no harm."""

        @step("running.three")
        def three(first: int, second: int = 10, third: int = 100) -> int:
            return first + second + third

        edges = ["input -> three.first", "input -> three.third"]
        assert await output(Pipeline("three", steps={"three": three}, edges=edges), 1) == 12

    @pytest.mark.parametrize("sorter", [kinds.sort_stream, kinds.sort_one], ids=by_kind)
    async def test_writes_to_several_ports(self, sorter: Any) -> None:
        """Each item goes to the port that `To` names, and the outputs are told apart."""
        result = await chain(sorter).run(range(5))
        assert result.output == {"a.even": [0, 2, 4], "a.odd": [1, 3]}

    async def test_writes_to_all_ports_at_once(self) -> None:
        """An instance of the `Outputs` class puts a value on every port."""

        class Both(Outputs):
            half: float
            text: str

        @step("running.both")
        def both(number: int) -> Both:
            return Both(half=number / 2, text=str(number))

        assert await output(chain(both), 3) == {"a.half": 1.5, "a.text": "3"}
        assert await output(chain(both), [1, 2]) == {"a.half": [0.5, 1.0], "a.text": ["1", "2"]}

    async def test_joins_ports_to_different_readers(self) -> None:
        """Each port has edges of its own."""
        pipeline = Pipeline(
            "ports",
            steps={"sort": kinds.sort_stream, "double": kinds.def_double, "total": kinds.async_sum},
            edges=["sort.even -> double", "sort.odd -> total"],
        )
        assert await output(pipeline, range(6)) == {"double": [0, 4, 8], "total": 9}

    @pytest.mark.parametrize("wrong", [To("unknown", 1), 1, To("even", "text")])
    async def test_refuses_what_fits_no_port(self, wrong: Any) -> None:
        """An item for an unknown port, for none, or of a wrong type fails the step by name."""

        @step("running.wrong_port")
        async def wrong_port(numbers: Stream[int]) -> AsyncIterator[kinds.Sorted]:
            async for _ in numbers:
                yield wrong

        @step("running.wrong_port_one")
        def wrong_port_one(number: int) -> kinds.Sorted:
            return wrong

        for target, data in ((wrong_port, [1]), (wrong_port_one, 1), (wrong_port_one, [1])):
            async with Runner().start(chain(target), data) as execution:
                result = await execution.result(check=False)
            assert result.status == "failed"
            assert re.search(r"step 'a' failed: (FrameType|StreamOrder|Type)Error", str(result.error))


class TestGenerics:
    async def test_passes_the_type_on(self) -> None:
        """The edge binds the type variable, and the output follows."""

        @step("running.first")
        async def first(items: Stream[T]) -> T:
            return (await items.collect())[0]

        @step("running.every")
        async def every(items: Stream[T]) -> AsyncIterator[T]:
            async for item in items:
                yield item

        pipeline = chain(kinds.async_count, every, first, kinds.def_double)
        assert await output(pipeline, 3) == 0
        with pytest.raises(ConfigError):
            chain(letters, every, kinds.def_double)

    async def test_maps_a_generic_function(self) -> None:
        """A generic function of one item is mapped like any other."""

        @step("running.same")
        def same(item: T) -> T:
            return item

        assert await output(chain(kinds.async_count, same, kinds.def_double), 3) == [0, 2, 4]


@step("running.told", blocking=True)
def emits_in_thread(number: int, ctx: StepContext) -> str:
    ctx.progress(0.5, "half", pid=os.getpid())
    return f"{ctx.step_id} {ctx.attempt} {ctx.cancelled} {ctx.idempotency_key == f'{ctx.execution_id}:a'}"


@step("running.told_inline")
def emits_inline(number: int, ctx: StepContext) -> str:
    ctx.progress(0.5, "half", pid=os.getpid())
    return f"{ctx.step_id} {ctx.attempt} {ctx.cancelled} {ctx.idempotency_key == f'{ctx.execution_id}:a'}"


@step("running.told_async")
async def emits_async(number: int, *, ctx: StepContext) -> str:
    ctx.progress(0.5, "half", pid=os.getpid())
    return f"{ctx.step_id} {ctx.attempt} {ctx.cancelled} {ctx.idempotency_key == f'{ctx.execution_id}:a'}"


@step("running.told_process", cpu=True)
def emits_in_process(number: int, ctx: StepContext) -> str:
    ctx.progress(0.5, "half", pid=os.getpid())
    return f"{ctx.step_id} {ctx.attempt} {ctx.cancelled} {ctx.idempotency_key == f'{ctx.execution_id}:a'}"


@pytest.mark.parametrize("emitted", [emits_in_thread, emits_inline, emits_async, emits_in_process], ids=by_kind)
@pytest.mark.parametrize("data", [1, [1, 2]], ids=["value", "stream"])
async def test_gives_a_context_wherever_the_step_runs(emitted: Any, data: Any) -> None:
    """A step knows who it is and tells its progress, in the loop, in a thread and in a process."""
    result = await chain(emitted).run(data)
    text = "a 1 False True"
    assert result.output == (text if data == 1 else [text, text])
    assert result.events is not None
    progress = [event.data for event in result.events.read(after=0) if event.event_type == "step_progress"]
    progress = [one for one in progress if one.message]  # the engine tells counts of its own, without a message
    assert [(one.fraction, one.message) for one in progress] == [(0.5, "half")] * (1 if data == 1 else 2)
    assert all((one.data["pid"] == os.getpid()) is (emitted is not emits_in_process) for one in progress)


async def test_runs_blocking_steps_in_threads_of_their_own() -> None:
    """A blocking step never runs in the thread of the event loop."""
    names: set[str] = set()

    @step("running.thread_name", blocking=True)
    def thread_name(number: int) -> str:
        names.add(threading.current_thread().name)
        return threading.current_thread().name

    await chain(thread_name).run([1, 2])
    assert names
    assert threading.current_thread().name not in names


async def test_calls_a_decorated_function_as_what_it_is() -> None:
    """A step is still the function it was."""
    assert kinds.def_double(2) == 4
    assert list(kinds.generator_count(2)) == [0, 1]
    assert await kinds.async_double(3) == 6
