"""A project that `headwater new` makes works as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from headwater.cli.new_project import _origin  # pyright: ignore[reportPrivateUsage]
from tests.cli.conftest import Done

Call = Callable[..., Done]
Write = Callable[[str, Any], str]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, as somebody does who has installed nothing from there."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    arguments = [sys.executable, "-m", *command]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project, and return its folder."""
    folder = tmp_path_factory.mktemp("new")
    done = run(folder, "headwater.cli", "new", "folder/salt-marsh")
    assert done.returncode == 0, done.stderr
    (folder / "told.txt").write_text(done.stderr)
    return folder / "folder" / "salt-marsh"


def test_project_has_the_files_that_are_listed(project: Path) -> None:
    """Every file that is told is there, none has a placeholder left, and what to type next is told."""
    top = project.parents[1]
    shown = (top / "told.txt").read_text()
    files = {path.relative_to(top).as_posix() for path in project.rglob("*") if path.is_file()}
    assert files == {line.strip() for line in shown.splitlines() if line.startswith("  folder/")}
    assert not [file for file in files if re.search("@(name|package)@", (top / file).read_text("utf-8"))]
    assert "cd folder/salt-marsh" in shown
    assert "--steps salt_marsh.steps" in shown


def test_tests_of_the_project_pass(project: Path) -> None:
    """Its tests run without installing anything, and there are some."""
    done = run(project, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_pipeline_of_the_project_runs(project: Path) -> None:
    """The commands that are told to be typed next work."""
    done = run(
        project, "headwater.cli", *["run", "pipeline.json", "--steps", "salt_marsh.steps", "--input", "README.md", "-q"]
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["count"] > 10


def test_editor_knows_the_own_step(project: Path) -> None:
    """The schema beside the pipeline accepts it, and refuses wrong params of its own step."""
    schema = json.loads((project / "pipeline.schema.json").read_text())
    document = json.loads((project / "pipeline.json").read_text())
    settings = json.loads((project / ".vscode/settings.json").read_text())
    assert document["$schema"] == settings["json.schemas"][0]["url"] == "./pipeline.schema.json"
    jsonschema.validate(document, schema)
    document["steps"][1]["params"]["longest"] = 0
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)


def test_nothing_is_overwritten(call: Call, write: Write) -> None:
    """A folder in which there is something is refused, and stays as it is."""
    write("mine.txt", "mine")
    Path("salt-marsh").mkdir()
    Path("mine.txt").rename("salt-marsh/mine.txt")
    done = call("new", "salt-marsh")
    assert done.code == 2
    assert "already exists and is not empty" in done.err
    assert [path.name for path in Path("salt-marsh").iterdir()] == ["mine.txt"]


def test_empty_folder_is_used(tmp_path: Path) -> None:
    """A folder with nothing but a repository becomes the project, also the current one."""
    folder = tmp_path / "salt-marsh"
    (folder / ".git").mkdir(parents=True)
    done = run(folder, "headwater.cli", "new", ".")
    assert done.returncode == 0, done.stderr
    assert "cd " not in done.stderr
    assert (folder / "salt_marsh" / "steps.py").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1st", "is not a valid project name"),
        ("salt marsh", "is not a valid project name"),
        ("wäter", "is not a valid project name"),
        ("salt--marsh", "is not a valid project name"),
        ("class", "would hide the module"),
        ("json", "would hide the module"),
        ("headwater", "would hide the module"),
        ("tests", "would hide the module"),
    ],
)
def test_name_is_refused_when_no_package_can_have_it(call: Call, write: Write, name: str, text: str) -> None:
    """A name that Python could not import, or that would hide another module, is told with an example."""
    write("other.txt", "")
    done = call("new", name)
    assert done.code == 2
    assert text in done.err
    assert "hint: " in done.err
    assert not Path(name).exists()


@pytest.mark.parametrize(
    ("record", "install", "place"),
    [
        ({}, "pip install -e '.[test]'", "the package index"),
        ({"dir_info": {"editable": True}}, "pip install -e '{here}[cli]' -e '.[test]'", "{here}"),
        ({"dir_info": {}}, "pip install -e '{here}[cli]' -e '.[test]'", "{here}"),
        ({"archive_info": {}}, "pip install '{here}[cli]' -e '.[test]'", "{here}"),
        ({"url": "file:///gone/away"}, "pip install -e '.[test]'", "/gone/away, which does not exist anymore"),
        (
            {"url": "https://git.example/headwater", "vcs_info": {"vcs": "git", "commit_id": "4f2a"}},
            "pip install 'headwater[cli] @ git+https://git.example/headwater@4f2a' -e '.[test]'",
            "git+https://git.example/headwater@4f2a",
        ),
        (
            {"url": "https://files.example/headwater.whl", "archive_info": {}},
            "pip install 'headwater[cli] @ https://files.example/headwater.whl' -e '.[test]'",
            "https://files.example/headwater.whl",
        ),
    ],
)
def test_project_installs_headwater_from_where_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: dict[str, Any], install: str, place: str
) -> None:
    """A project needs no package index that may not have Headwater, and the message says where it comes from."""
    here = tmp_path / "a place (1)"
    here.mkdir()
    recorded = SimpleNamespace(read_text=lambda _: json.dumps({"url": here.as_uri(), **record} if record else {}))
    monkeypatch.setattr("headwater.cli.new_project.distribution", lambda _: recorded)
    origin = _origin()
    assert origin.install_command == install.format(here=here)
    assert origin.place == place.format(here=here)


def test_readme_of_the_project_installs_it_with_headwater(project: Path) -> None:
    """The command is that for the place which the message names."""
    origin = _origin()
    assert origin.install_command in (project / "README.md").read_text("utf-8").splitlines()
    assert f"Headwater comes from {origin.place}.\n" in (project.parents[1] / "told.txt").read_text("utf-8")
