"""The command `import`: documents of another engine, from the command line to a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.dialects.flows import CHOICE, LOOP, PEOPLE, RIVER, Document, with_condition

REAL = '''
"""The steps of the gauges, with work in them."""
import anyio
from typing import Any
from headwater import step

Record = dict[str, Any]
STARTED: list[int] = []
ALL = anyio.Event()


@step("imported.cut")
async def cut(*, readings: list[int], parts: int) -> Record:
    return {"parts": [readings[start::parts] for start in range(parts)], "count": parts}


@step("imported.station")
async def station(parts: Record, *, number: int, fields: dict[str, str]) -> Record:
    STARTED.append(number)
    if len(STARTED) == 3:
        ALL.set()
    with anyio.fail_after(30):
        await ALL.wait()  # which needs all three at the same time
    return {"checked": [{"value": value, "station": number} for value in parts[fields["parts"]][number - 1]]}


@step("imported.merge")
async def merge(checked_1: Record, checked_2: Record, checked_3: Record, *, fields: dict[str, str]) -> Record:
    records = [record for part in (checked_1, checked_2, checked_3) for record in part["checked"]]
    return {"merged": sorted(records, key=lambda record: record["value"])}
'''


def headwater(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    command = [sys.executable, "-m", "headwater.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def written(folder: Path, document: Document) -> str:
    """Write an old document, and return its name."""
    (folder / "old.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    return "old.json"


@pytest.mark.parametrize(
    ("document", "settings"),
    [(RIVER, ["readings=[1]"]), (LOOP, ["topic=rivers"]), (CHOICE, ["level=3"]), (PEOPLE, [])],
    ids=["parallel", "loop", "conditions", "people"],
)
def test_imported_document_checks_with_its_generated_steps(
    document: Document, settings: list[str], tmp_path: Path
) -> None:
    """Two files are written, and the last line says how to check them."""
    done = headwater(tmp_path, "import", written(tmp_path, document), "-o", "new.json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("next: headwater check new.json --steps steps.py")
    options = [option for setting in settings for option in ("--set", setting)]
    checked = headwater(tmp_path, "check", "new.json", "--steps", "steps.py", *options)
    assert checked.returncode == 0, checked.stderr


def test_real_steps_merge_every_record_and_run_at_the_same_time(tmp_path: Path) -> None:
    """A splitter, three stations that wait for each other, and a merger: 9 of 9 records."""
    (tmp_path / "gauges.py").write_text(REAL, encoding="utf-8")
    done = headwater(tmp_path, "import", written(tmp_path, RIVER), "-o", "new.json", "--steps", "gauges.py")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "steps.py").exists()
    readings = json.dumps([*range(9)])
    run = headwater(tmp_path, "run", "new.json", "--steps", "gauges.py", "--set", f"readings={readings}", "--quiet")
    assert run.returncode == 0, run.stderr
    merged = json.loads(run.stdout)["merged"]
    assert [record["value"] for record in merged] == [*range(9)]
    assert {record["station"] for record in merged} == {1, 2, 3}


def test_filled_in_loop_runs_until_its_condition_holds(tmp_path: Path) -> None:
    """The generated code has the inputs by their names; what the run before has made is among them."""
    document = {**LOOP, "outputs": {"end": "{{ print.printed }}", "notes": "{{ review.notes }}"}}
    assert headwater(tmp_path, "import", written(tmp_path, document), "-o", "new.json").returncode == 0
    code = (tmp_path / "steps.py").read_text(encoding="utf-8")
    bodies = {
        "Write": "return {\"text\": f\"{inputs['topic']}!{inputs['notes'] or ''}\"}",
        "Review": 'return {"good": len(inputs["text"]) > 9, "notes": inputs["text"][len("rivers"):]}',
        "Print": 'return {"printed": inputs["text"]}',
    }
    for cls, body in bodies.items():
        code = code.replace(f'raise NotImplementedError("write what {cls} did", inputs, config)', body)
    (tmp_path / "steps.py").write_text(code, encoding="utf-8")
    run = headwater(tmp_path, "run", "new.json", "--steps", "steps.py", "--set", "topic=rivers", "--quiet")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"end": "rivers!!!!", "notes": "!!!!"}


def test_document_goes_to_standard_output_without_a_name(tmp_path: Path) -> None:
    """The steps are written to the current folder all the same."""
    done = headwater(tmp_path, "import", written(tmp_path, CHOICE))
    assert json.loads(done.stdout)["name"] == "Sluice"
    assert (tmp_path / "steps.py").is_file()
    assert "next:" not in done.stderr


@pytest.mark.parametrize("name", ["new.json", "steps.py"])
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    """Neither is written when one of them exists."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    done = headwater(tmp_path, "import", written(tmp_path, CHOICE), "-o", "new.json")
    assert done.returncode == 2
    assert f"{name} exists already, and nothing is overwritten" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"old.json", name}
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_steps_that_were_filled_in_are_kept_and_new_kinds_written_beside_them(tmp_path: Path) -> None:
    """A document that has grown can be translated again."""
    assert headwater(tmp_path, "import", written(tmp_path, RIVER), "-o", "new.json").returncode == 0
    before = (tmp_path / "steps.py").read_text(encoding="utf-8")
    old = written(tmp_path, {**RIVER, "outputs": {"end": "{{ merge.merged }}"}})
    done = headwater(tmp_path, "import", old, "-o", "newer.json", "--steps", "steps.py")
    assert done.returncode == 0, done.stderr
    assert "steps_2.py: 1 kind to be written: imported.outputs" in done.stderr
    assert "headwater check newer.json --steps steps.py --steps steps_2.py" in done.stderr
    assert (tmp_path / "steps.py").read_text(encoding="utf-8") == before


def test_folder_that_is_missing_is_named_with_the_file(tmp_path: Path) -> None:
    """Nothing is created."""
    done = headwater(tmp_path, "import", written(tmp_path, RIVER), "-o", "far/new.json")
    assert done.returncode == 2
    shown = " ".join(done.stderr.split())
    assert f"{Path('far', 'new.json')} cannot be written, because there is no folder far; create it first" in shown
    assert {path.name for path in tmp_path.iterdir()} == {"old.json"}


def test_required_number_with_bounds_is_imported(tmp_path: Path) -> None:
    """The check of the new document uses a value that its parameter accepts."""
    parameters = [{"name": "level", "schema": {"type": "number", "minimum": 5, "maximum": 9}}]
    done = headwater(tmp_path, "import", written(tmp_path, {**CHOICE, "parameters": parameters}), "-o", "new.json")
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_translated_is_shown_with_its_line(tmp_path: Path) -> None:
    """As the problems of every document; nothing is written."""
    document = with_condition({"type": "function", "config": {"function": "f"}})
    done = headwater(tmp_path, "import", written(tmp_path, document), "-o", "new.json")
    assert done.returncode == 2
    assert "old.json:" in done.stderr
    assert "conditions of the type 'function' have no counterpart" in done.stderr
    assert "[cannot-import]" in done.stderr
    assert "at $.flow.paths[0].condition" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"old.json"}


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"a": 1, "a": 2}'])
def test_file_that_is_not_a_document_is_refused(text: str, tmp_path: Path) -> None:
    """With a message, not a traceback."""
    (tmp_path / "old.json").write_text(text, encoding="utf-8")
    done = headwater(tmp_path, "import", "old.json", "-o", "new.json")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new.json").exists()


def test_file_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    """By its name."""
    done = headwater(tmp_path, "import", "none.json")
    assert done.returncode == 2
    assert "none.json" in done.stderr


def test_help_has_examples(tmp_path: Path) -> None:
    """As that of every command."""
    done = headwater(tmp_path, "import", "--help")
    assert "headwater import old.json -o pipeline.json" in done.stdout
    assert "Exit codes:" in done.stdout
