"""Files that appear when they are complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from headwater.toolkit import atomic_file


def test_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Nothing is at the place while the file is written, and all of it afterwards."""
    path = tmp_path / "report.txt"
    with atomic_file(path) as file:
        file.write(b"complete")
        assert not path.exists()
    assert path.read_bytes() == b"complete"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_leaves_the_place_as_it_was_when_the_block_fails(tmp_path: Path, error: type[BaseException]) -> None:
    """The old file stays, and no other is left behind."""
    path = tmp_path / "report.txt"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_file(path, overwrite=True) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_keeps_permissions_and_links_when_it_replaces(tmp_path: Path) -> None:
    """The new file has the permissions of the old one, and a symbolic link to it still is one."""
    path, link = tmp_path / "report.txt", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_file(link, overwrite=True) as file:
        file.write(b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)


def test_refuses_a_place_that_is_taken(tmp_path: Path) -> None:
    """An existing file is not replaced without permission, and what is not a file never is."""
    with pytest.raises(FileExistsError, match="not a regular file"), atomic_file(tmp_path, overwrite=True):
        raise AssertionError("unreachable")
    path = tmp_path / "report.txt"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="set overwrite to true"), atomic_file(path):
        raise AssertionError("unreachable")


def test_replaces_no_file_that_appears_in_the_meantime(tmp_path: Path) -> None:
    """Two writers that both found the place empty do not overwrite each other."""
    path = tmp_path / "report.txt"
    with pytest.raises(FileExistsError, match="set overwrite to true"), atomic_file(path) as file:
        file.write(b"late")
        path.write_bytes(b"early")
    assert path.read_bytes() == b"early"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("appears", [False, True])
def test_replaces_nothing_on_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, appears: bool
) -> None:
    """The place is reserved by an empty file instead."""

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(f"no link from {self} to {target}")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "report.txt"
    if appears:
        with pytest.raises(FileExistsError, match="already exists"), atomic_file(path) as file:
            file.write(b"late")
            path.write_bytes(b"early")
    else:
        with atomic_file(path) as file:
            file.write(b"early")
    assert path.read_bytes() == b"early"
    assert list(tmp_path.iterdir()) == [path]


def test_drops_the_right_to_act_as_the_owner_when_it_replaces_a_program(tmp_path: Path) -> None:
    """New content does not get the setuid, setgid and sticky bits of the old."""
    path = tmp_path / "program"
    path.write_bytes(b"old")
    path.chmod(0o7755)
    with atomic_file(path, overwrite=True) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o7777 == 0o755


def test_is_never_more_readable_than_the_file_it_replaces(tmp_path: Path) -> None:
    """Also while it is written, and before its permissions are set."""
    path = tmp_path / "secret.txt"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with atomic_file(path, overwrite=True) as file:
        (part,) = (other for other in tmp_path.iterdir() if other != path)
        assert part.stat().st_mode & 0o777 == 0o600
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser gives files away")
def test_keeps_owner_and_group_when_it_replaces(tmp_path: Path) -> None:
    """A service that reads its file still can after the superuser has written it."""
    path = tmp_path / "report.txt"
    path.write_bytes(b"old")
    os.chown(path, 12, 34)
    with atomic_file(path, overwrite=True) as file:
        file.write(b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser gives files away")
def test_gives_another_group_no_more_than_others_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the group cannot be kept, its permissions would be those of another."""

    def refuse(*arguments: Any) -> None:
        raise PermissionError(f"not allowed: {arguments}")

    path = tmp_path / "report.txt"
    path.write_bytes(b"old")
    path.chmod(0o664)
    os.chown(path, -1, 34)
    monkeypatch.setattr(os, "fchown", refuse)
    with atomic_file(path, overwrite=True) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o644


def test_names_the_folder_when_it_is_missing(tmp_path: Path) -> None:
    """The message speaks of a path that the caller knows, not of the temporary file."""
    with pytest.raises(FileNotFoundError) as missing, atomic_file(tmp_path / "none" / "report.txt"):
        raise AssertionError("unreachable")
    assert str(missing.value) == f"the folder {tmp_path / 'none'} does not exist; create it, or choose another path"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone" / "report.txt")
    with pytest.raises(FileNotFoundError, match=f"the folder {tmp_path / 'gone'} does not exist"), atomic_file(link):
        raise AssertionError("unreachable")


def test_names_the_path_when_it_cannot_be_written(tmp_path: Path) -> None:
    """A name that is too long and a loop of links are found before anything is written."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path / ("x" * 300), loop):
        with pytest.raises(OSError, match=path.name), atomic_file(path):
            raise AssertionError("unreachable")
    assert list(tmp_path.iterdir()) == [loop]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="the system has no such device")
def test_refuses_standard_output(tmp_path: Path) -> None:
    """What it leads to is a pipe or terminal, which cannot be renamed."""
    reading, writing = os.pipe()
    link = tmp_path / "pipe"
    link.symlink_to(f"/proc/self/fd/{writing}")
    with pytest.raises(FileExistsError, match="pipe already exists and is not a regular file"), atomic_file(link):
        raise AssertionError("unreachable")
    os.close(reading)
    os.close(writing)


def test_refuses_a_second_writer_of_the_same_file(tmp_path: Path) -> None:
    """Both would report what they wrote, and one of the results would be lost; afterwards the place is free again."""
    path, link = tmp_path / "report.txt", tmp_path / "link"
    link.symlink_to(path)
    with atomic_file(path, overwrite=True) as file:
        file.write(b"first")
        with pytest.raises(FileExistsError, match="at the same time"), atomic_file(link, overwrite=True):
            raise AssertionError("unreachable")
    with atomic_file(link, overwrite=True) as file:
        file.write(b"second")
    assert path.read_bytes() == b"second"
