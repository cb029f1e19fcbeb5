"""What the installed distribution says of itself and finds of its own."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import EntryPoint, distribution, entry_points
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
BASE = {"anyio", "networkx", "pydantic", "structlog"}


def of_headwater(group: str) -> list[EntryPoint]:
    """Return the entry points of a group that this distribution itself brings."""
    return [entry for entry in entry_points(group=group) if entry.dist and entry.dist.name == "headwater"]


def test_version_is_that_of_the_project_when_installed() -> None:
    """The installed version is the one that the project declares."""
    assert distribution("headwater").version == PROJECT["project"]["version"] == "0.1.0"


def test_base_install_needs_four_packages() -> None:
    """Whatever else is needed belongs to an extra."""
    required = distribution("headwater").requires or []
    names = {re.split(r"[^\w.-]", line)[0] for line in required if "extra ==" not in line}
    assert names == BASE


def test_every_requirement_has_both_bounds() -> None:
    """The lowest version is one that is tested, and the next major version is not taken before it is."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    requirements = [*PROJECT["project"]["dependencies"], *chain.from_iterable(extras)]
    assert not [line for line in requirements if not re.match(r"[\w.\[\]-]+>=[\d.]+,<\d+(;|$)", line.replace(" ", ""))]


def test_lowest_versions_are_tested_of_every_extra() -> None:
    """`make test-lowest` installs all extras."""
    (extras,) = re.findall(r"^ALL_EXTRAS := \$\(EXTRAS\),(.+)$", MAKEFILE, re.MULTILINE)
    (always,) = re.findall(r"^EXTRAS := (.+)$", MAKEFILE, re.MULTILINE)
    assert {*extras.split(","), *always.split(",")} == PROJECT["project"]["optional-dependencies"].keys()


@pytest.mark.parametrize("package", ["headwater", "headwater_steps", "headwater_subscribers"])
def test_package_is_marked_as_typed(package: str) -> None:
    """Each package carries the marker by which type checkers trust its annotations."""
    assert files(package).joinpath("py.typed").is_file()


@pytest.mark.parametrize("entry", of_headwater("headwater.steps"), ids=lambda entry: entry.name)
def test_step_has_the_kind_of_its_entry_point_when_loaded(entry: EntryPoint) -> None:
    """A kind in a document leads to the step that calls itself so."""
    assert entry.load().kind == entry.name


@pytest.mark.parametrize("entry", of_headwater("headwater.subscribers"), ids=lambda entry: entry.name)
def test_subscriber_is_a_class_when_loaded(entry: EntryPoint) -> None:
    """A subscriber's name leads to its class."""
    assert isinstance(entry.load(), type)


def test_entry_points_are_those_of_the_project_when_installed() -> None:
    """Nothing that the project declares got lost on the way into the installation."""
    declared = PROJECT["project"]["entry-points"]
    installed = {group: {entry.name: entry.value for entry in of_headwater(group)} for group in declared}
    assert installed == declared, "the installation is older than pyproject.toml: run `pip install --no-deps -e .`"


def test_command_is_installed() -> None:
    """The distribution brings the command `headwater`."""
    assert [entry.value for entry in of_headwater("console_scripts")] == ["headwater.cli:main"]
