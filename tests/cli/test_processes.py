"""The command as a process among others: signals, pipes, terminals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import KINDS, start

pty = pytest.importorskip("pty", reason="the platform has no pseudo-terminals")
termios = pytest.importorskip("termios", reason="the platform has no pseudo-terminals")

MakePipeline = Callable[..., str]

HANGING = ("cli.numbers", {"count": 3, "hang": True, "marker": "closed"})
ENDLESS = ("cli.numbers", {"count": 10**12, "marker": "closed"})
NAMED = ("cli.named", {})
STEPS = ("--steps", KINDS)


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Return the exit code of a process and what it wrote to standard error."""
    _, errors = process.communicate(timeout=240)
    return process.returncode, (errors or b"").decode()


@pytest.mark.parametrize("options", [[], ["--quiet"]])
@pytest.mark.parametrize(("number", "name", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)])
def test_run_is_cancelled_and_shows_how_far_it_got_when_it_gets_a_signal(
    pipeline: MakePipeline, options: list[str], *, number: int, name: str, code: int
) -> None:
    """A signal lets the steps clean up; then it is told how many items went through each of them."""
    process = start("run", pipeline(HANGING, NAMED), *STEPS, *options)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == [b"item 0\n", b"item 1\n", b"item 2\n"]
    process.send_signal(number)
    found, errors = finish(process)
    assert found == code, errors
    shown = errors.splitlines()
    place = shown.index(f"headwater: stopped by {name}:")
    assert shown[place + 1 :] == ["  numbers: stopped, items: 3 out", "  named: stopped, items: 3 in, 3 out"]
    assert Path("closed").exists()


def test_run_is_cancelled_quietly_when_the_reader_of_its_output_leaves(pipeline: MakePipeline) -> None:
    """A closed pipe stops everything, without a word."""
    process = start("run", pipeline(ENDLESS, NAMED), *STEPS, "--quiet")
    assert process.stdout is not None
    assert process.stdout.readline() == b"item 0\n"
    process.stdout.close()
    process.stdout = None
    assert finish(process) == (141, "")
    assert Path("closed").exists()


def test_run_is_cancelled_when_the_reader_of_its_output_does_not_read(pipeline: MakePipeline) -> None:
    """A signal is heard also while a full pipe holds the output up."""
    process = start("run", pipeline(ENDLESS), *STEPS, "--quiet")
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=240) == 130  # only now is there more of the output read, and thrown away
    process.communicate()
    assert Path("closed").exists()


@pytest.mark.parametrize("command", [["schema"], ["steps"]])
def test_command_is_quiet_when_its_reader_left(command: list[str]) -> None:
    """Also the commands that only print do not mind a reader that left."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start(*command, stdout=writer)
    os.close(writer)
    assert finish(process) == (141, "")


def test_result_comes_before_the_next_line_is_typed(pipeline: MakePipeline) -> None:
    """Standard input is read line by line: each result is there before the next item is."""
    process = start("run", pipeline(("cli.upper", {})), "--input", "-", *STEPS, "--quiet", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for word in (b"salt", b"water"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == word.upper() + b"\n"
    assert finish(process) == (0, "")


def test_run_is_cancelled_when_it_waits_for_input(pipeline: MakePipeline) -> None:
    """A signal is heard also while nothing comes from standard input."""
    reader, writer = os.pipe()
    process = start("run", pipeline(("cli.sum", {})), "--input", "-", *STEPS, stdin=reader)
    os.write(writer, b"1\n")
    assert process.stderr is not None
    assert process.stderr.readline() == b"tested: started, 1 step\n"
    process.send_signal(signal.SIGINT)
    code, errors = finish(process)
    os.close(writer)
    os.close(reader)
    assert code == 130
    assert "  sum: stopped" in errors


def test_run_goes_on_when_standard_input_is_closed(pipeline: MakePipeline) -> None:
    """A parent process that closed standard input, as services do, gives the command an empty one."""
    command = f'exec "$0" -m headwater.cli run {pipeline(("cli.sum", {}))} --input - --quiet --steps "$1" <&-'
    done = subprocess.run(["sh", "-c", command, sys.executable, KINDS], capture_output=True, timeout=240, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0\n", b"")


def test_nothing_is_left_when_a_run_into_a_file_is_stopped(pipeline: MakePipeline, tmp_path: Path) -> None:
    """Neither half a result nor a temporary file stays behind."""
    process = start("run", pipeline(HANGING), "--output", "out.txt", *STEPS)
    assert process.stderr is not None
    assert process.stderr.readline() == b"tested: started, 1 step\n"
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 143
    assert {path.name for path in tmp_path.iterdir()} == {"pipeline.json", "closed"}


# ---- terminals


def terminal_text(process: subprocess.Popen[bytes], terminal: int, *, code: int = 0) -> str:
    """Return everything that is written to a terminal until nobody holds it open."""
    parts: list[bytes] = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # Linux says so when the last writer has left
        pass
    os.close(terminal)
    assert process.wait(timeout=240) == code
    return b"".join(parts).decode()


def start_on_terminal(document: str, *, results_too: bool = False) -> tuple[subprocess.Popen[bytes], int]:
    """Start a run whose standard error, and what else is asked for, is a terminal of 100 columns."""
    terminal, line = pty.openpty()
    termios.tcsetwinsize(line, (30, 100))
    process = start("run", document, *STEPS, stderr=line, stdout=line if results_too else subprocess.PIPE)
    os.close(line)
    return process, terminal


def test_table_is_drawn_when_standard_error_is_a_terminal(pipeline: MakePipeline) -> None:
    """The steps are shown in a live table, with signs and counts, and the results go their own way."""
    process, terminal = start_on_terminal(pipeline(("cli.numbers", {"count": 3}), NAMED))
    shown = terminal_text(process, terminal)
    assert process.stdout is not None
    assert process.stdout.read() == b"item 0\nitem 1\nitem 2\n"
    process.stdout.close()
    assert "item 0" not in shown
    assert "\x1b[" in shown
    assert re.search(r"numbers.*3", shown)
    assert "tested: done in" in shown


def test_results_stand_above_the_table_when_both_are_on_one_terminal(pipeline: MakePipeline) -> None:
    """No line of the result is overwritten by the table, and the table stands last."""
    process, terminal = start_on_terminal(pipeline(("cli.numbers", {"count": 3}), NAMED), results_too=True)
    shown = terminal_text(process, terminal)
    positions = [shown.rindex(text) for text in ("item 0", "item 1", "item 2", "tested: done in")]
    assert positions == sorted(positions)


def test_replay_draws_the_table_again_when_standard_output_is_a_terminal(pipeline: MakePipeline) -> None:
    """A recorded run looks as it did while it ran, and the cursor is there again at the end."""
    recorded = start("run", pipeline(("cli.numbers", {"count": 3}), NAMED), "--events", "run.jsonl", "--quiet", *STEPS)
    assert finish(recorded)[0] == 0
    terminal, line = pty.openpty()
    termios.tcsetwinsize(line, (30, 100))
    process = start("replay", "run.jsonl", "--speed", "0", stdout=line)
    os.close(line)
    shown = terminal_text(process, terminal)
    assert finish(process) == (0, "")
    assert re.search(r"named.*3", shown)
    assert "tested: done in" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_caret_stands_below_its_place_when_the_terminal_is_narrow(write: Callable[[str, Any], str]) -> None:
    """The line of the document is cut, so that the terminal does not break it."""
    name = write("long.json", '{"name": "x", "steps": [{"id": "a", "kind": "text.wrods"}]}')
    terminal, line = pty.openpty()
    termios.tcsetwinsize(line, (24, 40))
    process = start("check", name, stdout=line, stderr=line)
    os.close(line)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", text) for text in terminal_text(process, terminal, code=2).splitlines()]
    place = next(number for number, text in enumerate(lines) if text.startswith("  1 | "))
    assert len(lines[place]) <= 40
    assert lines[place].index('"text') == lines[place + 1].index("^")


STUBBORN = "trap '' TERM; echo $$; while :; do sleep 0.05; done"


def test_second_signal_kills_a_program_that_ignores_the_first(write: Callable[[str, Any], str]) -> None:
    """The command ends at once, and nothing of the program is left."""
    params = {"argv": ["sh", "-c", STUBBORN], "kill_after_s": 600}
    document = {"name": "stubborn", "steps": [{"id": "program", "kind": "source.process", "params": params}]}
    process = start("run", write("stubborn.json", document), "--allow", "process", "--quiet")
    assert process.stdout is not None
    program = psutil.Process(int(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert b"does not stop; press Ctrl-C again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == -signal.SIGINT
    gone, _ = psutil.wait_procs([program], timeout=60)
    assert gone == [program] or program.status() == psutil.STATUS_ZOMBIE


SPIN = """
import sys, threading
from headwater import step

@step("spin.spin", cpu=True)
def spin(number: int) -> int:
    print("spinning", file=sys.stderr, flush=True)
    threading.Event().wait()
    return number
"""


def test_worker_process_leaves_ctrl_c_to_the_command(pipeline: MakePipeline, tmp_path: Path) -> None:
    """A terminal interrupts both; the process ends with the command, and is not shown as a failure of its step."""
    (tmp_path / "spin.py").write_text(SPIN)
    command = [sys.executable, "-m", "headwater.cli", "run", pipeline(("cli.numbers", {}), ("spin.spin", {}))]
    with subprocess.Popen(
        [*command, *STEPS, "--steps", "./spin.py", "--quiet"], stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"spinning\n"
        os.killpg(process.pid, signal.SIGINT)
        code, errors = finish(process)
    assert code == 130
    assert "KeyboardInterrupt" not in errors
    assert "failed" not in errors
