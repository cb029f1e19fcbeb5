"""The kind `control.pipeline`: a pipeline as a step, with its ports, its events, its failures and its limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from headwater import ConfigError, Pipeline, Runner, StepError
from headwater.api.nested.documents import LEVELS_LIMIT
from headwater.testing import EventRecorder
from tests.steps.nesting import Ending, Opening, chain, closed, nesting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

DOUBLE = {"id": "more", "kind": "nesting.double"}


def problems_of(source: Any) -> list[tuple[str, str]]:
    """Return the code and path of each problem of a document."""
    with pytest.raises(ConfigError) as caught:
        Pipeline.load(source)
    return [(problem.code, problem.path) for problem in caught.value.problems]


async def test_runs_for_one_value() -> None:
    """A value goes in, and what the last step makes of it comes out."""
    result = await Pipeline.load(nesting(chain("nesting.double", "nesting.double"))).run(3)
    assert result.output == 12


async def test_streams_in_and_out_item_by_item() -> None:
    """An item leaves the nested pipeline before the next one enters it."""
    order: list[str] = []

    async def items() -> AsyncIterator[int]:
        for number in range(3):
            order.append(f"in {number}")
            yield number
            await anyio.wait_all_tasks_blocked()

    pipeline = Pipeline.load(nesting(chain("nesting.double", "nesting.double")))
    async with Runner().start(pipeline, items()) as execution:
        async for item in execution.output:
            order += [f"out {item}"]
    assert order == ["in 0", "out 0", "in 1", "out 4", "in 2", "out 8"]


async def test_reads_a_stream_to_one_value() -> None:
    """A pipeline that ends in one value makes one value of a stream."""
    pipeline = Pipeline.load(nesting(chain("nesting.double", "nesting.total"), DOUBLE))
    assert (await pipeline.run(iter([1, 2, 3]))).output == 24


async def test_is_a_source_without_a_free_input() -> None:
    """A pipeline that reads nothing is a step without inputs."""
    document = nesting(chain({"kind": "nesting.numbers", "params": {"n": 3}}))
    assert (await Pipeline.load(document).run()).output == [0, 1, 2]


async def test_has_a_port_for_each_output() -> None:
    """Outputs of several steps are ports with the names of the steps."""
    two = {
        "name": "two",
        "steps": [{"id": "a", "kind": "nesting.double"}, {"id": "b", "kind": "nesting.fail_at"}],
        "edges": ["input -> a", "input -> b"],
    }
    pipeline = Pipeline.load({**nesting(two), "output": ["nested.a", "nested.b"]})
    assert (await pipeline.run(4)).output == {"nested.a": 8, "nested.b": 4}
    assert (await pipeline.run(iter([4, 5]))).output == {"nested.a": [8, 10], "nested.b": [4, 5]}


async def test_has_a_port_for_each_input() -> None:
    """Free inputs of several steps are ports with the names of the steps."""
    two = {"name": "two", "steps": [{"id": "a", "kind": "nesting.double"}, {"id": "b", "kind": "nesting.total"}]}
    two["edges"] = []
    document = nesting(two)
    document["edges"] = []
    document["output"] = ["nested.a", "nested.b"]
    pipeline = Pipeline.load(document)
    result = await pipeline.run({"nested.a": 4, "nested.b": iter([4, 5])})
    assert result.output == {"nested.a": 8, "nested.b": 9}


async def test_takes_parameters() -> None:
    """Templates inside are those of the nested pipeline; its parameters may come from those of the outer one."""
    document = chain(
        {"kind": "nesting.fail_at", "params": {"bad": "${parameters.bad}"}},
        parameters={"bad": {"type": "integer"}},
    )
    around = nesting(document, parameters={"bad": "${parameters.worst}"})
    around["parameters"] = {"worst": {"type": "integer"}}
    pipeline = Pipeline.load(around, {"worst": 5})
    assert (await pipeline.run(3)).output == 3
    with pytest.raises(StepError):
        await pipeline.run(5)
    assert json.loads(pipeline.to_json()) == around


@pytest.mark.parametrize("data", [3, [1, 3]])
async def test_fails_with_the_path_of_the_step(data: Any) -> None:
    """The error names the steps from the outermost pipeline to the one that failed, and its cause."""
    document = nesting(nesting(chain("nesting.double", "nesting.fail_at", "nesting.double")), DOUBLE)
    document["steps"][0]["params"]["pipeline"]["steps"][0]["params"]["pipeline"]["steps"].pop(0)
    recorder = EventRecorder()
    with pytest.raises(StepError, match="step 'nested' > 'nested' > 's1' failed: ValueError: 3 is bad") as caught:
        await Pipeline.load(document).run(data if data == 3 else iter(data), subscribers=[recorder])
    assert caught.value.path == ("nested", "nested", "s1")
    assert caught.value.step_id == "nested/nested/s1"
    assert isinstance(caught.value.__cause__, ValueError)
    failed = [event.step_id for event in recorder.events if event.event_type == "step_error"]
    assert failed[0] == "nested/nested/s1"
    assert {"nested/nested", "nested"} <= set(failed)
    assert recorder.events[-1].data.step_id == "nested/nested/s1"  # type: ignore[union-attr]


async def test_emits_events_by_path_without_events_of_a_pipeline() -> None:
    """Nested steps are in the log of the execution; there is one start and one end."""
    recorder = EventRecorder()
    await Pipeline.load(nesting(chain("nesting.double"))).run(1, subscribers=[recorder])
    assert [(str(event.event_type), event.step_id) for event in recorder.events] == [
        ("pipeline_start", None),
        ("step_start", "nested"),
        ("step_start", "nested/s0"),
        ("step_output", "nested/s0"),
        ("step_complete", "nested/s0"),
        ("step_output", "nested"),
        ("step_complete", "nested"),
        ("pipeline_complete", None),
    ]
    recorder.assert_complete()


@pytest.mark.parametrize("data", [1, [1, 2]])
async def test_is_cancelled_with_the_execution(data: Any) -> None:
    """A nested step that waits is cancelled, and its cleanup has run when the block is left."""
    closed.clear()
    pipeline = Pipeline.load(nesting(chain("nesting.double", "nesting.wait")))
    async with Runner().start(pipeline, data if data == 1 else iter(data)) as execution:
        await anyio.wait_all_tasks_blocked()
        execution.cancel()
    assert (execution.status, closed) == ("cancelled", ["wait"])


async def test_stops_when_its_reader_leaves() -> None:
    """A reader that has enough closes the steps inside."""
    closed.clear()
    document = nesting(
        chain({"kind": "nesting.numbers", "params": {"n": 10**9}}),
        {"id": "few", "kind": "stream.take", "params": {"n": 2}},
    )
    assert (await Pipeline.load(document).run()).output == [0, 1]
    assert closed == ["numbers"]


async def test_stops_what_writes_for_it() -> None:
    """Nested steps that have enough close the steps before the nested pipeline."""
    closed.clear()
    before = {"id": "many", "kind": "nesting.numbers", "params": {"n": 10**9}}
    few = chain({"kind": "stream.take", "params": {"n": 2}})
    assert (await Pipeline.load(nesting(few, before=(before,))).run()).output == [0, 1]
    assert closed == ["numbers"]


async def test_holds_few_items() -> None:
    """A slow reader holds up what is written before the nested pipeline."""
    read = 0

    async def items() -> AsyncIterator[int]:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield number

    pipeline = Pipeline.load(nesting(chain("nesting.double")))
    async with Runner().start(pipeline, items()) as execution:
        async for _ in execution.output:
            break
        await anyio.wait_all_tasks_blocked()
        assert read < 5_000


async def test_reports_a_failure_before_it_as_that() -> None:
    """A step before the nested pipeline that fails is the step that failed."""
    before = {"id": "bad", "kind": "nesting.fail_at"}
    with pytest.raises(StepError, match="step 'bad' failed"):
        await Pipeline.load(nesting(chain("nesting.double"), before=(before,))).run(iter([1, 2, 3]))


async def test_ends_after_its_timeout() -> None:
    """The timeout of the nested document counts for each of its runs."""
    document = chain("nesting.wait", timeout={"total_s": 0.01})
    with pytest.raises(StepError, match="nested"):
        await Pipeline.load(nesting(document)).run(1)


async def test_passes_header_and_footer() -> None:
    """The header and the footer of the stream go in, and those that the pipeline writes come out."""
    before = {"id": "framed", "kind": "nesting.framed"}
    result = await Pipeline.load(nesting(chain("nesting.running_total"), before=(before,))).run()
    assert (result.header, result.output, result.footer) == (Opening(unit="m"), [0, 1, 3], Ending(items=3))


FRAMED = {"id": "framed", "kind": "nesting.framed"}


@pytest.mark.parametrize("levels", [1, 2, 3])
async def test_passes_header_and_footer_around_steps_that_are_mapped(levels: int) -> None:
    """What flows around a step flows around the pipeline that it is in, also through several pipelines."""
    document = chain("nesting.double", "nesting.double")
    for _ in range(levels):
        document = nesting(document)
    document["steps"].insert(0, FRAMED)
    result = await Pipeline.load(document).run()
    assert (result.header, result.output, result.footer) == (Opening(unit="m"), [0, 4, 8], Ending(items=3))


async def test_knows_the_type_of_what_flows_around() -> None:
    """A step after the nested pipeline may read the header and footer that came in before it, and no others."""
    reads = {"id": "sums", "kind": "nesting.running_total"}
    document = nesting(chain("nesting.double"), reads, before=(FRAMED,))
    result = await Pipeline.load(document).run()
    assert (result.header, result.output, result.footer) == (Opening(unit="m"), [0, 2, 6], Ending(items=3))
    without = {"id": "numbers", "kind": "nesting.numbers", "params": {"n": 3}}
    assert ("header-mismatch", "$.steps[2]") in problems_of(nesting(chain("nesting.double"), reads, before=(without,)))
    other = {"id": "other", "kind": "nesting.other_header"}
    wrong = problems_of(nesting(chain("nesting.double"), other, before=(FRAMED,)))
    assert wrong == [("header-mismatch", "$.steps[2]")]


async def test_needs_no_header_where_none_comes() -> None:
    """Data of a program has neither, and a pipeline whose steps are mapped takes it."""
    pipeline = Pipeline.load(nesting(nesting(chain("nesting.double"))))
    assert (await pipeline.run(iter([1, 2]))).output == [2, 4]
    assert (await pipeline.run(1)).output == 2


def test_checks_types_through_it() -> None:
    """An edge into or out of a nested pipeline is checked like one between the steps themselves."""
    text = {"id": "text", "kind": "text.upper"}
    assert problems_of(nesting(chain("nesting.double"), text)) == [("type-mismatch", "$.steps[1]")]
    assert problems_of(nesting(chain("nesting.double"), before=(text,))) == [("type-mismatch", "$.steps[1]")]


def test_reports_problems_with_their_place() -> None:
    """A problem inside has the path through the outer document, and its line."""
    document = nesting(nesting(chain("nesting.double", "nesting.unknown"), {"id": "x", "kind": "text.none"}))
    text = json.dumps(document, indent=1)
    with pytest.raises(ConfigError) as caught:
        Pipeline.loads(text)
    places = [(problem.path, text.splitlines()[(problem.line or 1) - 1].strip()) for problem in caught.value.problems]
    inside = "$.steps[0].params.pipeline.steps"
    assert places == [
        (f"{inside}[0].params.pipeline.steps[1].kind", '"kind": "nesting.unknown"'),
        (f"{inside}[1].kind", '"kind": "text.none"'),
    ]


def test_reports_wrong_parameters_where_they_are_given() -> None:
    """A parameter of another type, or one that the pipeline does not declare, is a problem of the outer document."""
    document = chain(
        {"kind": "nesting.fail_at", "params": {"bad": "${parameters.bad}"}}, parameters={"bad": {"type": "integer"}}
    )
    given = "$.steps[0].params.parameters"
    assert problems_of(nesting(document, parameters={"bad": "x"})) == [("wrong-parameter", f"{given}.bad")]
    assert problems_of(nesting(document, parameters={"bat": 1})) == [("unknown-parameter", f"{given}.bat")]
    inside = "$.steps[0].params.pipeline.parameters.bad"
    assert problems_of(nesting(document)) == [("missing-parameter", inside)]


class TestFiles:
    """Nested documents that are files."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return a folder with a document in a folder of its own, beside a document that is out of its reach."""
        (tmp_path / "main" / "parts").mkdir(parents=True)
        (tmp_path / "secret.json").write_text(json.dumps(chain("nesting.double")))
        (tmp_path / "main" / "parts" / "inner.json").write_text(json.dumps(chain("nesting.double")))
        return tmp_path / "main"

    def write(self, folder: Path, document: Any, name: str = "outer.json") -> Path:
        """Write a document, and return its path."""
        (folder / name).write_text(json.dumps(document, indent=1))
        return folder / name

    async def test_runs_a_file(self, folder: Path) -> None:
        """A path leads from the folder of the document, whatever the working folder is."""
        pipeline = Pipeline.load(self.write(folder, nesting("parts/inner.json")))
        assert (await pipeline.run(4)).output == 8
        assert (await pipeline.with_parameters().run(4)).output == 8

    async def test_finds_files_of_files(self, folder: Path) -> None:
        """A nested file names others from its own folder."""
        self.write(folder, nesting("inner.json"), "parts/middle.json")
        assert (await Pipeline.load(self.write(folder, nesting("parts/middle.json"))).run(4)).output == 8

    def test_reports_the_file_of_a_problem(self, folder: Path) -> None:
        """A problem in a file names the file, its line there, and the path through the outer document."""
        self.write(folder, chain("nesting.unknown"), "parts/inner.json")
        with pytest.raises(ConfigError) as caught:
            Pipeline.load(self.write(folder, nesting("parts/inner.json")))
        (problem,) = caught.value.problems
        assert problem.file == str(folder / "parts" / "inner.json")
        assert (problem.path, problem.line) == ("$.steps[0].params.pipeline.steps[0].kind", 6)

    @pytest.mark.parametrize(
        "path",
        [
            "../secret.json",
            "parts/../../secret.json",
            "parts/../parts/inner.json",
            "/etc/passwd.json",
            "parts\\inner.json",
            "C:/inner.json",
            "parts/inner.txt",
            "parts/\0.json",
            "link.json",
            "linked/secret.json",
        ],
    )
    def test_refuses_paths_out_of_the_folder(self, folder: Path, path: str) -> None:
        """Neither a path nor a link leads out of the folder, and only documents are read."""
        (folder / "link.json").symlink_to(folder.parent / "secret.json")
        (folder / "linked").symlink_to(folder.parent)
        codes = [code for code, _ in problems_of(self.write(folder, nesting(path)))]
        assert codes == ["unreadable" if path.startswith("C:") else "nested-path"]

    async def test_follows_a_link_inside_the_folder(self, folder: Path) -> None:
        """A link to a file in the folder is like the file."""
        (folder / "link.json").symlink_to(folder / "parts" / "inner.json")
        assert (await Pipeline.load(self.write(folder, nesting("link.json"))).run(4)).output == 8

    @pytest.mark.parametrize("path", ["missing.json", "parts/inner.json/x.json", "folder.json"])
    def test_reports_files_that_cannot_be_read(self, folder: Path, path: str) -> None:
        """A file that does not exist, or is a folder, is a problem of the param."""
        (folder / "folder.json").mkdir()
        assert problems_of(self.write(folder, nesting(path))) == [("unreadable", "$.steps[0].params.pipeline")]

    @pytest.mark.parametrize(
        ("content", "code"),
        [("[1, 2]", "wrong-type"), ('{"name": "x",', "syntax"), ("", "syntax"), ("{}", "missing-key")],
    )
    def test_reports_files_that_are_no_documents(self, folder: Path, content: str, code: str) -> None:
        """What is wrong with the text of a nested file is reported with that file."""
        (folder / "bad.json").write_text(content)
        with pytest.raises(ConfigError) as caught:
            Pipeline.load(self.write(folder, nesting("bad.json")))
        assert {problem.code for problem in caught.value.problems} == {code}
        assert all(problem.file == str(folder / "bad.json") for problem in caught.value.problems)
        assert all(problem.path.startswith("$.steps[0].params.pipeline") for problem in caught.value.problems)

    async def test_runs_yaml(self, folder: Path) -> None:
        """A nested document may be YAML, with problems at their lines."""
        pytest.importorskip("yaml")
        (folder / "inner.yaml").write_text("name: inner\nsteps:\n  - {id: a, kind: nesting.double}\n")
        pipeline = Pipeline.load(self.write(folder, nesting("inner.yaml")))
        assert (await pipeline.run(4)).output == 8
        (folder / "inner.yaml").write_text("name: inner\nsteps:\n  - {id: a, kind: nesting.doubl}\n")
        with pytest.raises(ConfigError) as caught:
            Pipeline.load(self.write(folder, nesting("inner.yaml")))
        assert (caught.value.problems[0].line, caught.value.problems[0].file) == (3, str(folder / "inner.yaml"))

    def test_refuses_a_cycle(self, folder: Path) -> None:
        """A document that contains itself, near or far, is refused with the way back to it."""
        path = "$.steps[0].params.pipeline"
        assert problems_of(self.write(folder, nesting("outer.json"))) == [("document-cycle", path)]
        self.write(folder, nesting("b.json"), "a.json")
        assert problems_of(self.write(folder, nesting("a.json"), "b.json")) == [
            ("document-cycle", f"{path}.steps[0].params.pipeline")
        ]

    def test_refuses_paths_in_documents_that_are_no_files(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A document that was sent, or is given as data, opens no file."""
        monkeypatch.chdir(folder)
        document = nesting("parts/inner.json")
        assert problems_of(document) == [("nested-path", "$.steps[0].params.pipeline")]
        with pytest.raises(ConfigError, match="nested-path"):
            Pipeline.loads(json.dumps(document))

    def test_refuses_many_files_of_many_files(self, folder: Path) -> None:
        """Documents that name each other many times are given up soon."""
        for number in range(8):
            many = nesting(f"{number + 1}.json")
            many["steps"] = [{**many["steps"][0], "id": f"s{index}"} for index in range(20)]
            self.write(folder, many, f"{number}.json")
        self.write(folder, chain("nesting.double"), "8.json")
        assert "too-many" in {code for code, _ in problems_of(folder / "0.json")}


def test_refuses_deep_nesting() -> None:
    """Pipelines are nested a limited number of levels deep."""
    document = chain("nesting.double")
    for _ in range(LEVELS_LIMIT - 1):
        document = nesting(document)
    Pipeline.load(document)
    assert {code for code, _ in problems_of(nesting(nesting(document)))} == {"nested-too-deep"}


def test_refuses_files_that_are_shared_with_a_step_inside(tmp_path: Path) -> None:
    """A step inside and a step outside that use one file at a time are reported, by the path of the one inside."""
    sink = {"kind": "sink.jsonl", "params": {"path": str(tmp_path / "x.jsonl")}}
    document = nesting(chain("nesting.double", sink))
    document["steps"].append({"id": "also", **sink})
    document["edges"] = ["input -> nested", "input -> also"]
    with pytest.raises(ConfigError, match="shared-file") as caught:
        Pipeline.load(document)
    assert "'nested/s1'" in caught.value.problems[0].message


def test_asks_for_permissions_inside() -> None:
    """A nested step needs the permission that it would need outside."""
    document = nesting(chain({"kind": "source.process", "params": {"argv": ["true"]}}))
    assert problems_of(document) == [("not-allowed", "$.steps[0].params.pipeline.steps[0].kind")]
    Pipeline.load(document, allow={"process"})
