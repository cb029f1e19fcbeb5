"""The command where the world around it is hostile: closed streams, signals at bad times, names that are nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import KINDS, Done, start

Call = Callable[..., Done]
MakePipeline = Callable[..., str]
Write = Callable[[str, Any], str]

STEPS = ("--steps", KINDS)
QUIET = (*STEPS, "--quiet")


def in_shell(command: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command by a shell, which can close streams; `$0` is the interpreter."""
    script = f'exec "$0" -m headwater.cli {command}'
    return subprocess.run(
        ["sh", "-c", script, sys.executable, *arguments], capture_output=True, timeout=240, check=False
    )


# ---- streams


def test_run_gives_its_results_when_standard_error_is_closed(pipeline: MakePipeline) -> None:
    """Where nothing can be told, everything else is as ever."""
    done = in_shell(f'run {pipeline(("cli.numbers", {}))} --steps "$1" 2>&-', KINDS)
    assert (done.returncode, done.stdout) == (0, b"0\n1\n2\n")


def test_check_has_its_exit_code_when_standard_error_is_closed(write: Write) -> None:
    """What is wrong with a document is no crash of the command."""
    assert in_shell(f"check {write('wrong.json', {})} 2>&-").returncode == 2


def test_check_survives_a_closed_standard_output(pipeline: MakePipeline) -> None:
    """A service may close it."""
    assert in_shell(f'check {pipeline(("cli.numbers", {}))} --steps "$1" >&-', KINDS).returncode == 0


def test_run_fails_when_its_results_go_to_a_closed_standard_output(pipeline: MakePipeline) -> None:
    """Results that nothing could read are not lost in silence; without any, nothing is wrong."""
    done = in_shell(f'run {pipeline(("cli.numbers", {}))} --steps "$1" --quiet >&-', KINDS)
    assert (done.returncode, done.stderr.split(b": ")[:3]) == (
        1,
        [b"headwater", b"error", b"the output cannot be written"],
    )
    done = in_shell(f'run {pipeline(("cli.numbers", {}))} --steps "$1" --quiet --output /dev/null >&-', KINDS)
    assert (done.returncode, done.stderr) == (0, b"")


def test_command_prints_what_it_can_when_standard_output_is_ascii(pipeline: MakePipeline) -> None:
    """A sign that the encoding lacks is written as its number, and is no error."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    name = pipeline(("cli.numbers", {}), description="Wasser: 水")
    command = [sys.executable, "-m", "headwater.cli", "graph", name, *STEPS, "--mermaid"]
    done = subprocess.run(command, capture_output=True, timeout=240, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")


def test_results_stay_apart_when_a_step_prints(call: Call, pipeline: MakePipeline, write: Write) -> None:
    """What a step prints is no result: it goes to standard error."""
    done = call("run", pipeline(("cli.talkative", {})), "-i", write("in.txt", "salt\nwater\n"), *QUIET)
    assert done == Done(0, "salt\nwater\n", "seen: salt\nseen: water\n")


def test_run_fails_when_an_item_is_no_text_that_can_be_written(call: Call, pipeline: MakePipeline) -> None:
    """Half a character is an error; it does not end the output as if that were all."""
    done = call("run", pipeline(("cli.numbers", {}), ("cli.halved", {})), *QUIET)
    assert (done.code, done.out) == (1, "")
    assert "an item of the output, of type str, cannot be written" in done.err


# ---- signals


def test_run_can_be_ended_while_a_step_never_gives_control_back(pipeline: MakePipeline) -> None:
    """The first signal cannot be heard by the loop; a second ends the program."""
    name = pipeline(("cli.stuck", {}))
    process = start("run", name, "--input", "-", *QUIET, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"begun\n")
    process.stdin.flush()
    assert process.stderr.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    assert b"Ctrl-C again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=240) == -signal.SIGINT
    process.communicate()


def test_run_can_be_stopped_while_its_input_has_no_writer(pipeline: MakePipeline, tmp_path: Path) -> None:
    """Opening a named pipe waits for a writer, where a signal is heard."""
    os.mkfifo(tmp_path / "pipe")
    process = start("run", pipeline(("cli.sum", {})), "--input", "pipe", *STEPS)
    assert process.stderr is not None
    assert process.stderr.readline() == b"tested: started, 1 step\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=240) == 130
    process.communicate()


def test_run_reads_a_named_pipe_whose_writer_comes_late(pipeline: MakePipeline, tmp_path: Path) -> None:
    """All that is written is read, also in several pieces."""
    os.mkfifo(tmp_path / "pipe")
    process = start("run", pipeline(("cli.upper", {})), "--input", "pipe", *STEPS)
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline() == b"tested: started, 1 step\n"
    with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
        pipe.write(b"salt\nwat")
        assert process.stdout.readline() == b"SALT\n"
        pipe.write(b"er\n")
    out, _ = process.communicate(timeout=240)
    assert (process.returncode, out) == (0, b"WATER\n")


def test_command_ends_quietly_when_ctrl_c_comes_before_it_begins(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal while the command line is being imported shows no traceback."""

    class Slow(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "headwater.cli.app", Slow("headwater.cli.app"))
    assert call("steps") == Done(130, "", "")


# ---- what was meant as something else

MEANT = [
    (["run", "good.json", "--steps", "gone.py"], ["there is no file 'gone.py'"]),
    (["run", "good.json", "--steps", "good.json"], ["neither a Python file nor", "ends in .py"]),
    (["run", "good.json", "--steps", ""], ["neither a Python file nor"]),
    (["run", "good.json", "--steps", "gone_module"], ["'gone_module' cannot be imported"]),
    (["run", "good.json", "--steps", "broken.py"], ["broken.py:1:7: ", "SyntaxError: invalid syntax [import-failed]"]),
    (["run", "good.json", "--steps", "bare.py"], ["bare.py:2: step 'my.x': parameter 'a' has no annotation"]),
    (["check", "empty.json"], ["empty.json:2:1: ", "the document is empty"]),
    (
        ["run", "good.json", "-i", "cut.jsonl"],
        ["cut.jsonl:2:6: the line is not a JSON value: EOF while parsing"],
    ),
    (["run", "good.json", "-i", "cut.json"], ["cut.json:2:2: the input is not a JSON value: EOF while parsing"]),
]


@pytest.mark.parametrize(("arguments", "shown"), MEANT, ids=" ".join)
def test_mistake_is_reported_with_its_place(
    call: Call, pipeline: MakePipeline, write: Write, arguments: list[str], shown: list[str]
) -> None:
    """The place is one that the user wrote, and the sentence says what to do about it."""
    Path(pipeline(("cli.same", {}))).rename("good.json")
    write("broken.py", "def f(:\n")
    write("bare.py", 'from headwater import step\n@step("my.x")\ndef x(a) -> str: return a\n')
    write("empty.json", "\n")
    write("cut.jsonl", '{"a":1}\n{"a":2\n')
    write("cut.json", "[1,\n2,")
    done = call(*arguments, *QUIET) if arguments[0] == "run" else call(*arguments)
    assert done.code == 2
    for part in shown:
        assert part in done.err
    assert "<frozen" not in done.err
    assert "at line" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the platform has no /dev/full")
@pytest.mark.parametrize(
    "command", [["schema"], ["steps"], ["graph", "pipeline.json", *STEPS]], ids=lambda words: words[0]
)
def test_command_reports_what_cannot_be_written(pipeline: MakePipeline, command: list[str]) -> None:
    """A full disk behind standard output is told as such, by every command."""
    pipeline(("cli.numbers", {}))
    with Path("/dev/full").open("wb") as full:
        process = start(*command, stdout=full.fileno())
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (
        1,
        b"headwater: error: standard output cannot be written: No space left on device\n",
    )


def test_output_is_reported_when_its_folder_cannot_be_written(
    call: Call, pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told is the file that the user named, not the temporary one that could not be removed either."""
    name, remove = pipeline(("cli.numbers", {})), Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path.name.endswith(".part"):
            raise OSError(30, "Read-only file system", str(path))
        remove(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    done = call("run", name, "--output", "gone/out.txt", *QUIET)
    assert (done.code, done.out) == (2, "")
    expected = (
        "gone/out.txt: the output cannot be written: the folder gone does not exist; create it, or choose another path"
    )
    assert done.err == f"{expected} [bad-output]\n"


def test_steps_of_a_file_leave_the_working_directory_out(call: Call, pipeline: MakePipeline, write: Write) -> None:
    """A file is found by its path, so nothing else that lies around is imported."""
    write("mine.py", "from headwater import step\n@step('mine.same')\ndef same(x: int) -> int:\n    return x\n")
    before = [*sys.path]
    assert call("run", pipeline(("cli.numbers", {}), ("mine.same", {})), "--steps", "./mine.py", *QUIET).code == 0
    assert sys.path == before


def test_steps_of_a_module_are_searched_last_in_the_working_directory(
    call: Call, pipeline: MakePipeline, write: Write
) -> None:
    """A module of the working directory is found, and replaces none that is installed."""
    write("marsh.py", "from headwater import step\n@step('marsh.same')\ndef same(x: int) -> int:\n    return x\n")
    before = [*sys.path]
    assert call("run", pipeline(("cli.numbers", {}), ("marsh.same", {})), "--steps", "marsh", *QUIET).code == 0
    assert sys.path == [*before, str(Path.cwd())]
