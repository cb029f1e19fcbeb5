"""A package that adds commands to the command line, installed into a folder on the path of a real process."""

from __future__ import annotations

import json
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
    names = [line.split()[0] for line in listed if line.strip()]
    assert names[names.index("import") :] == ["import", "new", "flags", "hello", "keys", "serve", "watch"]
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


def install(site: Path, package: str, entry_points: str) -> None:
    """Install the metadata of another package."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.mark.parametrize(
    ("group", "name", "target"),
    [
        ("stores", "memory", "other:Store"),
        ("stores", "memory", "extra_commands:MemoryStore"),  # a module of the same name, in another folder
        ("executors", "local", "other:Executor"),
        ("commands", "hello", "other:hello"),
        ("subscribers", "console", "other:Console"),
        ("subscribers", "console", "headwater_subscribers:ConsoleSubscriber"),
        ("subscribers", "file", "other:File"),
    ],
)
def test_plugin_of_two_packages_is_refused(
    site: Path, monkeypatch: pytest.MonkeyPatch, group: str, name: str, target: str
) -> None:
    """Which of two packages is meant cannot be guessed, and the first one on the path may not be the trusted one."""
    install(site, "other", f"[headwater.{group}]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(site))
    noun = group.removesuffix("s")
    with pytest.raises(HeadwaterError, match=rf"the {noun} '{name}' is provided by .* and by .*; uninstall one"):
        load_plugin(Group(f"headwater.{group}"), name)


@pytest.mark.parametrize("arguments", [["run", "a.json", "--input", "in.txt"], ["replay", "events.jsonl"]])
def test_command_refuses_a_subscriber_of_two_packages(site: Path, arguments: list[str]) -> None:
    """No code of the second package runs, whichever is found first."""
    (site / "other.py").write_text("print('other was imported')\n")
    install(site, "other", "[headwater.subscribers]\nconsole = other:Console\nfile = other:File\n")
    document = {"name": "a", "steps": [{"id": "up", "kind": "text.upper"}]}
    (site / "a.json").write_text(json.dumps(document))
    (site / "in.txt").write_text("water\n")
    (site / "events.jsonl").write_text("{}\n")
    code, out, err = headwater(site, *[str(site / one) if "." in one else one for one in arguments])
    assert code
    assert "is provided by" in err
    assert "uninstall one of them" in err
    assert "other was imported" not in out + err


def test_kind_of_two_packages_is_refused(site: Path) -> None:
    """A package cannot take over a kind that another one offers."""
    (site / "other.py").write_text("print('other was imported')\n")
    install(site, "other", '[headwater.steps]\n"text.upper" = other:upper\n'.replace('"', ""))
    (site / "a.json").write_text(json.dumps({"name": "a", "steps": [{"id": "up", "kind": "text.upper"}]}))
    code, out, err = headwater(site, "check", str(site / "a.json"))
    assert code == 2
    assert "kind 'text.upper' is installed by" in err
    assert "other was imported" not in out + err
