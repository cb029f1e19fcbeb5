"""The quick look for plug-ins, which spares `--help` the full search."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.plugins import Group, mentioned

ENTRY = "[headwater.commands]\nhello = hello:app\n"


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("hello-1.dist-info/entry_points.txt", ENTRY, True),
        ("hello.egg-info/entry_points.txt", ENTRY, True),
        ("hello-1.dist-info/entry_points.txt", "[console_scripts]\nhello = hello:app\n", False),
        ("hello-1.dist-info/METADATA", ENTRY, False),
        ("hello/entry_points.txt", ENTRY, False),
        ("hello.egg/EGG-INFO/PKG-INFO", "", True),  # its metadata is inside, perhaps in an archive
    ],
)
def test_finds_a_group_where_a_package_names_it(
    file: str, text: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group is mentioned in the entry points of an installed package, in each form of installation."""
    place = tmp_path / file
    place.parent.mkdir(parents=True)
    place.write_text(text)
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    assert mentioned(Group.COMMANDS) is expected


def test_leaves_it_open_when_the_path_has_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in an archive is left to the full search."""
    archive = tmp_path / "packages.zip"
    archive.write_bytes(b"")
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert mentioned(Group.COMMANDS)
