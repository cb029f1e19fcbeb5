"""What a shell offers when the user presses Tab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Done

Call = Callable[..., Done]
Write = Callable[[str, Any], str]

DOCUMENT = {
    "name": "up",
    "parameters": {
        "path": {"type": "string", "description": "What to read."},
        "pace": {"type": "string", "enum": ["slow", "fast"], "default": "fast"},
        "deep": {"type": "boolean", "default": False},
    },
    "steps": [{"id": "up", "kind": "text.upper"}],
}


@pytest.fixture
def folder(write: Write) -> Path:
    """Make a folder with a document and other files, and go there."""
    write("up.json", DOCUMENT)
    write("usual.yaml", "")
    write("unread.txt", "")
    write("use.py", "")
    Path("under").mkdir()
    write("under/deep.json", DOCUMENT)
    return Path.cwd()


@pytest.fixture
def complete(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that tells what is offered for a line, by the protocol of a shell's completion."""
    del folder

    def offered(line: str, shell: str = "bash") -> list[str]:
        monkeypatch.setenv("_HEADWATER_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        done = call()
        assert done.err == ""
        return [one for one in done.out.split("\n") if one]

    return offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("headwater ch", ["check"]),
        ("headwater steps text.u", ["text.upper"]),
        ("headwater schema conf", ["config"]),
        ("headwater schema text.up", ["text.upper"]),
        ("headwater run u", ["under/", "up.json", "usual.yaml"]),
        ("headwater run under/", ["under/deep.json"]),
        ("headwater run up.json --set pa", ["pace=slow", "pace=fast", "path="]),
        ("headwater run up.json --set pace=", ["pace=slow", "pace=fast"]),
        ("headwater check up.json --set deep=t", ["deep=true"]),
        ("headwater run up.json --set pace=slow --set pa", ["path="]),
        ("headwater run up.json --steps u", ["under/", "use.py"]),
        ("headwater run up.json --input-format js", ["json", "jsonl"]),
        ("headwater run usual.yaml --set p", []),
        ("headwater run none.json --set p", []),
        ("headwater run nowhere/", []),
    ],
)
def test_shell_offers_what_fits(complete: Callable[..., list[str]], line: str, offered: list[str]) -> None:
    """Commands, kinds, documents, parameters and their values are completed; mistakes complete nothing."""
    assert sorted(complete(line)) == sorted(offered)


def test_zsh_shows_what_a_parameter_is(complete: Callable[..., list[str]]) -> None:
    """Where a shell shows descriptions, those of the document stand there."""
    (line,) = complete("headwater run up.json --set pat", "zsh")
    assert '"path="' in line
    assert "What to read." in line


RUNS = ["$(touch ran)", "`touch ran`", "\\$(touch ran)", "a;touch ran", "a\ntouch ran", "a|touch ran", "'$(touch ran)'"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_nothing_that_a_shell_would_run_is_offered(
    complete: Callable[..., list[str]], write: Write, shell: str
) -> None:
    """Names, values and descriptions of a document, and names of files, come from anyone."""
    parameters: dict[str, Any] = {f"p{text}": {"type": "string", "description": "odd name"} for text in RUNS}
    parameters["p"] = {"type": "string", "enum": [*RUNS, "plain"], "description": " ".join(RUNS)}
    write("odd.json", {**DOCUMENT, "parameters": parameters})
    for text in RUNS:
        if "\n" not in text:
            write(f"odd{text}.json", DOCUMENT)
    settings = "".join(complete("headwater run odd.json --set p", shell))
    files = "".join(complete("headwater run od", shell))
    assert "plain" in settings
    assert "odd.json" in files
    assert [char for char in ("$(", "`", ";touch", "|touch", "ntouch ran") if char in settings + files] == []


def test_bash_completes_by_the_script_that_is_installed(folder: Path, tmp_path: Path) -> None:
    """The script of `--install-completion` gives a real bash what fits."""
    program, command = shutil.which("bash"), Path(sys.executable).with_name("headwater")
    if program is None or not command.exists():
        pytest.skip("bash or the installed command is missing")
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    environment["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"  # the shell is named, as tests run in none
    install = [sys.executable, "-m", "headwater.cli", "--install-completion", "bash"]
    subprocess.run(install, env=environment, capture_output=True, check=True, timeout=240, cwd=folder)
    line = "COMP_WORDS=(headwater steps text.up); COMP_CWORD=2"
    script = f'. "$HOME/.bashrc"; {line}; _headwater_completion "{command}"; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [program, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.stdout.strip() == "text.upper", done.stderr
