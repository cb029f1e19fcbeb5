from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import anyio
import jsonschema
import pytest

from headwater import Pipeline, Runner, run_sync, step
from headwater.cli.event_schema import events_schema
from headwater.events.data import StepProgress, StreamGap
from headwater.events.event import EventType, StreamEvent
from headwater.events.streaming_context import StreamingContext
from headwater_subscribers import FileSubscriber
from headwater_subscribers.files.event_file import BadEventError, read_events


@step("file.double")
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


DOUBLE = Pipeline("double", steps={"double": double}, streaming={"emit_items": "all"})


def numbered(count: int, *, first: int = 1, execution_id: str = "e1", text: str = "x") -> list[StreamEvent]:
    """Return events of one execution."""
    data = StepProgress(0.5, text)
    seqs = range(first, first + count)
    return [StreamEvent(seq, EventType.STEP_PROGRESS, execution_id, "a", time_s=seq / 10, data=data) for seq in seqs]


async def write(subscriber: FileSubscriber, *batches: Sequence[StreamEvent]) -> None:
    """Have a subscriber write, as one subscription does."""
    async with subscriber.lifespan():
        for batch in batches:
            await subscriber.on_events(batch)


def seqs(path: Path) -> list[int]:
    """Return the numbers of the events in a file and in those that continue it."""
    return [event.seq for event in read_events(path)]


async def test_file_gives_back_the_events_that_were_emitted(tmp_path: Path) -> None:
    """What is read is equal to what every other subscriber received, and each line is as the schema says."""
    path = tmp_path / "events.jsonl"
    facts: list[StreamEvent] = []
    async with Runner([FileSubscriber(path), facts.append]).start(DOUBLE, range(500)) as execution:
        result = await execution.result()
    assert not result.lost_subscribers
    assert [event.to_json() for event in read_events(path)] == [event.to_json() for event in facts]
    assert len(facts) > 500
    validator = jsonschema.Draft202012Validator(events_schema())
    for line in path.read_text("utf-8").splitlines()[::50]:
        validator.validate(json.loads(line))


async def test_file_serves_executions_side_by_side_and_one_after_the_other(tmp_path: Path) -> None:
    """Lines of different executions stay whole, and each execution has all of its own in order."""
    path = tmp_path / "events.jsonl"
    subscriber = FileSubscriber(path)
    ids: list[str] = []

    async def run() -> None:
        async with Runner([subscriber]).start(DOUBLE, range(300)) as execution:
            await execution.result()
        ids.append(execution.execution_id)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(run)
    await run()
    found: dict[str, list[int]] = {}
    for event in read_events(path):
        found.setdefault(event.execution_id, []).append(event.seq)
    assert set(found) == set(ids)
    for numbers in found.values():
        assert numbers == list(range(1, len(numbers) + 1))


async def test_file_has_only_what_is_asked_for(tmp_path: Path) -> None:
    """Types and steps are chosen as with any subscriber."""
    path = tmp_path / "events.jsonl"
    async with Runner([FileSubscriber(path, types={"step_complete"}, steps={"double"})]).start(
        DOUBLE, [1]
    ) as execution:
        await execution.result()
    assert [(event.event_type.value, event.step_id) for event in read_events(path)] == [("step_complete", "double")]


def lines_of_files(folder: Path) -> dict[str, list[bytes]]:
    """Return the lines of each file."""
    return {file.name: file.read_bytes().splitlines(keepends=True) for file in folder.iterdir()}


@pytest.mark.parametrize(
    "rotation", [{"rotate_events": 7}, {"rotate_bytes": 1500}, {"rotate_bytes": 1}, {"rotate_events": 1}], ids=str
)
async def test_files_follow_one_another_without_gaps(tmp_path: Path, rotation: dict[str, Any]) -> None:
    """No file is larger than allowed, unless by a single event, and together they hold everything in order."""
    path = tmp_path / "events.jsonl"
    for first in (1, 21, 22):  # each time another subscriber goes on where the last one ended
        await write(FileSubscriber(path, **rotation), numbered(1, first=first), numbered(19, first=first + 1))
    files = lines_of_files(tmp_path)
    assert set(files) == {"events.jsonl", *(f"events.{number}.jsonl" for number in range(2, len(files) + 1))}
    assert len(files) > 5
    for lines in files.values():
        assert len(lines) <= rotation.get("rotate_events", 1000)
        assert len(lines) == 1 or sum(map(len, lines)) <= rotation.get("rotate_bytes", 1_000_000)
    assert seqs(path) == [*range(1, 21), *range(21, 41), *range(22, 42)]


async def test_oldest_files_are_deleted_when_only_some_are_kept(tmp_path: Path) -> None:
    """The files that are left go on being numbered, and are read from the first of them."""
    path = tmp_path / "events.jsonl"
    await write(FileSubscriber(path, rotate_events=2, keep_files=2), numbered(9))
    assert sorted(lines_of_files(tmp_path)) == ["events.4.jsonl", "events.5.jsonl"]
    assert seqs(path) == [7, 8, 9]
    await write(FileSubscriber(path, rotate_events=2, keep_files=2), numbered(2, first=10))
    assert seqs(path) == [9, 10, 11]


async def test_reading_reports_which_file_is_missing(tmp_path: Path) -> None:
    """A file that was deleted in the middle does not look like a shorter execution."""
    path = tmp_path / "events.jsonl"
    await write(FileSubscriber(path, rotate_events=2), numbered(9))
    (tmp_path / "events.3.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match=r"events\.3\.jsonl is missing, but .*events\.4\.jsonl exists"):
        seqs(path)


def test_reading_reports_that_there_is_no_file(tmp_path: Path) -> None:
    """No events are not the same as no file."""
    with pytest.raises(FileNotFoundError, match=r"events\.jsonl"):
        seqs(tmp_path / "events.jsonl")


async def test_half_line_is_removed_when_a_file_is_continued(tmp_path: Path, reports: Any) -> None:
    """Wherever a killed writer stopped, every whole event is kept, and all that follows can be read."""
    path = tmp_path / "events.jsonl"
    lines = [event.to_json() + b"\n" for event in numbered(2)]
    begun = len(b'{"schema_version":')
    for cut in (begun - 3, begun, begun + 5, len(lines[0]) - 1, len(lines[0]) - 2):
        path.write_bytes(lines[0] + lines[1][:cut])
        assert [bad.torn for bad in bad_lines(path)] == ([] if cut == len(lines[0]) - 1 else [True])
        await write(FileSubscriber(path), numbered(1, first=7))
        assert seqs(path) == ([1, 2, 7] if cut == len(lines[0]) - 1 else [1, 7])
    own = [report for report in reports if report["path"] == str(path)]
    assert [report["size_bytes"] for report in own] == [begun - 3, begun, begun + 5, len(lines[0]) - 2]


async def test_half_line_longer_than_a_block_is_removed(tmp_path: Path, reports: Any) -> None:
    """The last whole line is found however far back it is, also when there is none."""
    path = tmp_path / "events.jsonl"
    long = numbered(1, text="y" * 200_000)[0].to_json()
    for before in (b"", numbered(1)[0].to_json() + b"\n"):
        path.write_bytes(before + long[:-5])
        await write(FileSubscriber(path), numbered(1, first=7))
        assert seqs(path) == ([1, 7] if before else [7])
    assert len(reports) == 2


def bad_lines(path: Path) -> list[BadEventError]:
    """Return the lines of a file that are not events."""
    bad: list[BadEventError] = []
    list(read_events(path, on_bad=bad.append))
    return bad


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "not an event: Invalid JSON: EOF while parsing a value"),
        ("x", "not an event: Invalid JSON: expected value"),
        ("[1]", "not an event: Input should be an object"),
        ('{"schema_version": 2}', "not an event: the event has schema_version 2, but this reader knows 1 only"),
        ('{"schema_version": 1, "timestamp": "2027-01-01T00:00:00Z"}', "not an event: seq: Field required"),
    ],
)
def test_bad_lines_are_reported_with_their_number(tmp_path: Path, line: str, reason: str) -> None:
    """A line that is not an event is an error with its place, or is passed to `on_bad` and skipped."""
    path = tmp_path / "events.jsonl"
    good = [event.to_json().decode() for event in numbered(2)]
    path.write_text("\n".join([good[0], line, good[1], ""]), "utf-8")
    with pytest.raises(BadEventError, match=r"events\.jsonl:2: ") as raised:
        seqs(path)
    assert raised.value.reason.startswith(reason)
    bad: list[BadEventError] = []
    assert [event.seq for event in read_events(path, on_bad=bad.append)] == [1, 2]
    assert [(error.line, error.torn) for error in bad] == [(2, False)]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("notes.txt", ValueError, r"notes\.txt already exists and does not hold events; choose another path"),
        ("folder", OSError, "folder is not a regular file"),
        ("pipe", OSError, "pipe is not a regular file"),
        ("nowhere/events.jsonl", FileNotFoundError, r"the folder .*nowhere does not exist"),
    ],
)
def test_file_is_refused_at_once_when_it_is_for_something_else(
    tmp_path: Path, name: str, error: type[Exception], message: str
) -> None:
    """A mistyped path never appends events to a file with something else."""
    (tmp_path / "notes.txt").write_text("Buy salt.\n")
    (tmp_path / "folder").mkdir()
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    with pytest.raises(error, match=message):
        FileSubscriber(tmp_path / name)
    assert (tmp_path / "notes.txt").read_text() == "Buy salt.\n"


@pytest.mark.parametrize("name", ["rotate_bytes", "rotate_events", "keep_files"])
def test_rotation_is_refused_when_nothing_could_be_written(tmp_path: Path, name: str) -> None:
    """A number that allows nothing is a mistake."""
    with pytest.raises(ValueError, match="is 0, but it must be at least 1"):
        FileSubscriber(tmp_path / "events.jsonl", **cast("Any", {name: 0}))


async def test_second_writer_is_refused(tmp_path: Path, reports: Any) -> None:
    """Two subscribers never mix their lines, and the execution goes on without the second."""
    path = tmp_path / "events.jsonl"
    async with FileSubscriber(path).lifespan(), Runner([FileSubscriber(path)]).start(DOUBLE, [1]) as execution:
        assert (await execution.result()).output == [2]
    assert path.read_bytes() == b""
    (report,) = reports
    assert f"another subscriber or process writes to {path}" in report["error"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_events_go_on_after_a_gap_when_a_full_disk_has_room_again(small_disk: Path, reports: Any) -> None:
    """No line is half written, the outage is reported once, and what is missing stands in the file."""
    path, ballast = small_disk / "events.jsonl", small_disk / "ballast"
    subscriber = FileSubscriber(path)
    async with subscriber.lifespan():
        await subscriber.on_events(numbered(100))
        ballast.write_bytes(b"x" * 128 * 1024)
        for first in range(101, 2101, 100):
            await subscriber.on_events(numbered(100, first=first))
        assert 100 < len(seqs(path)) < 2100
        missed = subscriber.missed
        ballast.unlink()
        await subscriber.on_events(numbered(50, first=2101))
    assert subscriber.missed == missed
    written: list[int] = []  # a gap stands for the numbers of what is missing
    for event in read_events(path):
        written += range(event.data.first_seq, event.seq + 1) if isinstance(event.data, StreamGap) else [event.seq]
    assert written == list(range(1, 2151))
    assert sum(event.data.missed for event in read_events(path) if isinstance(event.data, StreamGap)) == missed
    (report,) = reports
    assert report["error"] == "No space left on device"
    assert report["path"] == str(path)


async def test_next_file_takes_its_number_when_a_full_disk_has_room_again(small_disk: Path, reports: Any) -> None:
    """Not being able to begin a file leaves no number out."""
    path, ballast = small_disk / "events.jsonl", small_disk / "ballast"
    subscriber = FileSubscriber(path, rotate_events=10)
    async with subscriber.lifespan():
        await subscriber.on_events(numbered(10))
        ballast.write_bytes(b"x" * 200 * 1024)
        with ballast.open("ab", buffering=0) as file:
            try:
                while file.write(b"x" * 512):
                    pass
            except OSError:
                pass
        for first in (11, 21, 31):
            await subscriber.on_events(numbered(10, first=first))
        ballast.unlink()
        await subscriber.on_events(numbered(5, first=41))
    assert [event.seq for event in read_events(path)][-6:] == [40, *range(41, 46)]
    assert len(reports) == 1


async def test_run_ends_well_when_the_disk_stays_full(small_disk: Path, reports: Any) -> None:
    """The pipeline does not suffer, and the number of missing events is reported at the end."""
    (small_disk / "ballast").write_bytes(b"x" * 250 * 1024)
    subscriber = FileSubscriber(small_disk / "events.jsonl")
    async with Runner([subscriber]).start(DOUBLE, range(2000)) as execution:
        result = await execution.result()
    assert result.output == [2 * number for number in range(2000)]
    assert not result.lost_subscribers
    assert [report["event"].partition(" ")[0] for report in reports] == ["events", "events"]
    assert reports[-1]["events"] == subscriber.missed > 0
    assert len(seqs(small_disk / "events.jsonl")) + subscriber.missed == result.events.last_seq  # type: ignore[union-attr]  # it has events


LIMITED = """
import resource, sys, anyio
from pathlib import Path
from headwater import Pipeline, run_sync, step
from headwater_subscribers import FileSubscriber
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
@step("limited.same")
def same(number: int) -> int:
    return number
pipeline = Pipeline("same", steps={"same": same}, streaming={"emit_items": "all"})
result = run_sync(pipeline, range(1000), subscribers=[FileSubscriber(Path(sys.argv[1]))])
print(len(result.output), result.status)
"""


def test_file_ends_with_a_whole_line_when_it_may_not_grow(tmp_path: Path) -> None:
    """A limit on the size of files is one more way to be full, with one report that says so."""
    path = tmp_path / "events.jsonl"
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert done.stdout == "1000 completed\n"
    assert done.stderr.count("events cannot be written") == 1
    assert "File too large" in done.stderr
    events = list(read_events(path))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert 15_000 < path.stat().st_size <= 20_000


@pytest.mark.parametrize("sync", ["never", "close", "batch"])
async def test_lines_are_there_however_they_are_brought_to_the_disk(tmp_path: Path, sync: Any) -> None:
    """The choice is about power failures, not about what a reader sees."""
    path = tmp_path / "events.jsonl"
    await write(FileSubscriber(path, sync=sync, rotate_events=2), numbered(5))
    assert seqs(path) == [1, 2, 3, 4, 5]


async def test_context_leaves_no_line_unwritten_when_it_is_cancelled(tmp_path: Path) -> None:
    """The last event is in the file, also of an execution that is cancelled."""
    path = tmp_path / "events.jsonl"
    with anyio.CancelScope() as scope:
        async with StreamingContext("e1") as context:
            context.subscribe(FileSubscriber(path))
            context.emit(EventType.STEP_START, "a")
            scope.cancel()
            await anyio.sleep_forever()
    assert [event.event_type.value for event in read_events(path)] == ["step_start", "pipeline_cancelled"]


def test_reads_events_of_a_path_that_is_a_string(tmp_path: Path) -> None:
    """A path may be a string, as for the subscriber that wrote the file."""
    path = tmp_path / "events.jsonl"
    run_sync(Pipeline("one", steps={"double": double}), 1, subscribers=[FileSubscriber(path)])
    assert seqs(path) == [event.seq for event in read_events(str(path))]
