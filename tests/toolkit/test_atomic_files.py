"""Files that appear when they are complete."""

from __future__ import annotations

from pathlib import Path

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
