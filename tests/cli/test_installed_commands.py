"""A package that adds commands to the command line, installed into a folder on the path of a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.errors import HeadwaterError
from headwater.plugins import Group, installed, load_plugin

MODULE = '''
import typer

app = typer.Typer(help="Manage flags.")

@app.command()
def wave(color: str, times: int = 1) -> None:
    """Wave a flag."""
    print(f"{color} flag" * times)

@app.command()
def fold() -> None:
    """Fold the flag."""

def hello(name: str) -> None:
    """Greet a person.

    And say nothing more.
    """
    print(f"hello {name}")

class MemoryStore:
    """Keeps nothing."""

not_a_command = 3
'''
REASON = "ModuleNotFoundError: No module named 'extra_commands.missing'; 'extra_commands' is not a package"
ENTRY_POINTS = """
[headwater.commands]
flags = extra_commands:app
hello = extra_commands:hello
broken = extra_commands.missing:app
odd = extra_commands:not_a_command
run = extra_commands:hello

[headwater.stores]
memory = extra_commands:MemoryStore

[headwater.executors]
local = extra_commands:hello
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed package."""
    (tmp_path / "extra_commands.py").write_text(MODULE)
    info = tmp_path / "extra_commands-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-commands\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return tmp_path


def headwater(site: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command line in a process that finds the package; return its exit code and what it wrote."""
    command = [sys.executable, "-m", "headwater.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "100"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_commands_are_listed_after_our_own_in_the_help(site: Path) -> None:
    """Commands of other packages have their summaries, and one that is broken is reported in one line."""
    code, out, err = headwater(site, "--help")
    listed = out.partition("Commands:")[2].split("\n")
    assert code == 0
    assert [line.split()[0] for line in listed if line.strip()][-4:] == ["replay", "new", "flags", "hello"]
    assert any(line.split() == ["hello", "Greet", "a", "person."] for line in listed)
    assert err.splitlines() == [
        f"headwater: the command 'broken' of extra-commands (extra_commands.missing:app) cannot be imported: {REASON}",
        "headwater: the command 'odd' is 3, but a Typer app or a function is expected",
    ]


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["flags", "wave", "red", "--times", "2"], "red flagred flag\n"),
        (["hello", "Ada"], "hello Ada\n"),
    ],
)
def test_command_of_another_package_runs(site: Path, arguments: list[str], out: str) -> None:
    """A Typer app has its own commands, and a function is one."""
    assert headwater(site, *arguments) == (0, out, "")


def test_broken_command_says_what_is_wrong_when_it_is_called(site: Path) -> None:
    """Only the call of the broken command fails."""
    code, out, err = headwater(site, "broken")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "the command 'broken' of extra-commands" in err


def test_own_command_cannot_be_replaced(site: Path) -> None:
    """A package cannot take over `headwater run`."""
    code, _, err = headwater(site, "run", "missing.json")
    assert code == 2
    assert "missing.json" in err


def test_unknown_command_is_refused(site: Path) -> None:
    """What neither we nor another package offer is an error of the call."""
    code, _, err = headwater(site, "helo")
    assert code == 2
    assert "No such command 'helo'" in err


def test_stores_and_executors_are_found_in_their_own_groups(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One finder serves every group, and imports only what is asked for."""
    monkeypatch.syspath_prepend(str(site))
    assert list(installed(Group.EXECUTORS)) == ["local"]
    assert load_plugin(Group.STORES, "memory").__name__ == "MemoryStore"
    with pytest.raises(HeadwaterError, match="no installed package provides the store 'disk'; installed are: memory"):
        load_plugin(Group.STORES, "disk")


def test_plugin_of_two_packages_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two packages is meant cannot be guessed."""
    info = site / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[headwater.stores]\nmemory = other:Store\n")
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(HeadwaterError, match=r"the store 'memory' is provided by .* and by .*; uninstall one of them"):
        load_plugin(Group.STORES, "memory")
