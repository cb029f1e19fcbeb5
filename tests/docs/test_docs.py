"""What the documents tell the reader to type works, and gives what they say."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.docs import nursery
from tests.docs.blocks import Block, blocks, commands
from tests.docs.nursery import write_commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Where the built package is tested, the documents and what they use are not all there: then nothing is followed.
DOCUMENTS = (
    [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "generated" not in page.parts)]
    if DOCS.exists()
    else []
)
CHECKER = doctest.OutputChecker()
NOT_RUN = ("make ", "pip ")  # they install, or run these very tests
LANGUAGES = {"python", "sh", "console", "json", "text", "html", "js"}
"""`text` is only shown; the tests in `tests/browser` and `tests/foreign` run the pages and the JavaScript."""


@pytest.fixture(scope="module")
def commands_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A `PATH` on which `headwater` and `python` start in no time, as a process that has imported all is forked."""
    folder = tmp_path_factory.mktemp("bin")
    path = f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    address = folder / "socket"
    write_commands(folder, address)
    command = [sys.executable, nursery.__file__, str(address)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()  # it is ready
        yield path
        parent.terminate()


def run(command: list[str], folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the reader would, with `headwater` on the path."""
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def follow(block: Block, folder: Path, path: str) -> None:
    """Do with a block what the reader is to do with it."""
    if block.file is not None:
        (folder / block.file).write_text(block.text, "utf-8")
    elif block.language == "python":
        done = run(["bash", "-c", 'python -c "$0"', block.text], folder, path)
        assert done.returncode == 0, done.stderr
    elif block.language == "sh":
        for line in block.text.splitlines():
            if not line.startswith(NOT_RUN):
                done = run(["bash", "-c", line], folder, path)
                assert done.returncode == 0, done.stderr
    elif block.language == "console":
        for command in commands(block.text):
            done = run(["bash", "-c", f"{command.text} 2>&1"], folder, path)
            found = done.stdout if done.stdout.endswith("\n") else done.stdout + "\n" * bool(done.stdout)
            same = CHECKER.check_output(command.output, found, doctest.ELLIPSIS)
            assert same, f"{command.text}\nexpected:\n{command.output}\nfound:\n{found}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own; what still runs in the background at the end, noted in `NAME.pid`, is stopped."""
    yield tmp_path
    for note in tmp_path.glob("*.pid"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(note.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document_does_what_it_says_when_followed(document: Path, folder: Path, commands_path: str) -> None:
    """Following a document from top to bottom, in a folder of its own, works and gives the output shown."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copy(ROOT / "LICENSE", folder)
    for block in blocks(document.read_text("utf-8")):
        follow(block, folder, commands_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_when_they_are_relative(document: Path) -> None:
    """Every link to a file of the project leads to one."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_has_a_language_that_is_followed(document: Path) -> None:
    """No block escapes these tests by a language that they do not know."""
    text = document.read_text("utf-8")
    assert {block.language for block in blocks(text)} <= LANGUAGES
    assert text.count("\n```") == 2 * len(list(blocks(text)))


def test_make_knows_the_goals_when_a_document_names_them() -> None:
    """`make demo` and the like, which these tests do not run, exist."""
    if not DOCUMENTS:
        pytest.skip("the built package is tested without the Makefile")
    goals = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    texts = [path.read_text("utf-8") for path in (*DOCUMENTS, ROOT / "CONTRIBUTING.md")]
    named = {goal for text in texts for goal in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert {"demo", "test"} <= named <= goals


def test_pictures_are_shown_when_they_are_made() -> None:
    """Every picture stands in some document, and is made by the command that makes them."""
    if not DOCUMENTS:
        pytest.skip("the built package is tested without the documents")
    texts = "".join(document.read_text("utf-8") for document in DOCUMENTS)
    maker = "".join((DOCS / "pictures" / name).read_text("utf-8") for name in ("make.py", "monitor.py"))
    pictures = [file.name for file in (DOCS / "pictures").glob("*.[sp][vn]g")]
    assert [name for name in pictures if f"pictures/{name})" not in texts] == []
    assert [name for name in pictures if f'"{name.removeprefix("terminal-").rpartition(".")[0]}' not in maker] == []
    assert len(pictures) > 4
