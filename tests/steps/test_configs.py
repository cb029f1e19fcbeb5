"""The pipelines that ship, run on real files and compared with other ways to the same result."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from anyio.abc import ByteStream

from headwater import ConfigError, Pipeline
from headwater.kinds.registry import load_steps
from tests.bench import access_log_by_hand as by_hand
from tests.extras import MODULES, without
from tests.steps.http_server import Asked, answer, serving

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
DATA = CONFIGS / "data"
LOG = DATA / "access.jsonl"
DOCUMENTS = sorted(path.name for path in CONFIGS.iterdir() if path.suffix in {".json", ".yaml"})
ALLOW = {"private-network"}


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the paths of the documents start."""
    monkeypatch.chdir(ROOT)


def load(name: str, **parameters: Any) -> Pipeline:
    """Return a pipeline that ships."""
    return Pipeline.load(CONFIGS / name, parameters, allow=ALLOW)


def rows(path: Path | str) -> list[Any]:
    """Return the values of a file of JSON lines."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def table(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file that have a cell for each column; what is too much is under None."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def readings() -> list[dict[str, str]]:
    """Return the rows of the readings that can be read."""
    number = re.compile(r"-?\d+(\.\d+)?")
    return [
        row
        for row in table(DATA / "readings.csv")
        if None not in row
        and None not in row.values()
        and all(not row[name] or number.fullmatch(row[name]) for name in ("level_m", "flow_m3_s"))
    ]


def pairs(groups: Any) -> list[tuple[Any, int]]:
    """Return groups as plain pairs."""
    return [(group.key, group.count) for group in groups]


def largest(counts: Counter[Any], top: int | None) -> list[tuple[Any, int]]:
    """Return the largest groups as the pipelines promise them."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]


@pytest.fixture
def own_steps() -> None:
    """Import the steps of one document, as `--steps` does."""
    load_steps(str(CONFIGS / "own_steps.py"))


def command(monkeypatch: pytest.MonkeyPatch, line: str) -> int:
    """Run a command line in this process, and return its exit code."""
    from headwater.cli import main

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


# ---- all of them


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_described_and_nothing_in_it_is_doubtful(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every document and each of its parameters is described, and is checked, planned and drawn without warning."""
    text = (CONFIGS / name).read_text("utf-8")
    document = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
    assert document["name"] == Path(name).stem
    assert document["description"].endswith(".")
    assert all(parameter["description"].endswith(".") for parameter in document["parameters"].values())
    options = "--steps configs/own_steps.py --allow private-network"
    for verb in ("check", "plan", "graph"):
        path = "--set path=README.md" if name == "word-report.json" else ""
        assert command(monkeypatch, f"headwater {verb} configs/{name} {options} {path}") == 0
        written = capfd.readouterr()
        assert "warning:" not in written.out
        assert "warning" not in written.err


LISTED = re.findall(r"^\| \[[^]]+\]\((.+?)\).* \| `(.+)` \|$", (CONFIGS / "README.md").read_text("utf-8"), re.MULTILINE)


def test_list_of_documents_is_complete() -> None:
    """The list has each document with its own command."""
    assert sorted(name for name, _ in LISTED) == DOCUMENTS
    assert all(f"configs/{name}" in line for name, line in LISTED)


@pytest.mark.parametrize(("name", "line"), LISTED, ids=[name for name, _ in LISTED])
def test_listed_command_runs_from_a_copy(
    name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command that stands beside a document does what it says, from the root of a fresh copy."""
    shutil.copytree(CONFIGS, tmp_path / "configs", ignore=shutil.ignore_patterns("*.jsonl", "__pycache__"))
    shutil.copytree(DATA, tmp_path / "configs" / "data", dirs_exist_ok=True)
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    source, bar, line = line.rpartition(r"\| ")
    if bar:
        with Path(shlex.split(source)[1]).open("rb") as given:
            shell = [sys.executable, "-m", "headwater.cli", *shlex.split(line)[1:]]
            done = subprocess.run(shell, stdin=given, capture_output=True, check=True)
        assert done.stdout
    elif name == "enrich-gauges.json":
        with levels_served() as url:
            host = url.split("/")[2]
            assert command(monkeypatch, f"{line} --set url={url} --set 'hosts=[\"{host}\"]'") == 0
        assert len(capfd.readouterr().out.splitlines()) == len(table(DATA / "gauges.csv"))
    else:
        line = line.replace("--steps ", f"--steps {ROOT}/")  # the same file is never imported from two places
        assert command(monkeypatch, line) == 0
        written = capfd.readouterr()
        assert written.out or list(tmp_path.glob("configs/out/*.log"))


def test_commands_for_logs_of_any_size_run(tmp_path: Path) -> None:
    """The block of commands works as it stands, with smaller logs."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", (CONFIGS / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert "--size-mb 1000 " in block
    shutil.copytree(CONFIGS, tmp_path / "configs", ignore=shutil.ignore_patterns("out", "__pycache__"))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    shell = ["bash", "-euo", "pipefail", "-c", block.replace("--size-mb 1000 ", "--size-mb 1 ")]
    done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) > 20


def test_demo_installs_what_the_documents_need() -> None:
    """Every document loads with the extras that `make demo` installs."""
    (extras,) = re.findall(r"^DEMO_EXTRAS := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    code = f"""
from pathlib import Path
from headwater import Pipeline
from headwater.kinds.registry import load_steps

load_steps("configs/own_steps.py")
for name in {DOCUMENTS}:
    Pipeline.load(Path("configs", name), {{"path": "x"}} if name == "word-report.json" else {{}}, allow={ALLOW})
"""
    installed = {module for extra in extras.split(",") for module in MODULES[extra]}
    done = without([extra for extra, modules in MODULES.items() if installed.isdisjoint(modules)], code)
    assert done.returncode == 0, done.stderr


@contextmanager
def levels_served() -> Iterator[str]:
    """Start the web service that ships, and give its address."""
    server = [sys.executable, str(DATA / "serve_levels.py"), "--port", "0"]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


# ---- reports


@pytest.mark.parametrize(("parameters", "least", "top"), [({}, 4, 20), ({"min_length": 7, "top": 3}, 7, 3)])
async def test_word_report_counts_the_words_of_a_file(parameters: dict[str, int], least: int, top: int) -> None:
    """The report has the most frequent words of a real file, as a few lines of Python find them."""
    path = ROOT / "README.md"
    result = await load("word-report.json", path=str(path), **parameters).run()
    words = re.findall("[^\\W_]+(?:['\u2019][^\\W_]+)*", path.read_text("utf-8").lower())
    assert pairs(result.output) == largest(Counter(word for word in words if len(word) >= least), top)


def test_word_report_needs_a_path() -> None:
    """Without a file there is nothing to report, which is told when the document is loaded."""
    with pytest.raises(ConfigError, match="path"):
        load("word-report.json")


async def test_access_log_reports_what_failed_and_what_was_slow() -> None:
    """Each of the reports on the log that ships is what a loop over its lines finds."""
    result = await load("access-log.json", path=str(LOG), top=2, slow_ms=800).run()
    log = rows(LOG)
    failed = [entry for entry in log if entry["status"] >= 500]
    assert result.output["requests"] == len(log) == 500
    assert result.output["failed_requests"] == len(failed) > 0
    assert {name: pairs(groups) for name, groups in result.output.items() if isinstance(groups, list)} == {
        "statuses": largest(Counter(entry["status"] for entry in log), None),
        "failed_paths": largest(Counter(entry["path"] for entry in failed), 2),
        "slow_paths": largest(Counter(entry["path"] for entry in log if entry["duration_ms"] >= 800), 2),
        "refused_clients": largest(Counter(entry["client"] for entry in log if entry["status"] in {401, 403}), 2),
    }


async def test_access_log_reads_quotes_that_the_server_has_escaped(tmp_path: Path) -> None:
    r"""Apache writes a quote as \", nginx as \x22, and the oldest requests have no version; none is damaged."""
    begin = "192.0.2.7 - - [14/Mar/2026:08:00:00 +0000] "
    log = tmp_path / "access.log"
    log.write_text(
        begin
        + r'"GET /reed?q=\"moss\" HTTP/1.1" 200 7 "-" "A \"fine\" reader" 0.1'
        + "\n"
        + begin
        + r'"GET /fern HTTP/1.1" 200 7 "https://pond.example/\\" "\x22reader\x22" 0.1'
        + "\n"
        + begin
        + '"GET /moss" 200 7 "-" "-" 0.1\n'
        + begin
        + r'"GET /torn HTTP/1.1" 200 7 "-" "reader\" 0.1'
        + "\n"
    )
    output = (await load("access-log-text.json", path=str(log)).run()).output
    assert (output["requests"], output["damaged"]) == (3, 1)
    assert {group.key for group in output["paths"]} == {r"/reed?q=\"moss\"", "/fern", "/moss"}


@pytest.mark.parametrize(("name", "log"), [("access-log.json", "access.jsonl"), ("access-log-text.json", "access.log")])
async def test_access_log_reports_what_a_script_does(name: str, log: str) -> None:
    """The reports of both formats are those of the script that the bench compares them with; the logs are found."""
    pipeline = load(name)
    assert ROOT / pipeline.parameters["path"] == DATA / log
    output = (await pipeline.run()).output
    reports = by_hand.jsonl(DATA / log) if log.endswith(".jsonl") else by_hand.combined(DATA / log)
    assert {key: pairs(value) if isinstance(value, list) else value for key, value in output.items()} == reports
    assert all(reports.values())


def test_logs_are_made_as_they_are_shipped() -> None:
    """The script that makes logs gives the one that ships, and lines of JSON as well."""
    script = [sys.executable, str(DATA / "make_access_log.py"), "--lines"]
    done = subprocess.run([*script, "400", "--damaged", "0.02", "--seed", "6"], capture_output=True, check=True)
    assert done.stdout == (DATA / "access.log").read_bytes()
    done = subprocess.run([*script, "3", "--format", "jsonl"], capture_output=True, check=True)
    assert [sorted(json.loads(line)) for line in done.stdout.splitlines()] == [sorted(rows(LOG)[0])] * 3


async def test_compare_words_shows_both_counts_and_what_one_way_misses() -> None:
    """The counts of both ways stand side by side, and what only one finds stands apart."""
    text = (ROOT / "README.md").read_text("utf-8").lower()
    words = Counter(re.findall("[^\\W_]+(?:['\u2019][^\\W_]+)*", text))
    letters = Counter(re.findall("[a-z]+", text))
    output = (await load("compare-words.json", top=15).run()).output
    both = [(key, count, letters[key]) for key, count in largest(words, None) if key in letters]
    assert [tuple(row.values()) for row in output["side_by_side"]] == both[:15]
    assert pairs(output["only_words"]) == [pair for pair in largest(words, None) if pair[0] not in letters][:15]


# ---- tables


async def test_clean_readings_loses_no_row(tmp_path: Path) -> None:
    """Every row goes to one of the two files: those that are whole and can be true, and the others with a reason."""
    clean, bad = tmp_path / "clean.csv", tmp_path / "bad.jsonl"
    result = await load("clean-readings.json", clean=str(clean), bad=str(bad)).run()
    raw = (DATA / "readings.csv").read_text("utf-8").splitlines()[1:]
    good = [
        row
        for row in readings()
        if re.fullmatch("G\\d\\d", row["gauge"]) and row["time"][:2] == "20" and row["level_m"] and row["flow_m3_s"]
        if -5 <= float(row["level_m"]) <= 25
    ]
    values = [{**row, "level_m": float(row["level_m"]), "flow_m3_s": float(row["flow_m3_s"])} for row in table(clean)]
    assert values == [{**row, "level_m": float(row["level_m"]), "flow_m3_s": float(row["flow_m3_s"])} for row in good]
    rejected = rows(bad)
    assert result.output["bad"].items == len(rejected) == len(raw) - len(good) == 7
    assert all(row.get("reason") or row["violations"] for row in rejected)


async def test_highest_levels_joins_readings_with_their_gauges() -> None:
    """The highest readings come with river and place; gauges that the table lacks are counted."""
    output = (await load("highest-levels.json", top=4).run()).output
    gauges = {row["code"]: row for row in table(DATA / "gauges.csv")}
    known = [row for row in readings() if row["level_m"] and row["gauge"] in gauges]
    highest = sorted(known, key=lambda row: -float(row["level_m"]))[:4]
    assert [(row["level_m"], row["place"], row["time"]) for row in output["levels"]] == [
        (float(row["level_m"]), gauges[row["gauge"]]["place"], row["time"]) for row in highest
    ]
    assert pairs(output["unknown_gauges"]) == [("G8", 1)]


@pytest.mark.usefixtures("own_steps")
async def test_rising_gauges_uses_steps_of_its_own() -> None:
    """Each reading is compared with the one before of its gauge."""
    levels: dict[str, list[float]] = {}
    expected: list[tuple[str, str]] = []
    for row in readings():
        if row["level_m"]:
            before = levels.setdefault(row["gauge"], [])
            before.append(float(row["level_m"]))
            rises = [round(after - first, 3) for first, after in pairwise(before[-2:])]
            expected += [(row["gauge"], "steeply" if rise >= 0.1 else "slowly") for rise in rises if rise >= 0.06]
    lines = (await load("rising-gauges.json", least_m=0.06, steep_m=0.1).run()).output
    assert [tuple(line.partition(":")[0].split(" rises ")) for line in lines] == expected
    assert expected


async def test_enrich_gauges_asks_about_each_row() -> None:
    """Every row gets what the service says of it, also that it knows nothing."""
    codes = [row["code"] for row in table(DATA / "gauges.csv")]
    asked: list[str] = []

    async def level(request: Asked, stream: ByteStream) -> None:
        asked.append(request.target)
        code = request.target.rpartition("=")[2]
        known = answer(json.dumps({"level_m": int(code[1:]) / 4}), content_type="application/json")
        unknown = answer("{}", status="404 Not Found", content_type="application/json")
        await stream.send(unknown if code == "G03" else known)

    async with serving(level) as server:
        host = f"127.0.0.1:{server.port}"
        result = await load("enrich-gauges.json", url=f"http://{host}/level", hosts=[host]).run()
    assert sorted(asked) == [f"/level?gauge={code}" for code in codes]
    assert [(row["code"], row["level_m"]) for row in result.output] == [
        (code, None if code == "G03" else int(code[1:]) / 4) for code in codes
    ]


def test_enrich_gauges_needs_a_permission() -> None:
    """Without the operator's word no address of the own network is asked."""
    done = subprocess.run(
        [sys.executable, "-m", "headwater.cli", "run", "configs/enrich-gauges.json", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "private-network" in done.stderr


# ---- texts


async def test_split_notes_has_every_text_once(tmp_path: Path) -> None:
    """The two files together have each text once, and the seed decides which is where."""

    async def split(seed: int) -> tuple[list[Any], list[Any]]:
        train, test = tmp_path / f"train{seed}.jsonl", tmp_path / f"test{seed}.jsonl"
        await load("split-notes.json", train=str(train), test=str(test), test_fraction=0.4, seed=seed).run()
        return rows(train), rows(test)

    notes: dict[str, Any] = {}
    for note in rows(DATA / "notes.jsonl"):
        notes.setdefault(note["text"], note)
    train, test = await split(1)
    assert sorted(note["id"] for note in train + test) == sorted(note["id"] for note in notes.values())
    numbers = random.Random(1)
    assert len(train) == sum(numbers.random() > 0.4 for _ in notes)
    assert await split(1) == (train, test)
    assert await split(2) != (train, test)


async def test_near_duplicates_puts_aside_what_is_nearly_the_same(tmp_path: Path) -> None:
    """What is put aside is what a comparison of every pair finds, with the first one that it is like."""
    kept, similar = tmp_path / "kept.jsonl", tmp_path / "similar.jsonl"
    await load("near-duplicates.json", kept=str(kept), similar=str(similar), similarity=0.7).run()

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall("\\w+", text.lower())
        return set(zip(words, words[1:], words[2:], strict=False))

    left: list[Any] = []
    aside: list[tuple[int, int]] = []
    for note in rows(DATA / "notes.jsonl"):
        these = runs(note["text"])
        shared = [(other["id"], these & runs(other["text"]), these | runs(other["text"])) for other in left]
        like = next((id_ for id_, common, both in shared if len(common) >= 0.7 * len(both)), None)
        left += [note] if like is None else []
        aside += [] if like is None else [(note["id"], like)]
    assert rows(kept) == left
    assert [(row["item"]["id"], row["like"]) for row in rows(similar)] == aside
    assert aside


async def test_chunk_document_gives_places_that_are_exact(tmp_path: Path) -> None:
    """Each passage stands in the document where it says, and repeats as many words as it is to."""
    chunks = tmp_path / "chunks.jsonl"
    await load("chunk-document.json", chunks=str(chunks), size=50, overlap=10).run()
    text = (ROOT / "README.md").read_text("utf-8")
    passages = rows(chunks)
    assert all(text[passage["start"] : passage["end"]] == passage["text"] for passage in passages)
    assert [passage["text"].split() for passage in passages] == [
        text.split()[start : start + 50] for start in range(0, len(text.split()) - 10, 40)
    ]
    assert {passage["path"] for passage in passages} == {"README.md"}


@pytest.mark.usefixtures("own_steps")
async def test_chunk_documents_finds_every_document(tmp_path: Path) -> None:
    """The passages of all documents, in their folders, together are those of each alone."""
    (tmp_path / "deep").mkdir()
    texts = {"a.md": "one two three four", "deep/b.md": "", "deep/c.md": "five\nsix", "d.txt": "no document"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    chunks = tmp_path / "chunks.jsonl"
    await load("chunk-documents.json", folder=str(tmp_path), chunks=str(chunks), size=3, overlap=1).run()
    found = [(Path(row["path"]).name, row["index"], row["start"], row["text"]) for row in rows(chunks)]
    assert found == [("a.md", 0, 0, "one two three"), ("a.md", 1, 8, "three four"), ("c.md", 0, 0, "five\nsix")]


def test_chunk_document_refuses_an_overlap_of_whole_passages() -> None:
    """Passages that only repeat are refused when the document is loaded."""
    with pytest.raises(ConfigError, match="overlap"):
        load("chunk-document.json", size=10, overlap=10)


async def test_anonymize_log_leaves_nothing_personal() -> None:
    """Addresses are cut, users and searches are gone, and all else stays as it was."""
    lines = (await load("anonymize-log.yaml").run()).output
    log = (DATA / "access.log").read_bytes().decode("utf-8", "replace").splitlines()
    assert len(lines) == len(log)
    assert not [
        line for line in lines if re.match("[\\d.]+\\.[1-9]\\d* |[0-9a-f:]+[0-9a-f] |.* ada \\[|.*river\\+", line)
    ]
    assert [line.split("] ")[-1].split("?")[0] for line in lines] == [
        line.split("] ")[-1].split("?")[0] for line in log
    ]


def test_filter_lines_gives_lines_as_they_come() -> None:
    """A line that the pattern is found in comes out before the next one is given."""
    filter_ = [sys.executable, "-m", "headwater.cli", "run", "configs/filter-lines.json", "--quiet"]
    with subprocess.Popen(filter_, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"all is well\nan ERROR at noon\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"an ERROR at noon\n"
        assert process.communicate(b"fine\nlast warning")[0] == b"last warning\n"
    assert process.returncode == 0
