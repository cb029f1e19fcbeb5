"""Files that steps may open: by name, by link, by what is there, and while someone replaces it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from headwater import HeadwaterError
from headwater.files import confinement
from headwater.toolkit import (
    FileRefusedError,
    atomic_file,
    confined_to,
    open_inside,
    open_unpacked,
    read_source,
    refuse_outside,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a file, beside another folder with a file that is no one's business."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "good.txt").write_text("salt")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "database").mkdir()
    (tmp_path / "database" / "x.txt").write_text("secret")
    return folder


@pytest.fixture(params=["by handle", "without handles"])
def system(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways in which files are opened on different systems."""
    if request.param == "without handles":
        monkeypatch.setattr(confinement, "_HANDLE", None)


def content(path: str | Path) -> str:
    """Return the content of a file that is opened as steps do it."""
    with open(path, encoding="utf-8", opener=open_inside) as file:
        return file.read()


def outside(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield paths that lead out of a folder, or to what is not a file, with a part of the reason."""
    beside = folder.parent
    (folder / "link.txt").symlink_to(beside / "secret.txt")
    (folder / "folder").symlink_to(beside / "database")
    (folder / "chain").symlink_to("link.txt")
    (folder / "nowhere").symlink_to(beside / "missing.txt")
    os.mkfifo(folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(folder / "socket"))  # whose path may not be long
    server.close()
    yield str(beside / "secret.txt"), "steps may read only what is in"
    yield str(beside / "missing.txt"), "steps may read only what is in"
    yield f"{folder}base/x.txt", "steps may read only what is in"
    yield str(folder / "link.txt"), "steps may read only what is in"
    yield str(folder / "chain"), "steps may read only what is in"
    yield str(folder / "nowhere"), "steps may read only what is in"
    yield str(folder / "folder" / "x.txt"), "steps may read only what is in"
    yield str(folder / ".." / "secret.txt"), "its path has a part '..'"
    yield str(folder / ".." / "data" / "good.txt"), "its path has a part '..'"
    yield "good\0.txt", "its path has a null byte"
    yield str(folder / "\ud800"), "its path is not the name of a file"
    yield str(folder / ("x" * 256)), "its path is too long"
    yield str(folder) + "/x" * 2500, "its path is too long"
    yield "/dev/null", "steps may read only what is in"
    yield "/dev/stdin", "steps may read only what is in"
    yield "/proc/self/environ", "steps may read only what is in"
    yield "/proc/self/fd/0", "steps may read only what is in"
    yield str(folder / "pipe"), "it is a named pipe, and steps open regular files only"
    yield str(folder / "socket"), "it is a socket, and steps open regular files only"


@pytest.mark.usefixtures("system")
def test_reads_what_is_inside(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, one of a folder below, one by a relative path, and one by a link that stays inside."""
    (data / "below").mkdir()
    (data / "below" / "a.txt").write_text("water")
    (data / "link").symlink_to("below/a.txt")
    (data.parent / "alias").symlink_to(data)
    monkeypatch.chdir(data)
    with confined_to([data]):
        names = ("good.txt", "below/a.txt", "link", "./good.txt", data / "good.txt", data.parent / "alias" / "link")
        assert [content(name) for name in names] == ["salt", "water", "water", "salt", "salt", "water"]
    with confined_to([data.parent / "alias"]):
        assert content(data / "good.txt") == "salt"
    with confined_to(["/"]):
        assert content(data / "good.txt") == "salt"
    with confined_to([data / "good.txt"]):
        assert content(data / "good.txt") == "salt"
        with pytest.raises(FileRefusedError):
            content(data / "link")


@pytest.mark.usefixtures("system")
def test_refuses_what_is_outside_or_not_a_file(data: Path) -> None:
    """The error names the path as it was given and the folders that are allowed, and is a `PermissionError`."""
    cases = list(outside(data))
    with confined_to([data]):
        for path, reason in cases:
            with pytest.raises(PermissionError) as caught:
                open_inside(path, os.O_RDONLY)
            assert isinstance(caught.value, FileRefusedError)
            assert caught.value.path == path
            assert reason in str(caught.value)
            assert str(data) in str(caught.value) or "only what is in" not in reason
            assert len(str(caught.value)) < 500


def test_refuses_a_device_that_is_inside() -> None:
    """A device is not opened, wherever it is."""
    with confined_to(["/dev"]), pytest.raises(FileRefusedError, match="it is a device"):
        content("/dev/null")


def test_does_not_show_whether_a_file_exists_outside(data: Path) -> None:
    """The message about a file and that about nothing differ in the path alone."""
    messages: set[str] = set()
    with confined_to([data]):
        for name in ("secret.txt", "missing.txt"):
            with pytest.raises(FileRefusedError) as caught:
                content(data.parent / name)
            messages.add(str(caught.value).replace(name, "x"))
    assert len(messages) == 1


def test_refuses_every_file_when_there_are_no_folders(data: Path) -> None:
    """No folder at all means no file at all."""
    with confined_to([]):
        with pytest.raises(FileRefusedError, match="steps may read no file here"):
            content(data / "good.txt")
        with pytest.raises(FileRefusedError, match="steps may write no file here"), atomic_file(data / "new.txt"):
            raise AssertionError("unreachable")


def test_is_free_when_there_is_no_block(data: Path) -> None:
    """Everything is as it was, before and after a block."""
    with pytest.raises(ZeroDivisionError), confined_to([data]):
        _ = 1 / 0
    assert content(data.parent / "secret.txt") == "secret"
    assert content(data / ".." / "secret.txt") == "secret"
    assert content("/dev/null") == ""


def test_refuses_what_any_of_several_blocks_refuses(data: Path) -> None:
    """A block within another one never allows more."""
    with confined_to([data]):
        with confined_to([data.parent]), pytest.raises(FileRefusedError):
            content(data.parent / "secret.txt")
        with confined_to([data.parent]):
            assert content(data / "good.txt") == "salt"


def test_refuses_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """A mistake of the operator is an error at once."""
    with pytest.raises(FileNotFoundError), confined_to([tmp_path / "missing"]):
        raise AssertionError("unreachable")


@pytest.mark.usefixtures("system")
def test_writes_only_where_it_is_allowed(data: Path) -> None:
    """Folders for reading alone are not written to; those for writing are read as well."""
    out = data.parent / "out"
    out.mkdir()
    (data / "out").symlink_to(data.parent / "database")
    with confined_to([data], writable=[out]):
        with atomic_file(out / "new.txt") as file:
            file.write(b"new")
        assert content(out / "new.txt") == "new"
        assert content(data / "good.txt") == "salt"
        refused = [data / "good.txt", data / "new.txt", data / "out" / "new.txt", data.parent / "new.txt", "/dev/null"]
        for path in refused:
            with pytest.raises(FileRefusedError, match="is refused"), atomic_file(Path(path), overwrite=True):
                raise AssertionError("unreachable")
        for mode in ("w", "a", "x", "r+"):
            with pytest.raises(FileRefusedError):
                open(data / "good.txt", mode, opener=open_inside, encoding="utf-8")  # noqa: SIM115
    assert (data / "good.txt").read_text() == "salt"
    assert sorted(path.name for path in out.iterdir()) == ["new.txt"]


@pytest.mark.usefixtures("system")
def test_opens_in_every_mode_when_it_is_inside(data: Path) -> None:
    """The modes of `open` do what they always do."""
    path = data / "new.txt"

    def written(mode: str, text: str) -> str:
        with open(path, mode, encoding="utf-8", opener=open_inside) as file:
            file.write(text)
        return path.read_text()

    with confined_to([data]):
        with pytest.raises(FileNotFoundError) as caught:
            content(path)
        assert caught.value.filename == str(path)
        assert written("x", "salt") == "salt"
        with pytest.raises(FileExistsError):
            written("x", "other")
        assert written("a", "!") == "salt!"
        assert written("r+", "m") == "malt!"
        assert written("w", "new") == "new"
        with pytest.raises(IsADirectoryError):
            content(data)


@pytest.mark.usefixtures("system")
def test_checks_what_was_opened_when_it_is_replaced_meanwhile(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that takes the place of a file between the check of its name and its opening is refused, too."""
    path = data / "good.txt"
    real = confinement._handle

    def replaced(text: str) -> int:
        path.unlink()
        path.symlink_to(data.parent / "secret.txt")
        return real(text)

    monkeypatch.setattr(confinement, "_handle", replaced)
    with confined_to([data]), pytest.raises(FileRefusedError):
        content(path)


def test_leaves_nothing_outside_when_the_folder_is_replaced_meanwhile(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was created behind a link is removed again, and nothing is written to it."""
    folder = data / "out"
    folder.mkdir()
    real = confinement._handle

    def replaced(text: str) -> int:
        folder.rmdir()
        folder.symlink_to(data.parent / "database")
        return real(text)

    monkeypatch.setattr(confinement, "_handle", replaced)
    with confined_to([data]), pytest.raises(FileRefusedError), atomic_file(folder / "new.txt") as file:
        file.write(b"new")
    assert [path.name for path in (data.parent / "database").iterdir()] == ["x.txt"]


def test_documents_and_unpacked_files_are_confined(data: Path) -> None:
    """Every function of the toolkit that opens a file is."""
    (data.parent / "pipeline.json").write_text("{}")
    with confined_to([data]):
        with pytest.raises(FileRefusedError):
            open_unpacked(data.parent / "secret.txt")
        with open_unpacked(data / "good.txt") as file:
            assert file.read() == b"salt"
        with pytest.raises(HeadwaterError, match="steps may read only what is in"):
            read_source(data.parent / "pipeline.json")
        with pytest.raises(HeadwaterError) as caught:
            read_source(data.parent / "pipelin.json")
        assert "pipeline.json" not in str(caught.value)


def test_holds_in_threads_that_have_the_context(data: Path) -> None:
    """The block is part of the context; a thread without it, that the program starts itself, is free."""
    found: list[str] = []
    with confined_to([data]), ThreadPoolExecutor(1) as pool:
        with pytest.raises(FileRefusedError):
            pool.submit(copy_context().run, content, data.parent / "secret.txt").result()
        thread = Thread(target=lambda: found.append(content(data.parent / "secret.txt")))
        thread.start()
        thread.join()
    assert found == ["secret"]


def test_two_blocks_at_the_same_time_do_not_meet(data: Path) -> None:
    """What confines one thread is nothing to another one."""
    inside, done = Event(), Event()

    def confined() -> None:
        with confined_to([]):
            inside.set()
            done.wait(10)

    thread = Thread(target=confined)
    thread.start()
    inside.wait(10)
    assert content(data / "good.txt") == "salt"
    done.set()
    thread.join()


def test_checks_a_path_without_opening_it(data: Path) -> None:
    """A path that does not exist is checked by its name."""
    with confined_to([data]):
        refuse_outside(data / "new.txt", writes=True)
        with pytest.raises(FileRefusedError):
            refuse_outside(data.parent / "new.txt", writes=True)


def test_a_whole_process_is_confined_with_its_threads(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a worker process, threads that a step starts are confined as well."""
    monkeypatch.setattr(confinement, "_process", [])
    with confined_to([data]):
        folders = [*confinement.folders_of(confinement.confinements())]
    confinement.confine_process(folders)
    found: list[str] = []

    def look() -> None:
        found.append(content(data / "good.txt"))
        try:
            content(data.parent / "secret.txt")
        except FileRefusedError as error:
            found.append(str(error))

    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert found[0] == "salt"
    assert str(data) in found[1]


@pytest.mark.parametrize("path", ["", "."])
def test_working_folder_is_checked_like_others(data: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A path without any part is the working folder, which may be inside or not."""
    monkeypatch.chdir(data)
    with confined_to([data]):
        refuse_outside(path)
    with confined_to([data / "good.txt"]), pytest.raises(FileRefusedError, match="only what is in"):
        refuse_outside(path)
